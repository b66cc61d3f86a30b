"""The system's way, from videos to 3D poses; `reconstruct_recording` walks all of it.

    videos -> Recording      recording      synchronized frames, cameras bound to the rig by name
           -> Keypoints2D    detection      with confidences, several people a view
           -> one person     people         the one on whom the views agree
           -> frame times    sync           moved by what whole frames left of the cameras' offsets
           -> Poses3D        triangulation  weighted, robust, with covariance and reasons
           -> files          output         all of them or none

`reconstruct_files` begins with files of 2D keypoints, `reconstruct_keypoints` with keypoints of any
detector, and `reconstruct` with plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from triangulate.config import ReconstructConfig
from triangulate.detection import Progress, detect_recording
from triangulate.errors import InputError
from triangulate.inputs import keypoints_from_arrays, open_recording, read_keypoints
from triangulate.keypoints import MIN_CONFIDENCE, Keypoints2D
from triangulate.output import Run
from triangulate.people.association import one_person
from triangulate.poses import Poses3D
from triangulate.recording.recording import Source
from triangulate.recording.sizes import fit_rig_to_keypoints
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.sync.keypoints import at_frame_times
from triangulate.triangulation import (
    Method,
    Triangulated,
    chosen_method,
    triangulate_keypoints,
)


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
    chosen = _with_method(settings, detector=str(detector))
    run = Run(out)
    with run.step("open"):
        recording = open_recording(source, rig, chosen, bind)
    with run.step("detect"):
        keypoints = detect_recording(recording, chosen.detector, cache=cache, progress=progress)
    with run.step("triangulate"):
        poses = _reconstruct_as(chosen, keypoints, recording.rig)
    run.write(poses, chosen.model_dump(), [*recording.rig.notes, *recording.notes])
    return poses


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
    found = triangulate_keypoints(
        person.points_px[:, :, 0].swapaxes(0, 1),
        person.confidence[:, :, 0].swapaxes(0, 1),
        rig.cameras,
        method,
        min_confidence,
        person.skeleton.flip_permutation(),
        network,
    )
    return _as_poses(found, keypoints, rig)


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
    chosen = _with_method(settings)
    run = Run(out)
    with run.step("read"):
        keypoints, fitted, notes = read_keypoints(path, rig, chosen, bind, skeleton, fps)
    with run.step("triangulate"):
        poses = _reconstruct_as(chosen, keypoints, fitted)
    used = {"keypoints": _as_text(path), **chosen.model_dump(exclude={"detector", "match"})}
    told = skeleton if isinstance(skeleton, str) else None  # perhaps a file
    used |= {"skeleton": keypoints.skeleton.name or told, "fps": keypoints.fps}
    run.write(poses, used, [*fitted.notes, f"keypoints: {keypoints.source}", *notes])
    return poses


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
    if refine is not None:
        raise ValueError(f"refine must be None, got {refine!r}")
    keypoints = keypoints_from_arrays(points_px, confidence, rig, skeleton, fps)
    return reconstruct_keypoints(keypoints, rig, method)


# --- Details --------------------------------------------------------------------------------------


def _with_method(settings: ReconstructConfig | None, **changes: str) -> ReconstructConfig:
    """The settings with the method that they amount to, checked before anything is read."""
    chosen = settings or ReconstructConfig()
    method, _ = chosen_method(chosen.method, chosen.weights)
    return chosen.model_copy(update={"method": method, **changes})


def _reconstruct_as(settings: ReconstructConfig, keypoints: Keypoints2D, rig: Rig) -> Poses3D:
    return reconstruct_keypoints(
        keypoints,
        rig,
        settings.method,
        min_confidence=settings.min_confidence,
        weights=settings.weights,
    )


def _check_rig(rig: Rig) -> None:
    if len(rig) < 2:
        raise InputError(f"the rig has one camera ({rig.names[0]}): 3D needs at least two")
    if len(rig.coincident_cameras()) == len(rig) * (len(rig) - 1) // 2:
        raise InputError(
            f"all cameras ({', '.join(rig.names)}) stand at one place: no depth can be seen; check "
            "the rig's translations"
        )


def _as_poses(found: Triangulated, keypoints: Keypoints2D, rig: Rig) -> Poses3D:
    """One person's poses: (V, T, J) and (T, J) become (T, 1, V, J) and (T, 1, J)."""
    return Poses3D(
        positions_m=found.positions_m[:, None],
        covariance_m2=found.covariance_m2[:, None],
        reprojection_px=found.reprojection_px.swapaxes(0, 1)[:, None],
        views_used=found.views_used.swapaxes(0, 1)[:, None],
        reason=found.reason[:, None],
        sides_swapped=found.sides_swapped.T[:, None],
        skeleton=keypoints.skeleton,
        names=rig.names,
        fps=keypoints.fps,
        frames=keypoints.frames,
        up_axis=rig.up_axis,
    )


def _as_text(path: str | Path | Mapping[str, str | Path]) -> str | dict[str, str]:
    if isinstance(path, Mapping):
        return {name: str(file) for name, file in path.items()}
    return str(path)
