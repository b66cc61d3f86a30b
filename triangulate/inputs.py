"""What a run begins with, as the settings say: videos, files of 2D keypoints, or arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from triangulate.config import ReconstructConfig
from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoints import Keypoints2D
from triangulate.recording import Recording, select_frames
from triangulate.recording.offsets import NO_OFFSETS, offsets_beside
from triangulate.recording.recording import Source
from triangulate.recording.sizes import fit_rig_to_keypoints
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig
from triangulate.skeleton import Skeleton


def open_recording(
    source: Source,
    rig: Rig | str | Path,
    settings: ReconstructConfig,
    bind: Mapping[str, str] | None = None,
) -> Recording:
    """Open the videos as the settings say, and check them against the rig.

    A recording that is open already is returned as it is.
    """
    if isinstance(source, Recording):
        return source
    loaded = rig if isinstance(rig, Rig) else load_rig(rig)
    return Recording.open(
        source,
        loaded,
        bind=bind,
        cameras=settings.cameras,
        frames=settings.frames,
        every=settings.every,
        on_size_mismatch=settings.on_size_mismatch,
        match=settings.match,
        fps=settings.fps,
        sync=settings.sync,
    )


def read_keypoints(
    path: str | Path | Mapping[str, str | Path],
    rig: Rig | str | Path,
    settings: ReconstructConfig,
    bind: Mapping[str, str] | None = None,
    skeleton: Skeleton | str | None = None,
    fps: float | None = None,
) -> tuple[Keypoints2D, Rig, list[str]]:
    """Read 2D keypoints as the settings say, and fit the rig to their images.

    Args:
        path: keypoints in any known format (see `load_keypoints_from`).
        rig: the calibrated cameras, or their file.
        settings: `cameras`, `frames`, `every`, `on_size_mismatch` and `sync` count here.
        bind: folder or file name -> camera name, where names alone do not tell.
        skeleton: the joint set, where the files do not tell: a name or a `.yaml` file.
        fps: frames a second, where the files do not tell.

    Returns:
        Keypoints of the chosen frames, the rig as their images show it, and notes for people.
    """
    loaded = rig if isinstance(rig, Rig) else load_rig(rig)
    chosen = loaded.select(settings.cameras) if settings.cameras else loaded
    keypoints = load_keypoints_from(path, chosen.names, skeleton, fps, bind, rig_sizes=chosen.sizes)
    keypoints, sync_notes = _put_together(keypoints, loaded.names, settings.sync)
    keypoints = _select_frames(keypoints, settings.frames, settings.every)
    fitted, notes = fit_rig_to_keypoints(chosen, keypoints, settings.on_size_mismatch)
    return keypoints, fitted, [*notes, *sync_notes]


def keypoints_from_arrays(
    points_px: np.ndarray,
    confidence: np.ndarray,
    rig: Rig,
    skeleton: Skeleton | None = None,
    fps: float | None = None,
) -> Keypoints2D:
    """One person's keypoints; the arguments are those of `triangulate.pipeline.reconstruct`."""
    points_px, confidence = np.asarray(points_px), np.asarray(confidence)
    if points_px.ndim != 4 or points_px.shape[1::2] != (len(rig), 2):
        raise ValueError(f"points_px must have shape (T, {len(rig)}, J, 2), got {points_px.shape}")
    if confidence.shape != points_px.shape[:-1]:
        raise ValueError(
            f"confidence must have shape {points_px.shape[:-1]}, got {confidence.shape}"
        )
    if np.nanmin(confidence, initial=0) < 0 or np.nanmax(confidence, initial=0) > 1:
        raise ValueError("confidence must lie in [0, 1]")
    joints = skeleton or Skeleton.anonymous(points_px.shape[2])
    if len(joints.joint_names) != points_px.shape[2]:
        raise ValueError(
            f"skeleton must have {points_px.shape[2]} joints, got {len(joints.joint_names)}"
        )
    known = np.nan_to_num(confidence)
    return Keypoints2D(points_px[:, :, None], known[:, :, None], rig.names, joints, fps)


def _select_frames(keypoints: Keypoints2D, frames: str | None, every: int) -> Keypoints2D:
    """Keep frames by their numbers in the recording, and every nth of them."""
    numbers = np.asarray(keypoints.frames)
    if not len(numbers):
        raise InputError("the keypoints hold no frames")
    wanted = select_frames(frames, 1, int(numbers[-1]) + 1) if frames else numbers
    chosen = np.flatnonzero(np.isin(numbers, wanted))[::every]
    if not len(chosen):
        held = f"the keypoints are of frames {numbers[0]} to {numbers[-1]}"
        raise InputError(f"--frames {frames}: {held}")
    return keypoints.select_frames(chosen)


def _put_together(
    keypoints: Keypoints2D, rig_names: Sequence[str], sync: str | None
) -> tuple[Keypoints2D, list[str]]:
    """Pair the frames by a file of offsets, unless they were found in paired videos."""
    if sync is None or sync == NO_OFFSETS:
        return keypoints, []
    if keypoints.offsets_s is not None:
        return keypoints, [f"{sync}: left aside, as the keypoints' frames are paired by offsets"]
    late_s, notes = offsets_beside("", sync, keypoints.names, rig_names)
    if late_s is None:
        return keypoints, notes
    from triangulate.sync.keypoints import pair_keypoints  # brings in half of scipy

    return pair_keypoints(keypoints, late_s), notes
