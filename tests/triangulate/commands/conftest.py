"""A project with a recording of a made-up walker."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

NUM_FRAMES, NUM_CAMERAS, SIZE = 30, 3, (160, 120)


@pytest.fixture(scope="session")
def made_walk(tmp_path_factory: pytest.TempPathFactory, write_video: Any) -> Path:
    """A project: rig.yaml, recordings/walk/ with videos/ of noise and keypoints of a walker."""
    folder = tmp_path_factory.mktemp("made")
    generator = seeded(3)
    rig = ring_rig(generator, NUM_CAMERAS, size=SIZE)
    rig.save(folder / "rig.yaml")
    motion = walk(generator, NUM_FRAMES, 50.0, half_length_m=0.5)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=motion.fps)
    seen.save(folder / "keypoints.npz")
    noise = np.random.default_rng(0).integers(0, 99, (9, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for name in rig.names:
        video = folder / "recordings" / "walk" / "videos" / f"{name}.mp4"
        write_video(video, len(noise), picture=lambda number, *size: noise[number], fps=25)
    return folder


@pytest.fixture
def project(made_walk: Path, tmp_path: Path) -> Path:
    """A copy of it for one test: rig.yaml, keypoints.npz and recordings/walk/."""
    shutil.copytree(made_walk, tmp_path / "project")
    return tmp_path / "project"
