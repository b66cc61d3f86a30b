"""How far a calibration can be trusted, in millimetres, and what that rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calib.halves import Split, pooled_ratio
from calib.held_out import HeldOut
from calib.volume import Volume

if TYPE_CHECKING:
    pass

TRUST_FILE = "trust.json"
TRUST_FORMAT, TRUST_VERSION = "triangulate-trust", 1

_REMEDIES = {"bow": {"bow": True}, "clock": {"clocks": True}}  # findings that can be solved for

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Remedy:
    """What would change were a finding taken into the model.

    Attributes:
        code: of the finding, "bow" or "clock".
        moved_m: root mean square over the volume of how far points move.
    """

    code: str
    moved_m: float


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of a solution's errors. Lengths in metres.

    Attributes:
        of: a fingerprint of the solution that this is about.
        volume: where the target was filmed.
        error_m: (N,) expected 3D error of the calibration at the volume's places, by the
            covariance; NaN where fewer than two cameras see the place.
        detection_m: (N,) what detections with a deviation of one pixel add.
        cameras: (N,) how many cameras see the place.
        splits: pairs of halves of the recording, compared.
        held_out: frames that the rig was not fitted to; None where that could not be tried.
        coherence: by what the covariance was widened, see `Solution`.
        remedies: what would change were a finding taken into the model.
        notes: what could not be checked, and why.
    """

    of: str
    volume: Volume
    error_m: np.ndarray
    detection_m: np.ndarray
    cameras: np.ndarray
    splits: tuple[Split, ...]
    held_out: HeldOut | None
    coherence: float
    remedies: tuple[Remedy, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """How far the halves' rigs differ in the volume, against their covariances; NaN: unknown.

        Around 1 where the covariance is right.
        """
        return pooled_ratio(
            [split.observed_m for split in self.splits],
            [split.predicted_m for split in self.splits],
        )

    @property
    def pixel_ratio(self) -> float:
        """The same in the images, each camera counting alike."""
        return pooled_ratio(
            np.concatenate([split.observed_px for split in self.splits] or [np.zeros(0)]),
            np.concatenate([split.predicted_px for split in self.splits] or [np.zeros(0)]),
        )
