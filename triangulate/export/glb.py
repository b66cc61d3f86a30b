"""The container of a .glb: a glTF document and the numbers that it points to.

Numbers are made when they are written, one array at a time, so that a long recording needs the
memory of one of its arrays.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.files import atomic_path

_MAX_BYTES = 2**32 - 1
_KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


@dataclass
class Numbers:
    """The arrays of a document, in the order of their accessors.

    Attributes:
        gltf: the document (`pygltflib.GLTF2`) whose accessors and buffer views they get.
    """

    gltf: Any
    _makers: list[Callable[[], np.ndarray]] = field(default_factory=list)
    _num_bytes: int = 0

    def add(
        self,
        make: Callable[[], np.ndarray],
        count: int,
        width: int = 1,
        *,
        limits: tuple[list[float], list[float]] | None = None,
        target: int | None = None,
    ) -> int:
        """Add an array of `count` rows of float32, or of uint16 where it is for indices.

        Args:
            make: gives the array (count, width) when it is written.
            count: its rows.
            width: 1, 3 or 4.
            limits: least and largest of each column.
            target: ARRAY_BUFFER or ELEMENT_ARRAY_BUFFER, for meshes.

        Returns:
            The number of its accessor.
        """
        import pygltflib

        is_index = target == pygltflib.ELEMENT_ARRAY_BUFFER
        num_bytes = count * width * (2 if is_index else 4)
        self.gltf.bufferViews.append(
            pygltflib.BufferView(
                buffer=0, byteOffset=self._num_bytes, byteLength=num_bytes, target=target
            )
        )
        self.gltf.accessors.append(
            pygltflib.Accessor(
                bufferView=len(self.gltf.bufferViews) - 1,
                componentType=pygltflib.UNSIGNED_SHORT if is_index else pygltflib.FLOAT,
                count=count,
                type=_KINDS[width],
                min=None if limits is None else limits[0],
                max=None if limits is None else limits[1],
            )
        )
        self._makers.append(make)
        self._num_bytes += num_bytes + -num_bytes % 4
        return len(self.gltf.accessors) - 1

    def write(self, path: str | Path) -> None:
        """Write the document and its numbers.

        Raises:
            InputError: they are more than the format can hold.
        """
        import pygltflib

        self.gltf.buffers = [pygltflib.Buffer(byteLength=self._num_bytes)]
        text = json.dumps(json.loads(self.gltf.gltf_to_json()), separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self._num_bytes
        if total > _MAX_BYTES:
            raise InputError(
                f"gltf: {total / 2**30:.1f} GiB do not fit into a .glb (4 GiB); reconstruct a part "
                "of the recording (--frames)"
            )
        with atomic_path(path) as temporary, temporary.open("wb") as out:
            out.write(struct.pack("<4sII", b"glTF", 2, total))
            out.write(struct.pack("<I4s", len(text), b"JSON") + text)
            out.write(struct.pack("<I4s", self._num_bytes, b"BIN\0"))
            for accessor, make in zip(self.gltf.accessors, self._makers, strict=True):
                is_float = accessor.componentType == pygltflib.FLOAT
                content = np.ascontiguousarray(make(), "<f4" if is_float else "<u2").tobytes()
                out.write(content + bytes(-len(content) % 4))
