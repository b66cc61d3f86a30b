"""Small least-squares fits, many at once: each patch of a picture has its own few parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAX_STEPS, STEADY_PX = 12, 0.002

Model = Callable[["Patches", np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(K patches, (K, P) parameters) -> (K, M) predicted less seen, and its derivatives (K, M, P).

The first two parameters are a place in pixels.
"""


@dataclass(frozen=True, eq=False)
class Patches:
    """M pixels around each of K places.

    Attributes:
        offsets_px: (K, M, 2) from the place.
        grey: (K, M).
        weights: (K, M) 1, or 0 for a pixel that does not count.
    """

    offsets_px: np.ndarray
    grey: np.ndarray
    weights: np.ndarray

    def select(self, index: np.ndarray) -> Patches:
        """Some of the patches."""
        return Patches(self.offsets_px[index], self.grey[index], self.weights[index])


def cut_patches(
    grey: np.ndarray,
    points_px: np.ndarray,
    half: int,
    wanted: Callable[[np.ndarray], np.ndarray],
) -> Patches:
    """The pixels around some places.

    Args:
        grey: (H, W).
        points_px: (K, 2).
        half: no pixel farther away, in x or y, is needed.
        wanted: (K, M, 2) offsets in pixels -> (K, M) whether to take them.
    """
    steps = np.arange(-half, half + 1)
    window = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)  # (M, 2)
    pixels = np.rint(points_px).astype(np.int64)[:, None] + window
    last = np.array([grey.shape[1] - 1, grey.shape[0] - 1])
    inside = ((pixels >= 0) & (pixels <= last)).all(-1)
    offsets = pixels - points_px[:, None]
    taken = inside & wanted(offsets)
    # As many columns as the place with the most pixels needs.
    order = np.argsort(~taken, axis=-1, kind="stable")[:, : taken.sum(-1).max()]
    rows = np.arange(len(order))[:, None]
    x, y = np.moveaxis(pixels.clip(0, last)[rows, order], -1, 0)
    return Patches(
        offsets[rows, order], grey[y, x].astype(np.float64), taken[rows, order].astype(np.float64)
    )


def fit_patches(
    model: Model, patches: Patches, state: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Levenberg-Marquardt on all patches; each rests when its place is steady.

    Args:
        model: what a patch should look like.
        patches: K.
        state: (K, P) to start from.
        low: (P,) bounds.
        high: (P,).

    Returns:
        (K, P).
    """
    state = state.copy()
    damping = np.full(len(state), 1e-3)
    busy = np.arange(len(state))
    for _ in range(MAX_STEPS):
        if not len(busy):
            break
        step, is_better = _step(
            model, patches.select(busy), state[busy], damping[busy], (low, high)
        )
        state[busy[is_better]] += step[is_better]
        damping[busy] *= np.where(is_better, 0.2, 8.0)
        moved = np.abs(step[:, :2]).max(-1)
        busy = busy[(moved > STEADY_PX) & (damping[busy] < 1e6)]
    return state


def judge_patches(
    model: Model, patches: Patches, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How well fits are known.

    Returns:
        (K,) root mean square of what is left, in grey levels, and (K,) the standard deviation of
        the place in pixels for noise of one grey level.
    """
    residual, jacobian = model(patches, state)
    weighted = (jacobian * patches.weights[..., None]).mT
    hessian = weighted @ jacobian
    ridge = 1e-9 * np.einsum("kii->ki", hessian).max(-1)[:, None, None]
    covariance = np.linalg.inv(hessian + (ridge + 1e-12) * np.eye(state.shape[1]))[:, :2, :2]
    rms = np.sqrt(_cost(patches, residual) / patches.weights.sum(-1).clip(1))
    return rms, np.sqrt(0.5 * np.einsum("kii->k", covariance).clip(0))


def _step(
    model: Model,
    patches: Patches,
    state: np.ndarray,
    damping: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """A damped step, (K, P), and whether it lowers the cost, (K,)."""
    residual, jacobian = model(patches, state)
    weighted = (jacobian * patches.weights[..., None]).mT
    hessian, gradient = weighted @ jacobian, weighted @ residual[..., None]
    scale = np.einsum("kii->ki", hessian) + 1e-9
    damped = hessian + (damping[:, None] * scale)[:, None] * np.eye(state.shape[1])
    trial = (state - np.linalg.solve(damped, gradient)[..., 0]).clip(*bounds)
    is_better = _cost(patches, model(patches, trial)[0]) < _cost(patches, residual)
    return trial - state, is_better


def _cost(patches: Patches, residual: np.ndarray) -> np.ndarray:
    return (patches.weights * residual**2).sum(-1)
