from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from calib.demonstration import BoardCalibration
from triangulate.config.models import AlgebraicConfig, UNetConfig
from triangulate.demo import film_table, film_walk, network_to_use, run_demo
from triangulate.demo.filming import IMAGE_NETWORK, write_film
from triangulate.demo.scene import make_scene
from triangulate.errors import InputError
from triangulate.geometry.rigid import Rigid
from triangulate.keypoints import Keypoints2D
from triangulate.models.build import build_model
from triangulate.models.weights import save
from triangulate.pose2d import network as network_module
from triangulate.poses import load_poses
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import observe
from triangulate.synthetic.draws import seeded
from triangulate.video import probe, read_frames


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network that has learned nothing."""
    torch.manual_seed(0)
    config = AlgebraicConfig(
        joints=17, backbone=UNetConfig(channels=[8, 8, 8, 12]), learned_confidences=False
    )
    path = tmp_path / "random.safetensors"
    save(build_model(config), path, skeleton=Skeleton.named("h36m17"))
    return path


def test_the_film_shows_the_walk(tmp_path: Path) -> None:
    rig, motion = write_film(tmp_path, 0, 2)
    truth = np.load(tmp_path / "recordings" / "filmed" / "truth.npz")
    assert float(truth["fps"]) == motion.fps == 25
    np.testing.assert_array_equal(truth["positions_m"], motion.positions_m)
    assert tuple(truth["joints"]) == motion.skeleton.joint_names
    assert Rig.load(tmp_path / "rig.yaml").names == rig.names
    for name in rig.names:
        info = probe(tmp_path / "recordings" / "filmed" / "videos" / f"{name}.mp4")
        assert (info.size, info.num_frames, info.fps) == ((1280, 720), 2, 25)
        first, second = (frame.image_rgb.astype(int) for frame in read_frames(info, range(2)))
        moved = np.abs(first - second).max(-1) > 40
        assert 50 < moved.sum() < 0.1 * moved.size  # a person, and nothing else


def test_a_network_that_has_learned_nothing_is_measured_too(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="nobody was found"):
        film_walk(tmp_path / "a", 0, weights, num_frames=1)
    monkeypatch.setattr(network_module, "MIN_SURENESS", 0.0)
    monkeypatch.setattr(network_module, "_SURE_JOINT", 0.0)
    result = film_walk(tmp_path / "b", 0, weights, num_frames=2)
    assert (result.num_frames, result.num_cameras, result.num_points) == (2, 4, 34)
    assert result.seen == 1
    assert result.median_px > 20
    assert load_poses(result.results / "poses.npz").skeleton.name == "h36m17"
    assert cv2.imread(str(result.picture)).shape == (900, 1600, 3)
    table = dict(film_table(result))
    assert table["recording"] == "2 frames, 4 videos of 1280 x 720"
    assert table["rig"] == "the true one"
    assert all(isinstance(value, str) for value in table.values())
    overlay = probe(result.overlay)
    assert (overlay.num_frames, overlay.fps) == (2, 25)
    assert result.scene is None and result.report is None
    assert "no point of it has a position" in result.notes[0]
    assert "not a single joint has a position" in result.notes[1]


def test_a_calibrated_rig_is_used_in_its_own_world(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rig, motion = make_scene(0)

    def detect_well(filmed: Recording, network: str, *, cache: bool) -> Keypoints2D:
        truth = np.load(filmed.videos[0].path.parents[1] / "truth.npz")
        return observe(truth["positions_m"], rig, motion.skeleton, seeded(5), fps=25.0)[0]

    monkeypatch.setattr("triangulate.detection.detect_recording", detect_well)
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).double()
    world_from_new = Rigid(turn, torch.tensor([2.0, -1, 0.5]).double())
    moved = rig.cameras.cam_from_world @ world_from_new
    calibrated = replace(rig, cameras=replace(rig.cameras, cam_from_world=moved))
    calibrated.save(tmp_path / "calibrated.yaml")
    true = film_walk(tmp_path / "a", 0, num_frames=2)
    own = film_walk(tmp_path / "b", 0, num_frames=2, rig=tmp_path / "calibrated.yaml")
    assert (true.calibrated, own.calibrated) == (False, True)
    assert 0 < true.median_mm < 30
    assert own.median_mm == pytest.approx(true.median_mm, abs=1e-3)
    used = Rig.load(own.recording / "rig.yaml")
    torch.testing.assert_close(used.cameras.centre_world, calibrated.cameras.centre_world)
    first, second = (load_poses(r.results / "poses.npz").positions_m for r in (true, own))
    back = second @ turn.numpy().T + np.array([2, -1, 0.5])
    np.testing.assert_allclose(back, first, atol=1e-4)
    assert own.scene is not None
    scene = probe(own.scene)
    assert (scene.num_frames, scene.fps, scene.size) == (2, 25, (800, 450))
    assert own.report is not None
    assert "Reconstruction of filmed" in own.report.read_text(encoding="utf-8")


def test_the_network_to_use(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_to_use("none") == (None, [])
    assert network_to_use(str(weights)) == (str(weights), [])
    shipped = {IMAGE_NETWORK: weights}
    monkeypatch.setattr("triangulate.models.weights.shipped_weights", lambda: shipped)
    assert network_to_use(None) == (IMAGE_NETWORK, [])
    shipped.clear()
    chosen, notes = network_to_use(None)
    assert chosen is None
    assert len(notes) == 1
    assert "left out" in notes[0]
    assert "\n" not in notes[0]


@pytest.mark.slow
def test_the_shipped_network_reconstructs_the_film(tmp_path: Path) -> None:
    result = run_demo(tmp_path, network=IMAGE_NETWORK, calibrator=BoardCalibration())
    assert result.calibration is not None
    assert max(result.calibration.position_mm) < 3
    assert max(map(abs, result.calibration.focal_percent)) < 0.2
    filmed = result.filmed
    assert filmed is not None
    assert filmed.calibrated
    assert filmed.seen > 0.97
    assert filmed.median_px < 6
    assert filmed.median_mm < 30
    assert sum(filmed.missing.values()) < 0.1 * filmed.num_points
