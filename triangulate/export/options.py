"""What can be chosen of an export: format, unit and up axis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """Formats that can be written, by the names of the command line."""

    csv = "csv"
    csv_wide = "csv-wide"
    trc = "trc"
    c3d = "c3d"
    json = "json"
    panoptic = "panoptic"
    npz = "npz"
    bvh = "bvh"
    angles = "angles"
    opensim = "opensim"
    gltf = "gltf"


class LengthUnit(StrEnum):
    """Units of positions."""

    m = "m"
    cm = "cm"
    mm = "mm"

    @property
    def per_m(self) -> int:
        """How many of it a metre is."""
        return {"m": 1, "cm": 100, "mm": 1000}[self.value]

    @property
    def decimals(self) -> int:
        """Decimals that keep a micrometre."""
        return {"m": 6, "cm": 4, "mm": 3}[self.value]


class Up(StrEnum):
    """Which axis points up in a file; as_is: the one of the rig."""

    y = "y"
    z = "z"
    as_is = "as-is"


@dataclass(frozen=True)
class ExportOptions:
    """How to write a file.

    Attributes:
        unit: of positions; None: the one that the format is usually in.
        up: the axis that points up; None: the one that the format usually has.
        person: whose joints, counted from 0, where a file holds one person.
    """

    unit: LengthUnit | None = None
    up: Up | None = None
    person: int = 0


USUAL = ExportOptions()
