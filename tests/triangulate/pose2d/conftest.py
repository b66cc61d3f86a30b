"""The networks, and frames of the real recording."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from triangulate.pose2d.blazepose import BlazePose
from triangulate.pose2d.model_files import BlazePoseFiles

VIDEOS = "pose2sim_balancing/videos_a948c205"


@pytest.fixture(scope="session")
def files(blazepose_networks: BlazePoseFiles) -> BlazePoseFiles:
    return blazepose_networks


@pytest.fixture(scope="session")
def network(files: BlazePoseFiles) -> BlazePose:
    return BlazePose(files)


@pytest.fixture(scope="session")
def frames(shared) -> list[list[np.ndarray]]:
    """The first six frames of four views: [frame][view] is an image (1920, 1080 or 1088, 3)."""
    views = [decoded(shared / VIDEOS / f"cam0{view}.mp4", range(6)) for view in (1, 2, 3, 4)]
    return [list(images) for images in zip(*views, strict=True)]


@pytest.fixture(scope="session")
def poses(shared) -> list[np.ndarray]:
    """Images of ten poses: every twentieth frame of two views."""
    videos = [shared / VIDEOS / f"cam0{view}.mp4" for view in (3, 4)]
    return [image for video in videos for image in decoded(video, range(0, 100, 20))]


def decoded(path: Path, wanted: range) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        numbered = zip(range(wanted.stop), container.decode(video=0), strict=False)
        return [frame.to_ndarray(format="rgb24") for n, frame in numbered if n in wanted]
