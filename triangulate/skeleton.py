"""Joint names, the bones between them, and how one set of joints maps to another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
import yaml

from triangulate.errors import InputError

_LEFT_WORDS, _RIGHT_WORDS = {"left", "l"}, {"right", "r"}


@dataclass(frozen=True)
class Skeleton:
    """A set of joints.

    Attributes:
        joint_names: J names, snake_case (`left_ankle`).
        edges: bones as pairs of joint indices.
        flip_pairs: (left, right) pairs of joint indices.
        name: of a shipped set, or "".
    """

    joint_names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse doubled names and pairs that are none."""
        doubled = sorted({name for name in self.joint_names if self.joint_names.count(name) > 1})
        if doubled:
            raise InputError(f"joint names must differ; given twice: {', '.join(doubled)}")
        for pair in (*self.edges, *self.flip_pairs):
            if len(set(pair)) != 2 or not all(0 <= j < len(self.joint_names) for j in pair):
                raise InputError(
                    f"{pair} is no pair of different joints out of {len(self.joint_names)}"
                )

    @classmethod
    def from_edges(
        cls,
        joint_names: Sequence[str],
        edges: Sequence[Sequence[int | str]],
        flip_pairs: Sequence[Sequence[int | str]] | None = None,
    ) -> Skeleton:
        """A skeleton of one's own.

        Args:
            joint_names: J names.
            edges: bones as pairs of indices or names.
            flip_pairs: left/right pairs of indices or names; by default inferred from names that
                differ in `left`/`right` or `l`/`r` alone (`left_ankle`, `ankle_l`).
        """
        names = tuple(joint_names)
        pairs = _infer_flip_pairs(names) if flip_pairs is None else _indices(names, flip_pairs)
        return cls(names, _indices(names, edges), pairs)

    @classmethod
    def named(cls, name: str) -> Skeleton:
        """A shipped set, such as `coco17`; see `shipped_skeletons`."""
        known = shipped_skeletons()
        if name not in known:
            raise InputError(f"no skeleton is called {name!r}; shipped: {', '.join(known)}")
        file = resources.files("triangulate").joinpath("skeletons", f"{name}.yaml")
        entry = yaml.safe_load(file.read_text(encoding="utf-8"))
        skeleton = cls.from_edges(entry["joints"], entry["edges"])
        return cls(skeleton.joint_names, skeleton.edges, skeleton.flip_pairs, name)

    @classmethod
    def anonymous(cls, num_joints: int) -> Skeleton:
        """Joints without names or bones: joint_0, joint_1, ..."""
        return cls(tuple(f"joint_{j}" for j in range(num_joints)))

    def index(self, joint_name: str) -> int:
        """The index of a joint."""
        if joint_name not in self.joint_names:
            raise InputError(f"no joint {joint_name!r}; there are {', '.join(self.joint_names)}")
        return self.joint_names.index(joint_name)

    def flip_permutation(self) -> np.ndarray:
        """(J,) indices that swap left and right."""
        order = np.arange(len(self.joint_names))
        for left, right in self.flip_pairs:
            order[[left, right]] = right, left
        return order

    def indices_in(self, other: Skeleton) -> np.ndarray:
        """(J,) where each of this set's joints stands in `other`, by name; -1 where it is missing.

        `positions[..., coco.indices_in(body25), :]` reorders BODY_25 into COCO.
        """
        places = {name: index for index, name in enumerate(other.joint_names)}
        return np.array([places.get(name, -1) for name in self.joint_names])


def shipped_skeletons() -> list[str]:
    """The names that `Skeleton.named` takes."""
    folder = resources.files("triangulate").joinpath("skeletons")
    files = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def snake_case(name: str) -> str:
    """`LBigToe`, `Shoulder_left` and `Right Ankle` as l_big_toe, shoulder_left and right_ankle."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", words).strip("_").lower()


def _indices(
    names: tuple[str, ...], pairs: Sequence[Sequence[int | str]]
) -> tuple[tuple[int, int], ...]:
    found = []
    for pair in pairs:
        if len(pair) != 2:
            raise InputError(f"{list(pair)} is no pair of joints")
        for joint in pair:
            if isinstance(joint, str) and joint not in names:
                raise InputError(f"no joint {joint!r}; there are {', '.join(names)}")
        a, b = (names.index(joint) if isinstance(joint, str) else int(joint) for joint in pair)
        found.append((a, b))
    return tuple(found)


def _infer_flip_pairs(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Pairs of names whose words differ in the side alone."""

    def without_side(name: str, sides: set[str]) -> tuple[str, ...] | None:
        words = snake_case(name).split("_")
        if not sides & set(words):
            return None
        return tuple("*" if word in sides else word for word in words)

    rights = {key: j for j, n in enumerate(names) if (key := without_side(n, _RIGHT_WORDS))}
    lefts = {key: j for j, n in enumerate(names) if (key := without_side(n, _LEFT_WORDS))}
    return tuple((lefts[key], rights[key]) for key in lefts if key in rights)
