"""What the pipeline asks of anything that finds joints in images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from triangulate.pose2d.regions import Region


class FramePoses(NamedTuple):
    """The people found in one frame of every view.

    The slot of a person (the axis P) means something within a view only, and for as long as the
    person is followed there: who is who across views is decided by `triangulate.people`.
    """

    points_px: np.ndarray  # (V, P, J, 2) float32 in the raw image, NaN where a slot is empty
    confidence: np.ndarray  # (V, P, J) float32 in [0, 1], 0 where a slot is empty


class PoseSource(Protocol):
    """A detector that goes through a recording frame by frame."""

    @property
    def skeleton_name(self) -> str:
        """The name of the joints' set, for `Skeleton.named`."""
        ...

    @property
    def num_joints(self) -> int:
        """J."""
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
