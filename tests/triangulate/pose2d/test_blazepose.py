from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from triangulate.errors import InputError
from triangulate.geometry.heatmap import soft_argmax_2d
from triangulate.pose2d import blazepose
from triangulate.pose2d.blazepose import (
    NUM_LANDMARKS,
    WINDOW_RADIUS,
    BlazePose,
    Landmarks,
    crop_from_cell,
    peak_points,
    region_from_landmarks,
    sigmoid,
)
from triangulate.pose2d.regions import Region, cut_out
from triangulate.skeleton import Skeleton

POSES = "pose2sim_balancing/pose_openpose_body25b"
# Joints that BODY_25B and BlazePose define alike: shoulders, elbows, wrists, knees, ankles.
BODY25B = [5, 6, 7, 8, 9, 10, 13, 14, 15, 16]
BLAZEPOSE = [11, 12, 13, 14, 15, 16, 25, 26, 27, 28]


def test_a_cell_in_crop_pixels_by_hand() -> None:
    np.testing.assert_allclose(crop_from_cell(np.array([0.0, 10.25])), [-0.5, 40.5])


def test_a_peak_between_two_cells() -> None:
    maps = np.full((1, 20, 30), -30.0, np.float32)
    maps[0, 7, [12, 13]] = 2.0
    points, peaks = peak_points(maps)
    np.testing.assert_allclose(points, [[12.5, 7]], atol=1e-9)
    np.testing.assert_allclose(peaks, [2])


def test_a_second_mode_does_not_pull() -> None:
    maps = np.full((1, 20, 30), -30.0, np.float32)
    maps[0, 7, 12], maps[0, 7, 25] = 2.0, 1.9
    np.testing.assert_allclose(peak_points(maps)[0], [[12, 7]], atol=1e-9)


@pytest.mark.parametrize("layout", ["maps first", "maps last"])
def test_peak_points_are_the_windowed_soft_argmax(layout: str) -> None:
    maps = np.random.default_rng(0).normal(0, 3, (40, 20, 30)).astype(np.float32)
    maps[0, 0, 0], maps[1, 19, 29], maps[2, 10, 0] = 9, 9, 9  # windows that leave the map
    given = maps if layout == "maps first" else np.stack(list(maps), -1).transpose(2, 0, 1)
    points, peaks = peak_points(given)
    twin, _ = soft_argmax_2d(torch.from_numpy(maps).double(), window=WINDOW_RADIUS)
    np.testing.assert_allclose(points, twin.numpy(), atol=1e-9)
    np.testing.assert_array_equal(peaks, maps.max((1, 2)))


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_allclose(sigmoid(np.float32([-1e4, 0, 1e4])), [0, 0.5, 1])


def test_keypoints_by_hand() -> None:
    logits = np.full((39, 64, 64), -30.0, np.float32)
    logits[:, 10, 20] = 0.0
    landmarks = Landmarks(
        heatmap_logits=logits,
        points_crop=np.zeros((39, 3), np.float32),
        visibility=np.full(39, 0.8),
        presence=np.ones(39),
        pose_flag=1.0,
        image_from_crop=np.array([[2.0, 0, 100], [0, 2, 200], [0, 0, 1]]),
    )
    points_px, confidence = landmarks.keypoints()
    np.testing.assert_allclose(points_px, np.tile([2 * 79.5 + 100, 2 * 39.5 + 200], (39, 1)))
    np.testing.assert_allclose(confidence, 0.5 * 0.8)


def test_the_next_region_comes_from_the_auxiliary_points() -> None:
    points = np.zeros((39, 2))
    points[33], points[34] = (100, 100), (140, 100)
    region = region_from_landmarks(points)
    assert region.center_px == (100, 100)
    assert region.size_px == pytest.approx(100)
    assert region.angle_rad == pytest.approx(np.pi / 2)


def test_the_skeleton_has_as_many_joints() -> None:
    assert len(Skeleton.named("mediapipe33").joint_names) == NUM_LANDMARKS


def test_a_missing_runtime_names_the_extra(files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(InputError, match=r'pip install "triangulate\[detect\]"'):
        BlazePose(files)


def test_loading_is_silent_and_swallows_nothing_else(network: BlazePose) -> None:
    script = (
        "import os; from triangulate.pose2d import blazepose as b; b.BlazePose()\n"
        "with b._without_greeting(b'INFO: greeting'):\n"
        "    os.write(2, b'INFO: greeting, friend\\nan error\\n')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "an error\n"


# --- On real images -------------------------------------------------------------------------------


def openpose(shared, view: int) -> np.ndarray:
    """The limbs (10, 2) that OpenPose found in the first frame, of its most certain person."""
    folder = shared / POSES / f"cam0{view}_json"
    people = json.loads(sorted(folder.iterdir())[0].read_text())["people"]
    joints = [np.reshape(person["pose_keypoints_2d"], (-1, 3)) for person in people]
    return max(joints, key=lambda person: person[:, 2].sum())[BODY25B, :2]


@pytest.mark.parametrize("view", [1, 3, 4])
def test_a_real_person_is_where_openpose_sees_it(network, frames, shared, view: int) -> None:
    image = frames[0][view - 1]
    found = network.detect(image)
    assert len(found) == 1
    assert found[0].score > 0.8
    landmarks = network.landmarks(image, found[0].region)
    assert landmarks.pose_flag > 0.99
    points_px, confidence = landmarks.keypoints()
    distances = np.linalg.norm(points_px[BLAZEPOSE] - openpose(shared, view), axis=-1)
    assert np.median(distances) < 15  # of a person 800 pixels high; the detectors differ
    assert np.median(confidence[BLAZEPOSE]) > 0.7


def test_shapes_and_types(network: BlazePose, frames) -> None:
    image = frames[0][2]
    region = network.detect(image)[0].region
    landmarks = network.landmarks(image, region, mask=True)
    assert landmarks.heatmap_logits.shape == (39, 64, 64)
    assert landmarks.heatmap_logits.dtype == np.float32
    assert landmarks.points_crop.shape == (39, 3)
    assert landmarks.visibility.shape == landmarks.presence.shape == (39,)
    assert landmarks.mask_logits is not None
    # The outline covers the hips, and not the crop's corner.
    assert landmarks.mask_logits.shape == (256, 256)
    assert landmarks.mask_logits[120:136, 120:136].mean() > 0 > landmarks.mask_logits[0, 0]
    assert network.landmarks(image, region).mask_logits is None


def test_an_earlier_answer_survives_the_next_run(network: BlazePose, frames) -> None:
    image = frames[0][2]
    region = network.detect(image)[0].region
    first = network.landmarks(image, region)
    kept = first.heatmap_logits.copy()
    network.landmarks(frames[0][0], region)
    np.testing.assert_array_equal(first.heatmap_logits, kept)


def test_nobody_in_an_empty_image(network: BlazePose) -> None:
    empty = np.full((240, 320, 3), 128, np.uint8)
    assert network.detect(empty) == []
    assert network.landmarks(empty, Region((160, 120), 200)).pose_flag < 0.5


def test_two_people_are_two_detections(network: BlazePose, frames) -> None:
    both = np.concatenate([frames[0][0][:, :1000], frames[0][2]], axis=1)
    found = network.detect(both)
    assert [person.region.center_px[0] > 1000 for person in found] == [True, False]


def test_mirrored_crops_agree_on_where_a_cell_lies(
    network: BlazePose, poses: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong offset of cells comes out twice between a crop and its mirror image."""
    order = Skeleton.named("mediapipe33").flip_permutation()
    errors_px = []
    for image in poses:
        region = network.detect(image)[0].region
        crop = cut_out(image, region, 256)
        sides = []
        for pixels in (crop, crop[:, ::-1]):
            with monkeypatch.context() as patch:
                patch.setattr(blazepose, "cut_out", lambda *_, pixels=pixels: pixels)
                answer = network.landmarks(image, region)
            points_cell, _ = peak_points(answer.heatmap_logits[:NUM_LANDMARKS])
            sides.append(crop_from_cell(points_cell)[:, 0])
        errors_px.append(np.median(sides[0] - (255 - sides[1][order])) / 2)
    assert abs(np.mean(errors_px)) < 0.2
