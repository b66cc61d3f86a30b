"""Real recordings against results of other programs: what the whole way is good for."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

import triangulate
from triangulate.detection import detect_recording
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.pipeline import reconstruct_files, reconstruct_keypoints
from triangulate.poses import Poses3D
from triangulate.recording import Recording

BALANCING = "pose2sim_balancing"
MOUSE = "sleap_anipose_mouse"
LIMBS = ("ankle", "knee", "wrist", "elbow", "shoulder")
SIDES = ("left", "right")


def read_trc(path: Path) -> dict[str, np.ndarray]:
    """Marker name -> (T, 3) metres in the z-up world, whose y, z, x the file holds."""
    lines = path.read_text().splitlines()
    names = lines[3].split("\t")[2::3]
    rows = [line.split("\t")[2 : 2 + 3 * len(names)] for line in lines[5:] if line.strip()]
    points_m = np.array([[float(cell or "nan") for cell in row] for row in rows])
    points_m = points_m.reshape(len(rows), len(names), 3)[..., [2, 0, 1]]
    return {name: points_m[:, j] for j, name in enumerate(names)}


def joint(poses: Poses3D, name: str) -> np.ndarray:
    return poses.positions_m[:, 0, poses.skeleton.index(name)]


def apart_mm(poses: Poses3D, trc: dict[str, np.ndarray], pairs: dict[str, str]) -> np.ndarray:
    """(joints, T) distances of joints to markers; every joint is there in most frames."""
    differences = [joint(poses, name) - trc[marker] for name, marker in pairs.items()]
    distances_mm = 1000 * np.linalg.norm(differences, axis=-1)
    assert (np.isfinite(distances_mm).mean(axis=1) > 0.8).all()
    return distances_mm


@pytest.fixture(scope="module")
def rig(shared) -> triangulate.Rig:
    return triangulate.load_rig(shared / BALANCING / "calibration" / "Calib.qca.txt")


@pytest.fixture(scope="module")
def trc(shared) -> dict[str, np.ndarray]:
    return read_trc(shared / BALANCING / "S00_P00_T01_BalancingTrial_0-100.trc")


@pytest.mark.slow
def test_a_person_from_four_videos(shared, own_cache, rig, trc, tmp_path) -> None:
    """One test, so that the networks run once however the tests are shared out."""
    videos = shared / BALANCING / "videos_a948c205"
    poses = triangulate.reconstruct_recording(videos, rig, "blazepose")
    assert poses.positions_m.shape == (100, 1, 33, 3)
    assert poses.fps == pytest.approx(60, abs=0.1)
    assert np.nanmedian(poses.reprojection_px) <= 11
    pairs = {f"{side}_{limb}": side[0].upper() + limb.title() for side in SIDES for limb in LIMBS}
    assert np.nanmedian(apart_mm(poses, trc, pairs)) <= 35
    for side in SIDES:
        for upper, lower in (("hip", "knee"), ("knee", "ankle")):
            bone = joint(poses, f"{side}_{upper}") - joint(poses, f"{side}_{lower}")
            assert np.nanstd(1000 * np.linalg.norm(bone, axis=-1)) <= 25, f"{side} {upper}"
    # The way over a file of keypoints ends at the same poses; two videos are resized and barred.
    recording = Recording.open(videos, rig)
    assert recording.rig.sizes != rig.sizes
    detect_recording(recording).save(tmp_path / "keypoints.npz")
    again = reconstruct_files(tmp_path / "keypoints.npz", rig)
    np.testing.assert_allclose(again.positions_m, poses.positions_m, atol=1e-9)


def test_imported_openpose_reproduces_what_another_program_made_of_it(shared, rig, trc) -> None:
    keypoints = load_keypoints_from(shared / BALANCING / "pose_openpose_body25b", rig.names)
    assert keypoints.num_people > 1  # two views see a bystander
    poses = reconstruct_keypoints(keypoints, rig, "dlt")
    pairs = {"nose": "Nose"} | {
        f"{side}_{name}": side[0].upper() + marker
        for side in SIDES
        for name, marker in (
            ("wrist", "Wrist"),
            ("ankle", "Ankle"),
            ("big_toe", "BigToe"),
            ("small_toe", "SmallToe"),
        )
    }
    assert np.nanmedian(apart_mm(poses, trc, pairs)) <= 3


@pytest.mark.parametrize("mouse", [1, 2])
@pytest.mark.parametrize("method", ["dlt", "robust"])
def test_labels_of_a_mouse_in_six_cameras(shared, mouse: int, method) -> None:
    path = shared / "dannce_mouse6cam" / f"markerless_mouse_{mouse}_label3d_dannce.mat"
    labels = scipy.io.loadmat(path, simplify_cells=True)["labelData"]
    points_px = np.stack([view["data_2d"].reshape(-1, 22, 2) for view in labels], axis=1)
    stored_mm = labels[0]["data_3d"].reshape(-1, 22, 3)
    confidence = np.isfinite(points_px).all(-1).astype(float)

    def error_mm(rig: triangulate.Rig) -> float:
        poses = triangulate.reconstruct(points_px, confidence, rig, method=method)
        positions_mm = 1000 * poses.positions_m[:, 0]
        np.testing.assert_array_equal(np.isnan(positions_mm), np.isnan(stored_mm))
        return float(np.nanmean(np.linalg.norm(positions_mm - stored_mm, axis=-1)))

    rig = triangulate.load_rig(path)
    assert error_mm(rig) <= 0.07
    # The same without the lenses, which a sharp test must notice.
    assert error_mm(triangulate.Rig.from_arrays(**rig.to_arrays() | {"dist": None})) > 0.3


def test_proofread_labels_of_a_mouse_in_four_cameras(shared) -> None:
    rig = triangulate.load_rig(shared / MOUSE / "calibration_fd57457_CORRECT.toml", unit="mm")
    session = shared / MOUSE / "minimal_session"
    files = {name: session / name / f"minimal_{name}_proofread.analysis.h5" for name in rig.names}
    with h5py.File(session / "points3d.h5") as file:
        stored_mm = file["tracks"][:, 0]  # (T, J, 3)
    points_px = load_keypoints_from(files, rig.names).points_px[:, :, 0]
    # Proofread by a person, so the network's scores say nothing any more.
    confidence = np.isfinite(points_px).all(-1).astype(float)
    poses = triangulate.reconstruct(points_px, confidence, rig, method="dlt")
    error_mm = np.linalg.norm(1000 * poses.positions_m[:, 0] - stored_mm, axis=-1)
    assert np.isfinite(error_mm).all()
    assert error_mm.mean() <= 2.7
