"""MMPose's predictions: a file a camera, or, for images, a folder a camera and a file an image.

Of a video: a list of `{frame_id, instances}`, bare or under `instance_info`. Each instance is one
person with `keypoints` [[x, y], ...] in pixels and `keypoint_scores`; `bbox` and `bbox_score` are
not needed. The frame number is `frame_id`, counted from 0 by MMPose's inferencer and from 1 by its
demo scripts: keep to one of them for all cameras. Of an image: the instances alone, and the frame
number is the last run of digits in the file's name.

Where there is a `meta_info`, its `keypoint_id2name` names the joints, `skeleton_links` and
`flip_pairs` join them. A bare list only counts them. Scores can pass 1 and are clipped.

Half pixels: MMPose's networks treat pixel centres as integers or count from the corner as their
configuration says, which is not in the file. Taken as it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.detections import checked_frames, dense
from triangulate.keypoint_formats.input_files import (
    checked_number,
    load_json,
    numbered_json_files,
)
from triangulate.keypoint_formats.joint_sets import named_joints
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton

_REMEDY = "run MMPose's 2D inferencer on it again"


def read_mmpose(path: Path) -> View:
    """Read one camera's file, or its folder with a file an image."""
    numbers: list[int] = []
    rows: list[np.ndarray] = []
    labels: list[str] = []
    frames, skeleton = _frames(path)
    for number, instances, label, file in frames:
        for instance in instances:
            numbers.append(number)
            rows.append(_values(instance, label, file))
            labels.append(label)
    all_frames = checked_frames([number for number, *_ in frames], path)
    if not rows:
        return View.empty(all_frames)
    _check_counts([len(row) for row in rows], labels, skeleton, path)
    return dense(np.array(numbers), np.stack(rows), all_frames, skeleton=skeleton)


def _frames(path: Path) -> tuple[list[tuple[int, list[Any], str, Path]], Skeleton | None]:
    """Number, instances, name for messages and file of every frame; the joints, if named."""
    if path.is_dir():
        images, files = numbered_json_files(path)
    else:
        content = load_json(path)
        entries, skeleton = _entries(content, path)
        if not any(_is_instance(entry) for entry in entries):
            return [_video_frame(entry, i, path) for i, entry in enumerate(entries)], skeleton
        raise InputError(
            f"{path}: holds the people of a single image; put the files of all images into a "
            "folder a camera and point at that"
        )
    frames, first = [], None
    for number, file in zip(images, map(Path, files), strict=True):
        entries, skeleton = _entries(load_json(file), file)
        if first is not None and skeleton != first:
            raise InputError(
                f"{file}: has other joints than {files[0]}; keep different models in different "
                "folders"
            )
        first = skeleton
        frames.append((int(number), entries, file.name, file))
    return frames, first


def _entries(content: Any, path: Path) -> tuple[list[Any], Skeleton | None]:
    skeleton = None
    if isinstance(content, dict):
        skeleton = _skeleton(content.get("meta_info"), path)
        content = content.get("instance_info")
    if not isinstance(content, list):
        raise InputError(f"{path}: holds no list of frames or people; {_REMEDY}")
    return content, skeleton


def _is_instance(entry: Any) -> bool:
    return isinstance(entry, dict) and "keypoints" in entry and "instances" not in entry


def _video_frame(entry: Any, index: int, path: Path) -> tuple[int, list[Any], str, Path]:
    instances = entry.get("instances") if isinstance(entry, dict) else None
    number = entry.get("frame_id") if isinstance(entry, dict) else None
    if not isinstance(instances, list) or not isinstance(number, int) or isinstance(number, bool):
        raise InputError(
            f"{path}: entry {index} is no frame of MMPose's, with a number 'frame_id' and a list "
            f"'instances'; {_REMEDY}"
        )
    return checked_number(number, path), instances, f"frame {number}", path


def _values(instance: Any, label: str, path: Path) -> np.ndarray:
    """(J, 3) x, y, score of one person."""
    if not isinstance(instance, dict) or not {"keypoints", "keypoint_scores"} <= instance.keys():
        raise InputError(
            f"{path}: somebody in {label} has no 'keypoints' and 'keypoint_scores'; {_REMEDY}"
        )
    try:
        points = np.asarray(instance["keypoints"], dtype=np.float64)
        scores = np.asarray(instance["keypoint_scores"], dtype=np.float64)
    except (TypeError, ValueError):
        points = scores = np.empty(0)
    if points.ndim == 2 and points.shape[1] == 3:
        raise InputError(
            f"{path}: the keypoints of {label} have three coordinates, so they are not of the "
            f"image; {_REMEDY}"
        )
    if points.ndim != 2 or points.shape[1] != 2 or scores.shape != points.shape[:1]:
        raise InputError(
            f"{path}: the 'keypoints' of {label} must be [x, y] for every joint, with as many "
            f"'keypoint_scores'; {_REMEDY}"
        )
    return np.concatenate([points, scores[:, None]], axis=1)


def _check_counts(
    counts: list[int], labels: list[str], skeleton: Skeleton | None, path: Path
) -> None:
    odd = next((i for i, count in enumerate(counts) if count != counts[0]), None)
    if odd is not None:
        raise InputError(
            f"{path}: {labels[odd]} has {counts[odd]} joints, but {labels[0]} {counts[0]}; keep "
            "different models in different files"
        )
    if skeleton is not None and len(skeleton.joint_names) != counts[0]:
        raise InputError(
            f"{path}: {labels[0]} has {counts[0]} joints, but 'meta_info' names "
            f"{len(skeleton.joint_names)}; {_REMEDY}"
        )


def _skeleton(meta: Any, path: Path) -> Skeleton | None:
    """The joints that a `meta_info` names, if it does."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(names, dict) or not names:
        return None
    try:
        by_id = {int(index): str(name) for index, name in names.items()}
        ordered = [by_id[index] for index in range(len(by_id))]
        edges = [(int(a), int(b)) for a, b in meta.get("skeleton_links") or ()]
        pairs = [(int(a), int(b)) for a, b in meta.get("flip_pairs") or ()]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(
            f"{path}: its 'meta_info' does not name joints 0, 1, 2, ... and pairs of them; "
            f"{_REMEDY}"
        ) from None
    return named_joints(ordered, edges, pairs, path)
