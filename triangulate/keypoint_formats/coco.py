"""COCO results JSON: a file a camera, a list of detections.

Each detection is `{image_id, category_id, keypoints: [x, y, c, ...], score}` in pixels. The frame
number is `image_id`, or the last run of digits in it where it is a file's name. Several detections
of one image are several people, in the file's order; categories are not told apart. The third
number of a keypoint is a confidence; where it is 0, 1 or 2 throughout the file it is COCO's
visibility instead, and the points that are not 0 get the detection's `score` (1 without one).

AlphaPose writes the same list by default, with `image_id` a file's name and more keys that are not
needed here (`box`, `idx`); its confidences can reach 6 and are clipped to 1, not divided: a
division by the largest of a file would make cameras incomparable. Its other forms are read by
`alphapose`.

Half pixels: COCO measures from the upper left corner of the image, yet most networks trained on it
treat pixel centres as integers. Unknown, then, and taken as it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.detections import dense, triples
from triangulate.keypoint_formats.input_files import image_number, load_json
from triangulate.keypoint_formats.view import View


def read_coco(path: Path) -> View:
    """Read one camera's file."""
    detections = load_json(path)
    if not isinstance(detections, list):
        raise InputError(f"{path}: is no list of detections, as COCO results are")
    if not detections:
        return View.empty(np.zeros(0, np.int64))
    for index, entry in enumerate(detections):
        if not isinstance(entry, dict) or not {"image_id", "keypoints"} <= entry.keys():
            raise InputError(
                f"{path}: entry {index} is no COCO detection; every entry needs 'image_id' and "
                "'keypoints'"
            )
    labels = [f"entry {index}" for index in range(len(detections))]
    numbers = np.array([image_number(entry["image_id"], path) for entry in detections])
    values = triples([entry["keypoints"] for entry in detections], labels, path)  # (N, J, 3)
    values, notes = scored(values, detections, path)
    return dense(numbers, values, notes=notes)


def scored(
    values: np.ndarray, detections: list[dict[str, Any]], path: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The (N, J, 3) x, y, c with confidences in the place of visibilities, and what to note."""
    scores = np.array([_score(entry, path) for entry in detections])  # (N,)
    if not np.isin(values[..., 2], (0, 1, 2)).all():
        return values, ()
    confidence = (values[..., 2] > 0) * scores[:, None]
    values = np.concatenate([values[..., :2], confidence[..., None]], axis=-1)
    return values, ("visibilities replaced by the detection's score",)


def _score(entry: dict[str, Any], path: Path) -> float:
    score = entry.get("score", 1.0)
    if isinstance(score, int | float):
        return float(score)
    raise InputError(f"{path}: 'score' must be a number, not {score!r}; write the file again")
