"""The scene: what stands still, and what a frame adds to it.

>>> scene = Scene.of(contents)
>>> shapes = {**scene.still(look), **scene.moving(look, index, images)}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from triangulate.drawing.canvas import BACKGROUND, DIM, GRID, TEXT, Colour
from triangulate.drawing.scales import ColourScale
from triangulate.drawing.space import (
    Ground,
    axis_direction,
    find_ground,
    floor_lines,
    image_pixels,
    image_planes,
    line_spacing,
    up_of,
    viewing_direction,
    without_strays,
)
from triangulate.options import Layer
from triangulate.rig import Size
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.look import Look, joint_colours_at
from triangulate.viewer.reading import read_cloud
from triangulate.viewer.shapes import (
    Dots,
    Lines,
    Mesh,
    Raster,
    Shape,
    balls,
    outline,
    rings,
    sticks,
)
from triangulate.viewer.timeline import DEFAULT_FPS
from triangulate.viewer.viewpoint import Viewpoint

AXES: tuple[Colour, ...] = ((235, 87, 87), (74, 201, 126), (82, 140, 255))
_DEPTH = 0.12  # of a drawn camera, as a part of the scene
_REACH = 1.3  # of the floor, beyond everything
_BONE = 0.075  # radius of a joint, as a part of a bone

Images = Sequence[np.ndarray | None]


@dataclass(frozen=True)
class Label:
    """A text at a place."""

    text: str
    place_m: np.ndarray  # (3,)
    colour: Colour


@dataclass(frozen=True)
class Scene:
    """The contents, and how large and where everything is.

    Attributes:
        contents: what is shown.
        ground: the floor.
        reach_m: how far things are from the middle, along the floor.
        spacing_m: of the floor's lines.
        joint_m: radius of a joint.
        shown_m: (N, 3) points that a picture of everything has in it.
        people_m: (N, 3) points of what moves or of clouds; the cameras where there are none.
        start: where one looks from at first.
    """

    _rasters: dict[tuple[int, float, Size], tuple[np.ndarray, float]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    contents: Contents
    ground: Ground
    reach_m: float
    spacing_m: float
    joint_m: float
    shown_m: np.ndarray
    people_m: np.ndarray
    start: Viewpoint

    @classmethod
    def of(cls, contents: Contents) -> Scene:
        """Measure the contents."""
        centres = np.zeros((0, 3))
        if contents.rig is not None:
            centres = contents.rig.cameras.centre_world.numpy()
        seen = _points_of(contents)
        ground = find_ground(seen, centres, _up_of(contents))
        everything = np.concatenate([seen, centres])
        reach = float(np.abs((everything - ground.origin) @ ground.across.T).max())
        reach = max(reach, 0.25)
        around = seen if len(seen) else centres
        extent = np.concatenate([everything, ground.shadow(everything)])
        direction = _direction(ground, centres, around)
        return cls(
            contents,
            ground,
            reach,
            line_spacing(_REACH * reach),
            _joint_radius(contents.motion, reach),
            extent,
            around,
            Viewpoint.framing(extent, direction, ground.up),
        )

    @property
    def depth_m(self) -> float:
        """How long cameras are drawn."""
        return _DEPTH * self.reach_m

    def still(self, look: Look) -> dict[str, Shape]:
        """What is there in every frame."""
        shapes: dict[str, Shape] = {}
        if Layer.floor in look.layers:
            lines = floor_lines(self.ground, _REACH * self.reach_m, self.spacing_m)
            shapes["floor"] = Lines(lines, _filled(len(lines), GRID), 1.0)
        if Layer.axes in look.layers:
            ends = np.stack([np.zeros((3, 3)), self.spacing_m / 2 * np.eye(3)], axis=1)
            colours = np.repeat(np.array(AXES, np.uint8)[:, None], 2, axis=1)
            shapes["axes"] = sticks(ends, 0.008 * self.spacing_m, colours).merged()
        if Layer.cameras in look.layers and self.contents.rig is not None:
            shapes["cameras"] = self._cameras(look.view)
        if Layer.clouds in look.layers:
            shapes |= {f"still {name}": shape for name, shape in self.contents.still.items()}
        return shapes

    def moving(
        self,
        look: Look,
        index: int,
        images: Images = (),
        scale: ColourScale | None = None,
        cloud: Dots | Mesh | None = None,
    ) -> dict[str, Shape]:
        """What a frame adds.

        Args:
            look: what is shown, and how.
            index: of the frame, among those of the contents.
            images: V images of the cameras, None where there is none; or none at all.
            scale: of the colours that the look asks for; see `look.colour_scale`.
            cloud: the frame's.
        """
        shapes: dict[str, Shape] = {}
        if self.contents.motion is not None:
            shapes |= self._people(self.contents.motion, look, index, scale)
        if Layer.images in look.layers:
            shapes |= self._images(images, look.view)
        if Layer.clouds in look.layers and cloud is not None:
            shapes["cloud"] = cloud
        return shapes

    def labels(self, look: Look) -> list[Label]:
        """Names of cameras and axes."""
        labels = []
        if Layer.axes in look.layers:
            length = self.spacing_m / 2
            for axis, colour in enumerate(AXES):
                place = 1.12 * length * np.eye(3)[axis]
                labels.append(Label(f"{'xyz'[axis]} {length:g} m", place, colour))
        if Layer.cameras in look.layers and self.contents.rig is not None:
            tops = image_planes(self.contents.rig, self.depth_m)[:, 0].mean(axis=1)
            lifted = tops + 0.3 * self.depth_m * self.ground.up
            pairs = enumerate(zip(self.contents.rig.names, lifted, strict=True))
            labels += [Label(name, at, TEXT) for v, (name, at) in pairs if v != look.view]
        return labels

    def _cameras(self, view: int | None) -> Lines:
        """Frusta, the upper edge of the image brighter, and a plumb line to the floor.

        The one that is looked through is left out.
        """
        rig = self.contents.rig
        if rig is None:
            raise ValueError("the contents must have a rig")
        others = np.arange(len(rig)) != (-1 if view is None else view)
        corners = image_planes(rig, self.depth_m)[others][:, [0, 0, 1, 1], [0, 1, 1, 0]]
        centres = rig.cameras.centre_world.numpy()[others]
        spokes = np.stack(np.broadcast_arrays(centres[:, None], corners), axis=2).reshape(-1, 2, 3)
        plumb = np.stack([centres, self.ground.shadow(centres)], axis=1)
        frames, upper = outline(corners), corners[:, :2]
        ends = np.concatenate([spokes, frames, upper, plumb])
        colours = np.concatenate(
            [
                _filled(len(spokes) + len(frames), DIM),
                _filled(len(upper), TEXT),
                _filled(len(plumb), GRID),
            ]
        )
        return Lines(ends, colours, 1.6)

    def _images(self, images: Images, view: int | None) -> dict[str, Shape]:
        """The cameras' images on their image planes."""
        rig = self.contents.rig
        if rig is None or not any(image is not None for image in images):
            return {}
        shapes: dict[str, Shape] = {}
        for v, (name, image) in enumerate(zip(rig.names, images, strict=True)):
            if image is not None:
                depth_m = self._behind_m(v) if v == view else self.depth_m
                points, spacing = self._raster(v, depth_m, (image.shape[1], image.shape[0]))
                shapes[f"image {name}"] = Raster(points, image, spacing)
        return shapes

    def _raster(self, view: int, depth_m: float, size: Size) -> tuple[np.ndarray, float]:
        """Where the pixels of a camera's image of a size lie at a depth, and how far apart.

        Kept, because it stays the same from frame to frame.
        """
        key = view, depth_m, size
        if key not in self._rasters and self.contents.rig is not None:
            rig = self.contents.rig.select([self.contents.rig.names[view]])
            points = image_pixels(rig, depth_m, size)[0]
            steps = np.linalg.norm(np.diff(points[size[1] // 2], axis=0), axis=-1)
            self._rasters[key] = points, float(steps.mean())
        return self._rasters[key]

    def _behind_m(self, view: int) -> float:
        """How far before a camera nothing else is."""
        if self.contents.rig is None:
            raise ValueError("the contents must have a rig")
        camera = self.contents.rig.cameras[view]
        depths = camera.cam_from_world.apply(torch.from_numpy(self.shown_m))[:, 2]
        return 1.2 * max(float(depths.max()), self.depth_m)

    def _people(
        self, motion: Motion, look: Look, index: int, scale: ColourScale | None
    ) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {}
        chosen = slice(None) if look.person is None else slice(look.person, look.person + 1)
        positions = np.asarray(motion.positions_m[index, chosen], float)  # (P, J, 3)
        colours = joint_colours_at(motion, index, look.colour_by, scale)[chosen]
        known = np.isfinite(positions).all(-1)
        if Layer.skeletons in look.layers and known.any():
            shapes["joints"] = balls(positions[known], self.joint_m, colours[known])
            edges = np.array(motion.skeleton.edges, int).reshape(-1, 2)
            whole = known[:, edges].all(-1)  # (P, E)
            if whole.any():
                shapes["bones"] = sticks(
                    positions[:, edges][whole], 0.6 * self.joint_m, colours[:, edges][whole]
                )
        if Layer.ellipsoids in look.layers and motion.poses is not None and known.any():
            covariance = np.asarray(motion.poses.covariance_m2[index, chosen], float)
            certain = known & np.isfinite(covariance).all((-1, -2))
            shapes["ellipsoids"] = rings(
                positions[certain], look.magnified**2 * covariance[certain], colours[certain]
            )
        if Layer.trails in look.layers:
            trail = self._trails(motion, look, index, chosen)
            if len(trail.ends_m):
                shapes["trails"] = trail
        return shapes

    def _trails(self, motion: Motion, look: Look, index: int, chosen: slice) -> Lines:
        """Where the ends of the skeleton were, fading with time."""
        rate = self.contents.rate or DEFAULT_FPS
        first = max(0, index - round(look.trail_s * rate))
        joints = _ends(motion)
        past = np.asarray(motion.positions_m[first : index + 1, chosen], float)[:, :, joints]
        ends = np.stack([past[:-1], past[1:]], axis=-2)  # (F, P, K, 2, 3)
        tints = joint_colours_at(motion, index, look.colour_by, None)[chosen][:, joints]
        strength = 0.8 * (np.arange(len(ends)) + 1.0)[:, None, None, None] / max(len(ends), 1)
        colours = strength * tints + (1 - strength) * np.array(BACKGROUND)
        known = np.isfinite(ends).all((-1, -2))
        return Lines(ends[known], np.rint(colours[known]).astype(np.uint8), 2.0)


def moment_text(contents: Contents, index: int) -> str:
    """The frame's number, and its time where that is known."""
    number = int(contents.frames[index])
    fps = contents.fps
    return f"frame {number}" if fps is None else f"frame {number}   {number / fps:.2f} s"


def _filled(count: int, colour: Colour) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (count, 1))


def _points_of(contents: Contents) -> np.ndarray:
    """(N, 3) points of what moves and of what lies there, without strays."""
    parts = [np.zeros((0, 3))]
    if contents.motion is not None:
        some = np.asarray(contents.motion.positions_m[contents.motion.sampled()], float)
        parts.append(without_strays(some[np.isfinite(some).all(-1)]))
    models = list(contents.still.values())
    if contents.motion is None and not models:
        models = _sampled_clouds(contents)
    for shape in models:
        points = shape.points_m if isinstance(shape, Dots) else shape.vertices_m
        parts.append(without_strays(points[:: max(1, len(points) // 5000)]))
    return np.concatenate(parts)


def _sampled_clouds(contents: Contents) -> list[Dots | Mesh]:
    """The first, the middle and the last cloud of a sequence."""
    paths = [contents.sequence[number] for number in sorted(contents.sequence)]
    some = {paths[place] for place in (0, len(paths) // 2, -1)} if paths else set()
    return [read_cloud(path) for path in sorted(some)]


def _up_of(contents: Contents) -> np.ndarray:
    told = contents.up_axis or (contents.motion and contents.motion.up_axis)
    if told:
        return axis_direction(told)
    return axis_direction("z") if contents.rig is None else up_of(contents.rig)


def _direction(ground: Ground, centres: np.ndarray, around: np.ndarray) -> np.ndarray:
    """(3,) level, from which to look."""
    if len(centres) > 1:
        return viewing_direction(ground, centres, around)
    return (ground.across[0] - ground.across[1]) / np.sqrt(2)


def _joint_radius(motion: Motion | None, reach_m: float) -> float:
    """In proportion to the bones, or to the scene where there are none."""
    if motion is not None and motion.skeleton.edges:
        some = np.asarray(motion.positions_m[motion.sampled()], float)
        a, b = np.array(motion.skeleton.edges).T
        lengths = np.linalg.norm(some[..., a, :] - some[..., b, :], axis=-1)
        if np.isfinite(lengths).any():
            return _BONE * float(np.nanmedian(lengths))
    return 0.006 * reach_m


def _ends(motion: Motion) -> np.ndarray:
    """Joints at the ends of the skeleton; all where it has no bones."""
    if not motion.skeleton.edges:
        return np.arange(len(motion.skeleton.joint_names))
    joints, counts = np.unique(np.array(motion.skeleton.edges), return_counts=True)
    return joints[counts == 1]
