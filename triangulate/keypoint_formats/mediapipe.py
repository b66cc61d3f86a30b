"""MediaPipe pose landmarks as JSON: a file a camera.

MediaPipe has no file format of its own; scripts dump its results. Read are, in one file:

- a list of frames, or an object that holds this list under `frames`, `landmarks`, `pose_landmarks`
  or `poseLandmarks`;
- a frame is a person's list of 33 landmarks, a list of several such people, empty or null where
  nobody was found, or an object with one of these under one of the last three names and its
  number under `frame`, `frame_id`, `frame_index`, `frame_idx`, `frame_number` or `index`;
- a landmark is an object with `x`, `y` and, if it was kept, `visibility`, or a list x, y, z,
  visibility. Three numbers are refused: the third may be either.

Frames without numbers count from 0 in the file's order, so that a script that left out the frames
without a person must have written numbers. `x` and `y` are parts of the image's width and height
and need not lie between 0 and 1. The image size is what the caller says (`sizes=`), else `width`
and `height` (or `image_width` and `image_height`) beside the frames, else the calibration's, which
is right for resized videos too. Visibilities are the confidences, 1 where there are none. World
landmarks (metres from the hips, another camera's axes) are no 2D keypoints and are refused.

Half pixels: x times the width, as everybody does. Whether the network's crops are half a pixel off
depends on how MediaPipe was built.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.detections import checked_frames, dense
from triangulate.keypoint_formats.input_files import checked_number, load_json
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton

Size = tuple[int, int]

LANDMARK_KEYS = ("landmarks", "pose_landmarks", "poseLandmarks")
_WORLD_KEYS = ("pose_world_landmarks", "world_landmarks", "poseWorldLandmarks", "worldLandmarks")
_NUMBER_KEYS = ("frame", "frame_id", "frame_index", "frame_idx", "frame_number", "index")
_SIZE_KEYS = (("width", "height"), ("image_width", "image_height"))
_NUM_LANDMARKS = 33
_FARTHEST = 2.0  # image sizes from the corner; half of the points beyond it are no image's
_REMEDY = "write it as the documentation of triangulate.keypoint_formats.mediapipe says"


def read_mediapipe(path: Path, size: Size | None = None, rig_size: Size | None = None) -> View:
    """Read one camera's file.

    Args:
        path: the file.
        size: the images' (width, height), if the caller knows.
        rig_size: the calibration's, for files that do not tell.
    """
    content = load_json(path)
    told = size or _own_size(content, path)
    frames = _frames(content, path)
    people = [_people(entry, f"frame {index} of the file", path) for index, entry in frames]
    numbers, notes = _numbers([entry for _, entry in frames], path)
    labels = [f"frame {number}" for number in numbers]
    found = [
        (number, _values(person, label, path))
        for number, label, persons in zip(numbers, labels, people, strict=True)
        for person in persons
    ]
    all_frames = checked_frames(numbers, path)
    if not found:
        return View.empty(all_frames)
    values = np.stack([person for _, person in found])  # (N, 33, 3)
    if np.isnan(values[..., 2]).all():
        values[..., 2] = 1
        notes = (*notes, "landmarks without visibility have confidence 1")
    _check_normalised(values, path)
    used = told or rig_size
    if used is None:
        raise InputError(
            f"{path}: MediaPipe's landmarks are parts of the image size, which neither the file "
            f"nor the calibration tells; pass sizes={{{path.stem!r}: (width, height)}} in Python, "
            "or --size with the calibration"
        )
    if told is None:
        notes = (*notes, "multiplied by the calibration's image sizes")
    values[..., :2] *= used
    return dense(
        np.array([number for number, _ in found]),
        values,
        all_frames,
        skeleton=Skeleton.named("mediapipe33"),
        notes=notes,
        size=used,
    )


def is_frame(entry: Any) -> bool:
    """Whether it looks like a frame's landmarks."""
    if isinstance(entry, dict):
        return any(key in entry for key in (*LANDMARK_KEYS, *_WORLD_KEYS)) or _is_landmark(entry)
    return isinstance(entry, list)


def _own_size(content: Any, path: Path) -> Size | None:
    for keys in _SIZE_KEYS:
        if isinstance(content, dict) and all(key in content for key in keys):
            width, height = (content[key] for key in keys)
            if all(isinstance(side, int | float) and side >= 1 for side in (width, height)):
                return int(width), int(height)
            raise InputError(
                f"{path}: {keys[0]} and {keys[1]} must be pixels, got {width!r} and {height!r}"
            )
    return None


def _frames(content: Any, path: Path) -> list[tuple[int, Any]]:
    """Every frame's place in the file, and what the file says of it."""
    if isinstance(content, dict):
        held = [key for key in ("frames", *LANDMARK_KEYS) if key in content]
        if len(held) != 1:
            what = " and ".join(held) if held else _only_world(content) or "no landmarks"
            raise InputError(f"{path}: holds {what}; {_REMEDY}")
        content = content[held[0]]
    if not isinstance(content, list):
        raise InputError(f"{path}: holds no list of frames; {_REMEDY}")
    if content and _is_landmark(content[0]):
        raise InputError(
            f"{path}: holds the landmarks of a single image; write a list of the frames of one "
            "camera"
        )
    return list(enumerate(content))


def _only_world(entry: dict[str, Any]) -> str | None:
    if any(key in entry for key in _WORLD_KEYS):
        return "world landmarks alone, which are no points of the image"
    return None


def _people(entry: Any, label: str, path: Path) -> list[list[Any]]:
    """The landmarks of every person in a frame."""
    if isinstance(entry, dict):
        held = [key for key in LANDMARK_KEYS if key in entry]
        if len(held) != 1:
            what = " and ".join(held) if held else _only_world(entry) or "no landmarks"
            raise InputError(f"{path}: {label} holds {what}; {_REMEDY}")
        entry = entry[held[0]]
    if entry is None or entry == []:
        return []
    if not isinstance(entry, list):
        raise InputError(f"{path}: {label} holds no list of landmarks; {_REMEDY}")
    if _is_landmark(next((item for item in entry if item is not None), None)):
        return [entry]
    people = [person for person in entry if person]
    if not all(isinstance(p, list) and any(map(_is_landmark, p)) for p in people):
        raise InputError(f"{path}: {label} holds no lists of landmarks; {_REMEDY}")
    return people


def _is_landmark(item: Any) -> bool:
    if isinstance(item, dict):
        return {"x", "y"} <= {str(key).lower() for key in item}
    return isinstance(item, list) and bool(item) and all(isinstance(v, int | float) for v in item)


def _numbers(entries: Sequence[Any], path: Path) -> tuple[list[int], tuple[str, ...]]:
    """The frames' numbers, and what to note."""
    keys = [
        next((key for key in _NUMBER_KEYS if key in entry), None)
        if isinstance(entry, dict)
        else None
        for entry in entries
    ]
    if not any(keys):
        return list(range(len(entries))), ("frames without numbers counted from 0",)
    numbers = []
    for index, (key, entry) in enumerate(zip(keys, entries, strict=True)):
        number = entry[key] if key else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise InputError(
                f"{path}: frame {index} of the file has no whole number {keys[0] or 'frame'!r}, "
                "as others have; write one for every frame"
            )
        numbers.append(checked_number(number, path))
    return numbers, ()


def _values(person: list[Any], label: str, path: Path) -> np.ndarray:
    """(33, 3) x, y, visibility; NaN for what is not given."""
    if len(person) != _NUM_LANDMARKS:
        raise InputError(
            f"{path}: {label} holds {len(person)} landmarks, but a body has {_NUM_LANDMARKS}; "
            "hands and faces are not read"
        )
    rows = []
    for item in person:
        if isinstance(item, dict):
            by_name = {str(key).lower(): value for key, value in item.items()}
            rows.append([by_name.get(key) for key in ("x", "y", "visibility")])
        elif isinstance(item, list) and len(item) == 4:
            rows.append([item[0], item[1], item[3]])
        elif item is None:
            rows.append([None, None, None])
        else:
            raise InputError(
                f"{path}: a landmark of {label} must be an object with x, y and visibility, or "
                f"the list x, y, z, visibility, got {str(item)[:60]}"
            )
    try:
        return np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{path}: a landmark of {label} holds no numbers; {_REMEDY}") from None


def _check_normalised(values: np.ndarray, path: Path) -> None:
    """Refuse pixels in (N, 33, 3) x, y, visibility."""
    points = values[np.isfinite(values[..., :2]).all(-1)][:, :2]
    if len(points) and np.median(np.abs(points).max(-1)) > _FARTHEST:
        raise InputError(
            f"{path}: its landmarks are pixels already, not parts of the image size; divide x by "
            "the width and y by the height, as MediaPipe gives them"
        )
