"""Pickled NumPy arrays, opened without trusting them.

A pickle says which functions to call, and NumPy's own, given damaged values, can crash. Here a file
may make arrays of numbers, texts, and containers of both; it names NumPy's functions, and gets the
plain ones below.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from triangulate.errors import InputError


def load_npy(data: bytes) -> Any:
    """The content of an npy file: its array, or the object that `np.save` pickled.

    Raises:
        InputError: where it is damaged, or asks to run anything but what makes an array.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        if read_header(stream)[2].hasobject:
            return _plain(_ArrayUnpickler(stream).load())
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in any way
        reason = " ".join(str(error).split())
        raise InputError(f"is no readable npy file ({reason}); is it cut off?") from None


class _Dtype:
    """Stands for `numpy.dtype` until its parts are there."""

    def __init__(self, code: str, *_: object) -> None:
        if not re.fullmatch(r"[biufcSUVO]\d*", code):
            raise ValueError(f"type {code!r}")
        self.value = np.dtype(code)

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, order, subarray, names, fields, itemsize = state[:6]
        if subarray is not None:
            base, shape = subarray
            self.value = np.dtype((base.value, shape))
        elif names is not None:
            formats, offsets = [fields[n][0].value for n in names], [fields[n][1] for n in names]
            parts: Any = {"names": list(names), "formats": formats, "offsets": offsets}
            self.value = np.dtype(parts | {"itemsize": itemsize})
        elif self.value.kind in "SUV":
            self.value = np.dtype(f"{order}{self.value.kind}{self._length(itemsize)}")
        elif order in "<>":
            self.value = self.value.newbyteorder(order)

    def _length(self, itemsize: int) -> int:
        return itemsize // 4 if self.value.kind == "U" else itemsize


class _Array:
    """Stands for `numpy.ndarray` until its values are there."""

    def __init__(self, *_: object) -> None:
        self.value: Any = None

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, dtype, is_fortran, content = state
        if not isinstance(content, list):
            self.value = _from_bytes(content, dtype, shape, "F" if is_fortran else "C")
        elif math.prod(shape) != len(content):
            raise ValueError(f"{len(content)} objects for shape {shape}")
        else:
            self.value = content[0] if shape == () else content


def _from_bytes(content: Any, dtype: _Dtype, shape: Any, order: Any) -> np.ndarray:
    return np.frombuffer(content, dtype=dtype.value).reshape(shape, order=order)


def _scalar(dtype: _Dtype, content: Any) -> Any:
    return np.frombuffer(content, dtype=dtype.value)[0]


def _latin_1(text: str, _: str) -> bytes:
    """How old protocols write bytes."""
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    """How old protocols write an empty array's bytes."""
    return b""


_STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _from_bytes,
    ("_codecs", "encode"): _latin_1,
    ("__builtin__", "bytes"): _no_bytes,
}


class _ArrayUnpickler(pickle._Unpickler):
    """The one in Python: the one in C takes gigabytes where a damaged file names a high number."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core.", "numpy._core.")  # as NumPy 1 wrote it
        if (module, name) not in _STAND_INS:
            raise InputError(
                f"asks to run {f'{module}.{name}'!r}, which no array needs: it is not opened. "
                "Take the file from a source you trust"
            )
        return _STAND_INS[module, name]


def _plain(value: Any) -> Any:
    """With arrays in place of what stood for them."""
    match value:
        case _Array():
            return _plain(value.value)
        case dict():
            return {_plain(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
