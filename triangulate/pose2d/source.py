"""What the pipeline asks of anything that finds joints in images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from triangulate.pose2d.regions import Region
from triangulate.skeleton import Skeleton


class FramePoses(NamedTuple):
    """The people found in one frame of every view.

    The slot of a person (the axis P) means something within a view only, and for as long as the
    person is followed there: who is who across views is decided by `triangulate.people`.
    """

    points_px: np.ndarray  # (V, P, J, 2) float32 in the raw image, NaN where a slot is empty
    confidence: np.ndarray  # (V, P, J) float32 in [0, 1], 0 where a slot is empty


@dataclass(frozen=True)
class ViewState:
    """What a view remembers from one frame to the next."""

    regions: tuple[Region | None, ...]  # one a slot
    frames_since_detection: int = 0


class PoseSource(Protocol):
    """A detector that goes through a recording frame by frame."""

    state: tuple[ViewState, ...]
    """What the views remember: set it to go on where another run stopped; () for a start."""

    @property
    def skeleton(self) -> Skeleton:
        """The J joints."""
        ...

    @property
    def num_joints(self) -> int:
        """J."""
        ...

    @property
    def cache_key(self) -> str:
        """Differs where another source, or another version of it, would find other points."""
        ...

    def __call__(
        self,
        images: Sequence[np.ndarray | None],
        hints: Sequence[Region | None] | None = None,
    ) -> FramePoses:
        """The people in the next frame.

        Args:
            images: V images (H, W, 3), uint8 RGB; None where a view has no frame.
            hints: V regions to look into where a view does not see the person there already, such
                as around the reprojected 3D pose.
        """
        ...

    def reset(self) -> None:
        """Forget what was seen: the next frame is the first one of another recording."""
        ...

    def region_around(self, points_px: np.ndarray) -> Region | None:
        """Where to look for a person whose joints (J, 2) are known, NaN where not."""
        ...

    def close(self) -> None:
        """End what it holds open."""
        ...
