"""Pictures of a flat print, with exact truth: what a camera would see of it, blurred and noisy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from triangulate.synthetic.draws import normal

_SURROUND = 120.0  # grey of what is beside the print
_BESIDE = -1e6
_MOTION_STEPS = 9


def photograph(
    printed: np.ndarray,
    printed_from_px: Callable[[np.ndarray], np.ndarray],
    size: tuple[int, int],
    *,
    supersample: int = 6,
    defocus_px: float = 0.0,
    motion_px: tuple[float, float] = (0.0, 0.0),
    levels: tuple[float, float] = (30.0, 220.0),
) -> np.ndarray:
    """The picture of a print: each pixel is the mean of what it covers. Pixel centres are integers.

    Args:
        printed: (h, w) uint8, the print.
        printed_from_px: (M, 2) pixels of the picture -> (M, 2) pixels of the print; a lens may be
            in it, or a mirror.
        size: (width, height) of the picture.
        supersample: so many samples a side of a pixel.
        defocus_px: standard deviation of the blur on top of the pixels' own size.
        motion_px: how far the print moves while the shutter is open, in x and y; the middle of the
            way is where `printed_from_px` has it.
        levels: grey of the print's black and white.

    Returns:
        (height, width) float64 grey levels.
    """
    width, height = size
    steps = (np.arange(supersample) + 0.5) / supersample - 0.5
    x = (np.arange(width)[:, None] + steps).ravel()
    y = (np.arange(height)[:, None] + steps).ravel()
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    black, white = levels
    fine = np.zeros((len(y), len(x)))
    way = _way(motion_px)
    for shift in way:
        column, row = printed_from_px(points - shift).T
        seen = map_coordinates(
            printed.astype(np.float64), [row, column], order=1, mode="constant", cval=_BESIDE
        )
        grey = np.where(seen < 0, _SURROUND, black + (white - black) * seen / 255)
        fine += grey.reshape(fine.shape) / len(way)
    if defocus_px:
        fine = gaussian_filter(fine, defocus_px * supersample)
    return fine.reshape(height, supersample, width, supersample).mean((1, 3))


def _way(motion_px: tuple[float, float]) -> np.ndarray:
    """(S, 2) where a moving print is, its middle at 0."""
    if motion_px == (0.0, 0.0):
        return np.zeros((1, 2))
    parts = (np.arange(_MOTION_STEPS) + 0.5) / _MOTION_STEPS - 0.5
    return parts[:, None] * np.array(motion_px)


def developed(
    picture: np.ndarray, generator: torch.Generator, noise_grey: float = 0.0
) -> np.ndarray:
    """(H, W) uint8 of a picture with noise of so many grey levels."""
    noisy = picture + normal(generator, noise_grey, picture.shape)
    return np.rint(noisy.clip(0, 255)).astype(np.uint8)
