"""Detections in a list, one a person and image, as several formats hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.view import View


def triples(rows: Sequence[Any], labels: Sequence[str], path: Path) -> np.ndarray:
    """(N, J, 3) x, y, c of N detections, of which each is a list of 3 x J numbers or J triples.

    Args:
        rows: the lists as they stand in the file.
        labels: how a message calls each of them, such as `entry 3`.
        path: the file, for messages.
    """
    try:
        values = np.asarray(rows, dtype=np.float64)
        return values.reshape(len(values), -1, 3)
    except (TypeError, ValueError):
        pass
    lengths = [len(np.ravel(np.asarray(row, dtype=object))) for row in rows]
    odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is not None:
        raise InputError(
            f"{path}: {labels[odd]} has {lengths[odd]} keypoint numbers, but {labels[0]} has "
            f"{lengths[0]}; keep different models in different files"
        )
    raise InputError(f"{path}: 'keypoints' must be x, y, c for every joint, 3 x J numbers")


def dense(
    numbers: np.ndarray, values: np.ndarray, frames: np.ndarray | None = None, **more: Any
) -> View:
    """The view of a list of detections; those of one frame keep their order.

    A point is missing where it is not finite, at 0, 0 or without confidence.

    Args:
        numbers: (N,) the frame that each detection is of.
        values: (N, J, 3) x, y, c.
        frames: (T,) ascending numbers of all frames; by default those that occur.
        more: what else a `View` holds.
    """
    frames = np.unique(numbers) if frames is None else frames
    if not len(numbers):
        return View.empty(frames)
    t = np.searchsorted(frames, numbers)
    p = _places(t)
    points_px, confidence = values[..., :2], values[..., 2]
    seen = np.isfinite(points_px).all(-1) & (points_px != 0).any(-1) & (confidence > 0)
    shape = (len(frames), int(p.max()) + 1, values.shape[1])  # T, P, J
    dense_px = np.full((*shape, 2), np.nan, np.float32)
    dense_confidence = np.zeros(shape, np.float32)
    dense_px[t, p] = points_px
    dense_confidence[t, p] = np.where(seen, confidence, 0)
    return View(frames, dense_px, dense_confidence, **more)


def checked_frames(numbers: Sequence[int], path: Path) -> np.ndarray:
    """(T,) ascending frame numbers, of which none may occur twice."""
    frames, counts = np.unique(np.array(numbers, dtype=np.int64), return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{path}: holds frame {frames[counts > 1][0]} twice, so perhaps several cameras; give "
            "each camera a file of its own"
        )
    return frames


def _places(t: np.ndarray) -> np.ndarray:
    """(N,) each detection's place among those of its frame t (N,), in the file's order."""
    order = np.argsort(t, kind="stable")
    starts = np.searchsorted(t[order], t[order], side="left")
    places = np.empty_like(t)
    places[order] = np.arange(len(t)) - starts
    return places
