"""Which joints a file means that counts or names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton, joint_places, shipped_skeletons, snake_case

# BODY_25 and BODY_25B both have 25 joints: `body25_or_body25b` tells them apart.
_SETS_BY_COUNT = {17: "coco17", 26: "halpe26", 33: "mediapipe33", 133: "coco_wholebody133"}

# OpenPose's COCO model: not COCO's order, and with a neck between the shoulders.
OPENPOSE18 = Skeleton.from_edges(
    [
        *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
        *("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
        *("left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
    ],
    [
        *([0, 1], [1, 2], [2, 3], [3, 4], [1, 5], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10]),
        *([1, 11], [11, 12], [12, 13], [0, 14], [14, 16], [0, 15], [15, 17]),
    ],
)

# One person in one frame and view is a vote; so many are needed, and so many must agree.
_LEAST_VOTES, _LEAST_AGREEMENT = 3, 0.8


def named_joints(
    names: Sequence[str],
    edges: Sequence[Sequence[int]],
    pairs: Sequence[Sequence[int]] | None,
    path: Path,
) -> Skeleton:
    """The joints that a file names: the shipped set with these names, else one of the file's own.

    Args:
        names: as the file spells them.
        edges: bones as pairs of indices.
        pairs: left/right pairs of indices, in either order and perhaps twice; by default inferred
            from the names.
        path: the file, for messages.
    """
    for shipped in _shipped_sets():
        places = joint_places(names, shipped.joint_names)
        if np.array_equal(places, np.arange(len(shipped.joint_names))):
            return shipped
    spelt = [snake_case(name) for name in names]
    try:
        own = Skeleton.from_edges(spelt, edges)
        if pairs is None:
            return own
        told = {frozenset(pair): tuple(pair) for pair in pairs if len(set(pair)) == 2}
        inferred = {frozenset(pair): pair for pair in own.flip_pairs}
        return Skeleton.from_edges(spelt, edges, [inferred.get(key, told[key]) for key in told])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


@cache
def _shipped_sets() -> list[Skeleton]:
    """All of them: `Skeleton.named` reads a file each time."""
    return [Skeleton.named(name) for name in shipped_skeletons()]


def choose_skeleton(views: Mapping[str, View], given: Skeleton | None, where: str) -> Skeleton:
    """The joints of points that come without names.

    Args:
        views: all cameras, with one number of joints.
        given: what the user says, checked against the number of joints.
        where: the file or folder, for messages.
    """
    count = next(iter(views.values())).points_px.shape[2]
    if given is not None:
        if len(given.joint_names) != count:
            raise InputError(
                f"{where}: holds {count} joints, but the skeleton {given.name or 'given'!r} has "
                f"{len(given.joint_names)}; pass one that fits with --skeleton"
            )
        return given
    if count == 25:
        return Skeleton.named(body25_or_body25b(views, where))
    if count == len(OPENPOSE18.joint_names):
        return OPENPOSE18
    if count not in _SETS_BY_COUNT:
        known = ", ".join(map(str, sorted([*_SETS_BY_COUNT, 18, 25])))
        raise InputError(
            f"{where}: holds {count} joints without names, which no set known here has (it knows "
            f"{known}); pass one with --skeleton (a name, or a .yaml file of your own), or "
            "skeleton=Skeleton.from_edges(...) in Python"
        )
    return Skeleton.named(_SETS_BY_COUNT[count])


def body25_or_body25b(views: Mapping[str, View], where: str) -> str:
    """OpenPose's two sets of 25 joints, told apart by where the points are.

    Joints 15 and 16 are the eyes in BODY_25 but the ankles in BODY_25B; joints 1 to 4 are neck and
    right arm in the one, eyes and ears in the other. So the mean distance of 15 and 16 from the
    nose (0), over that of 1 to 4, is far below 1 in BODY_25 and far above 1 in BODY_25B. On 2,222
    real people in an operating room it was below 1/2 for 99.9 % in BODY_25 order and above 2 for
    all 866 with ankles in BODY_25B order.
    """
    ratios = np.concatenate([_eye_or_ankle_ratio(view) for view in views.values()])
    votes = {"body25": int((ratios < 0.5).sum()), "body25b": int((ratios > 2).sum())}
    winner = max(votes, key=lambda name: votes[name])
    if votes[winner] < max(_LEAST_VOTES, _LEAST_AGREEMENT * len(ratios)):
        raise InputError(
            f"{where}: 25 joints are BODY_25 or BODY_25B, and the points do not tell which "
            f"({votes['body25']} people speak for the one, {votes['body25b']} for the other); pass "
            "--skeleton body25 or --skeleton body25b"
        )
    return winner


def _eye_or_ankle_ratio(view: View) -> np.ndarray:
    """(N,) ratios of the people whose nose and one joint of either group are seen."""
    seen = (view.confidence > 0).reshape(-1, 25)  # (T * P, J)
    points = np.where(seen[..., None], view.points_px.reshape(-1, 25, 2), 0)
    distance = np.linalg.norm(points - points[:, :1], axis=-1)

    def mean_distance(joints: list[int]) -> np.ndarray:
        weights = seen[:, joints]
        return (distance[:, joints] * weights).sum(1) / np.maximum(weights.sum(1), 1)

    near, far = mean_distance([1, 2, 3, 4]), mean_distance([15, 16])
    usable = seen[:, 0] & (near > 0) & (far > 0)
    return far[usable] / near[usable]
