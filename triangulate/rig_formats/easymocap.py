"""EasyMocap `intri.yml` and `extri.yml`, a pair of OpenCV's files, read and written.

`names`, then for each camera n in `intri.yml` K_n, dist_n (k1 k2 p1 p2 k3) and sometimes its height
H_n and width W_n, and in `extri.yml` R_n (a Rodrigues vector), the same as a matrix in Rot_n, and
T_n. Camera from world in OpenCV's axes; EasyMocap's own files keep six decimals. No unit is told:
metres, as its body models need them. Up is not known. Names are cut at their first dot.

Files written here keep all digits, and tell `unit: "m"`, which EasyMocap does not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import limits
from triangulate.rig_formats.calibration import (
    METRES,
    Calibration,
    CameraNumbers,
    numbers,
    rotation_matrix,
)
from triangulate.rig_formats.opencv_storage import HEAD, matrix_text

LENSES, POSES = "intri", "extri"  # parts of the files' names
UNIT_NOTE = "translations read as m, as EasyMocap's body models need them; the file tells no unit"


def matches(storage: Mapping[str, Any]) -> bool:
    """`names`, and lenses or poses by name."""
    return isinstance(storage.get("names"), list) and (has_lenses(storage) or has_poses(storage))


def has_lenses(storage: Mapping[str, Any]) -> bool:
    """Whether a file is the half `intri.yml`."""
    return any(key.startswith("K_") for key in storage)


def has_poses(storage: Mapping[str, Any]) -> bool:
    """Whether a file is the half `extri.yml`."""
    return any(key.startswith("T_") for key in storage)


def joined(lenses: Mapping[str, Any], poses: Mapping[str, Any]) -> dict[str, Any]:
    """The content of both halves, with the cameras that either names."""
    names = [[str(name) for name in half.get("names", ())] for half in (lenses, poses)]
    return {**poses, **lenses, "names": names[0] + [n for n in names[1] if n not in names[0]]}


def read(storage: Mapping[str, Any]) -> Calibration:
    """The calibration in the top level of both halves."""
    entries = [(key, (storage, key)) for key in (_key(storage, n) for n in storage["names"])]
    is_told = str(storage.get("unit")) in METRES
    unit = storage["unit"] if is_told else "m"
    return Calibration(entries, _read_camera, unit, notes=() if is_told else (UNIT_NOTE,))


def texts(rig: Rig) -> dict[str, str]:
    """The content of each file.

    Raises:
        InputError: where the format cannot hold the rig: a name has a dot or other signs that keys
            cannot have, an image size is missing, a lens is not radtan, or K has skew.
    """
    from scipy.spatial.transform import Rotation

    for name in rig.names:
        _check_name(name)
    limits.check_sizes_known(rig)
    limits.check_lenses(rig, {"radtan"})
    limits.check_no_skew(rig)
    arrays = rig.to_arrays()
    names = "".join(["names:\n", *(f"   - {json.dumps(name)}\n" for name in rig.names)])
    lenses, poses = [HEAD, names], [HEAD, names, 'unit: "m"\n']
    for v, (name, size) in enumerate(zip(rig.names, rig.sizes, strict=True)):
        width, height = size or (0, 0)
        rotation = arrays["rotation"][v]
        lenses += [
            matrix_text(f"K_{name}", arrays["K"][v]),
            matrix_text(f"dist_{name}", arrays["dist"][v][None]),
            f"H_{name}: {height}\nW_{name}: {width}\n",
        ]
        poses += [
            matrix_text(f"R_{name}", Rotation.from_matrix(rotation).as_rotvec()[:, None]),
            matrix_text(f"Rot_{name}", rotation),
            matrix_text(f"T_{name}", arrays["translation_m"][v][:, None]),
        ]
    return {f"{LENSES}.yml": "".join(lenses), f"{POSES}.yml": "".join(poses)}


def _check_name(name: str) -> None:
    if "." in name:
        raise InputError(
            f"camera {name!r} has a dot in its name, where EasyMocap cuts it: rename it (and its "
            "video) without"
        )
    if re.fullmatch(r"[A-Za-z0-9_-]+( [A-Za-z0-9_-]+)*", name) is None:
        raise InputError(
            f"camera {name!r}: a name in an OpenCV file can have letters without accents, digits, "
            "'-', '_' and spaces between them: rename it"
        )


def _key(storage: Mapping[str, Any], name: Any) -> str:
    """The name as it stands in the keys: as it is, or cut at the dot."""
    whole, cut = str(name), str(name).split(".")[0]
    return whole if f"K_{whole}" in storage or f"T_{whole}" in storage else cut


def _read_camera(entry: tuple[Mapping[str, Any], str]) -> CameraNumbers:
    storage, key = entry
    dist = f"dist_{key}" if f"dist_{key}" in storage else f"D_{key}"
    rotation = f"R_{key}" if f"R_{key}" in storage else f"Rot_{key}"
    return CameraNumbers(
        K=numbers(storage, f"K_{key}", (3, 3)),
        distortion=numbers(storage, dist if dist in storage else f"dist_{key}", (-1,)),
        rotation=rotation_matrix(storage, rotation if rotation in storage else f"R_{key}"),
        translation=numbers(storage, f"T_{key}", (3,)),
        size=_size(storage, key),
    )


def _size(storage: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    """(width, height), None where they are missing, or -1 as EasyMocap has it then."""
    if storage.get(f"W_{key}") is None or storage.get(f"H_{key}") is None:
        return None
    width, height = (float(numbers(storage, f"{side}_{key}", (1,))[0]) for side in "WH")
    return (width, height) if min(width, height) > 0 else None
