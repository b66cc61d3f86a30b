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
class Raster:
    """A picture in space, as a grid of dots that are as large as the grid is wide.

    Attributes:
        points_m: (h, w, 3) world; where it stays, the same array each time.
        colours: (h, w, 3) uint8 RGB.
        spacing_m: between the points.
    """

    points_m: np.ndarray
    colours: np.ndarray
    spacing_m: float


@dataclass(frozen=True)
class Instances:
    """A small mesh in many places, which move without the mesh being made anew.

    Attributes:
        template: in its own frame, white but for its shading.
        world_from_template: (N, 4, 4) affine.
        colours: (N, 3) uint8 RGB.
    """

    template: Mesh
    world_from_template: np.ndarray
    colours: np.ndarray

    def merged(self) -> Mesh:
        """All of them as one mesh."""
        count, size = len(self.colours), len(self.template.vertices_m)
        linear, shift = self.world_from_template[:, :3, :3], self.world_from_template[:, :3, 3]
        vertices = self.template.vertices_m @ linear.mT + shift[:, None]
        faces = self.template.triangles + size * np.arange(count)[:, None, None]
        shades = self.template.colours / 255 * self.colours[:, None]
        colours = np.rint(shades.reshape(-1, 3)).astype(np.uint8)
        return Mesh(vertices.reshape(-1, 3), faces.reshape(-1, 3), colours)


Shape = Mesh | Lines | Dots | Raster | Instances


def balls(centres_m: np.ndarray, radius_m: float, colours: np.ndarray) -> Instances:
    """Balls about (N, 3) points, in (N, 3) uint8 colours."""
    places = np.tile(np.eye(4), (len(centres_m), 1, 1))
    places[:, :3, :3] *= radius_m
    places[:, :3, 3] = centres_m
    return Instances(_ball(), places, colours)


def sticks(ends_m: np.ndarray, radius_m: float, colours: np.ndarray) -> Instances:
    """Cylinders between points, each half in the colour of its end.

    Args:
        ends_m: (N, 2, 3).
        radius_m: of all.
        colours: (N, 2, 3) uint8.
    """
    middles = ends_m.mean(axis=1, keepdims=True)
    halves = np.stack(np.broadcast_arrays(ends_m, middles), axis=2).reshape(-1, 2, 3)
    halves[1::2] = halves[1::2, ::-1]  # from the start on, so that both halves turn alike
    along = halves[:, 1] - halves[:, 0]
    axis = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-12)
    # The template is bright along its x, which is turned to the light as far as the axis lets it.
    bright = _LIGHT - (axis @ _LIGHT)[:, None] * axis
    level = np.cross(axis, np.eye(3)[np.abs(axis).argmin(-1)])
    bright = np.where(np.linalg.norm(bright, axis=-1, keepdims=True) > 1e-6, bright, level)
    bright /= np.maximum(np.linalg.norm(bright, axis=-1, keepdims=True), 1e-12)
    places = np.tile(np.eye(4), (len(halves), 1, 1))
    places[:, :3, 0] = radius_m * bright
    places[:, :3, 1] = radius_m * np.cross(axis, bright)
    places[:, :3, 2] = along
    places[:, :3, 3] = halves[:, 0]
    return Instances(_tube(), places, colours.reshape(-1, 3))


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


@cache
def _ball() -> Mesh:
    """A unit ball."""
    vertices, faces = _sphere()
    return Mesh(vertices, faces, _greys(_shade(vertices)))


@cache
def _tube() -> Mesh:
    """A tube of radius 1 about z, from 0 to 1, lit from x."""
    angles = 2 * np.pi * np.arange(_SIDES) / _SIDES
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(_SIDES)], axis=-1)
    here, there = np.arange(_SIDES), np.roll(np.arange(_SIDES), -1)
    faces = [[here, there, _SIDES + there], [here, _SIDES + there, _SIDES + here]]
    shades = _SHADE + (1 - _SHADE) * (0.5 + 0.5 * circle[:, 0])
    return Mesh(
        np.concatenate([circle, circle + np.array([0, 0, 1])]),
        np.concatenate([np.stack(face, axis=-1) for face in faces]),
        np.tile(_greys(shades), (2, 1)),
    )


def _greys(shades: np.ndarray) -> np.ndarray:
    """(N,) 0..1 -> (N, 3) uint8."""
    return np.rint(255 * np.repeat(shades[:, None], 3, axis=1)).astype(np.uint8)


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
