from __future__ import annotations

import pytest

from triangulate.pages.verdicts import (
    CARE,
    GOOD,
    REFUSED,
    Reason,
    Verdict,
    in_mm,
    in_percent,
    sentence,
)


@pytest.mark.parametrize(
    ("length_m", "text"),
    [
        (0.0123456, "12.3 mm"),
        (0.0412, "41 mm"),
        (0.00123, "1.23 mm"),
        (4.2e-6, "0.004 mm"),
        (float("nan"), "unknown"),
    ],
)
def test_lengths_have_the_digits_that_one_reads(length_m: float, text: str) -> None:
    assert in_mm(length_m) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0, "0 %"),
        (0.00123, "0.12 %"),
        (0.0123, "1.2 %"),
        (0.46, "46 %"),
        (0.982, "98.2 %"),
        (0.9996, "99.96 %"),
        (1, "100 %"),
        (3.46, "346 %"),
        (float("nan"), "unknown"),
    ],
)
def test_shares_too(part: float, text: str) -> None:
    assert in_percent(part) == text


def test_sentences_are_whole() -> None:
    assert sentence("it moved") == "It moved."
    assert sentence("has it moved?") == "Has it moved?"


def test_the_gravest_reason_decides_and_comes_first() -> None:
    reasons = [Reason(GOOD, "a"), Reason(CARE, "b"), Reason(REFUSED, "c"), Reason(CARE, "d")]
    found = Verdict.of("all", reasons, ["do it"])
    assert found.level == REFUSED
    assert found.sentences == ("all", "c", "b", "d", "a")
    assert Verdict.of("all", reasons[:2], []).level == CARE
    assert found.advice == ("do it",)
