"""A tree of joints out of a skeleton's bones, for formats that want one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from triangulate.errors import InputError
from triangulate.export.gaps import listed
from triangulate.export.landmarks import NECKS, keys_of
from triangulate.skeleton import Skeleton

Bone = tuple[str, str]
Sources = dict[str, tuple[int, ...]]

_SIDES = ("left", "right")
_CORNERS = {f"{side}_{joint}" for side in _SIDES for joint in ("hip", "shoulder")}
_PELVIS = "mid_hip"


@dataclass(frozen=True)
class Tree:
    """Joints of which each but the first hangs on one that comes before it.

    Attributes:
        names: N names; the first one is the root.
        parents: N places of the parents, -1 for the root.
        sources: N times the skeleton's joint, or the two whose middle the joint is.
        notes: what became of the skeleton, for people.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...] = ()

    def children(self, place: int) -> list[int]:
        """The places of the joints that hang on one."""
        return [child for child, parent in enumerate(self.parents) if parent == place]

    def used(self) -> list[int]:
        """The skeleton's joints that the tree is made of."""
        return sorted({joint for source in self.sources for joint in source})

    def points(self, points: np.ndarray) -> np.ndarray:
        """The tree's points (*B, N, 3) out of the skeleton's (*B, J, 3)."""
        columns = [points[..., list(source), :].mean(axis=-2) for source in self.sources]
        return np.stack(columns, axis=-2)


def tree_of(skeleton: Skeleton, found: np.ndarray) -> Tree:
    """The tree of a skeleton's bones.

    The root is the pelvis. A person without one gets one between the hips, and likewise a neck
    between the shoulders, joined to it: bones across and along the trunk then give way to them.
    Other skeletons have their root where most bones meet. Of bones that close a circle, those
    farthest from the root are left out.

    Args:
        skeleton: the joints and bones.
        found: (J,) which joints have a position in any frame; joints without one are left out
            where nothing hangs on them.

    Raises:
        InputError: where there is no such tree.
    """
    if not skeleton.edges:
        raise InputError(
            "the skeleton has no bones, and this format needs a tree of them; choose csv or trc"
        )
    keys = keys_of(skeleton)
    own = dict(zip(keys, skeleton.joint_names, strict=True))
    sources: Sources = {key: (index,) for index, key in enumerate(keys)}
    bones = [(keys[a], keys[b]) for a, b in dict.fromkeys(skeleton.edges)]
    notes: list[str] = []
    if _CORNERS <= set(keys):
        bones, notes = _with_trunk(sources, bones)
    root = _PELVIS
    if root not in sources:
        root = max(keys, key=lambda key: sum(key in bone for bone in bones))
        notes.append(f"the skeleton has no pelvis: its root is {own[root]}, where most bones meet")
    parents, circle = _spanned(root, bones)
    if circle:
        notes.append(f"bones that close a circle are left out: {listed(circle)}")
    if apart := [own[key] for key in keys if key not in parents and found[sources[key][0]]]:
        notes.append(f"no bone leads to {listed(apart)}: left out")
    parents, never = _pruned(parents, {n: bool(found[list(s)].all()) for n, s in sources.items()})
    if never:
        notes.append(f"{listed(never)}: without a position in any frame, left out")
    order = list(parents)
    if len(order) < 2:
        raise InputError(f"no bone leads from {own.get(root, root)} to a joint with a position")
    places = {name: place for place, name in enumerate(order)}
    return Tree(
        tuple(own.get(name, name) for name in order),
        tuple(places.get(parents[name] or "", -1) for name in order),
        tuple(sources[name] for name in order),
        tuple(notes),
    )


def _with_trunk(sources: Sources, bones: list[Bone]) -> tuple[list[Bone], list[str]]:
    """The bones of a person with hips on the pelvis, and shoulders and head on the neck.

    Joints that are made are added to `sources`; the second value says which.
    """
    made = []
    neck = next((name for name in NECKS if name in sources), "neck")
    for name, joint in ((_PELVIS, "hip"), (neck, "shoulder")):
        if name not in sources:
            ends = (sources[f"{side}_{joint}"][0] for side in _SIDES)
            sources[name] = tuple(ends)
            made.append(f"{name} is made up as the middle of the {joint}s")
    ears = {f"{side}_ear" for side in _SIDES}
    bones = [
        (a, b)
        for a, b in bones
        if not {a, b} <= _CORNERS
        and not ({a, b} & ears and {a, b} & _CORNERS and "nose" in sources)
    ]
    wanted = [(_PELVIS, f"{side}_hip") for side in _SIDES]
    wanted += [(_PELVIS, neck)]
    wanted += [(neck, f"{side}_shoulder") for side in _SIDES]
    wanted += [(neck, "nose"), (neck, "head"), ("nose", "left_mouth"), ("nose", "right_mouth")]
    wanted += [("nose", f"{side}_eye") for side in _SIDES]
    wanted += [(f"{side}_eye", f"{side}_ear") for side in _SIDES]
    for a, b in wanted:
        if b in sources and a in sources and b not in _spanned(a, bones)[0]:
            bones.append((a, b))
    return bones, made


def _spanned(root: str, bones: list[Bone]) -> tuple[dict[str, str | None], list[str]]:
    """Joint -> parent in breadth from the root, and the bones that close a circle."""
    parents: dict[str, str | None] = {root: None}
    waiting = deque([root])
    used = set()
    while waiting:
        joint = waiting.popleft()
        for number, bone in enumerate(bones):
            if joint not in bone:
                continue
            other = bone[1] if bone[0] == joint else bone[0]
            if other not in parents:
                parents[other] = joint
                waiting.append(other)
                used.add(number)
    reached = [(n, bone) for n, bone in enumerate(bones) if bone[0] in parents]
    return parents, [f"{a}-{b}" for n, (a, b) in reached if n not in used]


def _pruned(
    parents: dict[str, str | None], is_found: dict[str, bool]
) -> tuple[dict[str, str | None], list[str]]:
    """The tree without joints that have no position, and their names.

    Raises:
        InputError: where one of them has joints behind it.
    """
    kept, never = dict(parents), []
    for name in reversed(list(parents)):
        behind = [other for other, parent in kept.items() if parent == name]
        if is_found[name]:
            continue
        if behind:
            raise InputError(
                f"{name} has no position in any frame, and the way to {listed(behind)} leads "
                "through it; choose csv or trc"
            )
        never.append(name)
        del kept[name]
    return kept, never[::-1]
