"""The same walk on video: rendered, read by an image network, reconstructed and compared."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from triangulate.demo.scene import FILM, IMAGE_SIZE, make_scene
from triangulate.demo.showing import show
from triangulate.demo.stages import Stages
from triangulate.demo.truth import (
    compare_rigs,
    error_quantiles_mm,
    missing_points,
    missing_text,
)
from triangulate.errors import InputError
from triangulate.files import atomic_path
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import Motion, render_recording
from triangulate.video.writing import VideoWriter

IMAGE_NETWORK = "synthetic_algebraic"
"""The shipped weights that were trained on people like the demo's."""

FILM_FRAMES = 75
FILM_EVERY = 2  # of the walk's frames


@dataclass(frozen=True)
class FilmResult:
    """What was filmed, and how well it was reconstructed.

    Attributes:
        recording: the folder of the videos.
        results: the folder of the poses.
        picture: of the result.
        overlay: the poses on the videos, a video.
        scene: the poses in space, a video; None where none could be drawn.
        report: the page that says how far the poses can be trusted; None without plotly.
        network: the weights.
        calibrated: whether the rig is one that was calibrated; else it is the true one.
        num_frames: T.
        num_cameras: V.
        size: (width, height) of the videos.
        num_points: frames times joints.
        seen: part of the views in which the network sees the person.
        median_px: error of its 2D joints, over those that it gives.
        median_mm: error against the truth, over the points that have a position; a calibrated rig
            has a world of its own, which is laid on the true one by the cameras' places.
        p95_mm: its 95th percentile.
        max_mm: its largest value.
        missing: number of points without a position, by reason.
        notes: what is missing, for people.
    """

    recording: Path
    results: Path
    picture: Path
    overlay: Path
    scene: Path | None
    report: Path | None
    network: str
    calibrated: bool
    num_frames: int
    num_cameras: int
    size: tuple[int, int]
    num_points: int
    seen: float
    median_px: float
    median_mm: float
    p95_mm: float
    max_mm: float
    missing: dict[str, int]
    notes: tuple[str, ...] = ()


def network_to_use(network: str | None) -> tuple[str | None, list[str]]:
    """The weights to film with, and notes for people.

    Args:
        network: a shipped name or a file; None: the shipped one, where there is one; "none": none.
    """
    from triangulate.models.weights import shipped_weights

    if network == "none":
        return None, []
    if network is None and IMAGE_NETWORK not in shipped_weights():
        return None, [
            f"the image network {IMAGE_NETWORK} is not in this installation: the part on video is "
            "left out (--network FILE takes weights of your own)"
        ]
    return network or IMAGE_NETWORK, []


def film_walk(
    out: Path,
    seed: int,
    network: str | Path = IMAGE_NETWORK,
    num_frames: int = FILM_FRAMES,
    *,
    rig: Path | None = None,
    stages: Stages | None = None,
) -> FilmResult:
    """Render a walk to videos, reconstruct it from them, and measure the error.

    Writes below `out/recordings/filmed`: `videos/<camera>.mp4` and `truth.npz`, the `rig.yaml` that
    is used, the network's joints in `pose2d/`, and in `out/` the poses with what shows them.

    Args:
        out: a folder of the demo's own.
        seed: of the person, the rig and the surroundings.
        network: weights of an image network, a shipped name or a file.
        num_frames: T.
        rig: the file of a calibrated rig with the cameras' names; None: the true one is used.
        stages: is told what is being done.
    """
    from triangulate.detection import detect_recording
    from triangulate.pipeline import reconstruct_files

    stages = stages or Stages()
    recording = out / FILM
    own_rig, own_keypoints = recording / "rig.yaml", recording / "pose2d" / "keypoints.npz"
    with stages.part("filming the walk"):
        true_rig, motion = write_film(out, seed, num_frames)
    (true_rig if rig is None else Rig.load(rig)).save(own_rig)
    with stages.part("finding joints in the videos"):
        filmed = Recording.open(recording, Rig.load(own_rig), sync="none")
        keypoints = detect_recording(filmed, network, cache=False)
        keypoints.save(own_keypoints)
    with stages.part("reconstructing the filmed walk"):
        poses = reconstruct_files(own_keypoints, own_rig, recording / "out")
    joints = _joints_in(motion, keypoints.skeleton)
    error_mm = _error_mm(poses, joints, filmed.rig, true_rig)
    shown = show(recording / "out", filmed, poses, keypoints, error_mm, stages)
    median_mm, p95_mm, max_mm = error_quantiles_mm(error_mm)
    return FilmResult(
        recording=recording,
        results=recording / "out",
        picture=shown.picture,
        overlay=shown.overlay,
        scene=shown.scene,
        report=shown.report,
        network=str(network),
        calibrated=rig is not None,
        num_frames=len(motion.positions_m),
        num_cameras=len(true_rig),
        size=filmed.sizes[0],
        num_points=error_mm.size,
        seen=float((keypoints.confidence > 0).any((2, 3)).mean()),
        median_px=error_quantiles_mm(_error_px(keypoints, joints, true_rig))[0],
        median_mm=median_mm,
        p95_mm=p95_mm,
        max_mm=max_mm,
        missing=missing_points(poses),
        notes=shown.notes,
    )


def film_table(result: FilmResult) -> list[tuple[str, str]]:
    """What the command prints: labels and values."""
    width, height = result.size
    return [
        (
            "recording",
            f"{result.num_frames} frames, {result.num_cameras} videos of {width} x {height}",
        ),
        ("rig", "as calibrated" if result.calibrated else "the true one"),
        ("image network", result.network),
        ("person seen in", f"{100 * result.seen:.0f} % of the images"),
        ("2D joints against the truth, median", f"{result.median_px:.1f} px"),
        ("error against the truth, median", f"{result.median_mm:.1f} mm"),
        ("error against the truth, 95 %", f"{result.p95_mm:.1f} mm"),
        ("error against the truth, largest", f"{result.max_mm:.1f} mm"),
        ("points without a position", missing_text(result.missing, result.num_points)),
        ("results", str(result.results)),
        ("picture", str(result.picture)),
        ("poses on the videos", str(result.overlay)),
        ("poses in space", str(result.scene or "not drawn")),
        *([("report", str(result.report))] if result.report else []),
    ]


def write_film(out: Path, seed: int, num_frames: int) -> tuple[Rig, Motion]:
    """Render the walk into videos, and write what was really there beside them.

    `truth.npz` holds `positions_m` (T, J, 3), `joints` (J,) and `fps`.
    """
    generator, rig, whole = make_scene(seed)
    rig.save(out / "rig.yaml")
    positions_m = whole.positions_m[: FILM_EVERY * num_frames : FILM_EVERY]
    motion = replace(whole, positions_m=positions_m, fps=whole.fps / FILM_EVERY)
    recording = out / FILM
    with ExitStack() as stack:
        videos = [
            stack.enter_context(
                VideoWriter(recording / "videos" / f"{name}.mp4", IMAGE_SIZE, fps=motion.fps)
            )
            for name in rig.names
        ]
        for images in render_recording(generator, motion, rig):
            for video, image in zip(videos, images, strict=True):
                video.write(image)
    with atomic_path(recording / "truth.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            positions_m=motion.positions_m,
            joints=np.array(motion.skeleton.joint_names),
            fps=np.array(motion.fps),
        )
    return rig, motion


def _joints_in(motion: Motion, skeleton: Skeleton) -> np.ndarray:
    """Where the joints of another set really are, (T, J, 3); NaN for those nobody knows."""
    index = skeleton.indices_in(motion.skeleton)
    if (index < 0).all():
        raise InputError(
            f"the network finds {', '.join(skeleton.joint_names[:3])}, ... and none of the joints "
            f"whose truth is known: {', '.join(motion.skeleton.joint_names[:3])}, ..."
        )
    return np.where((index >= 0)[:, None], motion.positions_m[:, index], np.nan)


def _error_mm(poses: Poses3D, positions_m: np.ndarray, rig: Rig, true_rig: Rig) -> np.ndarray:
    """(T, J) distance of the one person's joints from where they are, (T, J, 3).

    The worlds of a rig and of the true one are laid on each other by the cameras' places alone.
    """
    found = poses.positions_m[:, 0]
    moved = compare_rigs(rig, true_rig).world_from_found.apply(torch.from_numpy(found))
    return 1000 * np.linalg.norm(moved.numpy() - positions_m, axis=-1)


def _error_px(keypoints: Keypoints2D, positions_m: np.ndarray, rig: Rig) -> np.ndarray:
    """(T, V, J) distance of the one person's 2D joints from where positions (T, J, 3) are seen."""
    world = torch.from_numpy(positions_m)[:, None].expand(-1, len(rig), -1, -1)
    true_px, _ = rig.cameras.project(world)
    return np.linalg.norm(keypoints.points_px[:, :, 0] - true_px.numpy(), axis=-1)
