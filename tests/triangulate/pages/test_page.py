from __future__ import annotations

import pytest

from triangulate.pages.page import dot, page, verdict_section
from triangulate.pages.style import in_rows
from triangulate.pages.tables import table
from triangulate.pages.verdicts import CARE, GOOD, Reason, Verdict

EVIL = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (4, 1, 4), (5, 2, 3), (8, 2, 4), (31, 8, 4)]
)
def test_small_figures_are_laid_out_evenly(count: int, rows: int, columns: int) -> None:
    assert in_rows(count) == (rows, columns)


def test_a_page_has_its_sections_in_order_and_the_library_once() -> None:
    pytest.importorskip("plotly")
    text = page("A & B", "three", "<p>verdict</p>", {"One": ["1"], "Two": iter("23")}, "end", "b{}")
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")
    assert "<title>A &amp; B</title>" in text
    assert '<section id="One">1</section><section id="Two">23</section>' in text
    assert text.index("<p>verdict</p>") < text.index('id="One"')
    assert text.count("plotly.js v") == 1
    assert "default-src 'none'" in text and "b{}</style>" in text


def test_texts_are_no_html() -> None:
    section = verdict_section(Verdict.of(EVIL, [Reason(CARE, EVIL)], [EVIL]), [], "Better")
    assert EVIL not in section and section.count("&lt;script&gt;") == 3
    assert "What to do next" in section and "Better" not in section
    praised = verdict_section(Verdict.of("fine", [Reason(GOOD, "so")], []), [], "Better")
    assert "<ol" not in praised


def test_marked_cells() -> None:
    text = table(["a <", "b"], [["x", "!9"], ["y", "1"]])
    assert '<th class="text">a &lt;</th><th>b</th>' in text
    assert '<td class="text">x</td><td class="off">9</td>' in text
    assert dot("#fff") == '<span class="dot" style="background:#fff"></span>'
