"""Label3D / DANNCE `*_dannce.mat`.

`params`, a cell of structs K, RDistort (k1 k2 [k3]), TDistort (p1 p2), r and t, written for row
vectors as MATLAB does: K, r and t are the transposes of OpenCV's; K may have skew. Camera from
world in OpenCV's axes, mm. `camnames` names them. No image sizes; up is not told.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.io

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, numbers

FIELDS = ("K", "RDistort", "TDistort", "r", "t")
PIXEL_NOTE = (
    "principal points taken as written; MATLAB counts pixels from 1, so labels made there and "
    "images read here may differ by one pixel"
)


def parse(data: bytes) -> dict[str, Any]:
    """The variables of a MATLAB file that hold the cameras."""
    if data.startswith(b"\x89HDF") or b"MATLAB 7.3" in data[:128]:
        raise InputError("is a MATLAB 7.3 file: save it in MATLAB with save(..., '-v7')")
    try:
        stream: Any = io.BytesIO(data)  # as scipy documents, though its types say a path
        found = scipy.io.loadmat(stream, variable_names=["params", "camnames"])
    except Exception as error:  # a broken file fails in any way
        reason = " ".join(str(error).split())
        raise InputError(f"is no readable MATLAB file ({reason}); is it cut off?") from None
    return {key: value for key, value in found.items() if not key.startswith("__")}


def matches(content: Mapping[str, Any]) -> bool:
    """It has `params`."""
    return "params" in content


def read(content: Mapping[str, Any]) -> Calibration:
    """The calibration in the variables of a file."""
    cells = [_unwrapped(cell) for cell in np.ravel(content["params"])]
    names = [str(_unwrapped(name)) for name in np.ravel(content.get("camnames", []))]
    notes: tuple[str, ...] = (PIXEL_NOTE,)
    if not names:
        names = [f"Camera{number}" for number in range(1, len(cells) + 1)]
        notes += ("the file names no cameras: called Camera1, Camera2, ... in its order",)
    if len(names) != len(cells):
        raise InputError(f"'camnames' has {len(names)} cameras, 'params' {len(cells)}")
    return Calibration(list(zip(names, cells, strict=True)), _read_camera, "mm", notes=notes)


def _unwrapped(value: Any) -> Any:
    """The value inside MATLAB's 1 x 1 cells and arrays."""
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    return value


def _read_camera(record: Any) -> CameraNumbers:
    fields = getattr(getattr(record, "dtype", None), "names", None) or ()
    entry = {field: record[field] for field in FIELDS if field in fields}
    k1, k2, k3 = np.pad(numbers(entry, "RDistort", (-1,)), (0, 3))[:3]
    p1, p2 = numbers(entry, "TDistort", (2,))
    return CameraNumbers(
        K=numbers(entry, "K", (3, 3)).T,
        distortion=np.array([k1, k2, p1, p2, k3]),
        rotation=numbers(entry, "r", (3, 3)).T,
        translation=numbers(entry, "t", (3,)),
    )
