"""The landmarks of a person by one name each, whatever the joint set calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triangulate.skeleton import Skeleton

PELVIS = ("mid_hip", "pelvis", "hips", "root")
NECK = ("neck", "thorax", "upper_neck", "chest", "neck_base")
"""Names that joint sets give to the middle of the hips and to the place between the shoulders."""


def first_of(skeleton: Skeleton, names: Sequence[str]) -> str | None:
    """The first of some names that is a joint of the skeleton."""
    return next((name for name in names if name in skeleton.joint_names), None)


def has_pair(skeleton: Skeleton, joint: str) -> bool:
    """Whether the skeleton has `left_JOINT` and `right_JOINT`."""
    return {f"left_{joint}", f"right_{joint}"} <= set(skeleton.joint_names)


@dataclass(frozen=True)
class Landmarks:
    """Points (*B, J, 3) by name."""

    skeleton: Skeleton
    points: np.ndarray

    def any_of(self, *names: str) -> np.ndarray | None:
        """The points (*B, 3) of the first of these joints that there is."""
        name = first_of(self.skeleton, names)
        return None if name is None else self.points[..., self.skeleton.index(name), :]

    def middle(self, joint: str) -> np.ndarray | None:
        """The middle (*B, 3) between `left_JOINT` and `right_JOINT`."""
        left, right = self.any_of(f"left_{joint}"), self.any_of(f"right_{joint}")
        return None if left is None or right is None else (left + right) / 2
