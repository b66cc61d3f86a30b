"""A walking person as a detector of another program sees it: from 2D keypoints to 3D poses."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from triangulate.demo.calibrating import CalibrationResult, Calibrator, calibrate_rig
from triangulate.demo.filming import FilmResult, film_walk
from triangulate.demo.scene import WALK, check_folder, make_scene
from triangulate.demo.stages import Stages, Tell
from triangulate.demo.truth import (
    error_quantiles_mm,
    missing_points,
    missing_text,
    telling_frame,
)
from triangulate.drawing import draw_result, save_picture
from triangulate.files import atomic_path, write_text
from triangulate.keypoints import Keypoints2D
from triangulate.rig_formats import load_rig
from triangulate.synthetic import DetectorNoise, Motion, ObservationTruth, observe

NOISE = DetectorNoise(sigma_px=(1.0, 3.0))
FAR_MM = 100

_TITLE = "triangulate demo: a walking person"


@dataclass(frozen=True)
class DemoResult:
    """What the demo made, and how well it was reconstructed.

    Attributes:
        out: the folder of everything.
        results: the folder of the poses.
        picture: of the result.
        num_frames: T.
        num_cameras: V.
        num_points: frames times joints.
        hidden: part of all observations that the cameras did not get.
        gross: part of all observations that are far off.
        swapped: part of all observations that show the other side's joint.
        swaps: number of images with left and right swapped.
        swaps_undone: how many of them the reconstruction found.
        swaps_imagined: how many other images it took for swapped.
        reprojection_px: median over the observations used.
        median_mm: error against the truth, over the points that have a position.
        p95_mm: its 95th percentile.
        max_mm: its largest value.
        far_off: number of points more than `FAR_MM` off.
        missing: number of points without a position, by reason.
        seconds: how long every part of the demo took, by its title.
        calibration: the cameras as they were found from videos of a board, where asked for.
        filmed: the same for the rendered videos, where they were asked for.
    """

    out: Path
    results: Path
    picture: Path
    num_frames: int
    num_cameras: int
    num_points: int
    hidden: float
    gross: float
    swapped: float
    swaps: int
    swaps_undone: int
    swaps_imagined: int
    reprojection_px: float
    median_mm: float
    p95_mm: float
    max_mm: float
    far_off: int
    missing: dict[str, int]
    seconds: dict[str, float]
    calibration: CalibrationResult | None = None
    filmed: FilmResult | None = None


def run_demo(
    out: str | Path = "demo",
    seed: int = 0,
    *,
    network: str | Path | None = None,
    calibrator: Calibrator | None = None,
    tell: Tell = nullcontext,
) -> DemoResult:
    """Make a recording of a walking person, reconstruct it, and measure the error.

    Writes below `out`: the true `rig.yaml`, `recordings/walk/pose2d/<camera>/*_keypoints.json` as
    OpenPose writes them, `recordings/walk/truth.npz`, and the results in `recordings/walk/out/`. A
    second run replaces these files; any other file is left alone.

    Args:
        out: a folder; it is made where there is none.
        seed: another seed gives another person, rig and noise.
        network: weights of an image network, a shipped name or a file: the walk is also rendered
            to videos, and reconstructed from them. See `film_walk`.
        calibrator: finds the cameras for these videos from a board that is filmed first, such as
            `calib.demonstration.BoardCalibration()`; see `calibrate_rig`. None: the true ones.
        tell: is entered with the title of each part of the work while it runs.

    Raises:
        InputError: the folder holds something else where the demo would write.
    """
    from triangulate.detection import pose_source

    out = Path(out)
    check_folder(out)
    if network:
        pose_source(network).close()  # so that weights that are no good are refused at once
    stages = Stages(tell)
    with stages.part("reconstructing a walk from 2D keypoints"):
        result = reconstruct_walk(out, seed)
    calibration, filmed = None, None
    if network:
        calibration = calibrate_rig(out, seed, calibrator, stages) if calibrator else None
        rig = calibration.rig if calibration else None
        filmed = film_walk(out, seed, network, rig=rig, stages=stages)
    return replace(result, seconds=stages.seconds, calibration=calibration, filmed=filmed)


def reconstruct_walk(out: Path, seed: int) -> DemoResult:
    """The part of `run_demo` that starts from 2D keypoints."""
    from triangulate.pipeline import reconstruct_files

    recording = out / WALK
    motion, keypoints, truth = write_recording(out, seed)
    results = recording / "out"
    poses = reconstruct_files(
        recording / "pose2d", out / "rig.yaml", results, skeleton=motion.skeleton, fps=motion.fps
    )
    error_mm = 1000 * np.linalg.norm(poses.positions_m[:, 0] - motion.positions_m, axis=-1)
    picture = results / "result.png"
    frame = telling_frame(poses, error_mm)
    rig = load_rig(out / "rig.yaml")
    save_picture(draw_result(poses, keypoints, rig, frame, title=_TITLE), picture)
    swapped, undone = truth.swapped.any((2, 3)), poses.sides_swapped[:, 0]  # (T, V)
    known_mm = error_mm[np.isfinite(error_mm)]
    used_px = poses.reprojection_px[poses.views_used & np.isfinite(poses.reprojection_px)]
    median, p95, largest = error_quantiles_mm(error_mm)
    return DemoResult(
        out=out,
        results=results,
        picture=picture,
        num_frames=len(motion.positions_m),
        num_cameras=len(rig),
        num_points=error_mm.size,
        hidden=float((truth.missing | truth.outside).mean()),
        gross=float(truth.gross.mean()),
        swapped=float(truth.swapped.mean()),
        swaps=int(swapped.sum()),
        swaps_undone=int((swapped & undone).sum()),
        swaps_imagined=int((undone & ~swapped).sum()),
        reprojection_px=float(np.quantile(used_px, 0.5)) if used_px.size else math.nan,
        median_mm=median,
        p95_mm=p95,
        max_mm=largest,
        far_off=int((known_mm > FAR_MM).sum()),
        missing=missing_points(poses),
        seconds={},
    )


def demo_table(result: DemoResult) -> list[tuple[str, str]]:
    """What the command prints: labels and values."""
    return [
        ("recording", f"{result.num_frames} frames, {result.num_cameras} cameras"),
        (
            "2D keypoints",
            f"{100 * result.hidden:.1f} % not seen, {100 * result.gross:.1f} % far off, "
            f"{100 * result.swapped:.1f} % left/right swapped",
        ),
        (
            "left/right swaps put right",
            f"{result.swaps_undone} of {result.swaps} images, {result.swaps_imagined} by mistake",
        ),
        ("reprojection error, median", f"{result.reprojection_px:.1f} px"),
        ("error against the truth, median", f"{result.median_mm:.1f} mm"),
        ("error against the truth, 95 %", f"{result.p95_mm:.1f} mm"),
        (
            "error against the truth, largest",
            f"{result.max_mm:.1f} mm ({result.far_off} points beyond {FAR_MM} mm)",
        ),
        ("points without a position", missing_text(result.missing, result.num_points)),
        ("results", str(result.results)),
        ("picture", str(result.picture)),
    ]


def write_recording(out: Path, seed: int) -> tuple[Motion, Keypoints2D, ObservationTruth]:
    """Make up a person, a rig and a detector, and write what a user would have of them."""
    generator, rig, motion = make_scene(seed)
    keypoints, truth = observe(
        motion.positions_m, rig, motion.skeleton, generator, NOISE, motion.fps
    )
    rig.save(out / "rig.yaml")
    write_truth(motion, truth, out / WALK / "truth.npz")
    write_openpose(keypoints, out / WALK / "pose2d")
    return motion, keypoints, truth


def write_truth(motion: Motion, truth: ObservationTruth, path: Path) -> None:
    """Write where everything really was.

    The file is a NumPy `.npz`: `positions_m` (T, J, 3), `joints` (J,), `fps`; and of every
    observation (T, V, P, J) `points_px` without noise, `outside`, `missing`, `gross` and `swapped`
    as in `ObservationTruth`.
    """
    flags = {name: getattr(truth, name) for name in ("outside", "missing", "gross", "swapped")}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            positions_m=motion.positions_m,
            joints=np.array(motion.skeleton.joint_names),
            fps=np.array(motion.fps),
            points_px=truth.points_px.astype(np.float32),
            **flags,
        )


def write_openpose(keypoints: Keypoints2D, folder: Path) -> None:
    """Write keypoints as OpenPose does: a folder a camera, a file a frame, missing as 0, 0, 0."""
    values = np.concatenate([keypoints.points_px, keypoints.confidence[..., None]], axis=-1)
    values = np.where(keypoints.confidence[..., None] > 0, values, 0.0).astype(np.float64).round(4)
    seen = np.any(keypoints.confidence > 0, axis=-1)  # (T, V, P)
    for t, number in enumerate(np.asarray(keypoints.frames).tolist()):
        for v, camera in enumerate(keypoints.names):
            people = [
                {"person_id": [-1], "pose_keypoints_2d": person.ravel().tolist()}
                for person in values[t, v][seen[t, v]]
            ]
            text = json.dumps({"version": 1.3, "people": people}, separators=(",", ":"))
            write_text(folder / camera / f"{camera}_{number:012d}_keypoints.json", text)
