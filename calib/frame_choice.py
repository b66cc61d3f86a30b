"""Which frames of a recording are looked at for a board, and which of those are worth keeping."""

from __future__ import annotations

import numpy as np

from triangulate.errors import InputError
from triangulate.recording import select_frames

MANY_FRAMES = 400
"""So many frames of each camera are looked at where nothing else is asked for."""

AUTO, ALL = "auto", "all"
MOVED = 0.01
"""A board that moved less than this part of the image's width is seen a second time."""


def choose_frames(
    frames: str | None, every: int | None, count: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The frames to look at.

    Args:
        frames: "100:200" (the last is not included), "all", "auto", or None: all, or where they are
            very many, as many as `MANY_FRAMES`, evenly spaced. "auto" looks at the same.
        every: of these, only every nth.
        count: how many frames there are.

    Returns:
        (F,) numbers in growing order, and notes for people.
    """
    if frames is not None and frames not in (AUTO, ALL):
        if ":" not in frames:
            raise InputError(
                f"--frames {frames}: write it as 100:200, 100: or :50, or say auto or all"
            )
        return select_frames(frames, every or 1, count), ()
    if frames == ALL or every is not None or count <= MANY_FRAMES:
        return select_frames(None, every or 1, count), ()
    chosen = np.unique(np.linspace(0, count - 1, MANY_FRAMES).round().astype(np.int64))
    note = (
        f"{len(chosen)} of {count} frames are looked at, evenly spaced: others with --every N, "
        "--frames START:STOP or --frames all"
    )
    return chosen, (note,)


def new_places(points_px: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Frames in which some camera sees the board where no kept frame before shows it.

    Args:
        points_px: (V, F, N, 2), NaN: not seen.
        widths: (V,) of the images in pixels.

    Returns:
        (F,) whether to keep a frame.
    """
    seen = np.isfinite(points_px[..., 0])  # (V, F, N)
    keep = np.zeros(points_px.shape[1], dtype=bool)
    for frame in range(points_px.shape[1]):
        before = np.flatnonzero(keep)
        both = seen[:, frame, None] & seen[:, before]  # (V, K, N)
        moved = np.linalg.norm(points_px[:, frame, None] - points_px[:, before], axis=-1)
        moved = np.where(both, moved, 0.0).sum(-1) / both.sum(-1).clip(1)  # (V, K)
        apart = (moved > MOVED * widths[:, None]) | (both.sum(-1) == 0)
        keep[frame] = bool((seen[:, frame].any(-1) & apart.all(-1)).any())
    return keep
