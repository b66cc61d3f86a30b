"""3D poses with their uncertainty, and a reason for every point that is missing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoints import skeleton_from_header
from triangulate.npz import read_npz, write_npz
from triangulate.skeleton import Skeleton

if TYPE_CHECKING:
    import pandas as pd

POSES_FORMAT, POSES_VERSION = "triangulate-poses3d", 1


class Reason(IntEnum):
    """Why a point is there, or is not."""

    ok = 0
    too_few_views = 1
    """Fewer than two cameras saw the joint."""
    low_confidence = 2
    """Two cameras or more saw it, but fewer than two with enough confidence, or where their lens
    model holds."""
    high_error = 3
    """No two cameras agree on a point that others do not contradict."""
    narrow_rays = 4
    """The rays are so nearly parallel that the depth is open."""
    behind_camera = 5
    """The rays meet behind a camera that saw the joint."""


@dataclass(frozen=True)
class Poses3D:
    """3D poses of a recording.

    Attributes:
        positions_m: (T, P, J, 3) world, metres; NaN exactly where `reason` is not ok.
        covariance_m2: (T, P, J, 3, 3); NaN where the position is.
        reprojection_px: (T, P, V, J) distance between the observed pixel and the point projected
            with the lens, for every observed view, used or not; NaN where not observed, where
            there is no position, or where that lies behind the camera.
        views_used: (T, P, V, J) whether the view took part in the position.
        reason: (T, P, J) uint8 codes of `Reason`.
        sides_swapped: (T, P, V) whether left and right of the view's detections were exchanged
            first, because the other views and the view's own motion say so.
        skeleton: the J joints.
        names: V camera names.
        fps: frames a second of the recording (of which `frames` may be every nth), None where
            unknown.
        frames: (T,) frame numbers in the recording.
        up_axis: the rig's up axis ("z", "-y", ...), None where unknown.
        run: how the poses were made (command, versions, settings), for the file.
    """

    positions_m: np.ndarray
    covariance_m2: np.ndarray
    reprojection_px: np.ndarray
    views_used: np.ndarray
    reason: np.ndarray
    sides_swapped: np.ndarray
    skeleton: Skeleton
    names: tuple[str, ...]
    fps: float | None = None
    frames: np.ndarray | None = None
    up_axis: str | None = None
    run: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.frames is None:
            object.__setattr__(self, "frames", np.arange(len(self.positions_m)))
        if self.positions_m.ndim != 4:
            raise ValueError(
                f"positions_m must have shape (T, P, J, 3), got {self.positions_m.shape}"
            )
        num_frames, num_people, num_joints, _ = self.positions_m.shape
        per_view = (num_frames, num_people, len(self.names), num_joints)
        expected = {
            "positions_m": (num_frames, num_people, len(self.skeleton.joint_names), 3),
            "covariance_m2": (num_frames, num_people, num_joints, 3, 3),
            "reprojection_px": per_view,
            "views_used": per_view,
            "reason": (num_frames, num_people, num_joints),
            "sides_swapped": per_view[:3],
            "frames": (num_frames,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")

    @property
    def time_s(self) -> np.ndarray | None:
        """(T,) seconds since frame 0 of the recording, None where `fps` is unknown."""
        return None if self.fps is None else np.asarray(self.frames) / self.fps

    def select_frames(self, index: np.ndarray | slice) -> Poses3D:
        """The poses of some frames, by their place in the arrays."""
        return replace(
            self,
            positions_m=self.positions_m[index],
            covariance_m2=self.covariance_m2[index],
            reprojection_px=self.reprojection_px[index],
            views_used=self.views_used[index],
            reason=self.reason[index],
            sides_swapped=self.sides_swapped[index],
            frames=np.asarray(self.frames)[index],
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row a frame, person and joint.

        Columns: frame, time_s, person, joint, x_m, y_m, z_m, sigma_m (root of the mean variance),
        reprojection_px (mean over the used views), views_used (their number), reason (by name).
        """
        import pandas as pd

        num_frames, num_people, num_joints, _ = self.positions_m.shape
        frame, person, joint = (
            index.ravel() for index in np.indices((num_frames, num_people, num_joints))
        )
        used = self.views_used & np.isfinite(self.reprojection_px)
        count = used.sum(axis=2)
        total_px = np.where(used, self.reprojection_px, 0).sum(axis=2)
        mean_px = np.where(count > 0, total_px / np.maximum(count, 1), np.nan)
        variance = np.trace(self.covariance_m2, axis1=-2, axis2=-1) / 3
        time_s = np.full(num_frames, np.nan) if self.time_s is None else self.time_s
        positions = self.positions_m.reshape(-1, 3)
        return pd.DataFrame(
            {
                "frame": np.asarray(self.frames)[frame],
                "time_s": time_s[frame],
                "person": person,
                "joint": np.array(self.skeleton.joint_names)[joint],
                "x_m": positions[:, 0],
                "y_m": positions[:, 1],
                "z_m": positions[:, 2],
                "sigma_m": np.sqrt(variance).ravel(),
                "reprojection_px": mean_px.ravel(),
                "views_used": self.views_used.sum(axis=2).ravel(),
                "reason": np.array([reason.name for reason in Reason])[self.reason.ravel()],
            }
        )

    def save(self, path: str | Path) -> None:
        """Write the poses as `.npz` (layout: `load_poses`)."""
        header = {
            "format": POSES_FORMAT,
            "version": POSES_VERSION,
            "joints": self.skeleton.joint_names,
            "edges": self.skeleton.edges,
            "flip_pairs": self.skeleton.flip_pairs,
            "skeleton": self.skeleton.name,
            "cameras": self.names,
            "fps": self.fps,
            "up_axis": self.up_axis,
            "reasons": [reason.name for reason in Reason],
            "run": self.run,
        }
        arrays = {
            "positions_m": self.positions_m,
            "covariance_m2": self.covariance_m2.astype(np.float32),
            "reprojection_px": self.reprojection_px.astype(np.float32),
            "views_used": self.views_used,
            "reason": self.reason,
            "sides_swapped": self.sides_swapped,
            "frames": np.asarray(self.frames),
        }
        # Digits of measurements hardly shrink, and an hour of them must open at once.
        write_npz(path, header, arrays, compressed=False)


def load_poses(path: str | Path, *, mapped: bool = False) -> Poses3D:
    """Read poses that `Poses3D.save` wrote.

    The file is a NumPy `.npz` with the arrays of `Poses3D` (covariance and reprojection error in
    float32) and `header`, a JSON text: format, version, joints, edges, flip_pairs, skeleton,
    cameras, fps, up_axis, reasons (the names of the codes, in order) and run.

    Args:
        path: the file.
        mapped: leave the arrays in the file, read-only, so that memory holds what is looked at.
    """
    arrays, header = read_npz(path, POSES_FORMAT, POSES_VERSION, mapped=mapped)
    try:
        return Poses3D(
            arrays["positions_m"],
            arrays["covariance_m2"],
            arrays["reprojection_px"],
            arrays["views_used"],
            arrays["reason"],
            arrays["sides_swapped"],
            skeleton_from_header(header),
            tuple(header["cameras"]),
            header["fps"],
            arrays["frames"],
            header["up_axis"],
            header["run"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is a broken {POSES_FORMAT} file ({error})") from None
