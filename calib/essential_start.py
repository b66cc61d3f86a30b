"""A first rig from joints alone: relative poses of pairs of cameras, put together one by one.

The pair that shows most begins; every other camera comes in by the pair with a placed one that puts
the points known so far best, its distance from them. The world is the frame of the first
camera of that pair, its unit the distance between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.joint_bundle import fit_cameras
from calib.joints import Joints
from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.epipolar import depths, relative_pose
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig

_LEAST_SHARED = 30  # points of a pair
_LEAST_AGREEING = 20
_ROUNDS = 2  # of refinement after each camera


@dataclass(frozen=True)
class Pair:
    """Two cameras and what joins them.

    Attributes:
        a: the one camera.
        b: the other.
        b_from_a: with |t| = 1.
        merit: how much it tells: agreeing points, by how widely their rays part.
    """

    a: int
    b: int
    b_from_a: Rigid
    merit: float


def start_from_joints(joints: Joints, rig: Rig, generator: torch.Generator) -> Camera:
    """Cameras with the rig's lenses, placed by what they saw.

    Args:
        joints: what was seen.
        rig: intrinsics; its poses are not looked at.
        generator: draws the samples.

    Raises:
        InputError: a camera that cannot be joined to the others.
    """
    points_n, seen = joints.undistorted_n(rig)
    pairs = _pairs(points_n, seen, generator)
    if not pairs:
        raise InputError(
            "no two cameras see one person well enough to be placed by it: film people who move "
            "about where several cameras see them"
        )
    first = max(pairs, key=lambda pair: pair.merit)
    identity = torch.eye(3, dtype=points_n.dtype)
    poses = {first.a: Rigid(identity, torch.zeros(3, dtype=points_n.dtype))}
    poses[first.b] = first.b_from_a
    while len(poses) < len(rig):
        poses = _refined(joints, rig, poses)
        known, points = _known_points(points_n, seen, poses)
        candidates = [
            found
            for pair in pairs
            for found in _candidates(pair, poses, points_n, seen, points, known)
        ]
        if not candidates:
            raise InputError(_unjoined(rig.names, list(poses)))
        _, view, pose = min(candidates, key=lambda candidate: candidate[0])
        poses[view] = pose
    return _camera(rig, poses, range(len(rig)))


def _pairs(points_n: Tensor, seen: Tensor, generator: torch.Generator) -> list[Pair]:
    """All pairs of cameras that see enough together."""
    found = []
    for a in range(len(seen)):
        for b in range(a + 1, len(seen)):
            both = seen[a] & seen[b]
            if int(both.sum()) < _LEAST_SHARED:
                continue
            x, y = points_n[a, both], points_n[b, both]
            pose, agree = relative_pose(x, y, generator)
            if int(agree.sum()) >= _LEAST_AGREEING:
                found.append(Pair(a, b, pose, _merit(pose, x[agree], y[agree])))
    return found


def _merit(b_from_a: Rigid, x: Tensor, y: Tensor) -> float:
    """The agreeing points, each by the squared sine of the angle between its rays."""
    one = torch.nn.functional.pad(x, (0, 1), value=1.0) @ b_from_a.rotation.mT
    other = torch.nn.functional.pad(y, (0, 1), value=1.0)
    cross = torch.linalg.cross(one, other).square().sum(-1)
    return float((cross / (one.square().sum(-1) * other.square().sum(-1))).sum())


def _known_points(points_n: Tensor, seen: Tensor, poses: dict[int, Rigid]) -> tuple[Tensor, Tensor]:
    """Which points the placed cameras fix, (N,), and where they are, (N, 3).

    Each point lies on the two rays, of all placed pairs', that meet best.
    """
    views = list(poses)
    best = torch.full((points_n.shape[1],), torch.inf, dtype=points_n.dtype)
    points = points_n.new_zeros(points_n.shape[1], 3)
    for i, a in enumerate(views):
        for b in views[i + 1 :]:
            b_from_a = poses[b] @ poses[a].inverse()
            agree = seen[a] & seen[b]
            depth, other = depths(b_from_a, points_n[a], points_n[b])
            ray = torch.nn.functional.pad(points_n[a], (0, 1), value=1.0)
            in_a = depth[:, None] * ray
            off = _off(b_from_a, in_a, points_n[b])
            good = agree & (depth > 0) & (other > 0) & (off < best)
            points = torch.where(good[:, None], poses[a].inverse().apply(in_a), points)
            best = torch.where(good, off, best)
    known = torch.isfinite(best)
    if bool(known.any()):
        known &= best <= 4 * best[known].median()
    return known, points


def _candidates(
    pair: Pair,
    poses: dict[int, Rigid],
    points_n: Tensor,
    seen: Tensor,
    points: Tensor,
    known: Tensor,
) -> list[tuple[float, int, Rigid]]:
    """Where the pair's open camera would stand, and how far off it would see the known points."""
    if (pair.a in poses) == (pair.b in poses):
        return []
    placed, view = (pair.a, pair.b) if pair.a in poses else (pair.b, pair.a)
    view_from_placed = pair.b_from_a if placed == pair.a else pair.b_from_a.inverse()
    both = known & seen[view]
    if int(both.sum()) < _LEAST_AGREEING:
        return []
    x, world = points_n[view, both], points[both]
    # x = (R p + s t) / z asks for s in R p x (x, 1) + s t x (x, 1) = 0
    at_one = (view_from_placed.rotation @ poses[placed].apply(world).mT).mT
    ray = torch.nn.functional.pad(x, (0, 1), value=1.0)
    ray = ray / ray.norm(dim=-1, keepdim=True)
    across = torch.linalg.cross(at_one, ray)
    by_scale = torch.linalg.cross(view_from_placed.translation.expand_as(ray), ray)
    scales = -(across * by_scale).sum(-1) / by_scale.square().sum(-1).clamp_min(1e-12)
    usual = scales.median()
    scale = torch.where(usual > 0, usual, scales[scales > 0].median())
    if not bool(torch.isfinite(scale)):
        return []
    moved = Rigid(view_from_placed.rotation, scale * view_from_placed.translation)
    pose = moved @ poses[placed]
    off = _off(pose, world, x).median()
    return [(float(off), view, pose)]


def _off(cam_from_world: Rigid, points_world: Tensor, points_n: Tensor) -> Tensor:
    """Distances on the z = 1 plane; infinite behind the camera."""
    points = cam_from_world.apply(points_world)
    before = points[:, 2] > 1e-6
    at = points[:, :2] / torch.where(before, points[:, 2], 1.0)[:, None]
    return torch.where(before, (at - points_n).norm(dim=-1), torch.inf)


def _refined(joints: Joints, rig: Rig, poses: dict[int, Rigid]) -> dict[int, Rigid]:
    """The placed cameras adjusted together, the first one and the unit held as they are."""
    views = list(poses)
    some = replace(joints, points_px=joints.points_px[views], confidence=joints.confidence[views])
    fit = fit_cameras(some, _camera(rig, poses, views), rounds=_ROUNDS)
    pose = fit.camera.cam_from_world
    unit = pose.translation[1].norm().clamp_min(1e-9)
    return {v: Rigid(pose.rotation[i], pose.translation[i] / unit) for i, v in enumerate(views)}


def _camera(rig: Rig, poses: dict[int, Rigid], views: Sequence[int]) -> Camera:
    rotation = torch.stack([poses[v].rotation for v in views])
    translation = torch.stack([poses[v].translation for v in views])
    return replace(rig.cameras[list(views)], cam_from_world=Rigid(rotation, translation))


def _unjoined(names: Sequence[str], placed: Sequence[int]) -> str:
    others = [repr(name) for v, name in enumerate(names) if v not in placed]
    told = ", ".join(repr(names[v]) for v in sorted(placed))
    return (
        f"camera {', '.join(others)} cannot be joined to {told}: they see too little of one person "
        "at the same time; film people where both see them, or leave it out (--cameras)"
    )
