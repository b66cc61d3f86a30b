"""`calib show`: the cameras of a calibration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triangulate.console import print_json, print_notes, print_pairs, print_table, uninterrupted
from triangulate.options import (
    CamerasOption,
    JsonOption,
    RadialOption,
    SizeOption,
    SubjectOption,
    UnitOption,
    parse_names,
    parse_sizes,
)

if TYPE_CHECKING:
    from triangulate.rig import Rig


def show(
    rig: Annotated[Path, typer.Argument(metavar="RIG", help="A calibration, or its folder.")],
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    cameras: CamerasOption = None,
    radial: RadialOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the cameras of a calibration."""
    sizes, names = parse_sizes(size), parse_names(cameras)
    with uninterrupted():
        from triangulate.rig_formats import load_rig

    description = describe(load_rig(rig, unit, sizes, subject, names, radial))
    print_notes(description["notes"])
    if as_json:
        print_json(description)
    else:
        _print_rig(description)


def describe(rig: Rig) -> dict[str, Any]:
    """What `calib show` prints, as JSON holds it."""
    K, centres_m = rig.cameras.K.numpy(), rig.cameras.centre_world.numpy() + 0.0  # no -0.0
    cameras = [
        {
            "name": name,
            "size": list(size) if size else None,
            "lens": lens,
            "focal_px": [float(k[0, 0]), float(k[1, 1])],
            "principal_point_px": [float(k[0, 2]), float(k[1, 2])],
            "field_of_view_deg": _field_of_view_deg(rig, v),
            "position_m": centre_m.tolist(),
        }
        for v, (name, size, lens, k, centre_m) in enumerate(
            zip(rig.names, rig.sizes, rig.lens_names, K, centres_m, strict=True)
        )
    ]
    return {
        "cameras": cameras,
        "up_axis": rig.up_axis,
        "baselines_m": _baselines_m(rig),
        "notes": list(rig.notes),
    }


def _field_of_view_deg(rig: Rig, view: int) -> list[float | None] | None:
    """Angles across the image through the principal point, width and height.

    None where the size is not known, or where the lens model folds over before the edge.
    """
    import torch

    size = rig.sizes[view]
    if size is None:
        return None
    camera = rig.cameras[view]
    x, y = camera.K[:2, 2].tolist()
    width, height = size
    edges_px = [[-0.5, y], [width - 0.5, y], [x, -0.5], [x, height - 0.5]]
    _, rays, valid = camera.rays(torch.tensor(edges_px, dtype=camera.K.dtype))
    angles: list[float | None] = []
    for first in (0, 2):
        cosine = (rays[first] @ rays[first + 1]).clamp(-1, 1)
        seen = bool(valid[first : first + 2].all())
        angles.append(float(torch.rad2deg(torch.acos(cosine))) if seen else None)
    return angles


def _baselines_m(rig: Rig) -> dict[str, Any] | None:
    """The closest and the farthest pair of cameras, None for a single one."""
    import numpy as np

    centres_m = rig.cameras.centre_world.numpy()
    firsts, seconds = np.triu_indices(len(rig), k=1)
    if len(firsts) == 0:
        return None
    apart_m = np.linalg.norm(centres_m[firsts] - centres_m[seconds], axis=-1)
    return {
        which: {
            "cameras": [rig.names[firsts[pair]], rig.names[seconds[pair]]],
            "distance_m": float(apart_m[pair]),
        }
        for which, pair in (("min", int(apart_m.argmin())), ("max", int(apart_m.argmax())))
    }


def _print_rig(description: dict[str, Any]) -> None:
    print_table(
        "Cameras",
        ["camera", "size", "lens", "focal (px)", "view (deg)", "position (m)"],
        [_cells(camera) for camera in description["cameras"]],
        texts=["lens"],
    )
    pairs = [("up", description["up_axis"] or "not known")]
    if baselines := description["baselines_m"]:
        for which, name in (("min", "closest cameras"), ("max", "farthest cameras")):
            pair = baselines[which]
            pairs.append((name, f"{pair['distance_m']:.3f} m ({', '.join(pair['cameras'])})"))
    print_pairs("World", pairs)


def _cells(camera: dict[str, Any]) -> list[str]:
    fx, fy = camera["focal_px"]
    size, fov = camera["size"], camera["field_of_view_deg"]
    return [
        camera["name"],
        f"{size[0]} x {size[1]}" if size else "not known",
        camera["lens"],
        f"{fx:.1f}" if abs(fx - fy) < 0.05 else f"{fx:.1f} {fy:.1f}",
        " x ".join("?" if angle is None else f"{angle:.1f}" for angle in fov or [None, None]),
        " ".join(f"{round(value, 3) + 0.0:.3f}" for value in camera["position_m"]),
    ]
