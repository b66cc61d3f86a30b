"""The system's way, from videos to 3D poses.

    videos -> Recording          synchronized frames, cameras bound to the rig by name
           -> detect_recording   2D keypoints with confidences, several people a view
           -> one_person         the person whose views agree
           -> at_frame_times     moved by what whole frames left of the cameras' time offsets
           -> triangulate        weighted, robust, with covariance and reasons
           -> Poses3D            -> write_results

`reconstruct_recording` walks all of it, `reconstruct_keypoints` starts from keypoints of any
detector, and `reconstruct` from plain arrays.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.config import ReconstructConfig
from triangulate.detection import Progress, detect_recording
from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoints import MIN_CONFIDENCE, Keypoints2D
from triangulate.output import check_writable, write_results
from triangulate.people.association import one_person
from triangulate.poses import Poses3D
from triangulate.recording import Recording, select_frames
from triangulate.recording.offsets import NO_OFFSETS, offsets_beside
from triangulate.recording.recording import Source
from triangulate.recording.sizes import fit_rig_to_keypoints
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig
from triangulate.skeleton import Skeleton
from triangulate.sync.keypoints import at_frame_times, pair_keypoints
from triangulate.triangulation import Method, chosen_method, triangulate_keypoints


def reconstruct_recording(
    source: Source,
    rig: Rig | str | Path,
    detector: str | Path = "blazepose",
    out: str | Path | None = None,
    *,
    settings: ReconstructConfig | None = None,
    bind: Mapping[str, str] | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Poses3D:
    """Reconstruct one person from synchronized videos.

    Args:
        source: a folder of videos, paths, camera name -> path, or an open `Recording`.
        rig: the calibrated cameras, or their file.
        detector: what finds the joints in the images: "blazepose", or the weights of an image
            network, a shipped name or a file.
        out: folder for poses.npz, poses.csv, poses.trc and run.yaml; nothing is written without.
        settings: everything else that can be chosen; its `detector` gives way to the argument.
        bind: file name or stem -> camera name, for videos that are not named after cameras.
        cache: keep detections in the user's cache folder and use them again.
        progress: called as frames are done.

    Returns:
        The poses, P = 1.
    """
    chosen = (settings or ReconstructConfig()).model_copy(update={"detector": str(detector)})
    method, _ = chosen_method(chosen.method, chosen.weights)
    chosen = chosen.model_copy(update={"method": method})
    if out is not None:
        check_writable(out)
    timings_s: dict[str, float] = {}
    with _timed(timings_s, "open"):
        recording = open_recording(source, rig, chosen, bind)
    with _timed(timings_s, "detect"):
        keypoints = detect_recording(recording, chosen.detector, cache=cache, progress=progress)
    with _timed(timings_s, "triangulate"):
        poses = reconstruct_keypoints(
            keypoints,
            recording.rig,
            chosen.method,
            min_confidence=chosen.min_confidence,
            weights=chosen.weights,
        )
    if out is not None:
        notes = [*recording.rig.notes, *recording.notes]
        _write(poses, out, chosen.model_dump(), timings_s, notes)
    return poses


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


def reconstruct_files(
    path: str | Path | Mapping[str, str | Path],
    rig: Rig | str | Path,
    out: str | Path | None = None,
    settings: ReconstructConfig | None = None,
    bind: Mapping[str, str] | None = None,
    skeleton: Skeleton | str | None = None,
    fps: float | None = None,
) -> Poses3D:
    """Reconstruct one person from files of 2D keypoints.

    Args:
        path: keypoints in any known format (see `load_keypoints_from`).
        rig: the calibrated cameras, or their file.
        out: as in `reconstruct_recording`.
        settings: `method`, `weights`, `cameras`, `frames`, `every`, `on_size_mismatch`,
            `min_confidence` and `sync` count here; frames go by the numbers that the keypoints say,
            and offsets are those of the file named in `sync` alone.
        bind: folder or file name -> camera name, where names alone do not tell.
        skeleton: the joint set, where the files do not tell: a name or a `.yaml` file.
        fps: frames a second, where the files do not tell.

    Returns:
        The poses, P = 1.
    """
    chosen = settings or ReconstructConfig()
    method, _ = chosen_method(chosen.method, chosen.weights)
    chosen = chosen.model_copy(update={"method": method})
    if out is not None:
        check_writable(out)
    timings_s: dict[str, float] = {}
    with _timed(timings_s, "read"):
        keypoints, loaded, notes = read_keypoints(path, rig, chosen, bind, skeleton, fps)
    with _timed(timings_s, "triangulate"):
        poses = reconstruct_keypoints(
            keypoints,
            loaded,
            chosen.method,
            min_confidence=chosen.min_confidence,
            weights=chosen.weights,
        )
    if out is not None:
        used = {"keypoints": _as_text(path), **chosen.model_dump(exclude={"detector", "match"})}
        told = skeleton if isinstance(skeleton, str) else None  # perhaps a file
        used |= {"skeleton": keypoints.skeleton.name or told, "fps": keypoints.fps}
        notes = [*loaded.notes, f"keypoints: {keypoints.source}", *notes]
        _write(poses, out, used, timings_s, notes)
    return poses


def read_keypoints(
    path: str | Path | Mapping[str, str | Path],
    rig: Rig | str | Path,
    settings: ReconstructConfig,
    bind: Mapping[str, str] | None = None,
    skeleton: Skeleton | str | None = None,
    fps: float | None = None,
) -> tuple[Keypoints2D, Rig, list[str]]:
    """Keypoints of the chosen frames, the rig as their images show it, and notes for people.

    Arguments are those of `reconstruct_files`.
    """
    loaded = rig if isinstance(rig, Rig) else load_rig(rig)
    chosen = loaded.select(settings.cameras) if settings.cameras else loaded
    keypoints = load_keypoints_from(path, chosen.names, skeleton, fps, bind, rig_sizes=chosen.sizes)
    keypoints, sync_notes = _put_together(keypoints, loaded.names, settings.sync)
    keypoints = _select_frames(keypoints, settings.frames, settings.every)
    fitted, notes = fit_rig_to_keypoints(chosen, keypoints, settings.on_size_mismatch)
    return keypoints, fitted, [*notes, *sync_notes]


def reconstruct_keypoints(
    keypoints: Keypoints2D,
    rig: Rig,
    method: Method = "robust",
    *,
    min_confidence: float = MIN_CONFIDENCE,
    weights: str | Path | None = None,
) -> Poses3D:
    """Reconstruct one person from 2D keypoints.

    Args:
        keypoints: of the rig's cameras or more of them; where views hold several people, the one
            on whom the views agree is taken.
        rig: at least two cameras.
        method: see `triangulate.triangulation.triangulate_keypoints`.
        min_confidence: observations below it are not used.
        weights: of the method "learned", which they imply: a file, or "learned" for the shipped
            ones.
    """
    _check_rig(rig)
    method, network = chosen_method(method, weights)
    rig, _ = fit_rig_to_keypoints(rig, keypoints)
    seen = keypoints.select_cameras(rig.names)
    if not (seen.confidence > 0).any():
        raise InputError(
            f"nobody was found in any view ({keypoints.source or 'arrays'}); check that the videos "
            "show a person, or, where confidences are low, say --min-confidence 0"
        )
    person = at_frame_times(one_person(seen, rig))
    result = triangulate_keypoints(
        person.points_px[:, :, 0].swapaxes(0, 1),
        person.confidence[:, :, 0].swapaxes(0, 1),
        rig.cameras,
        method,
        min_confidence,
        person.skeleton.flip_permutation(),
        network,
    )
    return Poses3D(
        positions_m=result.positions_m[:, None],
        covariance_m2=result.covariance_m2[:, None],
        reprojection_px=result.reprojection_px.swapaxes(0, 1)[:, None],
        views_used=result.views_used.swapaxes(0, 1)[:, None],
        reason=result.reason[:, None],
        sides_swapped=result.sides_swapped.T[:, None],
        skeleton=keypoints.skeleton,
        names=rig.names,
        fps=keypoints.fps,
        frames=keypoints.frames,
        up_axis=rig.up_axis,
    )


def reconstruct(
    points_px: np.ndarray,
    confidence: np.ndarray,
    rig: Rig,
    method: Method = "robust",
    refine: None = None,
    skeleton: Skeleton | None = None,
    fps: float | None = None,
) -> Poses3D:
    """Reconstruct one person from arrays.

    Args:
        points_px: (T, V, J, 2) distorted pixels, NaN where not seen; views in the rig's order.
        confidence: (T, V, J) in [0, 1]; 0 or NaN where not seen. Below `MIN_CONFIDENCE` (0.1) a
            point is not used.
        rig: the V cameras.
        method: "robust" weighs each view by how probably it shows the point, with a noise model
            learned from the data; "dlt" is the linear method with the confidences as weights;
            "learned" asks the shipped network.
        refine: None; smoothing over time and bones has no method yet.
        skeleton: the J joints; without one they are called joint_0, joint_1, ...
        fps: frames a second.

    Returns:
        The poses, P = 1.
    """
    points_px, confidence = np.asarray(points_px), np.asarray(confidence)
    if points_px.ndim != 4 or points_px.shape[1::2] != (len(rig), 2):
        raise ValueError(f"points_px must have shape (T, {len(rig)}, J, 2), got {points_px.shape}")
    if confidence.shape != points_px.shape[:-1]:
        raise ValueError(
            f"confidence must have shape {points_px.shape[:-1]}, got {confidence.shape}"
        )
    if np.nanmin(confidence, initial=0) < 0 or np.nanmax(confidence, initial=0) > 1:
        raise ValueError("confidence must lie in [0, 1]")
    if refine is not None:
        raise ValueError(f"refine must be None, got {refine!r}")
    joints = skeleton or Skeleton.anonymous(points_px.shape[2])
    if len(joints.joint_names) != points_px.shape[2]:
        raise ValueError(
            f"skeleton must have {points_px.shape[2]} joints, got {len(joints.joint_names)}"
        )
    known = np.nan_to_num(confidence)
    keypoints = Keypoints2D(points_px[:, :, None], known[:, :, None], rig.names, joints, fps)
    return reconstruct_keypoints(keypoints, rig, method)


def _as_text(path: str | Path | Mapping[str, str | Path]) -> str | dict[str, str]:
    if isinstance(path, Mapping):
        return {name: str(file) for name, file in path.items()}
    return str(path)


def _write(
    poses: Poses3D,
    out: str | Path,
    settings: Mapping[str, Any],
    timings_s: Mapping[str, float],
    notes: Sequence[str],
) -> None:
    write_results(
        poses,
        out,
        command=shlex.join(sys.argv),
        settings=settings,
        timings_s=timings_s,
        notes=notes,
    )


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
    return (keypoints if late_s is None else pair_keypoints(keypoints, late_s)), notes


def _check_rig(rig: Rig) -> None:
    if len(rig) < 2:
        raise InputError(f"the rig has one camera ({rig.names[0]}): 3D needs at least two")
    if len(rig.coincident_cameras()) == len(rig) * (len(rig) - 1) // 2:
        raise InputError(
            f"all cameras ({', '.join(rig.names)}) stand at one place: no depth can be seen; check "
            "the rig's translations"
        )


@contextmanager
def _timed(timings_s: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings_s[step] = time.perf_counter() - start
