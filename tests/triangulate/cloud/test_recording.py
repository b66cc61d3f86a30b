"""Clouds of a real recording, held to what a hull must be good for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import triangulate
from triangulate.cloud.recording import CloudSettings, write_clouds
from triangulate.config import ReconstructConfig
from triangulate.errors import InputError
from triangulate.options import CloudOf
from triangulate.poses import Poses3D
from triangulate.recording import Recording

FRAMES = "60:80"


@pytest.fixture(scope="module")
def recorded(shared, blazepose_networks) -> tuple[Recording, Poses3D]:
    """Four views of a balancing person: two moments, and the poses of those around them."""
    folder = shared / "pose2sim_balancing"
    rig = triangulate.load_rig(folder / "calibration" / "Calib.qca.txt")
    videos = folder / "videos_a948c205"
    poses = triangulate.reconstruct_recording(
        videos, rig, settings=ReconstructConfig(frames=FRAMES), cache=False
    )
    return Recording.open(videos, rig, frames=FRAMES, every=10), poses


@pytest.mark.slow
def test_hulls_of_a_real_person(recorded, tmp_path) -> None:
    """By the calibration as it is, though its third camera is 21 pixels off."""
    recording, poses = recorded
    written, missing = write_clouds(recording, poses, tmp_path)
    assert [cloud.frame for cloud in written] == [60, 70]
    assert not missing
    for cloud in written:
        assert cloud.volume_m3 is not None
        assert cloud.overlap is not None
        assert cloud.joints_inside is not None
        assert 0.05 < cloud.volume_m3 < 0.2
        assert cloud.joints_inside >= 0.9
        assert list(cloud.overlap) == list(recording.names)
        assert all(share is not None and share >= 0.8 for share in cloud.overlap.values())
    head = written[0].path.read_bytes()[:400].decode("ascii", "replace")
    assert f"element vertex {written[0].num_points}" in head
    joints = poses.positions_m[0, 0]
    coarse = CloudSettings(CloudOf.heatmaps, size=32)
    only = first_of(recording)
    (heatmaps,), _ = write_clouds(only, poses, tmp_path / "maps", coarse)
    assert heatmaps.volume_m3 is None
    assert heatmaps.num_points > len(joints) / 2
    lost = np.full_like(poses.positions_m, np.nan)
    nobody = replace(poses, positions_m=lost)
    with pytest.raises(InputError, match="no cloud: in none of 1 frames"):
        write_clouds(only, nobody, tmp_path)


def first_of(recording: Recording) -> Recording:
    return replace(
        recording,
        video_frames=recording.video_frames[:1],
        frame_numbers=recording.frame_numbers[:1],
        times_s=recording.times_s[:1],
    )
