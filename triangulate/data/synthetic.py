"""Made-up people as a data set: rendered on the fly, with exact truth.

The same seed and index give the same sample, byte for byte, whatever batch it is made in and by how
many threads (on one kind of device: graphics cards round otherwise).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from triangulate.data.sample import Sample
from triangulate.errors import InputError
from triangulate.geometry.threads import one_thread
from triangulate.skeleton import Skeleton
from triangulate.synthetic.angles import random_pose
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice, scene_generator
from triangulate.synthetic.draws import seeded, uniform
from triangulate.synthetic.mocap import load_motion, motions_in
from triangulate.synthetic.motion import Motion, walk
from triangulate.synthetic.occluders import Occlusion
from triangulate.synthetic.people import Crowd, random_crowd, take_pictures
from triangulate.synthetic.stages import person_boxes, random_cameras, random_crops
from triangulate.synthetic.variation import mirrored, reproportioned, tumbled, turned

ANGLES, WALK = "random angles", "made-up walk"
MIX = {"mocap": 0.5, "angles": 0.35, "walk": 0.15}
"""Where poses come from, by default."""

_WALKS, _WALK_FRAMES = 16, 90


class SyntheticPeople:
    """Moments of made-up people. The joints are those of `Skeleton.named("h36m17")`.

    Each moment has a person of its own, in a pose out of motion capture, of random joint angles or
    of a walk, turned, perhaps mirrored, and of other proportions. It has cameras of its own, with
    lenses, all around; what is given are crops of their images, and the crops' cameras.

    Args:
        seed: decides everything, with the index.
        length: number of moments.
        motions: files, or folders of them, as `synthetic.mocap.load_motion` reads; None: no motion
            capture, its share goes to the walk.
        views: least and most cameras, or one number.
        size: (width, height) of the crops.
        occlusion: "none", "light" (small things in a third of the views, a large one in a sixth)
            or "heavy" (one or two of four views heavily covered). All else is the same.
        mix: shares of "mocap", "angles" and "walk".
        tumbled: part of the captured poses that is turned any way in space.
        lying: the same of the random angles.
        reshape: standard deviation of the factor of each bone; 0 leaves captured bodies alone.
        distance_m: range of the cameras from the person.
        height_m: range of the cameras above the floor.
        device: where to render, and where the images are; all else is on the CPU. There it is done
            by one thread; let a loader's workers share.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        length: int = 10_000,
        motions: Sequence[str | Path] | None = None,
        views: int | tuple[int, int] = 4,
        size: tuple[int, int] = (128, 128),
        occlusion: str = "light",
        mix: Mapping[str, float] | None = None,
        tumbled: float = 0.05,
        lying: float = 0.15,
        reshape: float = 0.06,
        distance_m: tuple[float, float] = (2.5, 6.0),
        height_m: tuple[float, float] = (0.5, 3.0),
        device: torch.device | str = "cpu",
    ) -> None:
        """Read the motions; nothing is rendered yet."""
        self.views = (views, views) if isinstance(views, int) else (int(views[0]), int(views[1]))
        if not 1 <= self.views[0] <= self.views[1]:
            raise ValueError(f"views must rise from at least 1, got {views}")
        if occlusion not in get_args(Occlusion):
            raise ValueError(f"occlusion must be one of {get_args(Occlusion)}, not {occlusion!r}")
        self.seed, self.length, self.size = seed, length, (int(size[0]), int(size[1]))
        self.occlusion, self.tumbled, self.lying = occlusion, tumbled, lying
        self.reshape, self.distance_m, self.height_m = reshape, distance_m, height_m
        self.device = torch.device(device)
        self.shares = _shares(mix, has_motions=motions is not None)
        named = _load(motions or ())
        self._captured = [motion.positions_m for motion in named.values()]
        self._groups = (*named, ANGLES, WALK)
        walks = [walk(seeded(1000 + k), _WALK_FRAMES, 25.0) for k in range(_WALKS)]
        self._walks = np.stack([motion.positions_m for motion in walks])

    @property
    def skeleton(self) -> Skeleton:
        """The J joints."""
        return h36m17()

    @property
    def groups(self) -> Sequence[str]:
        """The clips' names, "random angles" and "made-up walk"."""
        return self._groups

    def __len__(self) -> int:
        """The number of moments."""
        return self.length

    def __getitem__(self, index: int) -> Sample:
        """One moment."""
        return self.__getitems__([index])[0]

    @one_thread()
    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Many moments."""
        for index in indices:
            if not 0 <= index < self.length:
                raise IndexError(f"moment {index} of {self.length}")
        return self._make(indices) if indices else []

    def _make(self, indices: Sequence[int]) -> list[Sample]:
        generators = [scene_generator(self.seed, index) for index in indices]
        poses, groups = zip(*(self._pose(generator) for generator in generators), strict=True)
        positions = torch.from_numpy(np.stack(poses))
        dice = Dice(generators)
        least, most = self.views
        counts = dice.integers(least, most + 1)
        cameras = random_cameras(
            dice, positions, most, distance_m=self.distance_m, height_m=self.height_m
        )
        crops = random_crops(dice, cameras, person_boxes(cameras, positions), self.size)
        crowd = random_crowd(dice, positions, crops, self.occlusion)
        there = torch.arange(most) < counts[:, None]
        images, visible = self._render(crowd[there], counts.tolist())
        known = torch.ones(positions.shape[1], dtype=torch.bool)
        return [
            Sample(
                images=images[b],
                cameras=crops[b, : int(counts[b])],
                views=torch.ones(int(counts[b]), dtype=torch.bool),
                points_world=positions[b],
                known=known,
                visible=visible[b],
                group=torch.tensor(groups[b]),
            )
            for b in range(len(indices))
        ]

    def _render(
        self, crowd: Crowd, counts: Sequence[int]
    ) -> tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]:
        """Images and visibility, moment by moment, of all their views behind each other."""
        if self.device.type != "cpu":
            pictures = take_pictures(crowd.to(device=self.device), self.size)
            return pictures.images.split(counts), pictures.visible.cpu().split(counts)
        # On a CPU batches gain nothing, and matrix products would round as the batch has it.
        starts = np.cumsum([0, *counts])
        made = [take_pictures(crowd[int(a) : int(b)], self.size) for a, b in pairwise(starts)]
        return [one.images for one in made], [one.visible for one in made]

    def _pose(self, generator: torch.Generator) -> tuple[np.ndarray, int]:
        """(J, 3) somewhere near the middle, and the index of its group."""
        lot, clip, frame, mirror, yaw, tumble = uniform(generator, 0, 1, (6,))
        kind = int(np.searchsorted(np.cumsum(self.shares), lot, side="right").clip(0, 2))
        if kind == 1:
            group, pose = len(self._captured), random_pose(generator, lying=self.lying)[0]
        else:
            motions = self._captured if kind == 0 else self._walks
            number = int(clip * len(motions))
            motion = motions[number]
            group = number if kind == 0 else len(self._captured) + 1
            pose = motion[int(frame * len(motion))]
            pose = mirrored(pose, self.skeleton) if mirror < 0.5 else pose
            pose = turned(pose, 2 * np.pi * yaw)
            if self.reshape:
                pose = reproportioned(generator, pose[None], self.skeleton, spread=self.reshape)[0]
            if tumble < self.tumbled:
                pose = tumbled(generator, pose)
        middle = (pose.min(0) + pose.max(0)) / 2
        return pose - middle * np.array([1.0, 1.0, 0.0]), group


def _shares(mix: Mapping[str, float] | None, *, has_motions: bool) -> np.ndarray:
    """(3,) of mocap, angles and walk, sum one."""
    mix = MIX if mix is None else mix
    unknown = sorted(set(mix) - set(MIX))
    if unknown or not mix or min(mix.values()) < 0 or not sum(mix.values()) > 0:
        raise ValueError(f"mix takes shares of {', '.join(MIX)}, got {dict(mix)}")
    shares = np.array([mix.get(name, 0.0) for name in MIX])
    if not has_motions:
        shares = np.array([0.0, shares[1], shares[0] + shares[2]])
    return shares / shares.sum()


def _load(motions: Sequence[str | Path]) -> dict[str, Motion]:
    """Motions by the names of their files, with the suffix where it takes that to tell them."""
    found: dict[str, Motion] = {}
    for entry in map(Path, motions):
        files = motions_in(entry) if entry.is_dir() else [entry]
        if not files:
            raise InputError(f"{entry}: no motions in this folder")
        for path in files:
            name = path.stem.removeprefix("humanoid3d_")
            name = path.name if name in found else name
            found[str(path) if name in found else name] = load_motion(path)
    return found
