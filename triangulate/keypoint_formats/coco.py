"""COCO results JSON: a file a camera, a list of detections.

Each detection is `{image_id, category_id, keypoints: [x, y, c, ...], score}` in pixels. The frame
number is `image_id`, or the last run of digits in it where it is a file's name. Several detections
of one image are several people, in the file's order; categories are not told apart. The third
number of a keypoint is a confidence; where it is 0, 1 or 2 throughout the file it is COCO's
visibility instead, and the points that are not 0 get the detection's `score` (1 without one).
AlphaPose writes the same list; its confidences can reach 6 and are clipped to 1, not divided: a
division by the largest of a file would make cameras incomparable.

Half pixels: COCO measures from the upper left corner of the image, yet most networks trained on it
treat pixel centres as integers. Unknown, then, and taken as it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import checked_number, frame_number, load_json
from triangulate.keypoint_formats.view import View


def read_coco(path: Path) -> View:
    """Read one camera's file."""
    detections = load_json(path)
    if not isinstance(detections, list):
        raise InputError(
            f"{path}: is no list of detections; COCO annotations (an object with 'annotations') "
            "are not read, only results"
        )
    if not detections:
        return View.empty(np.zeros(0, np.int64))
    _check_entries(detections, path)
    values = _keypoints(detections, path)  # (N, J, 3)
    scores = np.array([_score(entry, path) for entry in detections])  # (N,)
    numbers = np.array([_frame_number(entry["image_id"], path) for entry in detections])
    is_visibility = bool(np.isin(values[..., 2], (0, 1, 2)).all())
    confidence = (values[..., 2] > 0) * scores[:, None] if is_visibility else values[..., 2]
    seen = np.isfinite(values[..., :2]).all(-1) & (values[..., :2] != 0).any(-1) & (confidence > 0)
    frames, t = np.unique(numbers, return_inverse=True)
    p = _places(t)
    points_px = np.full((len(frames), p.max() + 1, values.shape[1], 2), np.nan, np.float32)
    dense = np.zeros(points_px.shape[:-1], np.float32)  # (T, P, J)
    points_px[t, p] = values[..., :2]
    dense[t, p] = np.where(seen, confidence, 0)
    notes = ("visibilities replaced by the detection's score",) if is_visibility else ()
    return View(frames, points_px, dense, notes=notes)


def _check_entries(detections: list[Any], path: Path) -> None:
    for index, entry in enumerate(detections):
        if isinstance(entry, dict) and {"image_id", "keypoints"} <= entry.keys():
            continue
        hint = (
            "MMPose's files are not read yet, export COCO results"
            if isinstance(entry, dict) and "instances" in entry
            else "every entry needs 'image_id' and 'keypoints'"
        )
        raise InputError(f"{path}: entry {index} is no COCO detection; {hint}")


def _keypoints(detections: list[Any], path: Path) -> np.ndarray:
    """(N, J, 3) x, y, c."""
    try:
        values = np.asarray([entry["keypoints"] for entry in detections], dtype=np.float64)
        return values.reshape(len(values), -1, 3)
    except (TypeError, ValueError):
        pass
    lengths = [len(np.ravel(np.asarray(e["keypoints"], dtype=object))) for e in detections]
    odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is not None:
        raise InputError(
            f"{path}: entry {odd} has {lengths[odd]} keypoint numbers, but entry 0 has "
            f"{lengths[0]}; keep different models in different files"
        )
    raise InputError(f"{path}: 'keypoints' must be x, y, c for every joint, 3 x J numbers")


def _score(entry: dict[str, Any], path: Path) -> float:
    score = entry.get("score", 1.0)
    if isinstance(score, int | float):
        return float(score)
    raise InputError(f"{path}: 'score' must be a number, not {score!r}; write the file again")


def _frame_number(image_id: Any, path: Path) -> int:
    if isinstance(image_id, int):
        return checked_number(image_id, path)
    if isinstance(image_id, str):
        return frame_number(Path(image_id).stem if "." in image_id else image_id, path)
    raise InputError(f"{path}: 'image_id' must be a number or a file's name, not {image_id!r}")


def _places(t: np.ndarray) -> np.ndarray:
    """(N,) each detection's place among those of its frame t (N,), in the file's order."""
    order = np.argsort(t, kind="stable")
    starts = np.searchsorted(t[order], t[order], side="left")
    places = np.empty_like(t)
    places[order] = np.arange(len(t)) - starts
    return places
