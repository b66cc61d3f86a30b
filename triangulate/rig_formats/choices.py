"""What the user chose of a calibration: cameras, and sizes that go before the file's."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from triangulate.errors import InputError
from triangulate.rig import Rig, Size

Sizes = Mapping[str, Sequence[int]] | Sequence[int]


def own_rig(
    document: Mapping[str, Any],
    unit: str | None,
    sizes: Sizes | None,
    cameras: Sequence[str] | str | None,
) -> Rig:
    """The rig of a rig.yaml, of which only the chosen cameras are read."""
    if unit not in (None, "m"):
        raise InputError("a rig.yaml is in metres: leave unit= (--unit) out")
    entries = document.get("cameras")
    if not isinstance(entries, Mapping) or not all(
        isinstance(e, Mapping) for e in entries.values()
    ):
        return Rig.from_document(document)  # which says what is wrong
    told = sizes_by_name(sizes, list(entries))
    chosen = {name: dict(entries[name]) for name in chosen_names(list(entries), cameras)}
    for name in chosen.keys() & told.keys():
        chosen[name]["size"] = told[name]
    return Rig.from_document({**document, "cameras": chosen})


def chosen_names(names: Sequence[str], cameras: Sequence[str] | str | None) -> list[str]:
    """The cameras to read, in the order asked for; all where none are named."""
    if doubled := _doubled(names):
        raise InputError(f"camera name {doubled} is given twice: rename one")
    if cameras is None:
        return list(names)
    wanted = [c.strip() for c in cameras.split(",")] if isinstance(cameras, str) else list(cameras)
    missing = [name for name in wanted if name not in names]
    if missing or not wanted:
        raise InputError(
            f"has no camera {', '.join(map(repr, missing)) or 'chosen'} (--cameras); it has "
            f"{_listed(names)}"
        )
    if doubled := _doubled(wanted):
        raise InputError(f"camera {doubled} is asked for twice (--cameras)")
    return wanted


def _doubled(names: Sequence[str]) -> str:
    return ", ".join(sorted({repr(name) for name in names if names.count(name) > 1}))


def sizes_by_name(sizes: Sizes | None, names: Sequence[str]) -> dict[str, Size]:
    """The image sizes told, by camera: one for all, or one for each."""
    if sizes is None:
        return {}
    by_name = sizes if isinstance(sizes, Mapping) else dict.fromkeys(names, sizes)
    unknown = [name for name in by_name if name not in names]
    if unknown:
        raise InputError(
            f"has no camera {', '.join(map(repr, unknown))} (--size); it has {_listed(names)}"
        )
    return {name: _pair(size) for name, size in by_name.items()}


def _pair(size: Sequence[int]) -> Size:
    try:
        width, height = size
    except (TypeError, ValueError):
        raise InputError(f"a size must be (width, height) (--size), not {size!r}") from None
    return width, height


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def check_apart(rig: Rig) -> None:
    """Refuse two cameras at one place, as a copied entry has them."""
    pairs = rig.coincident_cameras()
    if pairs:
        first, second = pairs[0]
        others = shlex.quote(",".join(name for name in rig.names if name != first))
        raise InputError(
            f"cameras {first!r} and {second!r} stand at the same place: a copied entry? Calibrate "
            f"again, or leave one out with cameras= (--cameras {others})"
        )
