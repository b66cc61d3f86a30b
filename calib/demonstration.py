"""Calibration for `triangulate demo`: the board that it films, and the rig from those videos.

It goes the way of the commands `calib detect` and `calib solve --floor-frame`, and writes what they
write. The demo stands in `triangulate`, which knows nothing of `calib`: the command hands it over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calib.artwork import artwork_of, draw
from calib.board_file import write_board
from calib.detection import detect
from calib.observations import load_observations
from calib.solver import solve
from calib.targets import Charuco, load_target
from calib.world_choice import WorldChoice, settled
from triangulate.rig import Rig
from triangulate.synthetic.board_films import PrintedSheet
from triangulate.synthetic.rigs import MADE_UP

BOARD = Charuco(5, 7, 0.150, 0.115, "DICT_4X4_50")
"""Fits on A0: across a room, the fields of its markers are still three pixels wide."""

OBSERVATIONS_FILE = "observations.npz"

_PAPER_M = 0.04  # left bright around the print
_PIXELS_PER_M = 700.0


@dataclass(frozen=True)
class Calibrated:
    """What `calib solve` came to.

    Attributes:
        rig: the cameras; the floor that the board lay on is z = 0.
        frames_seen: (V,) in how many frames each camera saw the board.
        reprojection_px: mean distance of the points from where the rig puts them, outliers aside.
        expected_mm: how far off a 3D point must be expected to be where the board was, median.
        findings: what is suspicious.
    """

    rig: Rig
    frames_seen: tuple[int, ...]
    reprojection_px: float
    expected_mm: float
    findings: tuple[str, ...]


@dataclass(frozen=True)
class BoardCalibration:
    """A board, and calibration from videos of it."""

    board: Charuco = BOARD

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) the board's points."""
        return self.board.points_m

    def print_board(self, path: Path) -> PrintedSheet:
        """Write the board's description, and print it."""
        write_board(self.board, path)
        artwork = artwork_of(self.board)
        grey = draw(artwork, _PIXELS_PER_M, _PAPER_M)
        return PrintedSheet(grey, _PIXELS_PER_M, artwork.origin_m + _PAPER_M)

    def detect(self, recording: Path, board: Path) -> None:
        """Find the board in the recording's videos; writes observations.npz beside them."""
        observations = detect(recording, load_target(board), sync="none", cache=False)
        observations.save(recording / OBSERVATIONS_FILE)

    def solve(self, recording: Path, board: Path, out: Path, floor_frame: int) -> Calibrated:
        """Find the cameras; writes rig.yaml and solution.npz into `out`.

        Args:
            recording: where `detect` was.
            board: its description.
            out: a folder.
            floor_frame: in which the board lies on the floor.
        """
        observations = load_observations(recording / OBSERVATIONS_FILE)
        solution = solve(observations, load_target(board))
        solution = settled(solution, WorldChoice(floor_frames=(floor_frame,)))
        rig = replace(solution.rig, notes=(*solution.rig.notes, MADE_UP))
        solution = replace(solution, rig=rig)
        solution.save(out)
        length_px = np.linalg.norm(solution.residuals_px, axis=-1)
        places = solution.target_points_world.reshape(-1, 3)
        error_m = solution.expected_error_m(places[np.isfinite(places).all(-1)])
        return Calibrated(
            rig=rig,
            frames_seen=tuple(observations.seen.any(-1).sum(-1).tolist()),
            reprojection_px=float(length_px[solution.inliers].mean()),
            expected_mm=1000 * float(np.nanmedian(error_m)),
            findings=tuple(finding.text for finding in solution.findings),
        )
