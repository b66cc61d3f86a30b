"""COCO annotations JSON: a file a camera, an object with images, annotations and categories.

Each annotation is one person's `keypoints: [x, y, v, ...]` in pixels of the image `image_id`, whose
`file_name` says the frame number by its last run of digits. Images without annotations are empty
frames; annotations without a labelled point (crowds, boxes) are no people. The category's
`keypoints` name the joints and its `skeleton` (which counts from 1) the bones. Where v is 0, 1 or 2
throughout, points that are labelled, hidden or not, get the annotation's `score`, 1 without one;
otherwise it is a confidence. The images' `width` and `height` are the camera's image size.

Half pixels: COCO measures from the upper left corner of the image, labelling tools differ. Taken as
it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.coco import scored
from triangulate.keypoint_formats.detections import checked_frames, dense, triples
from triangulate.keypoint_formats.input_files import image_number, load_json
from triangulate.keypoint_formats.joint_sets import named_joints
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton

_REMEDY = "export the annotations again"


def read_coco_annotations(path: Path) -> View:
    """Read one camera's file."""
    content = load_json(path)
    images, annotations, categories = (
        _objects(content, key, path) for key in ("images", "annotations", "categories")
    )
    number_of = _frame_numbers(images, path)
    frames = checked_frames(list(number_of.values()), path)
    people = [entry for entry in annotations if entry.get("keypoints")]
    if not people:
        return View.empty(frames)
    unknown = next((e for e in people if _id(e, "image_id") not in number_of), None)
    if unknown is not None:
        raise InputError(
            f"{path}: an annotation is of the image {unknown.get('image_id')!r}, which is none of "
            f"'images'; {_REMEDY}"
        )
    labels = [f"annotation {entry.get('id', index)!r}" for index, entry in enumerate(people)]
    values = triples([entry["keypoints"] for entry in people], labels, path)  # (N, J, 3)
    skeleton = _skeleton(categories, {_id(entry, "category_id") for entry in people}, path)
    if len(skeleton.joint_names) != values.shape[1]:
        raise InputError(
            f"{path}: {labels[0]} has {values.shape[1]} joints, but its category names "
            f"{len(skeleton.joint_names)}; {_REMEDY}"
        )
    values, notes = scored(values, people, path)
    numbers = np.array([number_of[entry["image_id"]] for entry in people])
    labelled = (values[..., 2] > 0).any(1)  # (N,)
    size, more_notes = _size(images, path)
    notes = (*notes, *more_notes)
    return dense(
        numbers[labelled], values[labelled], frames, skeleton=skeleton, notes=notes, size=size
    )


def _objects(content: Any, key: str, path: Path) -> list[dict[str, Any]]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: has no list {key!r} of objects; {_REMEDY}")
    return entries


def _id(entry: dict[str, Any], key: str) -> int | str | None:
    """What is called by a number or a name."""
    value = entry.get(key)
    return value if isinstance(value, int | str) else None


def _is_named(category: dict[str, Any]) -> bool:
    return isinstance(category.get("keypoints"), list) and bool(category["keypoints"])


def _frame_numbers(images: list[dict[str, Any]], path: Path) -> dict[Any, int]:
    """Image id -> frame number, in the file's order."""
    numbers: dict[Any, int] = {}
    for entry in images:
        if not isinstance(entry.get("id"), int | str) or not isinstance(
            entry.get("file_name"), str
        ):
            raise InputError(f"{path}: every image needs 'id' and 'file_name'; {_REMEDY}")
        if entry["id"] in numbers:
            raise InputError(f"{path}: holds image {entry['id']!r} twice; {_REMEDY}")
        numbers[entry["id"]] = image_number(entry["file_name"], path)
    return numbers


def _skeleton(categories: list[dict[str, Any]], used: set[Any], path: Path) -> Skeleton:
    """The joints of the one kind of category that the annotations are of."""
    chosen = [entry for entry in categories if _id(entry, "id") in used and _is_named(entry)]
    names = {tuple(map(str, entry["keypoints"])) for entry in chosen}
    if len(names) != 1:
        what = "differ in their joints" if names else "name no joints"
        raise InputError(
            f"{path}: the categories of its annotations {what}; keep one kind of 'keypoints' a file"
        )
    count = len(chosen[0]["keypoints"])
    links = chosen[0].get("skeleton")
    pairs = links if isinstance(links, list) else []
    good = all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(joint, int) and 1 <= joint <= count for joint in pair)
        and pair[0] != pair[1]
        for pair in pairs
    )
    edges = [(a - 1, b - 1) for a, b in pairs] if good else []
    return named_joints(names.pop(), edges, None, path)


def _size(
    images: list[dict[str, Any]], path: Path
) -> tuple[tuple[int, int] | None, tuple[str, ...]]:
    """(width, height) of the camera's images, and what to note."""
    sizes = [(entry.get("width"), entry.get("height")) for entry in images]
    other = next((size for size in sizes if size != sizes[0]), None)
    if other is not None:
        told = " and ".join(f"{w} x {h}" for w, h in (sizes[0], other))
        raise InputError(
            f"{path}: its images differ in size ({told}), so they are not of one camera; give each "
            "camera a file of its own"
        )
    width, height = sizes[0]
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return (width, height), ()
    return None, ("its image sizes are not told",)
