"""CMU Panoptic `calibration_*.json`, read and written.

`cameras`: a list with name, resolution [w, h], K, distCoef (k1 k2 p1 p2 k3), R (camera from world)
and t in cm, in OpenCV's axes. The world's y axis points down, unless the file has an `up_axis`, as
files written here do; other programs do not read that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import limits
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, numbers, size_of


def matches(document: Any) -> bool:
    """A list `cameras` whose first has a `distCoef`."""
    cameras = document.get("cameras") if isinstance(document, Mapping) else None
    first = cameras[0] if isinstance(cameras, list) and cameras else None
    return isinstance(first, Mapping) and "distCoef" in first


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    cameras = document["cameras"]
    for number, camera in enumerate(cameras, start=1):
        if not isinstance(camera, Mapping) or "name" not in camera:
            raise InputError(f"camera number {number} has no name: give it that of its video")
    entries = [(str(camera["name"]), camera) for camera in cameras]
    return Calibration(entries, _read_camera, unit="cm", up_axis=document.get("up_axis", "-y"))


def text(rig: Rig) -> str:
    """The content of a file, in centimetres.

    Raises:
        InputError: where the format cannot hold the rig: an image size is missing, or a lens is
            not radtan.
    """
    limits.check_sizes_known(rig)
    limits.check_lenses(rig, {"radtan"})
    arrays = rig.to_arrays()
    numbered = [re.fullmatch(r"(\d\d)_(\d\d)", name) for name in rig.names]
    # The programs that read this format tell cameras apart by panel and node.
    panels = [tuple(map(int, found.groups())) for found in numbered if found]
    if len(panels) != len(rig):
        panels = [(0, node) for node in range(1, len(rig) + 1)]
    cameras = [
        {
            "name": name,
            "type": "hd",
            "resolution": list(size or ()),
            "panel": panel,
            "node": node,
            "K": arrays["K"][v].tolist(),
            "distCoef": arrays["dist"][v].tolist(),
            "R": arrays["rotation"][v].tolist(),
            "t": (100 * arrays["translation_m"][v])[:, None].tolist(),
        }
        for v, (name, size, (panel, node)) in enumerate(
            zip(rig.names, rig.sizes, panels, strict=True)
        )
    ]
    document = {"calibDataSource": "triangulate", "up_axis": rig.up_axis, "cameras": cameras}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _read_camera(camera: Mapping[str, Any]) -> CameraNumbers:
    return CameraNumbers(
        K=numbers(camera, "K", (3, 3)),
        distortion=numbers(camera, "distCoef", (-1,)),
        rotation=numbers(camera, "R", (3, 3)),
        translation=numbers(camera, "t", (3,)),
        size=size_of(camera, "resolution"),
    )
