"""The demo: made-up recordings with known truth, and the main jobs run on them.

`run_demo` writes what a user would have (a rig and a detector's 2D keypoints; where asked, also
videos of a board and of the same walk), reads it back from the files, calibrates and reconstructs
as from any other recordings, and compares the results with the truth.

    out/rig.yaml                 the true cameras
    out/recordings/walk/         2D keypoints, reconstructed with the true cameras
    out/board.yaml               what is filmed to calibrate the cameras
    out/recordings/board/        videos of it
    out/calibration/             the cameras as they were found
    out/recordings/filmed/       videos of the walk, reconstructed with its rig.yaml: those cameras
"""

from __future__ import annotations

from triangulate.demo.calibrating import (
    CalibrationResult,
    Calibrator,
    calibrate_rig,
    calibration_table,
)
from triangulate.demo.filming import FilmResult, film_table, film_walk, network_to_use
from triangulate.demo.scene import FILM, FPS, NUM_FRAMES, WALK, check_folder
from triangulate.demo.stages import Stages, stages_table
from triangulate.demo.truth import telling_frame
from triangulate.demo.walking import DemoResult, demo_table, run_demo, write_openpose

__all__ = [
    "FILM",
    "FPS",
    "NUM_FRAMES",
    "WALK",
    "CalibrationResult",
    "Calibrator",
    "DemoResult",
    "FilmResult",
    "Stages",
    "calibrate_rig",
    "calibration_table",
    "check_folder",
    "demo_table",
    "film_table",
    "film_walk",
    "network_to_use",
    "run_demo",
    "stages_table",
    "telling_frame",
    "write_openpose",
]
