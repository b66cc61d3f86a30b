from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import triangulate
from triangulate.config import ReconstructConfig
from triangulate.demo import write_openpose
from triangulate.detection import detect_recording
from triangulate.errors import InputError
from triangulate.inputs import open_recording
from triangulate.keypoints import Keypoints2D
from triangulate.models.weights import shipped_weights
from triangulate.pipeline import (
    reconstruct,
    reconstruct_files,
    reconstruct_keypoints,
    reconstruct_recording,
)
from triangulate.poses import Poses3D, Reason, load_poses
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import DetectorNoise, Motion, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

PLAIN = DetectorNoise(sigma_px=(0.5, 2.0), missing=0.1, gross=0.0, swapped=0.0)
EVERYTHING = ReconstructConfig(min_confidence=0.0)
FIELDS = (
    "positions_m",
    "covariance_m2",
    "reprojection_px",
    "views_used",
    "reason",
    "sides_swapped",
    "frames",
)
BALANCING = "pose2sim_balancing"


def made_up(
    noise: DetectorNoise | None = None, num_frames: int = 20, seed: int = 0
) -> tuple[Rig, Motion, Keypoints2D]:
    generator = seeded(seed)
    rig = ring_rig(generator, 4, radius_m=3.6)
    motion = walk(generator, num_frames, half_length_m=1.5)
    noise = noise or DetectorNoise.none()
    keypoints, _ = observe(motion.positions_m, rig, motion.skeleton, generator, noise, motion.fps)
    return rig, motion, keypoints


def arrays_of(keypoints: Keypoints2D) -> tuple[np.ndarray, np.ndarray]:
    return keypoints.points_px[:, :, 0], keypoints.confidence[:, :, 0]


def assert_same(first: Poses3D, second: Poses3D, atol: float = 0.0) -> None:
    for name in FIELDS:
        np.testing.assert_allclose(
            getattr(first, name), getattr(second, name), rtol=0, atol=atol, err_msg=name
        )
    assert first.names == second.names
    assert first.skeleton == second.skeleton
    assert first.fps == second.fps


# --- Arrays ---------------------------------------------------------------------------------------


def test_shapes_and_truth() -> None:
    rig, motion, keypoints = made_up()
    poses = reconstruct(*arrays_of(keypoints), rig, skeleton=motion.skeleton, fps=50)
    assert poses.positions_m.shape == (20, 1, 17, 3)
    assert poses.covariance_m2.shape == (20, 1, 17, 3, 3)
    assert poses.reprojection_px.shape == poses.views_used.shape == (20, 1, 4, 17)
    assert poses.reason.shape == (20, 1, 17)
    assert np.abs(poses.positions_m[:, 0] - motion.positions_m).max() < 1e-9
    assert (poses.reason == Reason.ok).all()
    assert poses.names == rig.names
    assert (poses.fps, poses.up_axis) == (50, "z")
    assert poses.frames.tolist() == list(range(20))
    assert triangulate.reconstruct is reconstruct


def test_without_a_skeleton_joints_are_numbered() -> None:
    rig, _, keypoints = made_up(num_frames=2)
    poses = reconstruct(*arrays_of(keypoints), rig)
    assert poses.skeleton.joint_names[:2] == ("joint_0", "joint_1")
    assert poses.fps is None


def test_nan_confidence_and_nan_points_are_not_seen() -> None:
    rig, _, keypoints = made_up()
    points_px, confidence = arrays_of(keypoints)
    points_px, confidence = points_px.copy(), confidence.copy()
    confidence[0, :3, 0] = np.nan
    points_px[1, :3, 0, 1] = np.nan
    confidence[2, :3, 0] = 0
    before = points_px.copy(), confidence.copy()
    poses = reconstruct(points_px, confidence, rig)
    assert (poses.reason[:3, 0, 0] == Reason.too_few_views).all()
    assert (poses.reason == Reason.ok).sum() == poses.reason.size - 3
    assert np.isnan(poses.reprojection_px[:3, 0, :, 0]).all()
    np.testing.assert_array_equal(points_px, before[0])
    np.testing.assert_array_equal(confidence, before[1])


def test_single_precision_and_lists() -> None:
    rig, motion, keypoints = made_up()
    points_px, confidence = arrays_of(keypoints)
    poses = reconstruct(points_px.astype(np.float32), confidence.astype(np.float32), rig)
    assert poses.positions_m.dtype == np.float64
    assert np.abs(poses.positions_m[:, 0] - motion.positions_m).max() < 1e-5
    whole = np.round(points_px).astype(int)
    listed = reconstruct(whole.tolist(), np.ones(confidence.shape, int).tolist(), rig)
    assert np.abs(listed.positions_m[:, 0] - motion.positions_m).max() < 0.02


@pytest.mark.parametrize("method", ["robust", "dlt", "learned"])
def test_the_smallest_problem(method) -> None:
    rig, motion, keypoints = made_up(num_frames=1)
    points_px, confidence = arrays_of(keypoints)
    pair = rig.select(["cam1", "cam2"])
    poses = reconstruct(points_px[:, :2, :1], confidence[:, :2, :1], pair, method)
    assert poses.positions_m.shape == (1, 1, 1, 3)
    assert np.abs(poses.positions_m[0, 0] - motion.positions_m[0, :1]).max() < 1e-9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points_px": np.zeros((3, 4, 17, 3))}, r"points_px must have shape \(T, 4, J, 2\), got"),
        ({"points_px": np.zeros((3, 3, 17, 2))}, r"points_px must have shape \(T, 4, J, 2\), got"),
        ({"points_px": np.zeros((3, 4, 2))}, r"points_px must have shape"),
        ({"confidence": np.ones((3, 4, 16))}, r"confidence must have shape \(3, 4, 17\), got"),
        ({"confidence": np.full((3, 4, 17), 1.5)}, r"confidence must lie in \[0, 1\]"),
        ({"confidence": np.full((3, 4, 17), -0.5)}, r"confidence must lie in \[0, 1\]"),
        ({"skeleton": Skeleton.named("body25")}, "skeleton must have 17 joints, got 25"),
        ({"refine": "bones"}, "refine must be None, got 'bones'"),
        ({"method": "best"}, "method must be one of robust, dlt, learned, got 'best'"),
    ],
)
def test_broken_contracts_are_named(changes: dict, words: str) -> None:
    rig, _, keypoints = made_up(num_frames=3)
    points_px, confidence = arrays_of(keypoints)
    arguments = {"points_px": points_px, "confidence": confidence, "rig": rig} | changes
    with pytest.raises(ValueError, match=words):
        reconstruct(**arguments)


@pytest.mark.parametrize("num_frames", [0, 4])
def test_nobody_anywhere(num_frames: int) -> None:
    points_px = np.full((num_frames, 4, 17, 2), np.nan)
    with pytest.raises(InputError, match="nobody was found in any view"):
        reconstruct(points_px, np.zeros((num_frames, 4, 17)), made_up(num_frames=1)[0])


def test_one_camera_is_not_enough() -> None:
    rig, _, keypoints = made_up(num_frames=2)
    points_px, confidence = arrays_of(keypoints)
    with pytest.raises(InputError, match=r"one camera \(cam1\): 3D needs at least two"):
        reconstruct(points_px[:, :1], confidence[:, :1], rig.select(["cam1"]))


def test_cameras_at_one_place_are_not_enough() -> None:
    rig, _, keypoints = made_up(num_frames=2)
    arrays = rig.to_arrays()
    centres = -np.linalg.solve(arrays["rotation"], arrays["translation_m"][..., None])[..., 0]

    def standing_at(centres_m: np.ndarray) -> Rig:
        shift = -(arrays["rotation"] @ centres_m[..., None])[..., 0]
        return Rig.from_arrays(**arrays | {"translation_m": shift})

    with pytest.raises(InputError, match=r"all cameras \(cam1, .*\) stand at one place"):
        reconstruct(*arrays_of(keypoints), standing_at(centres[[0, 0, 0, 0]]))
    reconstruct(*arrays_of(keypoints), standing_at(centres[[0, 0, 0, 1]]))


def test_the_hard_problem() -> None:
    rig, motion, keypoints = made_up(DetectorNoise(sigma_px=(1.0, 3.0)), 200)
    error_mm = {}
    for method in ("robust", "dlt"):
        poses = reconstruct(*arrays_of(keypoints), rig, method, skeleton=motion.skeleton)
        error_mm[method] = 1000 * np.linalg.norm(
            poses.positions_m[:, 0] - motion.positions_m, axis=-1
        )
        assert np.isnan(error_mm[method]).mean() < 0.05
    assert np.nanmedian(error_mm["robust"]) < 12
    assert np.nanquantile(error_mm["robust"], 0.95) < 30
    assert np.nanquantile(error_mm["dlt"], 0.95) > np.nanquantile(error_mm["robust"], 0.95)


# --- Keypoints and their files --------------------------------------------------------------------


def test_weights_imply_their_method_and_are_checked_before_anything_is_read(tmp_path) -> None:
    rig, _, keypoints = made_up(num_frames=3)
    learned = reconstruct_keypoints(keypoints, rig, "learned")
    assert_same(reconstruct_keypoints(keypoints, rig, weights="learned"), learned)
    shipped = shipped_weights()["view_weights"]
    assert_same(reconstruct_keypoints(keypoints, rig, weights=shipped), learned)
    with pytest.raises(InputError, match="weights learned are of the method learned"):
        reconstruct_keypoints(keypoints, rig, "dlt", weights="learned")
    missing = ReconstructConfig(weights=str(tmp_path / "mine.safetensors"))
    for read in (reconstruct_files, reconstruct_recording):
        with pytest.raises(InputError, match=r"mine.safetensors: there is no such file"):
            read(tmp_path / "nowhere", rig, settings=missing)


@pytest.mark.parametrize("method", ["robust", "dlt", "learned"])
def test_arrays_keypoints_and_files_give_the_same(method, tmp_path: Path) -> None:
    rig, motion, keypoints = made_up(DetectorNoise(), 40)
    keypoints.save(tmp_path / "keypoints.npz")
    rig.save(tmp_path / "rig.yaml")
    direct = reconstruct(
        *arrays_of(keypoints), rig, method, skeleton=motion.skeleton, fps=motion.fps
    )
    assert_same(reconstruct_keypoints(keypoints, rig, method), direct)
    settings = ReconstructConfig(method=method)
    read = reconstruct_files(tmp_path / "keypoints.npz", tmp_path / "rig.yaml", settings=settings)
    assert_same(read, direct)
    write_openpose(keypoints, tmp_path / "pose2d")  # four digits, and float32
    openpose = reconstruct_files(
        tmp_path / "pose2d", rig, settings=settings, skeleton=motion.skeleton, fps=motion.fps
    )
    within_m = 1e-3 if method == "learned" else 1e-4  # the digits count for the weights too
    np.testing.assert_allclose(openpose.positions_m, direct.positions_m, atol=within_m)
    np.testing.assert_array_equal(openpose.reason, direct.reason)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "keypoints.npz",
        "pose2d",
        "rig.yaml",
    ]


def test_the_order_of_the_cameras_in_the_keypoints_does_not_matter() -> None:
    rig, _, keypoints = made_up(PLAIN)
    turned = keypoints.select_cameras(["cam3", "cam1", "cam4", "cam2"])
    assert_same(reconstruct_keypoints(turned, rig), reconstruct_keypoints(keypoints, rig))


def test_a_rig_of_some_cameras_takes_their_keypoints() -> None:
    rig, motion, keypoints = made_up()
    poses = reconstruct_keypoints(keypoints, rig.select(["cam4", "cam2"]))
    assert poses.names == ("cam4", "cam2")
    assert np.nanmax(np.abs(poses.positions_m[:, 0] - motion.positions_m)) < 1e-9
    with pytest.raises(InputError, match="no keypoints for camera 'cam3', 'cam4'"):
        reconstruct_keypoints(keypoints.select_cameras(["cam1", "cam2"]), rig)


def test_the_one_whom_the_views_agree_on_is_taken() -> None:
    rig, motion, keypoints = made_up(PLAIN)
    _, _, other = made_up(PLAIN, seed=5)
    stranger = other.confidence.copy()
    stranger[:, [0, 1, 3]] = 0
    both = replace(
        keypoints,
        points_px=np.concatenate([other.points_px, keypoints.points_px], axis=2),
        confidence=np.concatenate([stranger, 0.5 * keypoints.confidence], axis=2),
    )
    poses = reconstruct_keypoints(both, rig)
    assert (
        np.nanmedian(np.linalg.norm(poses.positions_m[:, 0] - motion.positions_m, axis=-1)) < 0.02
    )


def test_weak_observations_are_left_out() -> None:
    rig, _, keypoints = made_up()
    weak = keypoints.confidence.copy()
    weak[:] = 0.9
    weak[:, 1:, 0, 4] = 0.2
    keypoints = replace(keypoints, confidence=weak)
    assert (reconstruct_keypoints(keypoints, rig).reason == Reason.ok).all()
    poses = reconstruct_keypoints(keypoints, rig, min_confidence=0.5)
    assert (poses.reason[..., 4] == Reason.low_confidence).all()
    assert (np.delete(poses.reason, 4, axis=-1) == Reason.ok).all()


def test_frames_go_by_their_numbers(tmp_path: Path) -> None:
    rig, motion, keypoints = made_up(num_frames=30)
    late = replace(keypoints, frames=100 + 2 * np.arange(30))
    late.save(tmp_path / "k.npz")

    def frames(**settings) -> list[int]:
        chosen = ReconstructConfig(min_confidence=0.0, **settings)
        poses = reconstruct_files(tmp_path / "k.npz", rig, settings=chosen)
        truth = motion.positions_m[(poses.frames - 100) // 2]
        assert np.abs(poses.positions_m[:, 0] - truth).max() < 1e-9
        return poses.frames.tolist()

    assert frames() == list(range(100, 160, 2))
    assert frames(frames="104:111") == [104, 106, 108, 110]
    assert frames(frames="150:", every=2) == [150, 154, 158]
    assert frames(every=10) == [100, 120, 140]
    with pytest.raises(InputError, match=r"--frames 0:50: the keypoints are of frames 100 to 158"):
        frames(frames="0:50")
    with pytest.raises(InputError, match=r"--frames 100:900"):
        frames(frames="100:900")


def test_cameras_are_chosen_by_name(tmp_path: Path) -> None:
    rig, _, keypoints = made_up()
    keypoints.save(tmp_path / "k.npz")
    settings = ReconstructConfig(cameras=["cam4", "cam1"])
    assert reconstruct_files(tmp_path / "k.npz", rig, settings=settings).names == ("cam4", "cam1")
    with pytest.raises(InputError, match="no camera 'cam9' in the rig"):
        reconstruct_files(
            tmp_path / "k.npz", rig, settings=ReconstructConfig(cameras=["cam1", "cam9"])
        )


def test_keypoints_of_resized_images(tmp_path: Path) -> None:
    rig, motion, keypoints = made_up()
    half = replace(
        keypoints,
        points_px=0.5 * keypoints.points_px - 0.25,  # edges stay edges
        sizes=((640, 360),) * 4,
    )
    half.save(tmp_path / "half.npz")
    with pytest.raises(InputError, match=r"cam1: the keypoints are of 640 x 360 .* scale"):
        reconstruct_files(tmp_path / "half.npz", rig)
    with pytest.raises(InputError, match="640 x 360"):
        reconstruct_keypoints(half, rig)
    settings = ReconstructConfig(min_confidence=0.0, on_size_mismatch="scale")
    poses = reconstruct_files(tmp_path / "half.npz", rig, tmp_path / "out", settings)
    assert np.abs(poses.positions_m[:, 0] - motion.positions_m).max() < 1e-9
    notes = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())["notes"]
    assert any("cam3" in note and "taken as resized" in note for note in notes)


def test_keypoints_of_images_with_an_edge_cut(tmp_path: Path) -> None:
    rig, motion, keypoints = made_up()
    cut = replace(keypoints, sizes=((1264, 720), *[(1280, 720)] * 3))
    cut.save(tmp_path / "cut.npz")
    poses = reconstruct_files(tmp_path / "cut.npz", rig, settings=EVERYTHING)
    assert np.abs(poses.positions_m[:, 0] - motion.positions_m).max() < 1e-9
    with pytest.raises(InputError, match=r"cam1: the keypoints are of 1264 x 720"):
        reconstruct_files(
            tmp_path / "cut.npz", rig, settings=ReconstructConfig(on_size_mismatch="error")
        )


def test_what_was_run_is_written_beside_the_poses(tmp_path: Path) -> None:
    rig, _, keypoints = made_up(PLAIN)
    keypoints.save(tmp_path / "k.npz")
    settings = ReconstructConfig(every=2, min_confidence=0.2)
    poses = reconstruct_files(tmp_path / "k.npz", rig, tmp_path / "out", settings)
    assert_same(load_poses(tmp_path / "out" / "poses.npz"), poses, atol=1e-4)
    run = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert "detector" not in run["settings"]  # none has run
    assert run["settings"]["keypoints"] == str(tmp_path / "k.npz")
    assert run["settings"]["every"] == 2
    assert run["settings"]["min_confidence"] == 0.2
    assert run["settings"]["method"] == "robust"
    assert run["settings"]["fps"] == 50
    assert run["settings"]["skeleton"] == "h36m17"
    assert set(run["timings_s"]) == {"read", "triangulate"}
    assert set(rig.notes) <= set(run["notes"])
    assert "keypoints: synthetic" in run["notes"]
    several = {"cam1": tmp_path / "a" / "cam1", "cam2": tmp_path / "a" / "cam2"}
    write_openpose(keypoints, tmp_path / "a")
    pair = rig.select(["cam1", "cam2"])
    reconstruct_files(several, pair, tmp_path / "out", skeleton="h36m17")
    run = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert run["settings"]["keypoints"] == {name: str(path) for name, path in several.items()}


def test_parts_of_the_image_size_go_by_the_calibrations(tmp_path: Path) -> None:
    """MediaPipe's landmarks do not say how large the images were."""
    generator = seeded(3)
    rig = ring_rig(generator, 4, radius_m=3.6)
    motion = walk(generator, 6, half_length_m=1.5, skeleton=Skeleton.named("body25"))
    noise = DetectorNoise.none()
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, noise, 50.0)
    order = Skeleton.named("mediapipe33").indices_in(motion.skeleton)
    for v, (name, size) in enumerate(zip(rig.names, rig.sizes, strict=True)):
        parts = seen.points_px[:, v, 0] / np.array(size)  # (T, J, 2)
        frames = [
            [
                None if j < 0 else {"x": x, "y": y, "z": 0.0, "visibility": 0.9}
                for j, (x, y) in zip(order, points[order].tolist(), strict=True)
            ]
            for points in parts
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(frames))
    poses = reconstruct_files(tmp_path, rig, tmp_path / "out", EVERYTHING)
    assert poses.skeleton.name == "mediapipe33"
    known = order >= 0
    assert known.sum() == 19
    truth = motion.positions_m[:, order[known]]
    assert np.abs(poses.positions_m[:, 0, known] - truth).max() < 1e-4
    run = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert any("multiplied by the calibration's image sizes" in note for note in run["notes"])
    blind = replace(rig, sizes=(None,) * 4)
    with pytest.raises(InputError, match=r"cam1\.json: .*neither the file nor the calibration"):
        reconstruct_files(tmp_path, blind)


def test_a_skeleton_of_ones_own(tmp_path: Path) -> None:
    rig, motion, keypoints = made_up()
    write_openpose(keypoints, tmp_path / "pose2d")
    names = motion.skeleton.joint_names
    bones = [[names[a], b] for a, b in motion.skeleton.edges]
    content = {
        "joints": [f"my_{name}" for name in names],
        "edges": [[f"my_{a}", b] for a, b in bones],
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    told = str(tmp_path / "mine.yaml")
    poses = reconstruct_files(tmp_path / "pose2d", rig, tmp_path / "out", skeleton=told)
    assert poses.skeleton.joint_names == tuple(content["joints"])
    assert poses.skeleton.edges == motion.skeleton.edges
    assert len(poses.skeleton.flip_pairs) == 6
    assert np.abs(poses.positions_m[:, 0] - motion.positions_m).max() < 1e-3
    run = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert run["settings"]["skeleton"] == told


def test_a_place_that_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for run in (reconstruct_files, reconstruct_recording):
        with pytest.raises(InputError, match=r"file.*choose another place with --out"):
            run(tmp_path / "nowhere", tmp_path / "no.yaml", out=tmp_path / "file")
        with pytest.raises(InputError, match=r"no\.yaml"):
            run(tmp_path / "nowhere", tmp_path / "no.yaml", out=tmp_path / "new" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# --- Videos ---------------------------------------------------------------------------------------


def test_videos_give_what_their_keypoints_give(shared, own_cache, tmp_path: Path) -> None:
    videos = shared / BALANCING / "videos_a948c205"
    path = shared / BALANCING / "calibration" / "Calib.qca.txt"
    settings = ReconstructConfig(frames="10:14", every=2)
    told: list[tuple[int, int]] = []
    poses = reconstruct_recording(
        videos,
        path,
        "blazepose",
        tmp_path / "out",
        settings=settings,
        progress=lambda *numbers: told.append(numbers),
    )
    assert told == [(1, 2), (2, 2)]
    assert poses.frames.tolist() == [10, 12]
    assert poses.skeleton.name == "mediapipe33"
    assert np.nanmedian(poses.reprojection_px) < 15

    recording = open_recording(videos, path, settings)
    keypoints = detect_recording(recording)
    keypoints.save(tmp_path / "k.npz")
    again = reconstruct_keypoints(keypoints, recording.rig, min_confidence=settings.min_confidence)
    assert_same(again, poses)
    assert_same(reconstruct_files(tmp_path / "k.npz", recording.rig), poses)

    files = {entry.name for entry in (tmp_path / "out").iterdir()}
    assert files == {"poses.npz", "poses.csv", "poses.trc", "run.yaml"}
    run = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert run["settings"]["detector"] == "blazepose"
    assert run["settings"]["frames"] == "10:14"
    assert set(run["timings_s"]) == {"open", "detect", "triangulate"}
    assert any("1080 x 1920" in note for note in run["notes"])
    assert_same(load_poses(tmp_path / "out" / "poses.npz"), poses, atol=1e-4)


def test_a_detector_that_is_none(shared) -> None:
    with pytest.raises(InputError, match="no detector 'best'; there are blazepose"):
        reconstruct_recording(
            shared / BALANCING / "videos_a948c205",
            shared / BALANCING / "calibration" / "Calib.qca.txt",
            "best",
        )
