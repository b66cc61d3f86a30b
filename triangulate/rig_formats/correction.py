"""A lens of OpenCV's in place of a polynomial that corrects an image's distortion."""

from __future__ import annotations

import numpy as np

from triangulate.errors import InputError

MOST_OFF_PX = 0.5
GOOD_PX = 0.01  # below it, radtan is good enough
STEPS = 10


def inverse_lens(
    K: np.ndarray, size: np.ndarray, centre_px: np.ndarray, coefficients: np.ndarray
) -> tuple[np.ndarray, float]:
    """Coefficients of radtan, or of a rational lens where that is better, fitted over the image.

    Args:
        K: (3, 3) without skew.
        size: (width, height).
        centre_px: (2,) of the distortion.
        coefficients: (3,) k1 k2 k3 of the polynomial on r in pixels: where d is a pixel of the
            image and o = d - centre, a lens without distortion has it at
            centre + o (1 + k1 r^2 + k2 r^4 + k3 r^6).

    Returns:
        (5,) or (8,) coefficients, and their greatest error over the image in pixels.
    """
    x, y = np.meshgrid(*(np.linspace(-0.5, side - 0.5, 41) for side in size))
    seen_px = np.stack([x.ravel(), y.ravel()], axis=-1)
    offset_px = seen_px - centre_px
    r2 = (offset_px**2).sum(-1, keepdims=True)
    ideal_px = centre_px + offset_px * (1 + (r2 ** [1, 2, 3] @ coefficients)[:, None])
    focal, principal = np.diag(K)[:2], K[:2, 2]
    ideal_n, seen_n = (ideal_px - principal) / focal, (seen_px - principal) / focal
    fits = []
    for is_rational in (False, True):
        lens = _fitted(ideal_n, seen_n, is_rational=is_rational)
        error_px = (_distorted(ideal_n, lens) - seen_n) * focal
        fits.append((lens, float(np.linalg.norm(error_px, axis=-1).max())))
        if fits[-1][1] < GOOD_PX:
            break
    lens, off_px = min(fits, key=lambda fit: fit[1])
    if not off_px <= MOST_OFF_PX:  # also where it is not finite
        raise InputError(
            f"its radial coefficients, read in pixels, are {off_px:.2g} px from any lens of "
            "OpenCV's: undistort the videos and leave the lens out (--radial none)"
        )
    return lens, off_px


def _fitted(ideal_n: np.ndarray, seen_n: np.ndarray, *, is_rational: bool) -> np.ndarray:
    """Least squares: seen = ideal above / below + bend (p1, p2), multiplied by `below`.

    That is linear but for the weights and the bend under the fraction, which are those of the step
    before.
    """
    x, y = ideal_n.T
    r2 = x * x + y * y
    powers = np.tile(r2[:, None] ** [1, 2, 3], (2, 1))  # (2 N, 3): for x, then for y
    ideal, seen = ideal_n.T.ravel(), seen_n.T.ravel()
    bend = np.vstack(
        [np.stack([2 * x * y, r2 + 2 * x * x], -1), np.stack([r2 + 2 * y * y, 2 * x * y], -1)]
    )
    lens = np.zeros(8 if is_rational else 5)
    for _ in range(STEPS if is_rational else 1):
        k1_k2_k3 = ideal[:, None] * powers
        k4_k5_k6 = -(seen - bend @ lens[2:4])[:, None] * powers
        below = 1 + powers[:, : lens.size - 5] @ lens[5:]
        matrix = np.hstack([k1_k2_k3[:, :2], bend, k1_k2_k3[:, 2:], k4_k5_k6])[:, : lens.size]
        lens = np.linalg.lstsq(matrix / below[:, None], (seen - ideal) / below, rcond=None)[0]
    return lens


def _distorted(points_n: np.ndarray, lens: np.ndarray) -> np.ndarray:
    x, y = points_n.T
    r2 = x * x + y * y
    powers = r2[:, None] ** [1, 2, 3]
    scale = 1 + powers @ lens[[0, 1, 4]]
    if lens.size == 8:
        scale = scale / (1 + powers @ lens[5:])
    p1, p2 = lens[2:4]
    bent_x = x * scale + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * scale + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.stack([bent_x, bent_y], axis=-1)
