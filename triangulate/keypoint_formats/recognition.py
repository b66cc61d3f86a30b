"""Which format a file of keypoints has, by its content."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from triangulate.errors import InputError
from triangulate.keypoint_formats import alphapose, mediapipe
from triangulate.keypoint_formats.deeplabcut import csv_levels
from triangulate.keypoint_formats.input_files import first_element, load_json, one_line

KNOWN = (
    "the program's own .npz, OpenPose JSON (a folder a camera, a file a frame), COCO results and "
    "annotations .json, AlphaPose .json, MMPose .json, MediaPipe landmarks .json, DeepLabCut .h5 "
    "or .csv, Lightning Pose .csv, SLEAP analysis .h5"
)

ONE_IMAGE_EACH = {"openpose": "openpose", "mmpose_image": "mmpose"}
"""What a file of one image is -> the format of the folder that holds a file an image."""


def recognise(file: Path) -> tuple[str | None, str]:
    """The format of a file, or None and what it is instead.

    Raises:
        InputError: it cannot be read at all.
    """
    try:
        with file.open("rb") as stream:
            start = stream.read(256).lstrip(b"\xef\xbb\xbf \t\r\n")
        if not start:
            raise InputError(f"{file}: is empty; write it again or take it away")
        if start.startswith(b"["):
            return _of_list(first_element(file)), ""
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    if start.startswith(b"PK"):
        return _recognise_npz(file)
    if start.startswith(b"\x89HDF"):
        return _recognise_h5(file)
    if start.startswith(b"{"):
        return _of_object(load_json(file))
    if start[:6].lower() == b"scorer" or (start.startswith(b",") and csv_levels(file)):
        return "deeplabcut", ""
    return None, "is of no format known here"


def _of_list(first: Any) -> str:
    """The format of a JSON list, by its first element that is not empty."""
    if isinstance(first, dict) and "instances" in first:
        return "mmpose"
    if isinstance(first, dict) and {"keypoints", "keypoint_scores"} <= first.keys():
        return "mmpose_image"
    return "mediapipe" if mediapipe.is_frame(first) else "coco"


def _of_object(content: dict[str, Any]) -> tuple[str | None, str]:
    """The format of a JSON object, or None and what it is instead."""
    if "people" in content:
        return "openpose", ""
    if "instance_info" in content:
        entries = content["instance_info"]
        first = entries[0] if isinstance(entries, list) and entries else {}
        is_image = isinstance(first, dict) and "keypoints" in first
        return "mmpose_image" if is_image else "mmpose", ""
    if {"images", "annotations"} <= content.keys():
        return "coco_annotations", ""
    if any(key in content for key in mediapipe.LANDMARK_KEYS):
        return "mediapipe", ""
    frames = content.get("frames")
    if isinstance(frames, list) and mediapipe.is_frame(next(filter(None, frames), None)):
        return "mediapipe", ""
    if _is_alphapose(content):
        return "alphapose", ""
    if "version" in content and "bodies" in content:
        return None, "is one image of AlphaPose's form cmu; point at its alphapose-results.json"
    return None, "is a JSON object without 'people' or other keypoints"


def _is_alphapose(content: dict[str, Any]) -> bool:
    first = next(iter(content.values()), None)
    return isinstance(first, dict) and any(key in first for key in alphapose.FORMS)


def _recognise_npz(file: Path) -> tuple[str | None, str]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: is broken ({one_line(error)}); write it again") from None
    if {"header.npy", "points_px.npy", "confidence.npy"} <= names:
        return "npz", ""
    return None, "is an archive without keypoints"


def _recognise_h5(file: Path) -> tuple[str | None, str]:
    import h5py  # takes a while to load, and few need it

    try:
        with h5py.File(file, "r") as content:
            if {"tracks", "node_names"} <= content.keys():
                return "sleap", ""
            if {"frames", "instances", "metadata"} <= content.keys():
                return None, "is a SLEAP project, from which the analysis HDF5 has to be exported"
            groups = [item for item in content.values() if isinstance(item, h5py.Group)]
            if any("pandas_type" in group.attrs for group in groups):
                return "deeplabcut", ""
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{file}: is no HDF5 file, or cut short ({one_line(error)})") from None
    return None, "is an HDF5 file without keypoints"
