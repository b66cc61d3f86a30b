"""glTF (.glb): the moving skeleton as spheres and bars, for viewers, Blender and game engines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.export.axes import in_axes, up_notes, up_text
from triangulate.export.gaps import interpolated, listed
from triangulate.export.glb import Numbers
from triangulate.export.options import USUAL, ExportOptions, Up
from triangulate.export.people import names_of_missing
from triangulate.export.solids import Solid, ball, bar
from triangulate.export.timing import Timing, timing
from triangulate.poses import Poses3D
from triangulate.skeleton import Skeleton

_SHARES = (0.09, 0.045)
"""Radii of spheres and bars, against the median bone."""

_COLOURS = {"left": (0.10, 0.32, 0.80), "right": (0.85, 0.30, 0.08), "middle": (0.55, 0.55, 0.55)}


def write_gltf(poses: Poses3D, path: str | Path, options: ExportOptions = USUAL) -> tuple[str, ...]:
    """Write all people into one scene, in metres and with y up, as glTF has it.

    Below a node a person there is one a joint, called after it, a sphere that its translation
    moves, and one a bone, a bar that is moved, turned and stretched. What is missing is hidden: its
    scale is 0 while a straight line leads through the gap. Time starts with the first frame. Left
    is blue, right orange. `asset.extras` says unit and up axis once more.

    Returns:
        What had to be assumed, for people.
    """
    try:
        import pygltflib
    except ImportError:
        raise InputError('gltf: needs pygltflib: pip install "triangulate[export]"') from None

    if not len(poses.positions_m):
        raise InputError("gltf: the poses hold no frames")
    points_m, up_axis = in_axes(poses.positions_m, poses.up_axis, Up.y)
    when = timing(poses)
    gltf = pygltflib.GLTF2(
        asset=pygltflib.Asset(
            version="2.0", generator="triangulate", extras={"unit": "m", "up": up_text(up_axis)}
        ),
        scene=0,
        scenes=[pygltflib.Scene(nodes=[])],
        animations=[pygltflib.Animation(name="motion")],
    )
    scene = _Scene(gltf, Numbers(gltf), poses.skeleton, when)
    scene.add_meshes(_radii(poses.skeleton, points_m))
    notes = []
    for person in range(points_m.shape[1]):
        scene.add_person(f"person_{person + 1}", points_m[:, person], np.asarray(poses.frames))
        if names := names_of_missing(poses, points_m[:, person]):
            notes.append(
                f"gltf: {listed(names)} of person {person + 1}: without a position in any frame, "
                "left out"
            )
    scene.numbers.write(path)
    return (*notes, *up_notes("gltf", poses.up_axis), *when.notes("gltf", has_times=True))


def _radii(skeleton: Skeleton, points: np.ndarray) -> tuple[float, float]:
    """Of spheres and bars, metres, from positions (T, P, J, 3)."""
    if skeleton.edges:
        a, b = np.array(skeleton.edges).T
        lengths = np.linalg.norm(points[:, :, a] - points[:, :, b], axis=-1)
    else:
        middle = np.nan_to_num(points).mean(axis=2, keepdims=True)
        lengths = np.linalg.norm(points - middle, axis=-1) / 2
    known = lengths[np.isfinite(lengths)]
    size = float(np.median(known)) if known.size else 0.3
    return _SHARES[0] * size, _SHARES[1] * size


class _Scene:
    """A document that grows: meshes, nodes, and the channels that move them."""

    def __init__(self, gltf: Any, numbers: Numbers, skeleton: Skeleton, when: Timing) -> None:
        self.gltf, self.numbers, self.skeleton = gltf, numbers, skeleton
        self.count = len(when.time_s)
        time_s = (when.time_s - when.time_s[0]).astype(np.float32)
        self.times = numbers.add(
            lambda: time_s, self.count, limits=([float(time_s[0])], [float(time_s[-1])])
        )
        self.meshes: dict[tuple[str, str], int] = {}

    # --- Meshes -----------------------------------------------------------------------------------

    def add_meshes(self, radii: tuple[float, float]) -> None:
        """A sphere and a bar in each colour."""
        import pygltflib

        shapes = {"joint": self._shape(ball(radii[0])), "bone": self._shape(bar(radii[1]))}
        for side, colour in _COLOURS.items():
            self.gltf.materials.append(
                pygltflib.Material(
                    name=side,
                    pbrMetallicRoughness=pygltflib.PbrMetallicRoughness(
                        baseColorFactor=[*colour, 1.0], metallicFactor=0.0, roughnessFactor=0.7
                    ),
                )
            )
            for kind, (positions, normals, indices) in shapes.items():
                attributes = pygltflib.Attributes(POSITION=positions, NORMAL=normals)
                material = len(self.gltf.materials) - 1
                primitive = pygltflib.Primitive(
                    attributes=attributes, indices=indices, material=material
                )
                self.meshes[kind, side] = len(self.gltf.meshes)
                self.gltf.meshes.append(
                    pygltflib.Mesh(name=f"{kind}_{side}", primitives=[primitive])
                )

    def _shape(self, solid: Solid) -> tuple[int, int, int]:
        """The accessors of positions, normals and indices."""
        import pygltflib

        points, normals, triangles = solid
        points = points.astype(np.float32)
        limits = (points.min(axis=0).tolist(), points.max(axis=0).tolist())
        return (
            self.numbers.add(
                lambda: points, len(points), 3, limits=limits, target=pygltflib.ARRAY_BUFFER
            ),
            self.numbers.add(lambda: normals, len(points), 3, target=pygltflib.ARRAY_BUFFER),
            self.numbers.add(
                lambda: triangles, triangles.size, target=pygltflib.ELEMENT_ARRAY_BUFFER
            ),
        )

    # --- People -----------------------------------------------------------------------------------

    def add_person(self, name: str, points: np.ndarray, frames: np.ndarray) -> None:
        """A person's joints and bones, from positions (T, J, 3) with gaps."""
        import pygltflib

        found = np.isfinite(points).all(axis=-1)  # (T, J)
        filled = interpolated(points, frames)
        ever = found.any(axis=0)
        children = [self._joint(joint, filled, found) for joint in range(len(ever)) if ever[joint]]
        children += [
            self._bone(a, b, filled, found) for a, b in self.skeleton.edges if ever[a] and ever[b]
        ]
        if children:
            self.gltf.nodes.append(pygltflib.Node(name=name, children=children))
            self.gltf.scenes[0].nodes.append(len(self.gltf.nodes) - 1)

    def _joint(self, joint: int, filled: np.ndarray, found: np.ndarray) -> int:
        """The node of a joint; where it has no gaps, its scale stays 1."""
        scale = partial(_shown, found[:, joint])
        moves = {"translation": (lambda: filled[:, joint], "LINEAR", 3)}
        if not found[:, joint].all():
            moves["scale"] = (scale, "STEP", 3)
        name = self.skeleton.joint_names[joint]
        return self._node(name, "joint", self._side([joint]), moves)

    def _bone(self, a: int, b: int, filled: np.ndarray, found: np.ndarray) -> int:
        """The node of a bone: its bar reaches from the origin along y to 1."""

        def stretched() -> np.ndarray:
            length = np.linalg.norm(filled[:, b] - filled[:, a], axis=-1)
            return _shown(found[:, a] & found[:, b]) * np.stack(
                [np.ones_like(length), length, np.ones_like(length)], axis=-1
            )

        moves = {
            "translation": (lambda: filled[:, a], "LINEAR", 3),
            "rotation": (lambda: turned_from_y(filled[:, b] - filled[:, a]), "LINEAR", 4),
            "scale": (stretched, "STEP", 3),
        }
        names = self.skeleton.joint_names
        return self._node(f"{names[a]}-{names[b]}", "bone", self._side([a, b]), moves)

    def _node(
        self,
        name: str,
        kind: str,
        side: str,
        moves: dict[str, tuple[Callable[[], np.ndarray], str, int]],
    ) -> int:
        """A node that stands as in the first frame, and the channels that move it."""
        import pygltflib

        number = len(self.gltf.nodes)
        still = {path: make()[0].tolist() for path, (make, _, _) in moves.items()}
        self.gltf.nodes.append(pygltflib.Node(name=name, mesh=self.meshes[kind, side], **still))
        motion = self.gltf.animations[0]
        for path, (make, interpolation, width) in moves.items():
            output = self.numbers.add(make, self.count, width)
            motion.samplers.append(
                pygltflib.AnimationSampler(
                    input=self.times, output=output, interpolation=interpolation
                )
            )
            motion.channels.append(
                pygltflib.AnimationChannel(
                    sampler=len(motion.samplers) - 1,
                    target=pygltflib.AnimationChannelTarget(node=number, path=path),
                )
            )
        return number

    def _side(self, joints: list[int]) -> str:
        """The side that all of these joints are of."""
        lefts, rights = ({pair[end] for pair in self.skeleton.flip_pairs} for end in (0, 1))
        if set(joints) <= lefts:
            return "left"
        return "right" if set(joints) <= rights else "middle"


def _shown(is_there: np.ndarray) -> np.ndarray:
    """Scales (T, 3): 1, or 0 where something is hidden."""
    return np.repeat(is_there.astype(np.float64)[:, None], 3, axis=1)


def turned_from_y(vectors: np.ndarray) -> np.ndarray:
    """Unit quaternions (T, 4), x y z w, that turn y into the direction of vectors (T, 3).

    Each has the sign that is nearer to the one before, so that what lies between them is short.
    """
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    x, y, z = np.where(length > 1e-9, vectors / np.where(length > 1e-9, length, 1), [0, 1, 0]).T
    turns = np.stack([z, 0 * x, -x, 1 + y], axis=-1)
    turns[1 + y < 1e-12] = [1, 0, 0, 0]
    turns /= np.linalg.norm(turns, axis=-1, keepdims=True)
    flips = (turns[1:] * turns[:-1]).sum(axis=-1) < 0
    turns[1:][np.cumsum(flips) % 2 == 1] *= -1
    return turns
