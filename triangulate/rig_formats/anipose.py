"""anipose `calibration.toml`, read and written.

A table `[cam_N]` a camera (see `toml_cameras`) with its name inside, `fisheye` only where it is
true, and `[metadata]`. Camera from world in OpenCV's axes; the world is the first camera's or the
board's, so that up is not known. The unit is the calibration board's, often mm, and not in the
file, unless `metadata.unit` tells it, as files written here do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triangulate.rig import Rig
from triangulate.rig_formats import limits, toml_cameras
from triangulate.rig_formats.calibration import METRES, Calibration, apart_hint

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
        unit=unit if isinstance(unit, str) and unit in METRES else None,
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
    from scipy.spatial.transform import Rotation

    limits.check_sizes_known(rig)
    limits.check_lenses(rig, {"radtan", "fisheye"} if holds_fisheye else {"radtan"})
    limits.check_no_skew(rig)
    arrays = rig.to_arrays()
    written = []
    for v, (name, size, lens) in enumerate(zip(rig.names, rig.sizes, rig.lens_names, strict=True)):
        entry = {
            "name": name,
            "size": list(size or ()),
            "matrix": arrays["K"][v].tolist(),
            "distortions": arrays["dist"][v, : 4 if lens == "fisheye" else 5].tolist(),
            "rotation": Rotation.from_matrix(arrays["rotation"][v]).as_rotvec().tolist(),
            "translation": (arrays["translation_m"][v] / METRES[unit]).tolist(),
        }
        written.append(entry | ({"fisheye": True} if lens == "fisheye" else {}))
    return written


def _unit_hint(found: Mapping[str, Mapping[str, Any]], metadata: Any) -> str:
    """How far the cameras stand apart, in the file's numbers: a user knows that of the room."""
    hint = apart_hint(toml_cameras.read_camera, found.values())
    if isinstance(metadata, Mapping) and "charuco_square_size" in metadata:
        square = metadata["charuco_square_size"]
        hint += f", and its board's squares were given as {square} (FreeMoCap asks for mm)"
    return hint
