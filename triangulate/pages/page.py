"""One HTML page that needs no other file and no network: plotly is in it, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from triangulate.pages.style import CSS, LEVEL_COLOURS
from triangulate.pages.verdicts import GOOD, Verdict

_LIBRARY = "plotly goes here"
# The browser itself refuses whatever would leave the page. (Plotly compiles some of its code.)
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)


def page(
    title: str,
    subtitle: str,
    verdict: str,
    sections: Mapping[str, Iterable[str]],
    footer: str,
    css: str = "",
) -> str:
    """The page's HTML.

    Args:
        title: its heading, as text.
        subtitle: the line below, as text.
        verdict: see `verdict_section`.
        sections: name -> parts, as HTML.
        footer: HTML.
        css: styles of this page alone.
    """
    from plotly.offline import get_plotlyjs

    links = "".join(f'<a href="#{name}">{name}</a>' for name in ("Verdict", *sections))
    body = "".join(
        f'<section id="{name}">{"".join(parts)}</section>' for name, parts in sections.items()
    )
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}{css}</style>"
        f"<script>{_LIBRARY}</script></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header><nav>{links}</nav>"
        f"{verdict}{body}<footer>{footer}</footer></main></body></html>\n"
    )
    return text.replace(_LIBRARY, get_plotlyjs(), 1)


def verdict_section(judged: Verdict, big: Sequence[tuple[str, str]], better: str) -> str:
    """The verdict as the page's first section.

    Args:
        judged: the verdict.
        big: figures in large letters, and what each is; as HTML.
        better: the heading of the advice where all is well.
    """
    numbers = "".join(
        f'<div class="number"><b>{value}</b><span>{what}</span></div>' for value, what in big
    )
    reasons = "".join(
        f'<li style="--dot:{LEVEL_COLOURS[reason.level]}">{escape(reason.text)}</li>'
        for reason in judged.reasons
    )
    heading = better if judged.level == GOOD else "What to do next"
    advice = "".join(f"<li>{escape(text)}</li>" for text in judged.advice)
    todo = f'<h3>{heading}</h3><ol class="advice">{advice}</ol>' if advice else ""
    return (
        f'<section id="Verdict" class="verdict" style="--level:{LEVEL_COLOURS[judged.level]}">'
        f'<span class="level">{judged.level}</span><div class="numbers">{numbers}</div>'
        f'<p>{escape(judged.headline)}</p><ul class="reasons">{reasons}</ul>{todo}</section>'
    )


def figure_html(figure: Any) -> str:
    """A plotly figure as HTML, without the library."""
    from plotly.io import to_html

    config = {"displaylogo": False, "displayModeBar": False, "responsive": False}
    return (
        '<div class="figure">'
        + to_html(figure, include_plotlyjs=False, full_html=False, config=config)
        + "</div>"
    )


def dot(colour: str) -> str:
    """A dot in a text, for what a colour means; as HTML."""
    return f'<span class="dot" style="background:{colour}"></span>'
