"""The page in a browser: it loads without complaint, plays, and asks nobody for anything."""

from __future__ import annotations

import pytest

from triangulate.pages.page import page as shell
from triangulate.reporting.page import page

pytestmark = pytest.mark.slow

PLAYS = """
const at = () => JSON.stringify(player.drawn[0].map((p) => p && [p[0], p[1]]));
const said = {first: at(), frame: player.frame};
player.go(25); said.later = at(); said.label = document.querySelector('#player output').textContent;
player.view.yaw += 0.7; player.draw(); said.turned = at();
const key = (name) => document.querySelector('#player canvas')
  .dispatchEvent(new KeyboardEvent('keydown', {key: name}));
key('ArrowRight'); said.stepped = player.frame;
player.go(0);
const button = document.querySelector('#player button');
button.click(); said.button = button.textContent;
await new Promise((resolve) => setTimeout(resolve, 500));
said.played = player.frame; button.click(); said.stopped = player.playing;
const slider = document.querySelector('#player input');
slider.value = 40; slider.dispatchEvent(new Event('input')); said.slid = player.frame;
const canvas = document.querySelector('#player canvas');
const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
said.ink = pixels.filter((value, i) => i % 4 === 3 && value > 0).length;
said.figures = [...document.querySelectorAll('.js-plotly-plot')]
  .map((figure) => figure.querySelectorAll('.trace, .heatmaplayer image, .hm').length);
return said;
"""


@pytest.fixture(scope="module")
def opened(browse, found, walked):
    pytest.importorskip("plotly")
    return browse(page(found, "Walk", walked.rig, (), "no recording was given"), PLAYS)


def test_it_loads_without_complaint_and_fetches_nothing(opened) -> None:
    assert opened.complaints == []
    assert opened.fetched == []


def test_the_skeleton_moves_with_the_frame_and_turns(opened) -> None:
    said = opened.result
    assert said["frame"] == 0
    assert len({said["first"], said["later"], said["turned"]}) == 3
    assert said["label"] == "0.50 s, frame 25"
    assert said["stepped"] == 26
    assert said["slid"] == 40
    assert said["ink"] > 2000


def test_it_plays_and_stops(opened) -> None:
    said = opened.result
    assert said["button"] == "Pause"
    assert 15 <= said["played"] <= 30  # half a second at 50 frames a second
    assert said["stopped"] is False


def test_every_figure_is_drawn(opened) -> None:
    assert len(opened.result["figures"]) == 10
    assert all(count > 0 for count in opened.result["figures"])


def test_a_request_would_be_seen_and_refused(browse) -> None:
    pytest.importorskip("plotly")
    text = shell("T", "", "", {"One": ['<img src="http://127.0.0.1:9/x.png">']}, "")
    start, end = text.index("<script>"), text.index("</script></head>")
    opened = browse(text[:start] + "<script>" + text[end:], "return 1")  # without plotly
    assert any("Content Security Policy" in line for line in opened.complaints)
