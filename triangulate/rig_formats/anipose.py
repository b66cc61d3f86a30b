"""anipose `calibration.toml`, read and written.

A table `[cam_N]` a camera (see `toml_cameras`) with its name inside, `fisheye` only where it is
true, and `[metadata]`. Camera from world in OpenCV's axes; the world is the first camera's or the
board's, so that up is not known. The unit is the calibration board's, often mm, and not in the
file, unless `metadata.unit` tells it, as files written here do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import toml_cameras
from triangulate.rig_formats.calibration import METRES, Calibration

HEADER = "# x_cam = R x_world + translation, in {unit}; rotation is R as a Rodrigues vector.\n\n"


def matches(document: Mapping[str, Any]) -> bool:
    """Any file with tables of cameras: the formats that tell more are asked before this one."""
    return bool(toml_cameras.tables(document))


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    found = toml_cameras.tables(document)
    metadata = document.get("metadata")
    unit = metadata.get("unit") if isinstance(metadata, Mapping) else None
    return Calibration(
        entries=toml_cameras.named(found),
        read=toml_cameras.read_camera,
        unit=unit if unit in METRES else None,
        unit_hint=_unit_hint(found, metadata),
    )


def text(rig: Rig) -> str:
    """The content of an anipose file, in millimetres.

    Raises:
        InputError: where the format cannot hold the rig: an image size is missing, a lens is
            rational, or K has skew (anipose would drop it).
    """
    tables = [
        toml_cameras.toml_table(f"cam_{v}", entry)
        for v, entry in enumerate(entries(rig, "mm", holds_fisheye=True))
    ]
    metadata = {"adjusted": False, "error": 0.0, "unit": "mm"}
    tables.append(toml_cameras.toml_table("metadata", metadata))
    return HEADER.format(unit="mm") + "\n".join(tables)


def entries(rig: Rig, unit: str, *, holds_fisheye: bool) -> list[dict[str, Any]]:
    """What a camera's table holds in the files of anipose and Pose2Sim, for each camera."""
    arrays = rig.to_arrays()
    written = []
    for v, (name, size, lens) in enumerate(zip(rig.names, rig.sizes, rig.lens_names, strict=True)):
        K = arrays["K"][v]
        if size is None:
            raise InputError(f"camera {name!r} has no image size: pass sizes= (--size)")
        if lens == "rational" or (lens == "fisheye" and not holds_fisheye):
            raise InputError(f"camera {name!r} has a {lens} lens, which this format cannot hold")
        if K[0, 1] != 0:
            raise InputError(f"camera {name!r} has skew in K, which users of this format drop")
        entry = {
            "name": name,
            "size": list(size),
            "matrix": K.tolist(),
            "distortions": arrays["dist"][v, : 4 if lens == "fisheye" else 5].tolist(),
            "rotation": Rotation.from_matrix(arrays["rotation"][v]).as_rotvec().tolist(),
            "translation": (arrays["translation_m"][v] / METRES[unit]).tolist(),
        }
        written.append(entry | ({"fisheye": True} if lens == "fisheye" else {}))
    return written


def _unit_hint(found: Mapping[str, Mapping[str, Any]], metadata: Any) -> str:
    """How far the cameras stand apart, in the file's numbers: a user knows that of the room."""
    hint = ""
    try:
        cameras = [toml_cameras.read_camera(table) for table in found.values()]
        centres = np.stack([-camera.rotation.T @ camera.translation for camera in cameras])
    except InputError:
        return hint
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1).max()
    if apart > 0:
        hint = f"; its cameras stand up to {apart:.4g} of that unit apart"
    if isinstance(metadata, Mapping) and "charuco_square_size" in metadata:
        square = metadata["charuco_square_size"]
        hint += f", and its board's squares were given as {square} (FreeMoCap asks for mm)"
    return hint
