"""The landmarks of a person by one name each, however the joint set spells them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triangulate.skeleton import Skeleton, canonical_name

NECKS = ("neck", "thorax", "upper_neck", "chest", "neck_base")
"""Names of the joint that shoulders hang on."""


def keys_of(skeleton: Skeleton) -> list[str]:
    """One name a joint: the canonical one (`canonical_name`), or its own where two share that."""
    names = [canonical_name(name) for name in skeleton.joint_names]
    return [
        name if names.count(name) == 1 else own
        for name, own in zip(names, skeleton.joint_names, strict=True)
    ]


@dataclass(frozen=True)
class Landmarks:
    """Points (*B, J, 3) by canonical name."""

    skeleton: Skeleton
    points: np.ndarray

    def any_of(self, *names: str) -> np.ndarray | None:
        """The points (*B, 3) of the first of these joints that there is."""
        keys = keys_of(self.skeleton)
        found = next((name for name in names if name in keys), None)
        return None if found is None else self.points[..., keys.index(found), :]

    def middle(self, joint: str) -> np.ndarray | None:
        """The middle (*B, 3) between `left_JOINT` and `right_JOINT`."""
        left, right = self.any_of(f"left_{joint}"), self.any_of(f"right_{joint}")
        return None if left is None or right is None else (left + right) / 2
