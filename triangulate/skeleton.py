"""Joint names, the bones between them, and how one set of joints maps to another.

A skeleton's file is YAML: `joints`, a list of names; `edges`, the bones, pairs of joints by name or
by index from 0; and `flip_pairs`, pairs (left, right) likewise, where the names do not tell them.
The sets that ship, in `triangulate/skeletons`, are such files.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.yaml_text import parse_yaml

_LEFT_WORDS, _RIGHT_WORDS = {"left", "l"}, {"right", "r"}
_KEYS, _OPTIONAL_KEYS = ("joints", "edges"), ("flip_pairs",)

# Joints that sets call differently, and those in the middle of two others. Joints that merely lie
# close (MPII's thorax and a neck, Human3.6M's feet and its ankles' neighbours) are not equated.
_SAME_JOINT = {"pelvis": "mid_hip", "root": "mid_hip", "hip": "mid_hip", "head_top": "head"}
_MIDDLES = {
    "mid_hip": ("left_hip", "right_hip"),
    "neck": ("left_shoulder", "right_shoulder"),
}


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
        """Refuse doubled names, pairs that are none, and joints with two counterparts."""
        doubled = sorted({name for name in self.joint_names if self.joint_names.count(name) > 1})
        if doubled:
            raise InputError(f"joint names must differ; given twice: {', '.join(doubled)}")
        for pair in (*self.edges, *self.flip_pairs):
            if len(set(pair)) != 2 or not all(0 <= j < len(self.joint_names) for j in pair):
                raise InputError(
                    f"{pair} is no pair of different joints out of {len(self.joint_names)}"
                )
        sided = [joint for pair in self.flip_pairs for joint in pair]
        twice = next((joint for joint in sided if sided.count(joint) > 1), None)
        if twice is not None:
            raise InputError(f"joint {self.joint_names[twice]!r} is in two flip pairs")

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
            raise InputError(
                f"no skeleton is called {name!r}; shipped: {', '.join(known)}; one of your own is "
                "a .yaml file"
            )
        file = resources.files("triangulate").joinpath("skeletons", f"{name}.yaml")
        return replace(_parse(file.read_text(encoding="utf-8")), name=name)

    @classmethod
    def load(cls, path: str | Path) -> Skeleton:
        """A skeleton of one's own from its YAML file.

        Raises:
            InputError: it cannot be read or is no such file; the message says what to change.
        """
        try:
            return _parse(Path(path).read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: is no text; a skeleton is a YAML file") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def given(cls, text: str | Path) -> Skeleton:
        """A skeleton as `--skeleton` says it: a shipped set's name, or a `.yaml` file."""
        if Path(text).suffix.lower() in (".yaml", ".yml"):
            return cls.load(text)
        return cls.named(str(text))

    @classmethod
    def anonymous(cls, num_joints: int) -> Skeleton:
        """Joints without names or bones: joint_0, joint_1, ..."""
        return cls(tuple(f"joint_{j}" for j in range(num_joints)))

    def index(self, joint_name: str) -> int:
        """The index of a joint, however it is spelt (see `joint_places`)."""
        place = int(joint_places([joint_name], self.joint_names)[0])
        if place < 0:
            raise InputError(f"no joint {joint_name!r}; there are {', '.join(self.joint_names)}")
        return place

    def flip_permutation(self) -> np.ndarray:
        """(J,) indices that swap left and right."""
        order = np.arange(len(self.joint_names))
        for left, right in self.flip_pairs:
            order[[left, right]] = right, left
        return order

    def indices_in(self, other: Skeleton) -> np.ndarray:
        """(J,) where each of this set's joints stands in `other`; -1 where it is missing.

        `positions[..., coco.indices_in(body25), :]` reorders BODY_25 into COCO. Joints are the same
        however they are spelt, see `joint_places`; `mapped` also makes up middles.
        """
        return joint_places(self.joint_names, other.joint_names)

    def has_joints_of(self, other: Skeleton) -> bool:
        """Whether the joints are the same and in the same order, however they are spelt."""
        order = np.arange(len(other.joint_names))
        return np.array_equal(self.indices_in(other), order)


def shipped_skeletons() -> list[str]:
    """The names that `Skeleton.named` takes."""
    folder = resources.files("triangulate").joinpath("skeletons")
    files = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def snake_case(name: str) -> str:
    """`LBigToe`, `Shoulder_left` and `Right Ankle` as l_big_toe, shoulder_left and right_ankle."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", words).strip("_").lower()


def joint_places(wanted: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Where joints stand among others, by name; -1 for those that are not there.

    Equal joints have equal names, however they are spelt (`LAnkle`, `ankle_l`, `left_ankle`) and
    whichever name for the middle of the hips (`pelvis`, `mid_hip`, `hip`, `root`) or the top of the
    head (`head`, `head_top`) a set uses. The very same name comes first.
    """
    exact = {name: place for place, name in enumerate(names)}
    alike = {canonical_name(name): place for place, name in reversed(list(enumerate(names)))}
    found = [exact.get(name, alike.get(canonical_name(name), -1)) for name in wanted]
    return np.array(found, dtype=int)


def mapped(points: np.ndarray, source: Skeleton, target: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Points of one set of joints as those of another, by name.

    Joints are the same however they are spelt (see `joint_places`). Where the source lacks the
    middle of the hips or the neck, it is the mean of the two hips or shoulders; nothing else is
    made up.

    Args:
        points: (*B, J, D) of the source's joints, pixels or metres; NaN: missing.
        source: the J joints that the points are of.
        target: the K joints wanted.

    Returns:
        (*B, K, D) points, NaN where missing, and (K,) whether the source knows the joint at all.
    """
    points = np.asarray(points)
    if points.ndim < 2 or points.shape[-2] != len(source.joint_names):
        raise ValueError(
            f"points must have shape (*B, {len(source.joint_names)}, D), got {points.shape}"
        )
    first, second = _origins(source, target).T  # (K,) each
    known = first >= 0
    values = (points[..., first, :] + points[..., second, :]) / 2
    return np.where(known[:, None], values, np.nan), known


def _origins(source: Skeleton, target: Skeleton) -> np.ndarray:
    """(K, 2) the joints of the source whose mean each of the target's is; -1 where unknown."""
    origins = []
    for name, place in zip(target.joint_names, target.indices_in(source), strict=True):
        ends = joint_places(_MIDDLES.get(canonical_name(name), ()), source.joint_names)
        is_middle = place < 0 and len(ends) and min(ends) >= 0
        origins.append(ends if is_middle else [place, place])
    return np.array(origins).reshape(-1, 2)


@cache
def canonical_name(name: str) -> str:
    """One name for what sets call differently: `LAnkle` is left_ankle, `pelvis` is mid_hip."""
    words = snake_case(name).split("_")
    for side, spelt in (("left", _LEFT_WORDS), ("right", _RIGHT_WORDS)):
        if spelt & set(words):
            words = [side, *(word for word in words if word not in spelt)]
            break
    joint = "_".join(words)
    return _SAME_JOINT.get(joint, joint)


def _parse(text: str) -> Skeleton:
    """The skeleton that a file's text describes."""
    content = parse_yaml(text)
    if not isinstance(content, dict):
        raise InputError("is no skeleton, which has the keys joints and edges")
    for key in content:
        if key not in (*_KEYS, *_OPTIONAL_KEYS):
            near = difflib.get_close_matches(str(key), (*_KEYS, *_OPTIONAL_KEYS), n=1)
            known = ", ".join((*_KEYS, *_OPTIONAL_KEYS))
            remedy = f"did you mean {near[0]!r}?" if near else f"the known keys are {known}"
            raise InputError(f"unknown key {key!r}: {remedy}")
    for key in _KEYS:
        if key not in content:
            raise InputError(f"the key {key!r} is missing; a skeleton has joints and edges")
    names = content["joints"]
    if not isinstance(names, list) or not names:
        raise InputError("joints must be a list of names, one a line as '- left_ankle'")
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"joints must be names, got {name!r}; put it in quotes if it is one")
    edges, pairs = (_pairs(content.get(key), key) for key in ("edges", "flip_pairs"))
    return Skeleton.from_edges(names, edges or [], pairs)


def _pairs(value: Any, key: str) -> list[list[int | str]] | None:
    """The pairs under a key of a file."""
    if value is None and key in _OPTIONAL_KEYS:
        return None
    if not isinstance(value, list) or not all(isinstance(pair, list) for pair in value):
        raise InputError(f"{key} must be a list of pairs, one a line as '- [left_hip, left_knee]'")
    return value


def _indices(
    names: tuple[str, ...], pairs: Sequence[Sequence[int | str]]
) -> tuple[tuple[int, int], ...]:
    found = []
    for pair in pairs:
        if len(pair) != 2:
            raise InputError(f"{list(pair)} is no pair of joints")
        a, b = (_index(names, joint) for joint in pair)
        found.append((a, b))
    return tuple(found)


def _index(names: tuple[str, ...], joint: Any) -> int:
    if isinstance(joint, str):
        if joint not in names:
            raise InputError(f"no joint {joint!r}; there are {', '.join(names)}")
        return names.index(joint)
    if isinstance(joint, bool) or not isinstance(joint, int | np.integer):
        raise InputError(f"{joint!r} is no joint, which is a name or an index from 0")
    return int(joint)


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
