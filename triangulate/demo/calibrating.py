"""The cameras calibrated from scratch: a board on rendered video, and the rig that comes of it.

How a rig is found is not known in this package: `calib` brings it (`calib.demonstration`), and the
command hands it over as a `Calibrator`. Nothing of the true rig goes that way but the pictures.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from triangulate.demo.scene import (
    BOARD,
    BOARD_FILE,
    CALIBRATION,
    IMAGE_SIZE,
    make_scene,
)
from triangulate.demo.stages import Stages
from triangulate.demo.truth import compare_rigs
from triangulate.files import atomic_path
from triangulate.rig import Rig
from triangulate.synthetic.board_films import PrintedSheet, render_board
from triangulate.synthetic.board_motion import waved_then_laid
from triangulate.synthetic.films import empty_room
from triangulate.video.writing import VideoWriter

BOARD_FRAMES, BOARD_FPS = 54, 3.0


class Calibrated(Protocol):
    """What a calibration comes to; see `calib.demonstration.Calibrated`."""

    @property
    def rig(self) -> Rig:
        """The cameras, in a world whose z is up."""

    @property
    def frames_seen(self) -> tuple[int, ...]:
        """(V,) in how many frames each camera saw the board."""

    @property
    def reprojection_px(self) -> float:
        """Mean over the board's points."""

    @property
    def expected_mm(self) -> float:
        """How far off a 3D point must be expected to be."""

    @property
    def findings(self) -> tuple[str, ...]:
        """What is suspicious."""


class Calibrator(Protocol):
    """A board, and how a rig is found from videos of it."""

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) the board's points."""

    def print_board(self, path: Path) -> PrintedSheet:
        """Write the board's description to `path`, and print it."""

    def detect(self, recording: Path, board: Path) -> None:
        """Find the board in the recording's videos."""

    def solve(self, recording: Path, board: Path, out: Path, floor_frame: int) -> Calibrated:
        """Find the cameras, and write `rig.yaml` into `out`."""


@dataclass(frozen=True)
class CalibrationResult:
    """What was filmed of the board, and how well the cameras were found.

    Attributes:
        recording: the folder of the videos.
        results: the folder of the calibration.
        num_frames: F.
        fps: of the videos.
        size: (width, height) of the videos.
        floor_frame: in which the board lies on the floor.
        frames_seen: in how many frames each camera saw the board.
        reprojection_px: mean over the board's points.
        expected_mm: what the calibration itself expects of a 3D point's error, median.
        position_mm: how far each camera is from its true place, the whole rig laid on the true one
            without stretching it.
        turn_deg: how far each camera is turned from the truth.
        focal_percent: by how much each focal length is wrong.
        floor_deg: angle between what the calibration takes for up, and up.
        findings: what the calibration finds suspicious.
    """

    recording: Path
    results: Path
    num_frames: int
    fps: float
    size: tuple[int, int]
    floor_frame: int
    frames_seen: tuple[int, ...]
    reprojection_px: float
    expected_mm: float
    position_mm: tuple[float, ...]
    turn_deg: tuple[float, ...]
    focal_percent: tuple[float, ...]
    floor_deg: float
    findings: tuple[str, ...]

    @property
    def rig(self) -> Path:
        """The file of the cameras that were found."""
        return self.results / "rig.yaml"


def calibrate_rig(
    out: Path,
    seed: int,
    calibrator: Calibrator,
    stages: Stages | None = None,
    num_frames: int = BOARD_FRAMES,
) -> CalibrationResult:
    """Film a board with the cameras of a seed, find them from the videos, and measure the error.

    Writes below `out`: `board.yaml`, `recordings/board/videos/<camera>.mp4` with `truth.npz` and
    what was detected beside them, and the rig in `calibration/`.

    Args:
        out: a folder of the demo's own.
        seed: of the rig and the surroundings.
        calibrator: finds the cameras.
        stages: is told what is being done.
        num_frames: F; the board lies on the floor in the last one.
    """
    stages = stages or Stages()
    recording, board, results = out / BOARD, out / BOARD_FILE, out / CALIBRATION
    with stages.part("filming a board"):
        true_rig = film_board(out, seed, calibrator, num_frames)
    with stages.part("looking for the board in the videos"):
        calibrator.detect(recording, board)
    floor_frame = num_frames - 1
    with stages.part("finding the cameras"):
        found = calibrator.solve(recording, board, results, floor_frame)
    difference = compare_rigs(found.rig, true_rig)
    return CalibrationResult(
        recording=recording,
        results=results,
        num_frames=num_frames,
        fps=BOARD_FPS,
        size=IMAGE_SIZE,
        floor_frame=floor_frame,
        frames_seen=found.frames_seen,
        reprojection_px=found.reprojection_px,
        expected_mm=found.expected_mm,
        position_mm=difference.position_mm,
        turn_deg=difference.turn_deg,
        focal_percent=difference.focal_percent,
        floor_deg=difference.floor_deg,
        findings=found.findings,
    )


def calibration_table(result: CalibrationResult) -> list[tuple[str, str]]:
    """What the command prints: labels and values."""
    width, height = result.size
    seen = ", ".join(str(frames) for frames in result.frames_seen)
    return [
        (
            "recording",
            f"{result.num_frames} frames, {len(result.frames_seen)} videos of {width} x {height}",
        ),
        ("frames in which a camera sees the board", seen),
        ("reprojection error, mean", f"{result.reprojection_px:.2f} px"),
        ("expected 3D error, by the calibration", f"{result.expected_mm:.2f} mm"),
        (
            "camera positions against the truth",
            f"{np.median(result.position_mm):.1f} mm (median), {max(result.position_mm):.1f} mm "
            "(largest)",
        ),
        ("camera directions against the truth", f"{max(result.turn_deg):.3f} degrees (largest)"),
        (
            "focal lengths against the truth",
            f"{max(map(abs, result.focal_percent)):.2f} % (largest)",
        ),
        ("floor against the truth", f"{result.floor_deg:.3f} degrees"),
        *(("warning", finding) for finding in result.findings),
        ("rig", str(result.rig)),
    ]


def film_board(out: Path, seed: int, calibrator: Calibrator, num_frames: int) -> Rig:
    """Render the board into videos, and write where it really was beside them; the true rig.

    `truth.npz` holds `rotation` (F, 3, 3) and `translation_m` (F, 3), world-from-board, `points_m`
    (N, 3) and `fps`.
    """
    generator, rig, motion = make_scene(seed)
    room = empty_room(generator, motion, rig)
    sheet = calibrator.print_board(out / BOARD_FILE)
    rotation, translation_m = waved_then_laid(
        generator, rig, calibrator.points_m, num_frames, fps=BOARD_FPS
    )
    recording = out / BOARD
    with ExitStack() as stack:
        videos = [
            stack.enter_context(
                VideoWriter(recording / "videos" / f"{name}.mp4", IMAGE_SIZE, fps=BOARD_FPS)
            )
            for name in rig.names
        ]
        for images in render_board(room, sheet, rotation, translation_m):
            for video, image in zip(videos, images, strict=True):
                video.write(image)
    with atomic_path(recording / "truth.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            rotation=rotation,
            translation_m=translation_m,
            points_m=calibrator.points_m,
            fps=np.array(BOARD_FPS),
        )
    return rig
