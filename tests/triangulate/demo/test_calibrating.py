from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calib.demonstration import BoardCalibration
from triangulate.demo import Stages, calibrate_rig, calibration_table
from triangulate.demo.scene import make_scene
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig
from triangulate.synthetic.board_films import PrintedSheet
from triangulate.video import probe


@dataclass(frozen=True)
class Found:
    rig: Rig
    frames_seen: tuple[int, ...] = (3, 4, 5, 6)
    reprojection_px: float = 0.1
    expected_mm: float = 0.5
    findings: tuple[str, ...] = ("the board is bent",)


class Oracle:
    """Finds the true rig, in a world of its own, whatever is on the videos."""

    points_m = np.array([[x, y, 0.0] for y in (0.1, 0.5) for x in (0.1, 0.4)])

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def print_board(self, path: Path) -> PrintedSheet:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("type: made up\n")
        return PrintedSheet(np.full((30, 25), 200, np.uint8), 50, np.zeros(2))

    def detect(self, recording: Path, board: Path) -> None:
        self.calls.append(("detect", recording, board))

    def solve(self, recording: Path, board: Path, out: Path, floor_frame: int) -> Found:
        self.calls.append(("solve", recording, board, out, floor_frame))
        _, rig, _ = make_scene(0)
        turn = Rotation.from_rotvec([0, 0, 1.0]).as_matrix()
        world_from_new = Rigid(torch.from_numpy(turn), torch.tensor([2.0, -1, 0.5]).double())
        moved = rig.cameras.cam_from_world @ world_from_new
        found = replace(rig, cameras=replace(rig.cameras, cam_from_world=moved))
        found.save(out / "rig.yaml")
        return Found(found)


def test_the_board_is_filmed_and_the_rig_laid_on_the_true_one(tmp_path: Path) -> None:
    oracle, stages = Oracle(), Stages()
    result = calibrate_rig(tmp_path, 0, oracle, stages, num_frames=9)
    recording = tmp_path / "recordings" / "board"
    board = tmp_path / "board.yaml"
    assert oracle.calls == [
        ("detect", recording, board),
        ("solve", recording, board, tmp_path / "calibration", 8),
    ]
    for name in ("cam1", "cam2", "cam3", "cam4"):
        info = probe(recording / "videos" / f"{name}.mp4")
        assert (info.size, info.num_frames, info.fps) == ((1280, 720), 9, 3)
    truth = np.load(recording / "truth.npz")
    assert truth["rotation"].shape == (9, 3, 3)
    np.testing.assert_allclose(truth["translation_m"][-1, 2], 0, atol=1e-12)
    assert max(result.position_mm) < 1e-6
    assert max(result.turn_deg) < 1e-6
    assert max(map(abs, result.focal_percent)) < 1e-6
    assert result.floor_deg < 1e-6
    assert result.rig == tmp_path / "calibration" / "rig.yaml"
    assert list(stages.seconds) == [
        "filming a board",
        "looking for the board in the videos",
        "finding the cameras",
    ]
    table = dict(calibration_table(result))
    assert table["frames in which a camera sees the board"] == "3, 4, 5, 6"
    assert table["warning"] == "the board is bent"
    assert all(isinstance(value, str) for value in table.values())


@pytest.mark.slow
def test_the_cameras_are_found_from_scratch(tmp_path: Path) -> None:
    result = calibrate_rig(tmp_path, 0, BoardCalibration(), num_frames=30)
    assert min(result.frames_seen) >= 10
    assert max(result.position_mm) < 4
    assert max(result.turn_deg) < 0.15
    assert max(map(abs, result.focal_percent)) < 0.2
    assert result.floor_deg < 0.1
    assert result.reprojection_px < 0.1
    assert 0.01 < result.expected_mm < 2
    rig = Rig.load(result.rig)
    assert rig.up_axis == "z"
    assert (rig.cameras.centre_world[:, 2] > 1.5).all()
    assert "board lying in frame 29" in "\n".join(rig.notes)
    assert {path.name for path in result.results.iterdir()} == {"rig.yaml", "solution.npz"}
