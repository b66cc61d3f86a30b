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
    low, high = np.full(10, -np.inf), np.full(10, np.inf)
    low[[_LOG_BLUR_1, _LOG_BLUR_2]] = np.log(MIN_BLUR_PX)
    high[[_LOG_BLUR_1, _LOG_BLUR_2]] = np.log(MAX_RADIUS_PX)
    state = fit_patches(_model, patches, _initial(patches, axes_px), low, high)
    residual, gain = judge_patches(_model, patches, state)
    turn = state[:, [_ANGLE_1, _ANGLE_2]] - np.arctan2(axes_px[..., 1], axes_px[..., 0])
    shift = state[:, [_X, _Y]]
    return Saddles(
        points_px=points_px + shift,
        blur_px=np.exp(state[:, [_LOG_BLUR_1, _LOG_BLUR_2]]),
        # Turned from the first axis to the second, the fitted product is negative between them.
        contrast=-np.sign(np.linalg.det(axes_px)) * state[:, _CONTRAST],
        residual=residual,
        gain=gain,
        shift_px=np.linalg.norm(shift, axis=-1),
        turn_rad=np.abs((turn + np.pi / 2) % np.pi - np.pi / 2).max(-1),
    )


# The columns of a state.
_X, _Y, _ANGLE_1, _ANGLE_2, _LOG_BLUR_1, _LOG_BLUR_2, _CONTRAST, _MIDDLE, _SLOPE_X, _SLOPE_Y = (
    range(10)
)


def _initial(patches: Patches, axes_px: np.ndarray) -> np.ndarray:
    """(K, 10) a sharp corner at the expected place, its colours as the pixels have them."""
    state = np.zeros((len(axes_px), 10))
    state[:, [_ANGLE_1, _ANGLE_2]] = np.arctan2(axes_px[..., 1], axes_px[..., 0])
    state[:, [_LOG_BLUR_1, _LOG_BLUR_2]] = np.log(1.5 * SHARP_BLUR_PX)
    state[:, _CONTRAST] = 1.0
    pattern = _model(patches, state)[0] + patches.grey  # residual of a flat zero picture
    weights = patches.weights / patches.weights.sum(-1, keepdims=True).clip(1)
    mean = (weights * patches.grey).sum(-1)
    centred = pattern - (weights * pattern).sum(-1, keepdims=True)
    state[:, _CONTRAST] = (weights * centred * patches.grey).sum(-1) / (
        (weights * centred**2).sum(-1).clip(1e-6)
    )
    state[:, _MIDDLE] = mean - state[:, _CONTRAST] * (weights * pattern).sum(-1)
    return state


def _model(patches: Patches, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the model predicts less the pixels, (K, M), and its derivatives, (K, M, 10)."""
    from_corner = patches.offsets_px - state[:, None, [_X, _Y]]
    sides, slopes, normals, alongs = [], [], [], []
    for angle, log_blur in ((_ANGLE_1, _LOG_BLUR_1), (_ANGLE_2, _LOG_BLUR_2)):
        cosine, sine = np.cos(state[:, angle]), np.sin(state[:, angle])
        along = np.stack([cosine, sine], axis=-1)
        normal = np.stack([-sine, cosine], axis=-1)
        blur = np.exp(state[:, log_blur])[:, None]
        scaled = np.einsum("kmi,ki->km", from_corner, normal) / blur
        sides.append(erf(scaled / np.sqrt(2)))
        # Derivative by the distance; times the distance it is the one by -log blur.
        slopes.append((np.sqrt(2 / np.pi) * np.exp(-0.5 * scaled**2) / blur, scaled * blur))
        normals.append(normal)
        alongs.append(np.einsum("kmi,ki->km", from_corner, along))
    contrast = state[:, _CONTRAST, None]
    jacobian = np.empty((*patches.grey.shape, 10))
    by_distance = [
        contrast * slopes[0][0] * sides[1],
        contrast * slopes[1][0] * sides[0],
    ]
    for column in (_X, _Y):
        jacobian[..., column] = -sum(
            by * normal[:, None, column] for by, normal in zip(by_distance, normals, strict=True)
        )
    for edge, (angle, log_blur) in enumerate(((_ANGLE_1, _LOG_BLUR_1), (_ANGLE_2, _LOG_BLUR_2))):
        jacobian[..., angle] = -by_distance[edge] * alongs[edge]
        jacobian[..., log_blur] = -by_distance[edge] * slopes[edge][1]
    jacobian[..., _CONTRAST] = sides[0] * sides[1]
    jacobian[..., _MIDDLE] = 1
    jacobian[..., [_SLOPE_X, _SLOPE_Y]] = patches.offsets_px
    predicted = (
        contrast * jacobian[..., _CONTRAST]
        + state[:, _MIDDLE, None]
        + np.einsum("kmi,ki->km", patches.offsets_px, state[:, [_SLOPE_X, _SLOPE_Y]])
    )
    return predicted - patches.grey, jacobian
