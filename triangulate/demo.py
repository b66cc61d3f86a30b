"""The demo: a made-up recording with known truth, and the main job run on it.

`run_demo` writes what a user would have (a rig and a detector's 2D keypoints), reads it back from
the files, reconstructs it as any other recording, and compares the result with the truth.
"""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triangulate.drawing import draw_result, save_picture
from triangulate.errors import InputError
from triangulate.files import atomic_path, write_text
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D, Reason
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig
from triangulate.synthetic import DetectorNoise, Motion, ObservationTruth, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.rigs import MADE_UP

NUM_FRAMES = 300
NUM_CAMERAS = 4
FPS = 50.0
NOISE = DetectorNoise(sigma_px=(1.0, 3.0))
RECORDING = Path("recordings") / "walk"
FAR_MM = 100

_TITLE = "triangulate demo: a walking person"
_FAIR_MM = 60  # a joint further off is not worth showing


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
        seconds: how long all of it took, imports left out.
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
    seconds: float


def run_demo(out: str | Path = "demo", seed: int = 0) -> DemoResult:
    """Make a recording of a walking person, reconstruct it, and measure the error.

    Writes below `out`: `rig.yaml`, `recordings/walk/pose2d/<camera>/*_keypoints.json` as OpenPose
    writes them, `recordings/walk/truth.npz`, and the results in `recordings/walk/out/`. A second
    run replaces these files; any other file is left alone.

    Args:
        out: a folder; it is made where there is none.
        seed: another seed gives another person, rig and noise.

    Raises:
        InputError: the folder holds something else where the demo would write.
    """
    from triangulate.pipeline import reconstruct_files

    began = time.perf_counter()
    out = Path(out)
    recording = out / RECORDING
    check_folder(out)
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
    median, p95, largest = (
        np.quantile(known_mm, [0.5, 0.95, 1]) if known_mm.size else [math.nan] * 3
    )
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
        median_mm=float(median),
        p95_mm=float(p95),
        max_mm=float(largest),
        far_off=int((known_mm > FAR_MM).sum()),
        missing=_missing(poses),
        seconds=time.perf_counter() - began,
    )


def _missing(poses: Poses3D) -> dict[str, int]:
    """How many points have no position, by reason."""
    counts = {reason.name: int((poses.reason == reason).sum()) for reason in Reason}
    return {name: count for name, count in counts.items() if count and name != Reason.ok.name}


def demo_table(result: DemoResult) -> list[tuple[str, str]]:
    """What the command prints: labels and values."""
    missing = sum(result.missing.values())
    reasons = ", ".join(f"{name} {count}" for name, count in result.missing.items())
    share = f"{100 * missing / max(result.num_points, 1):.1f} %"
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
        ("points without a position", f"{share} ({reasons})" if missing else share),
        ("time", f"{result.seconds:.1f} s"),
        ("results", str(result.results)),
        ("picture", str(result.picture)),
    ]


def write_recording(out: Path, seed: int) -> tuple[Motion, Keypoints2D, ObservationTruth]:
    """Make up a person, a rig and a detector, and write what a user would have of them."""
    generator = seeded(seed)
    rig = ring_rig(generator, NUM_CAMERAS, radius_m=3.6)
    motion = walk(generator, NUM_FRAMES, FPS, half_length_m=1.5)
    keypoints, truth = observe(
        motion.positions_m, rig, motion.skeleton, generator, NOISE, motion.fps
    )
    rig.save(out / "rig.yaml")
    write_truth(motion, truth, out / RECORDING / "truth.npz")
    write_openpose(keypoints, out / RECORDING / "pose2d")
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


def check_folder(out: Path) -> None:
    """Refuse a folder in which the demo would overwrite, or mix with, what it did not make."""
    rig = out / "rig.yaml"
    if rig.exists() and not _is_made_up(rig):
        raise InputError(f"{rig}: is not the demo's own; choose another folder with --out")
    recording = out / RECORDING
    if recording.is_dir() and any(recording.iterdir()) and not rig.exists():
        raise InputError(f"{recording}: is not the demo's own; choose another folder with --out")
    ours = re.compile(r"(cam\d+)_(\d{12})_keypoints\.json")
    for path in sorted((recording / "pose2d").glob("*/*.json")):
        match = ours.fullmatch(path.name)
        if not match or match[1] != path.parent.name or int(match[2]) >= NUM_FRAMES:
            raise InputError(
                f"{path}: is not the demo's own, but would be read with it; take it away, or "
                "choose another folder with --out"
            )


def _is_made_up(rig: Path) -> bool:
    try:
        return MADE_UP in Rig.load(rig).notes
    except InputError:
        return False


def telling_frame(poses: Poses3D, error_mm: np.ndarray) -> int:
    """The frame to show: all joints found, and much to be put right.

    Args:
        poses: T frames of one person.
        error_mm: (T, J), NaN where there is no position.
    """
    good = np.sum(error_mm < _FAIR_MM, axis=1)
    mended = np.sum(np.isfinite(poses.reprojection_px) & ~poses.views_used, axis=(1, 2, 3))
    mended += 10 * np.sum(poses.sides_swapped, axis=(1, 2))
    return int(np.lexsort((mended, good))[-1])
