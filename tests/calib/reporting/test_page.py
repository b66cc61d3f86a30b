from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import calib
from calib.solution import Finding
from triangulate.errors import InputError
from triangulate.pages.verdicts import in_mm

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def page(bumped, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    calib.report(bumped.solution, bumped.trust, path, "Lab 3 <east>")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(page) -> str:
    """The page without its library and figures."""
    return re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)


class Links(HTMLParser):
    """What a browser would fetch, and the tags that are open in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in ("meta", "br", "link", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_is_whole_and_needs_nothing_else(page):
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>\n")
    links = Links()
    links.feed(page)
    assert links.open == []
    sections = "Verdict Rig Error Coverage Residuals Checks Parameters Settings".split()
    assert links.fetched == [f"#{name}" for name in sections]
    for name in sections:
        assert page.count(f'id="{name}"') == 1
    styles = re.findall(r"<style.*?</style>", page, flags=re.DOTALL)
    assert not any("@import" in style or "url(" in style for style in styles)


def test_the_library_is_in_it_once(page):
    assert len(page) < 6 * MEGABYTE
    assert page.count("plotly.js v") == 1
    assert page.count("Plotly.newPlot(") >= 7  # rig, error, coverage, overlap, residuals, ...


def test_the_verdict_comes_first(bumped, text):
    found = calib.verdict(bumped.solution, bumped.trust)
    assert text.index(found.level) < text.index('id="Rig"')
    for part in (0.5, 0.95):
        assert f"<b>{in_mm(bumped.trust.quantile_m(part))}</b>" in text
    assert "Camera &#x27;cam2&#x27; looks " in text
    assert text.count("<li") == len(found.reasons) + len(found.advice)


def test_every_parameter_is_told_with_its_deviation(bumped, text):
    solution = bumped.solution
    checked = 0
    for (camera, name), value, sigma in zip(
        solution.parameters, solution.values, solution.sigmas, strict=True
    ):
        if name in ("tx", "ty", "tz"):
            assert f"<td>{value:.4f} <i>± {1e3 * sigma:.2f} mm</i></td>" in text, (camera, name)
        elif name in ("rx", "ry", "rz"):
            angle = f"{np.rad2deg(value):.3f} <i>± {1e3 * np.rad2deg(sigma):.1f} mdeg</i>"
            assert angle in text, (camera, name)
        elif name in ("fx", "fy", "cx", "cy") and sigma > 0:
            found = re.findall(r"<td>([-0-9.]+) <i>± ([0-9.]+)</i></td>", text)
            near = [s for v, s in found if abs(float(v) - value) <= sigma / 10 + 1e-9]
            assert any(abs(float(s) - sigma) < 0.06 * sigma for s in near), (camera, name)
        checked += 1
    assert checked == len(solution.parameters) > 60


def test_sigmas_checks_and_the_weakest_link_are_the_solutions(bumped, text):
    for sigma in bumped.solution.sigma_px:
        assert f"<td>{sigma:.3f}</td>" in text
    for split in bumped.trust.splits:
        assert f"<td>{1e3 * split.observed_m:#.3g}</td><td>{1e3 * split.predicted_m:#.3g}" in text
    found = bumped.trust.held_out
    assert f"<td>{found.fit_px:.3f}</td><td>{found.held_out_px:.3f}</td>" in text
    assert re.search(r"<b>cam\d</b> and <b>cam\d</b> \(framed\): \d+ frames", text)


def test_names_from_files_are_no_html(page, bumped, tmp_path):
    assert "Lab 3 &lt;east&gt;" in page and "<east>" not in page
    evil = "<script>alert(1)</script>"
    finding = Finding("bow", f"{evil} & more", evil)
    solution = replace(bumped.solution, findings=(finding,), notes=(evil,), settings={evil: evil})
    path = tmp_path / "page.html"
    calib.report(solution, bumped.trust, path, evil)
    assert evil not in path.read_text(encoding="utf-8")


def test_a_rig_without_any_check_has_a_page_too(faultless, tmp_path):
    bare = replace(faultless.trust, splits=(), held_out=None, notes=("the recording is short",))
    path = tmp_path / "page.html"
    assert calib.report(faultless.solution, bare, path).level == "usable with care"
    assert "Not checked: the recording is short" in path.read_text(encoding="utf-8")


def test_without_plotly_one_line_says_what_to_install(faultless, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.delitem(sys.modules, "plotly.graph_objects", raising=False)
    with pytest.raises(InputError, match=r'pip install "triangulate\[report\]"'):
        calib.report(faultless.solution, faultless.trust, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(faultless, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        calib.report(faultless.solution, faultless.trust, tmp_path / "file" / "page.html")
