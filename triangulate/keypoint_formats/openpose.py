"""OpenPose JSON: a folder a camera, a file a frame.

`people[].pose_keypoints_2d` (`pose_keypoints` in the first versions) is x, y, c, x, y, c, ... in
pixels of the input image; a joint that was not found is 0, 0, 0. The frame's number is the last
run of digits in the file's name: `cam01.0042.json`, `walk_000000000042_keypoints.json`. Missing
numbers are empty frames. People keep their place in the list; a person that is `{}` or all zeros,
as tools that sort people write for one who is absent, leaves the place empty.

Half pixels: OpenPose adds half an output pixel to its peaks; whether its heatmaps' enlargement
takes that away again is not known, so the coordinates are taken as they stand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import (
    frame_number,
    load_json,
    numbered_json_files,
)
from triangulate.keypoint_formats.view import View

_KEYS = ("pose_keypoints_2d", "pose_keypoints")
_REMEDY = "run the detector on it again"


def read_openpose(path: Path) -> View:
    """Read one camera's folder, or a single file of one frame."""
    numbers, files = _numbered_files(path)
    rows: list[np.ndarray] = []  # each person's x, y, c, ...
    places: list[tuple[int, int]] = []  # its frame and its place among the people
    for t, file in enumerate(files):
        for p, values in enumerate(_people(file)):
            if len(values):
                rows.append(values)
                places.append((t, p))
    _check_lengths(rows, [files[t] for t, _ in places])
    if not rows:
        return View.empty(numbers)
    values = np.stack(rows).reshape(len(rows), -1, 3)  # (N, J, 3)
    values[~_seen(values)] = 0
    present = (values[..., 2] > 0).any(1)  # (N,)
    if not present.any():
        return View.empty(numbers)
    t, p = np.array(places)[present].T
    dense = np.zeros((len(numbers), p.max() + 1, *values.shape[1:]), np.float32)  # (T, P, J, 3)
    dense[t, p] = values[present]
    return View(numbers, dense[..., :2], dense[..., 2])


def _numbered_files(path: Path) -> tuple[np.ndarray, list[str]]:
    """(T,) ascending frame numbers and their files."""
    if path.is_file():
        return np.array([frame_number(path.stem, path)]), [str(path)]
    numbers, files = numbered_json_files(path)
    if not files:
        raise InputError(f"{path}: holds no .json file; point at the folder OpenPose wrote to")
    return numbers, files


def _people(file: str) -> list[np.ndarray]:
    """Every person's (3 J,) values; (0,) for an empty place."""
    content = load_json(file)
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise InputError(
            f"{file}: is no OpenPose file, which is an object with a list 'people'; "
            f"{_REMEDY}, or take the file away"
        )
    return [_values(person, file) for person in people]


def _values(person: Any, file: str) -> np.ndarray:
    if person == {}:
        return np.empty(0, np.float32)
    if not isinstance(person, dict) or not any(key in person for key in _KEYS):
        raise InputError(f"{file}: a person has no 'pose_keypoints_2d'; {_REMEDY}")
    stored = person[_KEYS[0]] if _KEYS[0] in person else person[_KEYS[1]]
    try:
        values = np.asarray(stored, dtype=np.float32)
    except (TypeError, ValueError):
        values = np.empty((0, 0), np.float32)
    if values.ndim != 1 or len(values) % 3:
        raise InputError(
            f"{file}: a person's 'pose_keypoints_2d' must be a list of x, y, c for every joint, "
            f"3 x J numbers; {_REMEDY}"
        )
    return values


def _check_lengths(rows: list[np.ndarray], files: list[str]) -> None:
    lengths = np.array([len(row) for row in rows])
    odd = np.flatnonzero(lengths != lengths[:1])
    if len(odd):
        raise InputError(
            f"{files[odd[0]]}: holds {lengths[odd[0]] // 3} joints, but {files[0]} "
            f"{lengths[0] // 3}; keep the output of different models in different folders"
        )


def _seen(values: np.ndarray) -> np.ndarray:
    """(..., J) whether x, y, c is a point: finite, with confidence, not at 0, 0."""
    finite = np.isfinite(values).all(-1)
    return finite & (values[..., 2] > 0) & (values[..., :2] != 0).any(-1)
