"""What a calibration came to: the rig, how far it is right, and what was suspicious on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calib.observations import OBSERVATIONS_VERSION, Observations
from calib.space import expected_error_m
from triangulate.errors import InputError
from triangulate.files import atomic_path
from triangulate.npz import read_npz, write_npz
from triangulate.rig import Rig

SOLUTION_FORMAT, SOLUTION_VERSION = "triangulate-calibration", 1
RIG_FILE, SOLUTION_FILE = "rig.yaml", "solution.npz"


@dataclass(frozen=True)
class Finding:
    """Something that a user should know before trusting the rig.

    Attributes:
        code: what kind: "clock", "bow", "weak_link", "loose_lens", "few_views", "rejected", ...
        text: one line that says what it is, and what to do.
        camera: whom it concerns; None for the whole rig.
    """

    code: str
    text: str
    camera: str | None = None


@dataclass(frozen=True, eq=False)
class Solution:
    """A calibrated rig with everything that tells how good it is.

    Attributes:
        rig: the cameras.
        observations: what they were found from, with the target's points in its own order.
        target_m: (N, 3) the target's points in its frame, bent if that was asked for.
        world_from_target_rotation: (F, 3, 3) where the target was; NaN where that is not known.
        world_from_target_translation_m: (F, 3).
        outliers: (V, F, N) points that were seen, but not where the rig puts them.
        residuals_px: (V, F, N, 2) observed minus predicted; NaN where not seen or not placed.
        sigma_px: (V,) standard deviation of a pixel coordinate.
        reference: the camera that the parameters' poses refer to.
        parameters: P pairs of a camera and what of it: fx fy cx cy k1 ... in pixels, and, but for
            the reference, rx ry rz (rotation vector, radians) and tx ty tz (metres) of
            camera-from-reference.
        values: (P,).
        covariance: (P, P) of the values; zero for what was held fixed.
        late_s: (V,) how much later than the reference each camera took its pictures; zeros unless
            asked for.
        coherence: by what the covariance was widened because the points of a view err together; 1
            where they do not.
        findings: what is suspicious.
        notes: what was assumed, for people.
        settings: what was asked of the solver, by its arguments' names, as JSON holds it.
    """

    rig: Rig
    observations: Observations
    target_m: np.ndarray
    world_from_target_rotation: np.ndarray
    world_from_target_translation_m: np.ndarray
    outliers: np.ndarray
    residuals_px: np.ndarray
    sigma_px: np.ndarray
    reference: str
    parameters: tuple[tuple[str, str], ...]
    values: np.ndarray
    covariance: np.ndarray
    late_s: np.ndarray
    coherence: float = 1.0
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inliers(self) -> np.ndarray:
        """(V, F, N) points that agree with the rig."""
        return ~np.isnan(self.residuals_px[..., 0]) & ~self.outliers

    @property
    def target_points_world(self) -> np.ndarray:
        """(F, N, 3) where the target's points were; NaN in frames without a pose."""
        turned = np.einsum("fij,nj->fni", self.world_from_target_rotation, self.target_m)
        return turned + self.world_from_target_translation_m[:, None]

    @property
    def sigmas(self) -> np.ndarray:
        """(P,) standard deviations of the values."""
        return np.sqrt(np.diag(self.covariance))

    def expected_error_m(
        self, points_world: np.ndarray, detection_sigma_px: float = 0.0
    ) -> np.ndarray:
        """How far off a triangulated point must be expected to be, root mean square, metres.

        The error of the calibration alone, apart from a motion of the whole rig, which bends
        nothing: the covariance is taken in the frame in which the places where the target was
        filmed fit best.

        Args:
            points_world: (N, 3).
            detection_sigma_px: adds the error of detections with this standard deviation.

        Returns:
            (N,); NaN where fewer than two cameras see the point.
        """
        return expected_error_m(self, points_world, detection_sigma_px)

    def save(self, folder: str | Path) -> None:
        """Write `rig.yaml` and `solution.npz` (all of this; `load_solution` reads it)."""
        header = {
            "format": SOLUTION_FORMAT,
            "version": SOLUTION_VERSION,
            "cameras": self.observations.names,
            "sizes": self.observations.sizes,
            "observation_notes": self.observations.notes,
            "observation_version": OBSERVATIONS_VERSION,
            "reference": self.reference,
            "parameters": self.parameters,
            "findings": [[f.code, f.text, f.camera] for f in self.findings],
            "notes": self.notes,
            "settings": dict(self.settings),
            "coherence": self.coherence,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {name: getattr(self.observations, name) for name in ("points_px", "frames")}
        for name in ("times_s", "spread"):
            if (values := getattr(self.observations, name)) is not None:
                arrays[name] = values
        with atomic_path(Path(folder) / RIG_FILE) as temporary:  # both, or none
            temporary.write_text(self.rig.to_text(), encoding="utf-8", newline="\n")
            write_npz(Path(folder) / SOLUTION_FILE, header, arrays)


_ARRAYS = (
    "target_m",
    "world_from_target_rotation",
    "world_from_target_translation_m",
    "outliers",
    "residuals_px",
    "sigma_px",
    "values",
    "covariance",
    "late_s",
)


def load_solution(folder: str | Path) -> Solution:
    """Read what `Solution.save` wrote into a folder.

    `solution.npz` holds the arrays of `Solution` and of its observations under their names, and
    `header`, a JSON text with the rest; the rig comes from `rig.yaml` beside it.
    """
    path = Path(folder) / SOLUTION_FILE
    arrays, header = read_npz(path, SOLUTION_FORMAT, SOLUTION_VERSION)
    rig = Rig.load(Path(folder) / RIG_FILE)
    try:
        observations = Observations.from_arrays(
            arrays["points_px"],
            header["cameras"],
            header["sizes"],
            frames=arrays["frames"],
            times_s=arrays.get("times_s"),
            spread=arrays.get("spread"),
            notes=header["observation_notes"],
        )
        return Solution(
            rig=_same_cameras(rig, observations.names),
            observations=observations,
            reference=header["reference"],
            parameters=tuple((camera, name) for camera, name in header["parameters"]),
            findings=tuple(Finding(*finding) for finding in header["findings"]),
            notes=tuple(header["notes"]),
            settings=header.get("settings", {}),
            coherence=float(header.get("coherence", 1.0)),
            **{name: arrays[name] for name in _ARRAYS},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is a broken {SOLUTION_FORMAT} file ({error})") from None


def _same_cameras(rig: Rig, names: Sequence[str]) -> Rig:
    if rig.names != tuple(names):
        raise InputError(
            f"rig.yaml beside it has the cameras {', '.join(rig.names)}, it has {', '.join(names)}"
        )
    return rig
