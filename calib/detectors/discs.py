"""Dark discs, seen as ellipses: their middles to a few hundredths of a pixel.

The picture of a disc is a blurred step across an ellipse:

    grey = outside + step / 2 (1 - erf(d / (sqrt2 blur))),   d = (rho - 1) radius,

with rho = 1 on the ellipse. All eight numbers of a disc are fitted to its pixels by least squares,
for all discs of a picture at once. Pixel centres are integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from calib.detectors.fitting import Patches, cut_patches, fit_patches, judge_patches

REACH = 0.62  # of the distance of neighbouring rows: about half-way to the next disc

# The columns of a state: the ellipse is |shape (q - place)| = 1 with shape upper triangular.
_PLACE, _SHAPE, _LOG_BLUR, _STEP, _OUTSIDE, _WIDTH = slice(0, 2), slice(2, 5), 5, 6, 7, 8


@dataclass(frozen=True, eq=False)
class Discs:
    """Fitted discs.

    Attributes:
        points_px: (K, 2) middles of the ellipses.
        area_px: (K,) of the ellipses.
        step: (K,) from inside to outside, in grey levels; positive where the disc is dark.
        residual: (K,) root mean square of what is left, in grey levels.
        gain: (K,) standard deviation of the place, in pixels, for noise of one grey level.
        shift_px: (K,) how far the middle lies from where it was expected.
    """

    points_px: np.ndarray
    area_px: np.ndarray
    step: np.ndarray
    residual: np.ndarray
    gain: np.ndarray
    shift_px: np.ndarray


def fit_discs(
    grey: np.ndarray, points_px: np.ndarray, axes_px: np.ndarray, radius: float = 0.4
) -> Discs:
    """Fit discs that are expected at known places.

    Args:
        grey: (H, W) uint8.
        points_px: (K, 2) about where.
        axes_px: (K, 2, 2) the grid's unit along x and y, one a row, in pixels.
        radius: of a disc in the grid's unit, to start from.
    """
    units_from_px = np.linalg.inv(axes_px)

    def wanted(offsets_px: np.ndarray) -> np.ndarray:
        return np.linalg.norm(offsets_px @ units_from_px, axis=-1) <= REACH

    half = int(np.ceil(REACH * np.abs(axes_px).sum(1).max())) + 1
    patches = cut_patches(grey, points_px, max(half, 3), wanted)
    low, high = np.full(_WIDTH, -np.inf), np.full(_WIDTH, np.inf)
    low[_LOG_BLUR], high[_LOG_BLUR] = np.log(0.3), np.log(8.0)
    state = fit_patches(_model, patches, _initial(patches, units_from_px, radius), low, high)
    residual, gain = judge_patches(_model, patches, state)
    return Discs(
        points_px=points_px + state[:, _PLACE],
        area_px=np.pi / np.abs(state[:, 2] * state[:, 4]).clip(1e-9),
        step=-state[:, _STEP],
        residual=residual,
        gain=gain,
        shift_px=np.linalg.norm(state[:, _PLACE], axis=-1),
    )


def _initial(patches: Patches, units_from_px: np.ndarray, radius: float) -> np.ndarray:
    """(K, 8) a disc at the expected place."""
    state = np.zeros((len(units_from_px), _WIDTH))
    # |offset units_from_px| = radius on the ellipse; the triangular factor gives the same lengths.
    metric = units_from_px @ units_from_px.mT / radius**2
    factor = np.linalg.cholesky(metric).mT
    state[:, _SHAPE] = factor[:, [0, 0, 1], [0, 1, 1]]
    state[:, _LOG_BLUR] = 0.0
    state[:, _STEP] = 1.0
    pattern = _model(patches, state)[0] + patches.grey
    weights = patches.weights / patches.weights.sum(-1, keepdims=True).clip(1)
    mean, middle = (weights * patches.grey).sum(-1), (weights * pattern).sum(-1)
    centred = pattern - middle[:, None]
    state[:, _STEP] = (weights * centred * patches.grey).sum(-1)
    state[:, _STEP] /= (weights * centred**2).sum(-1).clip(1e-6)
    state[:, _OUTSIDE] = mean - state[:, _STEP] * middle
    return state


def _model(patches: Patches, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the model predicts less the pixels, (K, M), and its derivatives, (K, M, 8)."""
    x, y = np.moveaxis(patches.offsets_px - state[:, None, _PLACE], -1, 0)  # (K, M)
    a, b, c = (state[:, 2 + i, None] for i in range(3))
    u, v = a * x + b * y, c * y
    rho = np.hypot(u, v).clip(1e-6)
    radius = 1 / np.sqrt(np.abs(a * c)).clip(1e-6)
    blur = np.exp(state[:, _LOG_BLUR, None])
    distance = (rho - 1) * radius
    step = state[:, _STEP, None]
    inside = 0.5 * (1 - erf(distance / blur / np.sqrt(2)))
    by_distance = -step * np.exp(-0.5 * (distance / blur) ** 2) / (blur * np.sqrt(2 * np.pi))
    jacobian = np.empty((*patches.grey.shape, _WIDTH))
    jacobian[..., 0] = -by_distance * radius * u * a / rho
    jacobian[..., 1] = -by_distance * radius * (u * b + v * c) / rho
    jacobian[..., 2] = by_distance * (radius * u * x / rho - 0.5 * distance / a)
    jacobian[..., 3] = by_distance * radius * u * y / rho
    jacobian[..., 4] = by_distance * (radius * v * y / rho - 0.5 * distance / c)
    jacobian[..., _LOG_BLUR] = -by_distance * distance
    jacobian[..., _STEP] = inside
    jacobian[..., _OUTSIDE] = 1
    return step * inside + state[:, _OUTSIDE, None] - patches.grey, jacobian
