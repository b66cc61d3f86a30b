"""Moments of one scene: people whose 3D poses are known, and the cameras that saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from triangulate.data.crops import (
    Size,
    boxes_of,
    crop_cameras,
    sample_of,
    shown_points,
    windows_around,
)
from triangulate.data.pictures import Crops
from triangulate.data.sample import Sample
from triangulate.geometry.camera import Camera
from triangulate.skeleton import Skeleton

MIN_VIEWS = 2
"""A moment that fewer cameras show is none to learn from."""


@dataclass(frozen=True, eq=False)
class People:
    """N people in front of V cameras, each at one moment.

    Attributes:
        cameras: (V,) of the images.
        points_world: (N, J, 3) metres; zero where not `known`.
        known: (N, J).
        shown: (N, V, J) whether the image shows the joint.
        windows: (N, V, 4) what the crop of each view takes; without area where it shows too little
            of the person.
        frames: (N,) the number of the frame in the scene.
        size: (width, height) of the crops.
    """

    cameras: Camera
    points_world: np.ndarray
    known: np.ndarray
    shown: np.ndarray
    windows: np.ndarray
    frames: np.ndarray
    size: Size

    def __len__(self) -> int:
        """N."""
        return len(self.frames)

    def choose(self, index: np.ndarray) -> People:
        """Some of them, by index or by a mask (N,)."""
        return People(
            self.cameras,
            self.points_world[index],
            self.known[index],
            self.shown[index],
            self.windows[index],
            self.frames[index],
            self.size,
        )

    def sample(self, index: int, crops: Crops, group: int) -> Sample:
        """One of them."""
        return sample_of(
            [crops.crop(index, view) for view in range(self.windows.shape[1])],
            crop_cameras(self.cameras, self.windows[index], self.size),
            self.size,
            torch.from_numpy(self.points_world[index]),
            torch.from_numpy(self.known[index]),
            torch.from_numpy(self.shown[index]),
            group,
        )


def people_in_view(
    cameras: Camera,
    image_sizes: np.ndarray,
    points_world: np.ndarray,
    known: np.ndarray,
    frames: np.ndarray,
    *,
    size: Size,
    margin: float,
    min_joints: int,
    min_shown: float,
    unhidden: np.ndarray | None = None,
) -> People:
    """The people that enough cameras show, with the windows around them.

    Args:
        cameras: (V,) of the images.
        image_sizes: (V, 2) widths and heights.
        points_world: (N, J, 3) metres; NaN or anything else where not `known`.
        known: (N, J).
        frames: (N,) the number of the frame.
        size: (width, height) of the crops.
        margin: how much larger than the box around the joints a crop is.
        min_joints: a person of whom fewer joints are known is left out.
        min_shown: a view that shows less than this share of the known joints is missing.
        unhidden: (N, V, J) False where a joint is hidden from the camera, if that is known.
    """
    enough = known.sum(-1) >= max(min_joints, 1)
    points_world, known, frames = points_world[enough], known[enough], frames[enough]
    points = np.where(known[..., None], points_world, 0.0)
    points_px, shown = shown_points(cameras, points, image_sizes)
    shown &= known[:, None]
    has_view = shown.sum(-1) >= np.maximum(min_shown * known.sum(-1), 1)[:, None]
    boxes = boxes_of(points_px, shown & has_view[..., None])
    windows = windows_around(boxes, size, margin)
    if unhidden is not None:
        shown = shown & unhidden[enough]
    people = People(cameras, points, known, shown, windows, frames, size)
    return people.choose(has_view.sum(-1) >= MIN_VIEWS)


@dataclass(frozen=True, eq=False)
class Scene:
    """People of one scene and the crops of them."""

    people: People
    crops: Crops
    group: int


class SceneDataset:
    """A `PoseDataset` of scenes, one after the other.

    Attributes:
        skeleton: the J joints.
        groups: what moments are reported by.
        scenes: their people and crops.
        up_axis: the world direction that points up ("z", "-y", ...), None where unknown or not the
            same in all scenes.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        groups: Sequence[str],
        scenes: Sequence[Scene],
        up_axis: str | None,
    ) -> None:
        """Put scenes together."""
        self.skeleton = skeleton
        self.groups = tuple(groups)
        self.scenes = tuple(scenes)
        self.up_axis = up_axis
        self._ends = np.cumsum([len(scene.people) for scene in scenes])

    def __len__(self) -> int:
        """How many moments of people there are."""
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        """One moment of one person."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index must lie in 0..{len(self) - 1}, got {index}")
        index %= len(self)
        which = int(np.searchsorted(self._ends, index, side="right"))
        scene = self.scenes[which]
        inside = index - int(self._ends[which]) + len(scene.people)
        return scene.people.sample(inside, scene.crops, scene.group)
