"""A verdict in words: a level, what it rests on, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

GOOD, CARE, REFUSED = "good", "usable with care", "do not use"
LEVELS = (REFUSED, CARE, GOOD)
"""From the gravest."""


@dataclass(frozen=True)
class Reason:
    """One sentence of a verdict.

    Attributes:
        level: the best that the verdict can be because of it.
        text: the sentence.
    """

    level: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What to think of a result.

    Attributes:
        level: "good", "usable with care" or "do not use".
        headline: the error, in one sentence.
        reasons: what the verdict rests on, the gravest first.
        advice: what to film or to mend, the most useful first.
    """

    level: str
    headline: str
    reasons: tuple[Reason, ...]
    advice: tuple[str, ...]

    @classmethod
    def of(cls, headline: str, reasons: Iterable[Reason], advice: Iterable[str]) -> Verdict:
        """The verdict that the gravest reason makes."""
        ordered = sorted(reasons, key=lambda reason: LEVELS.index(reason.level))
        return cls(ordered[0].level, headline, tuple(ordered), tuple(advice))

    @property
    def sentences(self) -> tuple[str, ...]:
        """The headline and all reasons."""
        return (self.headline, *(reason.text for reason in self.reasons))


def in_mm(length_m: float) -> str:
    """A length in millimetres, with as many digits as one reads."""
    length = 1e3 * length_m
    if not np.isfinite(length):
        return "unknown"
    digits = 0 if abs(length) >= 20 else 1 if abs(length) >= 2 else 2 if abs(length) >= 0.02 else 3
    return f"{length:.{digits}f} mm"


def in_percent(part: float) -> str:
    """A share in percent, with more digits near 0 and near 100."""
    if not np.isfinite(part):
        return "unknown"
    near = min(abs(part), abs(1 - part))
    digits = 0 if near >= 0.1 or near == 0 else 1 if near >= 0.005 else 2
    return f"{100 * part:.{digits}f} %"


def sentence(text: str) -> str:
    """A text with a capital letter and a full stop."""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")
