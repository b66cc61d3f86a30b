"""The report's tables, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from calib.assessment import CHANCE
from triangulate.pages.tables import table

_ANGLES, _LENGTHS = ("rx", "ry", "rz"), ("tx", "ty", "tz")


def camera_table(cameras: Sequence[dict[str, Any]]) -> str:
    """What each camera saw, and how well it fits."""
    columns = ["camera", "lens", "frames", "points", "left out", "image covered", "residual (px)",
               "sigma (px)", "x", "y", "z (m)"]  # fmt: skip
    rows = []
    for camera in cameras:
        part = camera["outliers"] / max(1, camera["points"])
        residual = camera["residual_px"]
        rows.append(
            [
                escape(camera["name"]),
                camera["lens"],
                str(camera["frames"]),
                str(camera["points"]),
                f"{'!' if part > 0.05 else ''}{100 * part:.1f} %",
                f"{100 * camera['image_covered']:.0f} %",
                "" if residual is None else f"{residual:.3f}",
                f"{camera['sigma_px']:.3f}",
                *(f"{value:.3f}" for value in camera["centre_m"]),
            ]
        )
    return table(columns, rows, texts=2)


def lens_table(cameras: Sequence[dict[str, Any]]) -> str:
    """Intrinsic parameters with their standard deviations; a row a camera."""
    poses = {*_ANGLES, *_LENGTHS}
    names = list(dict.fromkeys(n for c in cameras for n in c["parameters"] if n not in poses))
    rows = []
    for camera in cameras:
        cells = [escape(camera["name"])]
        for name in names:
            known = camera["parameters"].get(name)
            cells.append("" if known is None else _with_deviation(*known))
        rows.append(cells)
    return table(["camera", *names], rows)


def pose_table(cameras: Sequence[dict[str, Any]]) -> str:
    """Poses against the reference camera: degrees and metres, deviations in mdeg and mm."""
    columns = ["camera", "rx (deg)", "ry (deg)", "rz (deg)", "tx (m)", "ty (m)", "tz (m)"]
    rows = []
    for camera in cameras:
        known = camera["parameters"]
        if "rx" not in known:
            rows.append([escape(camera["name"]), "reference", "", "", "", "", ""])
            continue
        cells = [escape(camera["name"])]
        for name in _ANGLES:
            value, sigma = np.rad2deg(known[name])
            cells.append(f"{value:.3f} <i>± {1e3 * sigma:.1f} mdeg</i>")
        for name in _LENGTHS:
            value, sigma = known[name]
            cells.append(f"{value:.4f} <i>± {1e3 * sigma:.2f} mm</i>")
        rows.append(cells)
    return table(columns, rows)


def halves_table(splits: Sequence[dict[str, Any]]) -> str:
    """What two halves of the recording differ by, in the volume."""
    columns = ["halves", "observed (mm)", "predicted (mm)", "by noise alone (mm)", "ratio",
               "ratio to noise"]  # fmt: skip
    rows = [
        [
            escape(split["way"]),
            *(f"{split[key]:#.3g}" for key in ("observed_mm", "predicted_mm", "noise_mm")),
            _ratio(split["observed_mm"], split["predicted_mm"]),
            _ratio(split["observed_mm"], split["noise_mm"]),
        ]
        for split in splits
    ]
    return table(columns, rows)


def images_table(splits: Sequence[dict[str, Any]]) -> str:
    """What they differ by in each image: pixels, and how many times noise that is."""
    names = list(splits[0]["images_px"]) if splits else []
    rows = []
    for name in names:
        cells = [escape(name)]
        for split in splits:
            found = split["images_px"][name]
            times = _ratio(found["observed"], found["noise"])
            mark, times = ("!", times[1:]) if times.startswith("!") else ("", times)
            cells.append(f"{mark}{found['observed']:.2f} px <i>{times} x</i>")
        rows.append(cells)
    return table(["camera", *(split["way"] for split in splits)], rows)


def _ratio(observed: float, predicted: float) -> str:
    if not (np.isfinite(observed) and np.isfinite(predicted) and predicted > 0):
        return "-"
    ratio = observed / predicted
    return f"{'!' if ratio > 2 * CHANCE else ''}{ratio:.2f}"


def _with_deviation(value: float, sigma: float) -> str:
    """Both with the digits that the deviation leaves meaningful."""
    if not sigma > 0:
        return f"{value:.6g} <i>held</i>"
    digits = int(np.clip(1 - np.floor(np.log10(sigma)), 0, 6))
    return f"{value:.{digits}f} <i>± {sigma:.{digits}f}</i>"
