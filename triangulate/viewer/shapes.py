"""What the scene is made of, as plain arrays: meshes, lines, dots and pictures.

Colours are what the screen shows: shading is laid into them here, so that no light has to be set up
and every renderer gives the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

_LIGHT = np.array([0.35, -0.5, 0.79])  # where it comes from, unit
_SHADE = 0.5  # what is left of a colour on the dark side
_SIDES = 10  # of a stick
_SPLITS = 2  # of an icosahedron's edges, for a ball
_RING_STEPS = 24

CHI_95 = 2.7955
"""Half axes of the region that holds a point with 95 %, in standard deviations (chi, 3 degrees)."""


@dataclass(frozen=True)
class Mesh:
    """Triangles.

    Attributes:
        vertices_m: (N, 3) world.
        triangles: (M, 3) indices, counter-clockwise from outside.
        colours: (N, 3) uint8 RGB.
    """

    vertices_m: np.ndarray
    triangles: np.ndarray
    colours: np.ndarray


@dataclass(frozen=True)
class Lines:
    """Straight lines.

    Attributes:
        ends_m: (N, 2, 3) world.
        colours: (N, 3) uint8 RGB.
        width_px: of all.
    """

    ends_m: np.ndarray
    colours: np.ndarray
    width_px: float = 1.5


@dataclass(frozen=True)
class Dots:
    """Points of one size.

    Attributes:
        points_m: (N, 3) world.
        colours: (N, 3) uint8 RGB.
        size_px: of all.
    """

    points_m: np.ndarray
    colours: np.ndarray
    size_px: float = 3.0


@dataclass(frozen=True)
class Sheet:
    """An image on a surface.

    Attributes:
        vertices_m: (h + 1, w + 1, 3) world: the corners of h x w equal parts of the image.
        image: (H, W, 3) uint8 RGB.
    """

    vertices_m: np.ndarray
    image: np.ndarray


Shape = Mesh | Lines | Dots | Sheet


def balls(centres_m: np.ndarray, radius_m: float, colours: np.ndarray) -> Mesh:
    """Balls about (N, 3) points, in (N, 3) uint8 colours."""
    sphere, faces = _sphere()
    vertices = centres_m[:, None] + radius_m * sphere
    shades = np.broadcast_to(_shade(sphere), vertices.shape[:2])
    return _merged(vertices, faces, shades[..., None] * colours[:, None])


def sticks(ends_m: np.ndarray, radius_m: float, colours: np.ndarray) -> Mesh:
    """Cylinders between points, each half in the colour of its end.

    Args:
        ends_m: (N, 2, 3).
        radius_m: of all.
        colours: (N, 2, 3) uint8.
    """
    start, along = ends_m[:, 0], ends_m[:, 1] - ends_m[:, 0]
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    axis = along / np.maximum(length, 1e-12)
    helper = np.eye(3)[np.abs(axis).argmin(-1)]
    first = np.cross(axis, helper)
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-12)
    across = np.stack([first, np.cross(axis, first)], axis=1)  # (N, 2, 3)
    circle, faces = _tube()
    normals = circle @ across  # (N, sides, 3)
    parts = np.array([0.0, 0.5, 0.5, 1.0])  # twice at the middle, where the colour changes
    rings = start[:, None, None] + parts[:, None, None] * along[:, None, None]
    vertices = rings + radius_m * normals[:, None]  # (N, 4, sides, 3)
    shaded = _shade(normals)[:, None, :, None] * colours[:, [0, 0, 1, 1], None]
    flat = len(ends_m), 4 * _SIDES, 3
    return _merged(vertices.reshape(flat), faces, shaded.reshape(flat))


def rings(centres_m: np.ndarray, covariance_m2: np.ndarray, colours: np.ndarray) -> Lines:
    """The three great ellipses of covariance ellipsoids that hold 95 %.

    Args:
        centres_m: (N, 3).
        covariance_m2: (N, 3, 3).
        colours: (N, 3) uint8.
    """
    variances, axes = np.linalg.eigh(covariance_m2.astype(np.float64))
    half_axes = CHI_95 * np.sqrt(np.maximum(variances, 0))[:, None] * axes  # (N, 3, 3) columns
    angles = np.linspace(0, 2 * np.pi, _RING_STEPS + 1)
    circle = np.stack([np.cos(angles), np.sin(angles)])  # (2, steps + 1)
    pairs = half_axes[:, :, [[0, 1], [1, 2], [2, 0]]]  # (N, 3, rings, 2)
    points = np.einsum("nirk,ks->nrsi", pairs, circle) + centres_m[:, None, None]
    ends = np.stack([points[:, :, :-1], points[:, :, 1:]], axis=-2).reshape(-1, 2, 3)
    return Lines(ends, np.repeat(colours, 3 * _RING_STEPS, axis=0), 1.2)


def shaded(
    vertices_m: np.ndarray, triangles: np.ndarray, normals: np.ndarray, colours: np.ndarray
) -> Mesh:
    """A mesh whose shading is laid into its colours, by its normals (N, 3)."""
    values = _shade(normals)[:, None] * colours
    return Mesh(vertices_m, triangles, np.rint(values).astype(np.uint8))


def outline(corners_m: np.ndarray) -> np.ndarray:
    """(N, 4, 3) corners in order -> (4 N, 2, 3) the lines about them."""
    return np.stack([corners_m, np.roll(corners_m, -1, axis=1)], axis=2).reshape(-1, 2, 3)


def _shade(normals: np.ndarray) -> np.ndarray:
    """How bright surfaces are, by their normals (*B, 3) -> (*B,)."""
    return _SHADE + (1 - _SHADE) * (0.5 + 0.5 * normals @ _LIGHT)


def _merged(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> Mesh:
    """One mesh of N alike: vertices (N, K, 3), faces (M, 3) of each, colours (N, K, 3)."""
    count, size = vertices.shape[:2]
    triangles = (faces + size * np.arange(count)[:, None, None]).reshape(-1, 3)
    return Mesh(
        vertices.reshape(-1, 3), triangles, np.rint(colours.reshape(-1, 3)).astype(np.uint8)
    )


@cache
def _sphere() -> tuple[np.ndarray, np.ndarray]:
    """A unit icosphere: (K, 3) vertices, (M, 3) triangles."""
    golden = (1 + 5**0.5) / 2
    ring = np.array([[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0]])
    vertices = np.concatenate([np.roll(ring, shift, axis=1) for shift in (0, 1, 2)])
    vertices /= np.linalg.norm(vertices[0])
    # Neighbours are the nearest of the others; faces are the triples of mutual neighbours.
    near = np.linalg.norm(vertices[:, None] - vertices, axis=-1) < 1.1
    triples = np.array([(i, j, k) for i in range(12) for j in range(i) for k in range(j)])
    i, j, k = triples.T
    faces = triples[near[i, j] & near[j, k] & near[k, i]]
    for _ in range(_SPLITS):
        vertices, faces = _split(vertices, faces)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    inwards = (np.cross(b - a, c - a) * a).sum(-1) < 0
    faces[inwards] = faces[inwards][:, ::-1]
    return vertices, faces


def _split(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every triangle as four, the new vertices on the unit sphere."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]], axis=-1)  # (M, 3, 2)
    unique, places = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    middles = vertices[unique].mean(axis=1)
    middles /= np.linalg.norm(middles, axis=-1, keepdims=True)
    ab, bc, ca = len(vertices) + places.reshape(-1, 3).T
    a, b, c = faces.T
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.concatenate([vertices, middles]), np.concatenate([np.stack(p, -1) for p in parts])


@cache
def _tube() -> tuple[np.ndarray, np.ndarray]:
    """(sides, 2) a circle, and (M, 3) the faces between rings 0 and 1, and 2 and 3."""
    angles = 2 * np.pi * np.arange(_SIDES) / _SIDES
    here, there = np.arange(_SIDES), np.roll(np.arange(_SIDES), -1)
    faces = []
    for low in (0, 2 * _SIDES):
        up = low + _SIDES
        faces += [
            np.stack([low + here, low + there, up + there], -1),
            np.stack([low + here, up + there, up + here], -1),
        ]
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1), np.concatenate(faces)
