"""AlphaPose's forms `open` and `cmu`: a file a camera, an object with an entry an image.

Every entry is called by the image's file name, whose last run of digits is the frame number, and
holds `people` with `pose_keypoints_2d` (`open`) or `bodies` with `joints` (`cmu`): x, y, c of
OpenPose's 18 joints in pixels. AlphaPose makes them from COCO's 17 joints and puts the neck in the
middle of the shoulders; with a network of other joints the forms mean nothing. Images on which
nobody was found are not in the file. Confidences can reach 6 and are clipped.

AlphaPose's usual form is a list and read as COCO results; what it writes to `sep-json` in the form
`open` is read as OpenPose JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.detections import checked_frames, dense, triples
from triangulate.keypoint_formats.input_files import image_number, load_json
from triangulate.keypoint_formats.joint_sets import OPENPOSE18
from triangulate.keypoint_formats.view import View

FORMS = {"people": "pose_keypoints_2d", "bodies": "joints"}
_REMEDY = "run AlphaPose again, best with its usual form"


def read_alphapose(path: Path) -> View:
    """Read one camera's file."""
    content = load_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no object with an entry an image; {_REMEDY}")
    numbers: list[int] = []
    rows: list[Any] = []
    labels: list[str] = []
    frames = [image_number(name, path) for name in content]
    for number, (name, entry) in zip(frames, content.items(), strict=True):
        for person in _people(name, entry, path):
            numbers.append(number)
            rows.append(person)
            labels.append(f"{name!r}")
    if not rows:
        return View.empty(checked_frames(frames, path))
    values = triples(rows, labels, path)
    count = len(OPENPOSE18.joint_names)
    if values.shape[1] != count:
        raise InputError(
            f"{path}: holds {values.shape[1]} joints, but this form of AlphaPose's has {count}; "
            f"{_REMEDY}"
        )
    return dense(np.array(numbers), values, checked_frames(frames, path), skeleton=OPENPOSE18)


def _people(name: str, entry: Any, path: Path) -> list[Any]:
    for key, inner in FORMS.items():
        people = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(people, list) and all(
            isinstance(person, dict) and inner in person for person in people
        ):
            return [person[inner] for person in people]
    raise InputError(
        f"{path}: {name!r} holds neither 'people' with 'pose_keypoints_2d' nor 'bodies' with "
        f"'joints'; {_REMEDY}"
    )
