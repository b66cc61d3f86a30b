"""Where points of a flat board lie in a picture, judged by the known points around each."""

from __future__ import annotations

import cv2
import numpy as np

_FAR_WEIGHT = 1e-4  # of known points that are far off, so that few near ones still give a map
_RIDGE = 1e-3  # on the perspective terms: with four points or fewer the map is affine
_STRAY_PX, _STRAY_FACTOR = (
    0.8,
    8.0,
)  # a corner off by less, or by less than this many medians, stays
_ROBUST_STEPS = 4


def predict_points(
    points: np.ndarray,
    known: np.ndarray,
    known_px: np.ndarray,
    weights: np.ndarray,
    reach: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each point with a homography of its own, fitted to the known points near it.

    A lens bends a board, but little over a few fields.

    Args:
        points: (K, 2) on the board.
        known: (S, 2) on the board, S >= 3 not in a line.
        known_px: (S, 2) in the picture.
        weights: (S,) how well each is known.
        reach: standard deviation of the weight's fall with the distance, in the board's unit.

    Returns:
        (K, 2) pixels, and (K, 2, 2) pixels for `reach` along x and along y, one a row.
    """
    local = (known - points[:, None]) / reach  # (K, S, 2)
    squared = np.square(local).sum(-1)
    nearness = (np.exp(-0.5 * squared) + _FAR_WEIGHT / (1 + squared)) * weights
    total = nearness.sum(-1, keepdims=True)
    centre_px = (nearness[..., None] * known_px).sum(1) / total  # (K, 2)
    target = known_px - centre_px[:, None]
    scale_px = np.sqrt((nearness * np.square(target).sum(-1)).sum(-1) / total[:, 0]).clip(1e-6)
    target = target / scale_px[:, None, None]
    solution = _solve_maps(local, target, nearness / total)
    offset, linear, tilt = solution[:, 4:6], solution[:, :4].reshape(-1, 2, 2), solution[:, 6:]
    jacobian = linear - offset[..., None] * tilt[:, None]  # rows: pixel x, y
    return (
        centre_px + scale_px[:, None] * offset,
        scale_px[:, None, None] * jacobian.mT,
    )


def _solve_maps(local: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(K, 8) a b c d, x y, g h of x' = (a u + b v + x) / (g u + h v + 1), y' likewise."""
    count, known, _ = local.shape
    rows = np.zeros((count, known, 2, 8))
    rows[..., 0, 0:2] = local
    rows[..., 1, 2:4] = local
    rows[..., 0, 4] = rows[..., 1, 5] = 1
    rows[..., 6:] = -target[..., None] * local[..., None, :]
    weighted = rows * weights[..., None, None]
    normal = np.einsum("ksia,ksib->kab", weighted, rows, optimize=True)
    right = np.einsum("ksia,ksi->ka", weighted, target, optimize=True)
    normal += np.diag([1e-9] * 6 + [_RIDGE * 1e-3] * 2)
    return np.linalg.solve(normal, right[..., None])[..., 0]


def strays(points: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Which points do not lie on the bent board that the others agree on.

    A homography and what a lens adds to it, as a polynomial, are fitted robustly; a point is judged
    by what is left of it were it not part of the fit.

    Args:
        points: (N, 2) on the board.
        points_px: (N, 2) in the picture, NaN: not seen.

    Returns:
        The numbers of the strays; none where there are too few points to tell.
    """
    found = np.flatnonzero(np.isfinite(points_px[:, 0]))
    degree = 3 if len(found) >= 24 else 2 if len(found) >= 12 else 0
    if len(found) < 8:
        return found[:0]
    seen, seen_px = points[found], points_px[found]
    homography, _ = cv2.findHomography(seen, seen_px, cv2.RANSAC, 3.0)
    if homography is None:
        return found[:0]
    left = seen_px - cv2.perspectiveTransform(seen[None], homography)[0]
    scaled = (seen - seen.mean(0)) / np.abs(seen - seen.mean(0)).max()
    basis = np.stack(
        [
            scaled[:, 0] ** i * scaled[:, 1] ** j
            for i in range(degree + 1)
            for j in range(degree + 1 - i)
        ],
        axis=-1,
    )
    weights = np.ones(len(found))
    for _ in range(_ROBUST_STEPS):
        weighted = basis * weights[:, None]
        inverse = np.linalg.pinv(basis.T @ weighted)
        residual = left - basis @ (inverse @ (weighted.T @ left))
        leverage = np.einsum("na,ab,nb->n", basis, inverse, weighted).clip(0, 0.95)
        off = np.linalg.norm(residual, axis=-1)
        alone = off / (1 - leverage)
        limit = max(_STRAY_PX, _STRAY_FACTOR * float(np.median(off)))
        weights = np.where(alone > limit, 1e-6, 1.0)
    return found[alone > limit]
