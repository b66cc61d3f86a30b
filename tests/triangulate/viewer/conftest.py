"""A ring of cameras, people who walk in it, and a recording of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.poses import Poses3D, Reason
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.video.writing import VideoWriter

NUM_FRAMES, FPS, SIZE = 30, 25.0, (240, 180)


@pytest.fixture(scope="session")
def rig() -> Rig:
    return ring_rig(seeded(3), 3, size=SIZE)


@pytest.fixture
def poses(rig: Rig) -> Poses3D:
    """Two people.

    In frame 5, joint 4 of the first is missing; it was seen by cam1 and not used, not seen by cam2.
    """
    motions = [walk(seeded(p), NUM_FRAMES, FPS, half_length_m=0.5) for p in range(2)]
    positions = np.stack(
        [motions[0].positions_m, motions[1].positions_m + np.array([1.5, 0, 0])], axis=1
    )
    reason = np.zeros(positions.shape[:3], np.uint8)
    positions[5, 0, 4], reason[5, 0, 4] = np.nan, Reason.too_few_views
    deviations = np.linspace(1e-3, 9e-3, positions.shape[2])[:, None, None]  # metres, by joint
    covariance = np.broadcast_to(deviations**2 * np.eye(3), (*positions.shape, 3)).copy()
    covariance[5, 0, 4] = np.nan
    errors = np.ones((NUM_FRAMES, 2, 3, positions.shape[2])) * np.array([1.0, 2, 6])[:, None]
    used = np.ones(errors.shape, bool)
    used[:, :, 2, 7], errors[:, :, 1, 7] = False, np.nan
    used[:, :, 1, 7] = False
    errors[5, 0, :, 4], used[5, 0, :, 4] = np.nan, False
    return Poses3D(
        positions_m=positions,
        covariance_m2=covariance,
        reprojection_px=errors,
        views_used=used,
        reason=reason,
        sides_swapped=np.zeros((NUM_FRAMES, 2, 3), bool),
        skeleton=motions[0].skeleton,
        names=rig.names,
        fps=FPS,
        up_axis="z",
    )


@pytest.fixture(scope="session")
def recording(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Grey pictures: in frame n, camera v is 20 + 6 n + 3 v bright."""
    folder = tmp_path_factory.mktemp("recording")
    for v, name in enumerate(rig.names):
        with VideoWriter(folder / "videos" / f"{name}.mp4", SIZE, FPS) as video:
            for n in range(NUM_FRAMES):
                video.write(np.full((*SIZE[::-1], 3), brightness(n, v), np.uint8))
    return Recording.open(folder, rig)


def brightness(number: int, view: int) -> int:
    return 20 + 6 * number + 3 * view


@pytest.fixture
def cloud_file(tmp_path: Path) -> Path:
    """A cube's corners, red, 1 m to every side of (0, 0, 1)."""
    from triangulate.export.ply import write_ply

    corners = np.stack(np.meshgrid([-1, 1], [-1, 1], [0, 2]), axis=-1).reshape(-1, 3)
    write_ply(tmp_path / "cube.ply", corners, np.tile(np.array([200, 0, 0], np.uint8), (8, 1)))
    return tmp_path / "cube.ply"
