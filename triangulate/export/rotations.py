"""Rotations of joints that point bones along positions."""

from __future__ import annotations

import numpy as np

from triangulate.export.tree import Tree
from triangulate.skeleton import canonical_name

_PRIOR = 1e-7
"""How much the parent's rotation counts, where bones leave a twist open, against the bones."""

_MEAN_STEPS = 4

_SIDEWAYS = ("shoulder", "elbow", "wrist", "hip", "index", "pinky", "thumb")
_DOWN = ("knee", "ankle", "foot")
_UP = ("spine", "thorax", "chest", "neck", "neck_base", "upper_neck", "head")
_AHEAD = {"nose": (0.0, 0.8, 0.6), "heel": (0.0, -0.8, -0.6), "foot_index": (0.0, -0.4, 0.9)}
_AHEAD |= {"big_toe": (0.0, -0.4, 0.9), "small_toe": (0.0, -0.4, 0.9)}


def best_rotation(
    offsets: np.ndarray, vectors: np.ndarray, prior: np.ndarray, weight: float = _PRIOR
) -> np.ndarray:
    """Rotations that take offsets to vectors in the least-squares sense (Kabsch 1976).

    Where the bones leave a turn open (one bone, or bones in a line), the rotation that is nearest
    to `prior` is taken: it adds no twist to it.

    Args:
        offsets: (K, 3) bones at rest.
        vectors: (T, K, 3) the same as they are; zero where there is no direction.
        prior: (T, 3, 3) rotations.
        weight: of the prior, against the squared length of the offsets.

    Returns:
        (T, 3, 3).
    """
    size = max(float((offsets**2).sum()), 1e-12)
    covariance = np.einsum("tki,kj->tij", vectors, offsets) + weight * size * prior
    u, _, vt = np.linalg.svd(covariance)
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    return u @ vt


def pose_tree(
    tree: Tree, points: np.ndarray, is_measured: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets at rest and rotations that move them along positions.

    At rest a person stands upright with arms spread, y up, looking along z, the left side along x;
    what has no such place is as it is on the average, seen from its parent. Bones that leave one
    joint keep their average angles, and every bone has its median length.

    Args:
        tree: N joints.
        points: (T, N, 3) without gaps, y up.
        is_measured: (T, N) which of them are no fillings of gaps: averages and medians are over
            the frames in which all ends of the bones in question are measured, where there are any.

    Returns:
        Offsets (N, 3) from the parent, zero for the root; rotations (T, N, 3, 3) in the world;
        positions (T, N, 3) as the two place them.
    """
    num_frames, num_joints, _ = points.shape
    offsets = np.zeros((num_joints, 3))
    rotations = np.broadcast_to(np.eye(3), (num_frames, num_joints, 3, 3)).copy()
    placed = points.copy()
    for joint in range(num_joints):
        parent = tree.parents[joint]
        if parent >= 0:
            rotations[:, joint] = rotations[:, parent]
            placed[:, joint] = placed[:, parent] + rotations[:, parent] @ offsets[joint]
        children = tree.children(joint)
        if children:
            vectors = points[:, children] - points[:, [joint]]  # (T, K, 3)
            names = [tree.names[child] for child in children]
            use = is_measured[:, [joint, *children]].all(axis=1)
            use = use if use.any() else np.ones_like(use)
            offsets[children] = _at_rest(names, vectors[use], rotations[use, joint])
            rotations[:, joint] = best_rotation(offsets[children], vectors, rotations[:, joint])
    return offsets, rotations, placed


def _at_rest(names: list[str], vectors: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Offsets (K, 3) of the bones that leave one joint, out of vectors (T, K, 3)."""
    lengths = np.median(np.linalg.norm(vectors, axis=-1), axis=0)  # (K,)
    seen = np.einsum("tji,tkj->tki", parent, vectors)  # from the parent
    target = _directed(seen.mean(axis=0), seen[0])
    for place, name in enumerate(names):
        standing = _standing(name)
        if standing is not None:
            target[place] = np.array(standing) / np.linalg.norm(standing)
    if len(names) > 1:
        shape = _mean_shape(vectors)
        told = [place for place, name in enumerate(names) if _standing(name) is not None]
        told = told or list(range(len(names)))
        turn = best_rotation(shape[told], target[None, told], np.eye(3)[None])[0]
        target = shape @ turn.T
    return target * lengths[:, None]


def _mean_shape(vectors: np.ndarray) -> np.ndarray:
    """Directions (K, 3) of bones with their average angles (Gower's generalised Procrustes)."""
    directions = _directed(vectors, vectors)
    identity = np.broadcast_to(np.eye(3), (len(vectors), 3, 3))
    shape = directions[0]
    for _ in range(_MEAN_STEPS):
        turns = best_rotation(shape, directions, identity)
        shape = np.einsum("tji,tkj->tki", turns, directions).mean(axis=0)
        shape = _directed(shape, directions[0])
    return shape


def _directed(vectors: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Vectors (*B, 3) of length 1; those of length 0 are taken from `otherwise`, or left."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    known = np.where(length > 1e-9, vectors, otherwise)
    length = np.linalg.norm(known, axis=-1, keepdims=True)
    return known / np.where(length > 1e-9, length, 1.0)


def _standing(name: str) -> tuple[float, float, float] | None:
    """The direction of the bone that ends at a joint, in somebody who stands with arms spread."""
    name = canonical_name(name)
    side, _, rest = name.partition("_")
    joint = rest if side in ("left", "right") else name
    if joint in _SIDEWAYS and joint != name:
        return (1.0, 0.0, 0.0) if side == "left" else (-1.0, 0.0, 0.0)
    if joint in _DOWN:
        return (0.0, -1.0, 0.0)
    if joint in _UP:
        return (0.0, 1.0, 0.0)
    return _AHEAD.get(joint)
