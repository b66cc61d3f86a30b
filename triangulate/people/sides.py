"""Left and right: detectors take one for the other, for a frame or for a second.

A person seen from behind, or with a hidden face, is often labelled mirror-wise by a detector that
is very sure of itself. The other views and the view's own motion tell.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera

_REACH = 0.3
"""Distance, in spreads of the person's joints, at which a joint is as wrong as it can get."""

_CHUNK_FRAMES = 512  # a chunk's arrays stay in the processor's cache


def exchange_sides(values: np.ndarray, swapped: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Give left joints to the right and right ones to the left where `swapped`.

    Args:
        values: (V, T, J, ...).
        swapped: (V, T) bool.
        flip: (J,) indices that swap left and right, see `Skeleton.flip_permutation`.
    """
    mask = swapped.reshape(*swapped.shape, *[1] * (values.ndim - 2))
    return np.where(mask, values[:, :, flip], values)


def find_swapped(
    points_px: np.ndarray, positions_m: np.ndarray, camera: Camera, flip: np.ndarray
) -> np.ndarray:
    """Where a view's left and right are exchanged: the cheapest sequence of two states (Viterbi).

    A state costs what its labels' joints lie off the 3D pose of all views, a step what they jump
    from the frame before in the view's own image; both in capped squared distances, so that a
    single joint counts as one at most.

    Args:
        points_px: (V, T, J, 2), NaN: not seen.
        positions_m: (T, J, 3), NaN: not known.
        camera: with leading dim V.
        flip: (J,) indices that swap left and right.

    Returns:
        (V, T) bool.
    """
    paired = np.flatnonzero(flip != np.arange(len(flip)))
    states, jumps = [], []
    for start in range(0, len(positions_m), _CHUNK_FRAMES):
        # A chunk begins with the last frame of the one before, for the step between them.
        part = slice(max(start - 1, 0), start + _CHUNK_FRAMES)
        labels_px = np.stack([points_px[:, part, paired], points_px[:, part, flip[paired]]])
        state, jump = _costs(labels_px, positions_m[part, paired], camera)
        states.append(state[:, :, min(start, 1) :])
        jumps.append(jump)
    return _cheapest(torch.cat(states, dim=-1), torch.cat(jumps, dim=-1)).numpy()


def _costs(labels_px: np.ndarray, positions_m: np.ndarray, camera: Camera) -> tuple[Tensor, Tensor]:
    """What the two states cost, and the steps between them.

    Args:
        labels_px: (2, V, T, K, 2) the points as they are, and exchanged.
        positions_m: (T, K, 3).
        camera: with leading dim V.

    Returns:
        (2, V, T) and, to and from, (2, 2, V, T-1).
    """
    labels = torch.from_numpy(labels_px).double()
    target = _projected(positions_m, camera)  # (V, T, K, 2)
    spread = _spread(target)  # (V, T)
    spread = torch.where(spread.isnan(), _spread(labels[0]), spread)  # the pose is not known
    reach = _REACH * spread.nan_to_num(1.0).clamp_min(1.0)
    steps = labels[:, None, :, 1:] - labels[None, :, :, :-1]  # (2, 2, V, T-1, K, 2)
    return _capped(labels - target, reach).sum(-1), _capped(steps, reach[:, 1:]).sum(-1)


def _projected(positions_m: np.ndarray, camera: Camera) -> Tensor:
    known = torch.from_numpy(np.isfinite(positions_m).all(-1))
    points = torch.from_numpy(np.nan_to_num(positions_m)).flatten(0, 1)
    pixels, in_front = camera.project(points)
    pixels = torch.where((in_front & known.flatten())[..., None], pixels, torch.nan)
    return pixels.unflatten(1, positions_m.shape[:2])


def _spread(points_px: Tensor) -> Tensor:
    """Root mean square distance of the joints from their middle, (V, T, K, 2) -> (V, T)."""
    centred = points_px - points_px.nanmean(-2, keepdim=True)
    return centred.square().sum(-1).nanmean(-1).sqrt()


def _capped(offset_px: Tensor, reach: Tensor) -> Tensor:
    """(..., V, T, K, 2), (V, T) -> (..., V, T, K) in [0, 1]; nothing where a point is missing."""
    squared = offset_px.square().sum(-1) / reach[..., None].square()
    return torch.where(squared.isnan(), 0.0, squared.clamp_max(1.0))


def _cheapest(states: Tensor, jumps: Tensor) -> Tensor:
    """(2, V, T) state costs, (2, 2, V, T-1) costs of steps (to, from) -> (V, T) bool."""
    total, origins = states[:, :, 0], []
    for t in range(1, states.shape[2]):
        reached, origin = (total[None] + jumps[..., t - 1]).min(1)  # from -> (to, V)
        origins.append(origin)
        total = reached + states[:, :, t]
    state = total.argmin(0)
    path = [state]
    for origin in reversed(origins):
        state = origin.gather(0, state[None])[0]
        path.append(state)
    return torch.stack(path[::-1], dim=-1) == 1
