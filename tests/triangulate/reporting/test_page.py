from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.pages.verdicts import in_mm
from triangulate.poses import Reason
from triangulate.reporting.page import report
from triangulate.reporting.pictures import Moment

MEGABYTE = 1 << 20
SECTIONS = "Verdict Skeleton Pictures Reprojection Views Gaps Bones Uncertainty Speed Run".split()


@pytest.fixture(scope="module")
def page(walked, tmp_path_factory) -> str:
    pytest.importorskip("plotly")
    path = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    report(walked.poses, path, "Lab <east>", rig=walked.rig)
    return path.read_text(encoding="utf-8")


def words(page: str) -> str:
    """The page without its scripts and styles."""
    return re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)


def test_it_is_whole_and_its_links_lead_somewhere(page) -> None:
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    text = words(page)
    assert re.findall(r'href="#(\w+)"', text) == SECTIONS
    assert all(text.count(f'id="{name}"') == 1 for name in SECTIONS)
    assert not re.findall(r'(?:src|href|srcset)="(?!#)', text)
    assert page.count("plotly.js v") == 1
    assert len(page) < 6 * MEGABYTE


def test_the_verdict_and_its_numbers_come_first(found, page) -> None:
    text = words(page)
    assert text.index("good") < text.index('id="Skeleton"')
    assert f"<b>{in_mm(found.summary.median_sigma_m)}</b>" in text
    assert text.count('<li style="--dot') == len(found.verdict.reasons)
    for camera in found.numbers["cameras"]:
        assert f"<td>{camera['reprojection_px']['median']:.2f}</td>" in text
    for bone in found.numbers["people"][0]["bones"]:
        assert f"<td>{bone['length_mm']['median']:.0f}</td>" in text


def test_how_it_was_made_is_told_and_names_are_no_html(page) -> None:
    assert "triangulate reconstruct &lt;b&gt;" in page and "reconstruct <b>" not in words(page)
    assert "Lab &lt;east&gt;" in page and "<east>" not in page


def test_why_there_are_no_pictures_is_said(page) -> None:
    assert "No pictures: no recording was given." in page


def test_pictures_are_in_the_page(walked, tmp_path) -> None:
    pytest.importorskip("plotly")
    moment = Moment("the worst", 12, 7.25, {"cam<1>": "data:image/jpeg;base64,AAAA"})
    report(walked.poses, tmp_path / "page.html", moments=[moment])
    text = words((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "<h3>the worst: frame 12 at 0.24 s, 7.2 px</h3>" in text
    assert '<img src="data:image/jpeg;base64,AAAA" alt="cam&lt;1&gt;, frame 12"' in text


def test_several_people_without_a_rate_or_bones(perfect, without, tmp_path) -> None:
    pytest.importorskip("plotly")
    names = "positions_m covariance_m2 reprojection_px views_used reason sides_swapped".split()
    doubled = {n: np.concatenate([getattr(perfect, n)] * 6, axis=1) for n in names}
    crowd = replace(perfect, **doubled, fps=None, up_axis=None, run={},
                    skeleton=replace(perfect.skeleton, edges=()))  # fmt: skip
    crowd = without(crowd, (slice(0, 9), 1), Reason.too_few_views)
    report(crowd, tmp_path / "page.html")
    text = words((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "6 people, 17 joints, 60 frames</p>" in text
    assert "2 more people are not drawn" in text and "Person 5" in text and "Person 2" not in text
    assert "The joint set has no bones." in text
    assert "The frame rate is not known" in text
    assert "it is a guess" in text
    assert "do not tell how they were made" in text


def test_without_plotly_one_line_says_what_to_install(walked, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.delitem(sys.modules, "plotly.graph_objects", raising=False)
    with pytest.raises(InputError, match=r'pip install "triangulate\[report\]"'):
        report(walked.poses, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []
