"""The same pose as another person takes it: turned, mirrored, of other proportions."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from triangulate.skeleton import Skeleton
from triangulate.synthetic.captured import bone_lengths, with_bone_lengths
from triangulate.synthetic.draws import normal, uniform


def turned(positions_m: np.ndarray, yaw_rad: float) -> np.ndarray:
    """The pose or motion (*B, J, 3) turned about the world's z axis."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return positions_m @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def mirrored(positions_m: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """The pose or motion (*B, J, 3) in a mirror at y = 0: left becomes right."""
    return positions_m[..., skeleton.flip_permutation(), :] * np.array([1.0, -1.0, 1.0])


def reproportioned(
    generator: torch.Generator,
    positions_m: np.ndarray,
    skeleton: Skeleton,
    *,
    size: tuple[float, float] = (0.87, 1.13),
    spread: float = 0.05,
) -> np.ndarray:
    """The motion (T, J, 3) of a person with other bones, the lowest joint as high as it was.

    Args:
        generator: source of all that varies.
        positions_m: joints of h36m17.
        skeleton: `Skeleton.named("h36m17")`.
        size: range of the factor that all lengths share.
        spread: standard deviation of each bone's own factor; both sides have the same.
    """
    factor = 1 + normal(generator, spread, (len(skeleton.joint_names),)).clip(-0.15, 0.15)
    for left, right in skeleton.flip_pairs:
        factor[right] = factor[left]
    factor *= uniform(generator, *size)
    lengths = factor * bone_lengths(positions_m, skeleton)
    changed = with_bone_lengths(positions_m, skeleton, lengths)
    lowest, before = changed[..., 2].min(), positions_m[..., 2].min()
    changed[..., 2] += before * np.mean(factor) - lowest
    return changed


def tumbled(generator: torch.Generator, positions_m: np.ndarray) -> np.ndarray:
    """The pose (J, 3) turned any way in space, its lowest joint as high as it was."""
    turn = Rotation.from_quat(normal(generator, 1.0, (4,))).as_matrix()
    changed = positions_m @ turn.T
    changed[:, 2] += positions_m[:, 2].min() - changed[:, 2].min()
    return changed
