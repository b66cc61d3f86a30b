"""A walking person in four cameras: truth, detections and heatmaps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from triangulate.adaptation.material import Material
from triangulate.keypoints import Keypoints2D
from triangulate.pose2d.heatmaps import Heatmaps2D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

CELLS = (24, 32)  # height and width of the maps
REGION_PX = 16.0  # pixels of the image a cell


@dataclass(frozen=True)
class Walking:
    """A person, and what the cameras say."""

    truth_m: np.ndarray  # (T, J, 3)
    rig: Rig
    keypoints: Keypoints2D
    skeleton: Skeleton

    def material(self, fps: float = 25.0) -> Material:
        """Heatmaps around the detections, beside a recording without videos."""
        points_px = self.keypoints.points_px[:, :, 0].copy()  # tests change it
        frames, views = points_px.shape[:2]
        recording = Recording(
            rig=self.rig,
            image_from_rig=np.tile(np.eye(3), (views, 1, 1)),
            videos=(),
            video_frames=np.tile(np.arange(frames)[:, None], (1, views)),
            frame_numbers=np.arange(frames),
            times_s=np.arange(frames) / fps,
            fps=fps,
            notes=(),
            num_frames=frames,
        )
        return Material(recording, self.keypoints, heatmaps_around(points_px))


def heatmaps_around(points_px: np.ndarray) -> Heatmaps2D:
    """Gaussians of one cell around points (T, V, J, 2), in maps around each view's person."""
    height, width = CELLS
    middle = np.nanmean(points_px, axis=2)  # (T, V, 2)
    to_map = np.tile(np.diag([1 / REGION_PX, 1 / REGION_PX, 1.0]), (*middle.shape[:2], 1, 1))
    to_map[..., :2, 2] = np.array([width / 2, height / 2]) - middle / REGION_PX
    cells = points_px / REGION_PX + to_map[:, :, None, :2, 2]
    x, y = cells[..., None, None, 0], cells[..., None, None, 1]
    away2 = (np.arange(width) - x) ** 2 + (np.arange(height)[:, None] - y) ** 2
    mass = np.nan_to_num(np.exp(-0.5 * away2)) + 1e-6
    seen = np.isfinite(points_px).all(-1)
    mass = mass / mass.sum((-2, -1), keepdims=True) * seen[..., None, None]
    return Heatmaps2D(mass.astype(np.float16), to_map, points_px, seen.astype(float))


@pytest.fixture(scope="session")
def walking() -> Walking:
    """Forty frames with ordinary noise."""
    return make_walking(DetectorNoise(sigma_px=(1.0, 3.0)))


@pytest.fixture(scope="session")
def clean_walking() -> Walking:
    """The same person, seen perfectly."""
    seen = make_walking(DetectorNoise())
    points, in_front = seen.rig.cameras.project(torch.from_numpy(seen.truth_m).flatten(0, 1))
    assert in_front.all()
    points_px = points.unflatten(1, seen.truth_m.shape[:2]).movedim(0, 1)[:, :, None].numpy()
    confidence = np.full(points_px.shape[:-1], 0.9)
    clean = replace(seen.keypoints, points_px=points_px, confidence=confidence)
    return replace(seen, keypoints=clean)


def make_walking(noise: DetectorNoise, frames: int = 40) -> Walking:
    generator = seeded(3)
    motion = walk(generator, frames, fps=25.0)
    rig = ring_rig(generator, 4)
    keypoints, _ = observe(
        motion.positions_m, rig, motion.skeleton, generator, noise, fps=motion.fps
    )
    return Walking(motion.positions_m, rig, keypoints, motion.skeleton)
