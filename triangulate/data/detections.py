"""Made-up detections with known truth, by the batch: what the view-weight network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from triangulate.errors import InputError
from triangulate.skeleton import Skeleton
from triangulate.synthetic.creatures import bend, random_creatures
from triangulate.synthetic.detections import Detections, Sides, detect
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import walk
from triangulate.synthetic.viewpoints import random_cameras

_WALKS, _WALK_FRAMES = 8, 120
_CREATURES = 0.3  # share of batches


@dataclass(frozen=True)
class DetectionScenes:
    """Batches of scenes by number. The same number gives the same batch, whoever asks.

    Every batch has one skeleton and one number of views; scenes have rigs and detectors of their
    own. Seven batches in ten show people in recorded, walking and randomly bent poses, the others
    random skeletons (`triangulate.synthetic.creatures`).

    Attributes:
        poses_m: (N, J, 3) people, metres, z up.
        skeleton: their J joints.
        num_batches: how many there are.
        batch_size: scenes in each.
        views: least and highest number of views, both included.
        seed: another one, other batches.
    """

    poses_m: Tensor
    skeleton: Skeleton
    num_batches: int = 2000
    batch_size: int = 64
    views: tuple[int, int] = (3, 6)
    seed: int = 0

    @classmethod
    def from_motions(cls, paths: Sequence[str | Path] = (), **settings: Any) -> DetectionScenes:
        """Scenes with the poses of recorded motions, beside walking people.

        Args:
            paths: files that `triangulate.synthetic.mocap.load_motion` reads.
            settings: other fields.
        """
        skeleton = Skeleton.named("h36m17")
        return cls(_poses(paths, skeleton), skeleton, **settings)

    def __len__(self) -> int:
        """The number of batches."""
        return self.num_batches

    def __getitem__(self, number: int) -> Detections:
        """Batch `number`, (B, V, ...) with V its own."""
        if not 0 <= number < self.num_batches:
            raise IndexError(f"there are {self.num_batches} batches, none has number {number}")
        generator = seeded(1_000_003 * self.seed + number)
        low, high = self.views
        views = int(torch.randint(low, high + 1, (), generator=generator))
        points, skeleton = self._scenes(generator)
        cameras = random_cameras(points, views, generator)
        return detect(points, cameras, Sides.of(skeleton), generator)

    def _scenes(self, generator: torch.Generator) -> tuple[Tensor, Skeleton]:
        """(B, J, 3) and the joints."""
        if float(torch.rand((), generator=generator)) < _CREATURES:
            joints = int(torch.randint(1, 30, (), generator=generator))
            return random_creatures(self.batch_size, generator, joints)
        chosen = torch.randint(len(self.poses_m), (self.batch_size,), generator=generator)
        share = torch.rand(self.batch_size, generator=generator, dtype=torch.float64)
        angle = (share - 0.4).clamp_min(0)  # two scenes in five stay as they are
        return bend(self.poses_m[chosen], self.skeleton, angle, generator), self.skeleton


def _poses(paths: Sequence[str | Path], skeleton: Skeleton) -> Tensor:
    """(N, J, 3): all frames, each motion about as often as the others."""
    walks = [walk(seeded(seed), _WALK_FRAMES).positions_m for seed in range(_WALKS)]
    motions = [torch.from_numpy(walked) for walked in walks]
    if paths:
        from triangulate.synthetic.mocap import load_motion

        for path in paths:
            motion = load_motion(path)
            if not motion.skeleton.has_joints_of(skeleton):
                raise InputError(f"{path}: is not of the joint set {skeleton.name}")
            motions.append(torch.from_numpy(motion.positions_m))
    longest = max(len(motion) for motion in motions)
    return torch.cat([motion.repeat(-(-longest // len(motion)), 1, 1) for motion in motions])
