"""How pages look: their style sheet, colours, and what all figures have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triangulate.errors import InputError
from triangulate.pages.verdicts import CARE, GOOD, REFUSED

if TYPE_CHECKING:
    import plotly.graph_objects as go

INK, FAINT, LINE = "#1d2733", "#66727f", "#d8dee4"
BLUE, RED, AMBER, GREEN = "#2f6db3", "#c8372d", "#c07a00", "#2d8a4e"
ERROR_SCALE = "Viridis"
COUNT_SCALE = [[0.0, "#ffffff"], [0.001, "#eef4fa"], [1.0, "#2f6db3"]]
WIDTH = 1040

LEVEL_COLOURS = {GOOD: GREEN, CARE: AMBER, REFUSED: RED}

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f8; color: #1d2733;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
header h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; }
header p { margin: 2px 0 0; color: #66727f; }
nav { margin: 14px 0 18px; font-size: 14px; }
nav a { color: #2f6db3; text-decoration: none; margin-right: 16px; }
nav a:hover { text-decoration: underline; }
section { background: #fff; border: 1px solid #e2e7ec; border-radius: 8px;
  padding: 18px 22px 14px; margin: 0 0 18px; }
h2 { font-size: 18px; margin: 0 0 6px; }
h3 { font-size: 15px; margin: 18px 0 4px; }
section > p { max-width: 104ch; margin: 4px 0 10px; }
.verdict { border-left: 8px solid var(--level); }
.level { display: inline-block; background: var(--level); color: #fff; font-weight: 600;
  border-radius: 5px; padding: 3px 12px; font-size: 15px; }
.numbers { display: flex; flex-wrap: wrap; gap: 14px 40px; margin: 14px 0 8px; }
.number b { display: block; font-size: 34px; line-height: 1.15; font-weight: 650;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.number span { color: #66727f; font-size: 13.5px; }
ul.reasons, ol.advice { margin: 6px 0 8px; padding-left: 22px; }
ul.reasons { list-style: none; padding-left: 0; max-width: 108ch; }
ul.reasons li { position: relative; padding-left: 22px; margin: 5px 0; }
ul.reasons li::before { content: ""; position: absolute; left: 3px; top: 7px; width: 10px;
  height: 10px; border-radius: 50%; background: var(--dot); }
ol.advice { max-width: 108ch; } ol.advice li { margin: 3px 0; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums;
  margin: 6px 0 10px; }
th, td { text-align: right; padding: 3px 10px; border-bottom: 1px solid #edf0f3;
  white-space: nowrap; }
th { color: #66727f; font-weight: 600; }
th:first-child, td:first-child, td.text, th.text { text-align: left; padding-left: 0; }
td.text { white-space: normal; }
td i { color: #8a949e; font-style: normal; font-size: 12px; }
td.off { color: #c8372d; font-weight: 600; }
.wide { overflow-x: auto; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; }
.note { color: #66727f; font-size: 13.5px; }
.figure { margin: 4px 0 6px; }
footer { color: #66727f; font-size: 13px; }
"""


def graph_objects() -> Any:
    """`plotly.graph_objects`.

    Raises:
        InputError: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "plotly":
            raise
        raise InputError('the report needs plotly: pip install "triangulate[report]"') from None
    return go


def plain(figure: go.Figure, height: int, width: int = WIDTH, **layout: Any) -> go.Figure:
    """A figure with the pages' fonts and colours."""
    figure.update_layout(
        template="none",
        width=width,
        height=height,
        font={"family": "system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif", "size": 12,
              "color": INK},
        margin={"l": 50, "r": 20, "t": 30, "b": 40},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hoverlabel={"font": {"size": 12}},
    )  # fmt: skip
    figure.update_layout(**layout)
    return figure


def in_rows(count: int, most: int = 4) -> tuple[int, int]:
    """Rows and columns for so many small figures of a kind, as even as can be."""
    rows = -(-count // most)
    return rows, -(-count // rows)
