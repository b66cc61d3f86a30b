"""What is known of poses: measured and judged once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from triangulate.pages.verdicts import Verdict
from triangulate.poses import Poses3D
from triangulate.reporting.measures import Measures, measure
from triangulate.reporting.numbers import describe
from triangulate.reporting.verdict import verdict
from triangulate.summary import Summary, summarise


@dataclass(frozen=True)
class Found:
    """What is known of poses: made once, shown by the page and told by `--json`."""

    poses: Poses3D
    summary: Summary
    measures: Measures
    verdict: Verdict

    @classmethod
    def of(cls, poses: Poses3D) -> Found:
        """Measure and judge.

        Raises:
            InputError: there is nothing in the poses.
        """
        measures, summary = measure(poses), summarise(poses)
        return cls(poses, summary, measures, verdict(poses, summary, measures))

    @property
    def numbers(self) -> dict[str, Any]:
        """See `describe`."""
        return describe(self.poses, self.summary, self.measures, self.verdict)
