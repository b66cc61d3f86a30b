"""Real detections, and how far points from some views are off in a view that took no part.

MVOR: three cameras in an operating room, OpenPose's detections matched to hand labels, which also
say who is who across the views. Points come from the detections of two views, and are held against
the hand label of the third. Balancing: four cameras around one person; points come from OpenPose's
detections of three views, and are held against the fourth's where its score is `TELLING_SCORE` or
more. Every view is left out in turn.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from tools.bench._weighing_methods import Estimator
from triangulate.config import ReconstructConfig
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.inputs import read_keypoints
from triangulate.people.association import one_person

TELLING_SCORE = 0.5
_NEAR = 0.25  # mean distance of a detection from its label, in label sizes
_MVOR_JOINTS = 10


@dataclass(frozen=True)
class Recorded:
    """Detections of N moments, and what the points are held against.

    Attributes:
        points_px: (N, V, J, 2), NaN where there is none.
        score: (N, V, J).
        target_px: (N, V, J, 2), NaN where there is none.
        cameras: (V,).
    """

    points_px: Tensor
    score: Tensor
    target_px: Tensor
    cameras: Camera


def held_out_px(estimator: Estimator, recorded: Recorded) -> Tensor:
    """(N, V, J) distances in each view of the point from the others.

    NaN without a target, with fewer than two other detections, or without a point; what lies behind
    the camera is infinitely far.
    """
    by_view = []
    num_views = recorded.score.shape[1]
    for view in range(num_views):
        others = [v for v in range(num_views) if v != view]
        score = recorded.score[:, others]
        points = estimator(recorded.points_px[:, others], score, recorded.cameras[others])
        camera = recorded.cameras[view]
        projected, in_front = camera.project(points.nan_to_num(0.0).flatten(0, 1))
        shape = points.shape[:2]
        off = (projected.unflatten(0, shape) - recorded.target_px[:, view]).norm(dim=-1)
        off = torch.where(in_front.unflatten(0, shape), off, torch.inf)
        there = points.isfinite().all(-1) & recorded.target_px[:, view].isfinite().all(-1)
        by_view.append(torch.where(there & ((score > 0).sum(1) >= 2), off, torch.nan))
    return torch.stack(by_view, dim=1)


def all_views_px(estimator: Estimator, recorded: Recorded) -> Tensor:
    """(N, V, J) distances, in each view, of the points from all views; NaN as in `held_out_px`."""
    points = estimator(recorded.points_px, recorded.score, recorded.cameras)
    projected, in_front = recorded.cameras.project(points.nan_to_num(0.0).flatten(0, 1))
    shape = points.shape[:2]
    off = (projected.unflatten(1, shape).movedim(1, 0) - recorded.target_px).norm(dim=-1)
    off = torch.where(in_front.unflatten(1, shape).movedim(1, 0), off, torch.inf)
    enough = (recorded.score > 0).sum(1, keepdim=True) >= 2
    return torch.where(enough & points.isfinite().all(-1)[:, None], off, torch.nan)


def load_balancing(folder: Path) -> Recorded:
    """The person on the beam; distorted pixels."""
    keypoints, rig, _ = read_keypoints(
        folder / "pose_openpose_body25b",
        folder / "calibration" / "Calib.qca.txt",
        ReconstructConfig(),
    )
    person = one_person(keypoints.select_cameras(rig.names), rig)
    points = torch.from_numpy(person.points_px[:, :, 0])
    score = torch.from_numpy(person.confidence[:, :, 0])
    target = torch.where((score >= TELLING_SCORE)[..., None], points, torch.nan)
    return Recorded(points, score, target, rig.cameras)


def load_mvor(folder: Path) -> Recorded:
    """People with labels in all three views, and a detection in two views or more."""
    labels = json.loads((folder / "camma_mvor_2018.json").read_text())
    detections = json.loads((folder / "openpose_kps.json").read_text())
    found = _by_image(detections)
    labelled = _by_image([entry for entry in labels["annotations"] if "keypoints" in entry])
    moments = []
    for multi in labels["multiview_images"]:
        images = sorted(multi["images"], key=lambda image: image["cam_id"])
        moments += _moments([image["id"] for image in images], labelled, found)
    detected, hand = (np.stack(parts) for parts in zip(*moments, strict=True))
    points, score = torch.from_numpy(detected[..., :2]), torch.from_numpy(detected[..., 2])
    points = torch.where((score > 0)[..., None], points, torch.nan)
    known = torch.from_numpy(hand[..., 2] > 0)
    target = torch.where(known[..., None], torch.from_numpy(hand[..., :2]), torch.nan)
    return Recorded(points, score, target, _mvor_cameras(labels["cameras_info"]["camParams"]))


def _by_image(entries: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        grouped[entry["image_id"]].append(entry)
    return grouped


def _moments(
    images: list[int],
    labelled: dict[int, list[dict[str, Any]]],
    found: dict[int, list[dict[str, Any]]],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Detections and labels (V, J, 3) each, of the people in one moment."""
    by_person: dict[int, dict[int, tuple[np.ndarray, np.ndarray]]] = defaultdict(dict)
    for view, image in enumerate(images):
        hand = [entry for entry in labelled.get(image, []) if not entry["only_bbox"]]
        for entry, detected in zip(hand, _matched(hand, found.get(image, [])), strict=True):
            by_person[entry["person_id"]][view] = detected, _joints(entry)
    moments = []
    for views in by_person.values():
        seen = [detected for detected, _ in views.values() if detected.any()]
        if len(views) < len(images) or len(seen) < 2:
            continue
        pairs = [views[view] for view in range(len(images))]
        moments.append((np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])))
    return moments


def _matched(hand: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[np.ndarray]:
    """The detection (J, 3) of each label, zeros where none is near; one to one."""
    nothing = np.zeros((_MVOR_JOINTS, 3))
    if not hand or not found:
        return [nothing] * len(hand)
    labels = np.stack([_joints(entry) for entry in hand])
    detected = np.stack([_joints(entry) for entry in found])
    both = (labels[:, None, :, 2] > 0) & (detected[None, :, :, 2] > 0)
    apart = np.linalg.norm(labels[:, None, :, :2] - detected[None, :, :, :2], axis=-1)
    size = np.array([max(entry["bbox"][2:]) for entry in hand])
    number = both.sum(-1)
    mean = (apart * both).sum(-1) / np.maximum(number, 1) / size[:, None]
    cost = np.where(number >= 3, mean, 10.0)
    matched = [nothing] * len(hand)
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < _NEAR:
            matched[row] = detected[column]
    return matched


def _joints(entry: dict[str, Any]) -> np.ndarray:
    return np.asarray(entry["keypoints"], dtype=np.float64).reshape(-1, 3)[:_MVOR_JOINTS]


def _mvor_cameras(parameters: dict[str, Any]) -> Camera:
    """Their images are undistorted, whatever coefficients the file holds."""
    given = parameters["intrinsics"]
    K = torch.zeros(len(given), 3, 3, dtype=torch.float64)
    for matrix, values in zip(K, given, strict=True):
        matrix[0, 0], matrix[1, 1] = values["focallength"]
        matrix[:2, 2] = torch.tensor(values["principalpoint"], dtype=torch.float64)
        matrix[2, 2] = 1
    first_from_cam = torch.tensor(parameters["extrinsics"], dtype=torch.float64).reshape(-1, 4, 4)
    placed = Rigid(first_from_cam[:, :3, :3], first_from_cam[:, :3, 3] / 1000)
    return Camera(K, Lens.of("radtan", K.new_zeros(len(given), 0)), placed.inverse())
