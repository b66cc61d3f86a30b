"""2D poses of a whole recording: frame by frame, remembered on disk, resumed where it stopped.

Finished stretches of frames lie in the user's cache folder under a fingerprint of the videos, the
chosen frames, the rig and the detector, with what the detector remembered at their end: a run that
was stopped goes on there and ends as if it had never stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from triangulate.errors import InputError
from triangulate.files import atomic_path, cache_folder
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.threads import one_thread
from triangulate.keypoints import Keypoints2D
from triangulate.people.association import one_person
from triangulate.pose2d.regions import Region, region_from_body
from triangulate.pose2d.source import PoseSource, ViewState
from triangulate.pose2d.tracker import BlazePoseDetector
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton

BLAZEPOSE = "blazepose"

DETECTION_REVISION = 1
"""Goes up with every change that makes detections differ: kept ones are then done again."""

STRETCH_FRAMES = 60  # finished together, so this much work at most is lost
_HINT_EVERY = 5  # frames between two looks for a view that lost the person
_HINT_CONFIDENCE = 0.5
_REMEDY = "name another cache folder in $TRIANGULATE_CACHE"

Progress = Callable[[int, int], None]  # frames done, frames in all


def detect_recording(
    recording: Recording,
    detector: str | Path = BLAZEPOSE,
    *,
    cache: bool = True,
    progress: Progress | None = None,
) -> Keypoints2D:
    """Find the people in every frame of every camera.

    The views help each other: where one lost the person whom others still see, the 3D pose of the
    others, projected into it, says where to look.

    Args:
        recording: the videos and their rig.
        detector: "blazepose", or the weights of an image network: a shipped name or a file.
        cache: take finished stretches from the user's cache folder, and leave them there.
        progress: called as frames are done.
    """
    stretches: list[tuple[np.ndarray, np.ndarray]] = []
    with closing(pose_source(detector)) as network:
        folder = _cache_folder(recording, network.cache_key) if cache else None
        while folder and (stretch := _load_stretch(folder, len(stretches))):
            points_px, confidence, network.state = stretch
            stretches.append((points_px, confidence))
        done = sum(len(confidence) for _, confidence in stretches)
        if done < len(recording):
            _detect_rest(recording, done, network, stretches, folder, progress)
    return Keypoints2D(
        np.concatenate([points_px for points_px, _ in stretches]),
        np.concatenate([confidence for _, confidence in stretches]),
        recording.names,
        network.skeleton,
        recording.fps,
        recording.sizes,
        recording.frame_numbers,
        str(detector),
        recording.image_from_rig,
        recording.late_s,
        recording.offsets_s,
    )


def pose_source(detector: str | Path) -> PoseSource:
    """What finds the people, ready for a first frame.

    Args:
        detector: see `detect_recording`.

    Raises:
        InputError: there is none of that name, or a network's files are missing or no good.
    """
    match str(detector):
        case "blazepose":
            return BlazePoseDetector()
        case name:
            from triangulate.pose2d.network import NetworkDetector, shipped_networks

            path, shipped = Path(name), shipped_networks()
            if name not in shipped and not path.exists() and path.name == name and not path.suffix:
                known = ", ".join([BLAZEPOSE, *shipped])
                raise InputError(
                    f"no detector {name!r}; there are {known}, and weights of image networks as "
                    "files"
                )
            return NetworkDetector(name)


def _detect_rest(
    recording: Recording,
    done: int,
    network: PoseSource,
    stretches: list[tuple[np.ndarray, np.ndarray]],
    folder: Path | None,
    progress: Progress | None,
) -> None:
    """Append the missing stretches."""
    rest = replace(
        recording,
        video_frames=recording.video_frames[done:],
        frame_numbers=recording.frame_numbers[done:],
        times_s=recording.times_s[done:],
    )
    points_px: list[np.ndarray] = []
    confidence: list[np.ndarray] = []
    hints: list[Region | None] | None = None
    with closing(rest.frames()) as frame_sets:
        for number, frame_set in enumerate(frame_sets, start=done + 1):
            found = network(frame_set.images, hints)
            points_px.append(found.points_px)
            confidence.append(found.confidence)
            is_due = number % _HINT_EVERY == 0
            hints = find_lost(*found, recording.rig, network.region_around) if is_due else None
            if number % STRETCH_FRAMES == 0 or number == len(recording):
                stretch = np.stack(points_px), np.stack(confidence)
                if folder:
                    _save_stretch(folder, len(stretches), *stretch, network.state)
                stretches.append(stretch)
                points_px, confidence = [], []
                hints = None  # so that a resumed run sees the same
            if progress:
                progress(number, len(recording))


@one_thread()
def find_lost(
    points_px: np.ndarray,
    confidence: np.ndarray,
    rig: Rig,
    region_around: Callable[[np.ndarray], Region | None] = region_from_body,
) -> list[Region | None]:
    """Where the views that do not see the person should look, by what the others see.

    Args:
        points_px: (V, P, J, 2) of one frame, NaN: not seen.
        confidence: (V, P, J).
        rig: the V cameras.
        region_around: the region of a person whose joints (J, 2) are known, NaN where not.

    Returns:
        A region for each view that lost the person and has it in its image, else None.
    """
    nobody: list[Region | None] = [None] * len(rig)
    skeleton = Skeleton.anonymous(confidence.shape[-1])
    frame = Keypoints2D(points_px[None], confidence[None], rig.names, skeleton)
    person = one_person(frame, rig)
    points, score = person.points_px[0, :, 0], person.confidence[0, :, 0]  # (V, J, 2), (V, J)
    sees = (score > _HINT_CONFIDENCE).sum(-1) > score.shape[-1] // 3
    if sees.all() or sees.sum() < 2:
        return nobody
    observed = np.where(np.isfinite(points), points, 0.0)
    undistorted, valid = rig.cameras.undistort(torch.from_numpy(observed).double())
    weights = torch.from_numpy(np.where(score > _HINT_CONFIDENCE, score, 0)).double() * valid
    points_world, found = triangulate_dlt(
        undistorted.movedim(0, 1), rig.cameras.projection(), weights.mT, homogeneous_unit=math.inf
    )
    projected, in_front = rig.cameras.project(points_world)
    pixels = torch.where((in_front & found)[..., None], projected, torch.nan).numpy()
    return [
        None if sees[v] or not _is_inside(pixels[v], rig.sizes[v]) else region_around(pixels[v])
        for v in range(len(rig))
    ]


def _is_inside(points_px: np.ndarray, size: tuple[int, int] | None) -> bool:
    """Whether the middle of the joints lies in the image."""
    known = points_px[np.isfinite(points_px).all(-1)]
    if size is None or not len(known):
        return False
    middle = np.median(known, axis=0)
    return bool((middle >= 0).all() and (middle < size).all())


def _cache_folder(recording: Recording, source_key: str) -> Path:
    """The folder of a recording's detections; everything that they depend on is in its name."""
    arrays = recording.rig.to_arrays()
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{DETECTION_REVISION} {source_key} {STRETCH_FRAMES}".encode())
    digest.update(recording.content_key().encode())
    digest.update(np.ascontiguousarray(recording.video_frames).tobytes())
    digest.update(repr((recording.rig.lens_names, recording.sizes)).encode())
    for key in ("K", "dist", "rotation", "translation_m"):
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    return cache_folder() / "detections" / digest.hexdigest()


def _stretch_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npz"


def _save_stretch(
    folder: Path,
    number: int,
    points_px: np.ndarray,
    confidence: np.ndarray,
    state: tuple[ViewState, ...],
) -> None:
    path = _stretch_path(folder, number)
    with atomic_path(path, _REMEDY) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            points_px=points_px,
            confidence=confidence,
            state=np.array(json.dumps([asdict(view) for view in state])),
        )


def _load_stretch(
    folder: Path, number: int
) -> tuple[np.ndarray, np.ndarray, tuple[ViewState, ...]] | None:
    path = _stretch_path(folder, number)
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            views = json.loads(str(archive["state"]))
            return archive["points_px"], archive["confidence"], tuple(map(_view_state, views))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None  # a damaged stretch is done again


def _view_state(entry: dict) -> ViewState:
    regions = (
        region and Region(**{**region, "center_px": tuple(region["center_px"])})
        for region in entry["regions"]
    )
    return ViewState(tuple(regions), entry["frames_since_detection"])
