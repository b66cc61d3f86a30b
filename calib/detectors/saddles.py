"""Corners where two dark and two bright fields meet, to a few hundredths of a pixel.

The picture around such a corner is two blurred edges that cross:

    grey = middle + slope . q + contrast erf(d1 / (sqrt2 s1)) erf(d2 / (sqrt2 s2))

with d1, d2 the signed distances from the two edges and s1, s2 how far each is blurred. All ten
numbers of a corner are fitted to its pixels by least squares, for all corners of a picture at once.
The fit tells where the corner is, how blurred it is, and whether there is a corner at all.
Pixel centres are integers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import erf

from calib.detectors.fitting import Patches, cut_patches, fit_patches, judge_patches

MAX_RADIUS_PX = 11.0
MIN_RADIUS_PX = 2.6
REACH = 0.45  # of a field's side: beyond, the next corner begins
MIN_BLUR_PX, SHARP_BLUR_PX = 0.3, 0.7


@dataclass(frozen=True, eq=False)
class Saddles:
    """Fitted corners.

    Attributes:
        points_px: (K, 2).
        blur_px: (K, 2) standard deviation of the blur across the two edges.
        contrast: (K,) half the step from dark to bright, in grey levels; negative where the field
            between the two axes is the dark one.
        residual: (K,) root mean square of what is left, in grey levels.
        gain: (K,) standard deviation of the place, in pixels, for noise of one grey level.
        shift_px: (K,) how far the corner lies from where it was expected.
        turn_rad: (K,) how far the edges are turned from what was expected, the larger of the two.
    """

    points_px: np.ndarray
    blur_px: np.ndarray
    contrast: np.ndarray
    residual: np.ndarray
    gain: np.ndarray
    shift_px: np.ndarray
    turn_rad: np.ndarray

    @property
    def misfit(self) -> np.ndarray:
        """(K,) what is left as a part of the contrast."""
        return self.residual / np.abs(self.contrast).clip(1e-9)

    def replaced(self, index: np.ndarray, others: Saddles) -> Saddles:
        """These with the fits at `index` taken from others, in their order."""
        parts = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in parts.items():
            values[index] = getattr(others, name)
        return Saddles(**parts)


def fit_saddles(
    grey: np.ndarray,
    points_px: np.ndarray,
    axes_px: np.ndarray,
    clear: float = np.inf,
    radius_px: float = MAX_RADIUS_PX,
) -> Saddles:
    """Fit corners that are expected at known places.

    Args:
        grey: (H, W) uint8.
        points_px: (K, 2) about where, finite.
        axes_px: (K, 2, 2) the sides of a field along the two edges, one a row, in pixels.
        clear: how far from the corner the fields are of one colour, as a part of their sides: where
            both coordinates are larger, pixels are left out.
        radius_px: pixels farther than this are left out; so are those beyond half a field.
    """
    half = int(np.ceil(min(radius_px, REACH * np.abs(axes_px).sum(1).max()))) + 1
    sides_from_px = np.linalg.inv(axes_px)

    def wanted(offsets_px: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(offsets_px, axis=-1)
        sides = np.abs(offsets_px @ sides_from_px)  # (K, M, 2) in sides of a field
        pure = (sides <= REACH).all(-1) & (sides <= clear).any(-1) & (distance <= radius_px)
        return pure | (distance <= MIN_RADIUS_PX)

    patches = cut_patches(grey, points_px, max(half, int(np.ceil(MIN_RADIUS_PX))), wanted)
    low, high = np.full(_WIDTH, -np.inf), np.full(_WIDTH, np.inf)
    low[_LOG_BLURS], high[_LOG_BLURS] = np.log(MIN_BLUR_PX), np.log(MAX_RADIUS_PX)
    state = fit_patches(_model, patches, _initial(patches, axes_px), low, high)
    residual, gain = judge_patches(_model, patches, state)
    turn = state[:, _ANGLES] - np.arctan2(axes_px[..., 1], axes_px[..., 0])
    shift = state[:, _PLACE]
    return Saddles(
        points_px=points_px + shift,
        blur_px=np.exp(state[:, _LOG_BLURS]),
        # Between the axes, one distance is positive and the other negative.
        contrast=-state[:, _CONTRAST],
        residual=residual,
        gain=gain,
        shift_px=np.linalg.norm(shift, axis=-1),
        turn_rad=np.abs((turn + np.pi / 2) % np.pi - np.pi / 2).max(-1),
    )


# The columns of a state.
_PLACE, _ANGLES, _LOG_BLURS = slice(0, 2), slice(2, 4), slice(4, 6)
_CONTRAST, _MIDDLE, _SLOPES, _WIDTH = 6, 7, slice(8, 10), 10


def _initial(patches: Patches, axes_px: np.ndarray) -> np.ndarray:
    """(K, 10) a sharp corner at the expected place, its colours as the pixels have them."""
    state = np.zeros((len(axes_px), _WIDTH))
    state[:, _ANGLES] = np.arctan2(axes_px[..., 1], axes_px[..., 0])
    state[:, _LOG_BLURS] = np.log(1.5 * SHARP_BLUR_PX)
    state[:, _CONTRAST] = 1.0
    pattern = _model(patches, state)[0] + patches.grey  # of contrast 1 around 0
    weights = patches.weights / patches.weights.sum(-1, keepdims=True).clip(1)
    mean, middle = (weights * patches.grey).sum(-1), (weights * pattern).sum(-1)
    centred = pattern - middle[:, None]
    state[:, _CONTRAST] = (weights * centred * patches.grey).sum(-1)
    state[:, _CONTRAST] /= (weights * centred**2).sum(-1).clip(1e-6)
    state[:, _MIDDLE] = mean - state[:, _CONTRAST] * middle
    return state


def _model(patches: Patches, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the model predicts less the pixels, (K, M), and its derivatives, (K, M, 10)."""
    from_corner = patches.offsets_px - state[:, None, _PLACE]  # (K, M, 2)
    cosine, sine = np.cos(state[:, _ANGLES]), np.sin(state[:, _ANGLES])
    along, normal = np.stack([cosine, sine], axis=-1), np.stack([-sine, cosine], axis=-1)
    blur = np.exp(state[:, None, _LOG_BLURS])
    distance = from_corner @ normal.mT  # (K, M, edges)
    side = erf(distance / blur / np.sqrt(2))
    slope = np.sqrt(2 / np.pi) * np.exp(-0.5 * (distance / blur) ** 2) / blur
    contrast = state[:, _CONTRAST, None]
    by_distance = contrast[..., None] * slope * side[..., ::-1]
    jacobian = np.empty((*patches.grey.shape, _WIDTH))
    jacobian[..., _PLACE] = -by_distance @ normal
    jacobian[..., _ANGLES] = -by_distance * (from_corner @ along.mT)
    jacobian[..., _LOG_BLURS] = -by_distance * distance
    jacobian[..., _CONTRAST] = side.prod(-1)
    jacobian[..., _MIDDLE] = 1
    jacobian[..., _SLOPES] = patches.offsets_px
    predicted = contrast * jacobian[..., _CONTRAST] + state[:, _MIDDLE, None]
    predicted += (patches.offsets_px @ state[:, _SLOPES, None])[..., 0]
    return predicted - patches.grey, jacobian
