from __future__ import annotations

import pytest

from triangulate.pages.verdicts import CARE, GOOD, REFUSED, Reason, Verdict, in_mm, sentence


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
