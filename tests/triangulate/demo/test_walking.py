from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from triangulate.demo import FPS, NUM_FRAMES, demo_table, run_demo, write_openpose
from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.poses import load_poses
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "new"


@pytest.fixture(scope="module")
def result(out: Path):
    return run_demo(out, seed=0)


def test_the_person_is_found_to_a_centimetre(result) -> None:
    assert result.num_frames == NUM_FRAMES
    assert result.num_cameras == 4
    assert result.median_mm < 12
    assert result.p95_mm < 30
    assert result.reprojection_px < 3
    assert sum(result.missing.values()) < 0.05 * result.num_points
    assert 0.08 < result.hidden < 0.25
    assert result.swaps > 0
    assert list(result.seconds) == ["reconstructing a walk from 2D keypoints"]
    assert result.calibration is result.filmed is None


def test_the_error_is_that_of_the_files(result, out: Path) -> None:
    truth = np.load(out / "recordings" / "walk" / "truth.npz")
    poses = load_poses(result.results / "poses.npz")
    assert poses.fps == float(truth["fps"]) == FPS
    assert poses.skeleton.joint_names == tuple(truth["joints"])
    assert poses.names == Rig.load(out / "rig.yaml").names
    error_mm = 1000 * np.linalg.norm(poses.positions_m[:, 0] - truth["positions_m"], axis=-1)
    assert np.nanmedian(error_mm) == pytest.approx(result.median_mm)
    assert np.isnan(error_mm).sum() == sum(result.missing.values())


def test_it_leaves_what_a_user_would_have(result, out: Path) -> None:
    walked = out / "recordings" / "walk"
    for camera in ("cam1", "cam2", "cam3", "cam4"):
        files = sorted((walked / "pose2d" / camera).iterdir())
        assert len(files) == NUM_FRAMES
        assert files[7].name == f"{camera}_000000000007_keypoints.json"
    for name in ("poses.npz", "poses.csv", "poses.trc", "run.yaml"):
        assert (result.results / name).stat().st_size > 0
    assert cv2.imread(str(result.picture)).shape == (900, 1600, 3)
    assert not list(out.rglob(".*"))


def test_the_table_says_what_matters(result) -> None:
    table = dict(demo_table(result))
    assert table["error against the truth, median"] == f"{result.median_mm:.1f} mm"
    assert table["picture"] == str(result.picture)
    assert all(isinstance(value, str) for value in table.values())


@pytest.mark.slow
def test_a_second_run_replaces_its_files_and_no_others(result, out: Path) -> None:
    note = out / "recordings" / "walk" / "out" / "notes.txt"
    note.write_text("mine")
    before = (result.results / "poses.trc").read_text()
    assert run_demo(out, seed=1).median_mm < 15
    assert (result.results / "poses.trc").read_text() != before
    run_demo(out, seed=0)
    assert (result.results / "poses.trc").read_text() == before
    assert note.read_text() == "mine"


def test_openpose_files_hold_the_keypoints(tmp_path: Path) -> None:
    motion, rig = walk(seeded(0), num_frames=6), ring_rig(seeded(0), 2)
    noise = DetectorNoise(missing=0.4)
    keypoints, _ = observe(motion.positions_m, rig, motion.skeleton, seeded(0), noise)
    keypoints.points_px[3, 1], keypoints.confidence[3, 1] = np.nan, 0  # nobody seen
    write_openpose(keypoints, tmp_path)
    person = json.loads((tmp_path / "cam2" / "cam2_000000000003_keypoints.json").read_text())
    assert person == {"version": 1.3, "people": []}
    first = json.loads((tmp_path / "cam1" / "cam1_000000000000_keypoints.json").read_text())
    values = np.array(first["people"][0]["pose_keypoints_2d"]).reshape(17, 3)
    gone = keypoints.confidence[0, 0, 0] == 0
    assert gone.any()
    assert (values[gone] == 0).all()
    read = load_keypoints_from(tmp_path, cameras=rig.names, skeleton=motion.skeleton)
    np.testing.assert_allclose(read.points_px, keypoints.points_px, atol=1e-4)
    np.testing.assert_allclose(read.confidence, keypoints.confidence, atol=1e-4)


def test_weights_that_are_no_good_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no detector 'best'"):
        run_demo(tmp_path / "new", network="best")
    assert not (tmp_path / "new").exists()
