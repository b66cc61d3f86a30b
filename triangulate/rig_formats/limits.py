"""What a format cannot hold of a rig, said before anything is written."""

from __future__ import annotations

from collections.abc import Collection

from triangulate.errors import InputError
from triangulate.rig import Rig


def check_sizes_known(rig: Rig) -> None:
    """Every camera has an image size."""
    for name, size in zip(rig.names, rig.sizes, strict=True):
        if size is None:
            raise InputError(f"camera {name!r} has no image size: pass sizes= (--size)")


def check_lenses(rig: Rig, held: Collection[str]) -> None:
    """Every lens is of a model that the format holds."""
    for name, lens in zip(rig.names, rig.lens_names, strict=True):
        if lens not in held:
            raise InputError(f"camera {name!r} has a {lens} lens, which this format cannot hold")


def check_no_skew(rig: Rig) -> None:
    """No K has skew, for formats without it, or whose users drop it."""
    for name, K in zip(rig.names, rig.cameras.K, strict=True):
        if K[0, 1] != 0:
            raise InputError(f"camera {name!r} has skew in K, which users of this format drop")


def check_no_k3(rig: Rig, whose: str) -> None:
    """No radtan lens has a third radial coefficient.

    Args:
        rig: what is to be written.
        whose: the format's name, for the message.
    """
    coefficients = rig.cameras.lens.coefficients
    for name, lens, row in zip(rig.names, rig.lens_names, coefficients, strict=True):
        if lens == "radtan" and row[4] != 0:
            raise InputError(
                f"camera {name!r} has a third radial coefficient, which {whose} files cannot hold"
            )
