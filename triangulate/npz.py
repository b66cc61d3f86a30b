"""The program's own `.npz` files: NumPy arrays, and a header as a JSON text."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from triangulate.errors import InputError
from triangulate.files import atomic_path

_LENGTHS_AT = 26  # of the file's name and the extra field, in a member's local header


def write_npz(
    path: str | Path,
    header: dict[str, Any],
    arrays: dict[str, np.ndarray],
    *,
    compressed: bool = True,
) -> None:
    """Write arrays and a header.

    Only what is not compressed can be mapped into memory by `read_npz`.
    """
    text = np.array(json.dumps(header))
    write = np.savez_compressed if compressed else np.savez
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        write(stream, allow_pickle=False, header=text, **arrays)


def read_npz(
    path: str | Path, format_name: str, version: int, *, mapped: bool = False
) -> tuple[dict, dict]:
    """The arrays and the header of a file that `write_npz` wrote.

    Args:
        path: the file.
        format_name: what it must hold.
        version: which layout it must have.
        mapped: leave arrays in the file where they are not compressed, read-only; what is looked at
            is read then.

    Raises:
        InputError: the file is missing, broken, of another format or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            members = _mapped_arrays(Path(path), archive.zip) if mapped else {}
            arrays = {n: members[n] if n in members else archive[n] for n in archive.files}
        header = json.loads(str(arrays.pop("header")))
        found = header.get("format")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    # AttributeError and TypeError: a lone .npy array, or a header that is no JSON object.
    except (
        OSError,
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
        NotImplementedError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # NumPy would advise to unpickle whatever is no archive.
        is_other = isinstance(error, ValueError) and not zipfile.is_zipfile(path)
        reason = "it is no .npz archive" if is_other else error
        raise InputError(f"{path}: is no {format_name} file, or a broken one ({reason})") from None
    if found != format_name:
        raise InputError(f"{path}: holds {found!r}, not {format_name!r}")
    if header.get("version") != version:
        raise InputError(
            f"{path}: version {header.get('version')} is not known; this program reads {version}"
        )
    return arrays, header


def _mapped_arrays(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file that lie in it as they are (APPNOTE.TXT 4.3.7, NEP 1)."""
    arrays: dict[str, np.ndarray] = {}
    with path.open("rb") as stream:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                continue
            stream.seek(member.header_offset + _LENGTHS_AT)
            stream.seek(sum(struct.unpack("<HH", stream.read(4))), os.SEEK_CUR)
            if np.lib.format.read_magic(stream) != (1, 0):
                continue
            shape, in_columns, dtype = np.lib.format.read_array_header_1_0(stream)
            if np.prod(shape, dtype=int) and shape and not dtype.hasobject:
                order: Literal["C", "F"] = "F" if in_columns else "C"
                arrays[member.filename.removesuffix(".npy")] = np.memmap(
                    path, dtype, "r", stream.tell(), shape, order
                )
    return arrays
