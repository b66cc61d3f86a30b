from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.people.sides import exchange_sides
from triangulate.poses import Reason
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.triangulation import (
    METHODS,
    triangulate_keypoints,
)

PLAIN = DetectorNoise(sigma_px=(0.5, 2.5), missing=0.15, gross=0.0, swapped=0.0)
HARD = DetectorNoise()

all_methods = pytest.mark.parametrize("method", METHODS)


@all_methods
def test_too_few_views(scene_of, check_gaps, method) -> None:
    scene = scene_of()
    scene.hide([0, 1, 3], 4)
    scene.hide(slice(None), 7)
    scene.hide([1, 2], 9)
    scene.points_px[[0, 2, 3], 5, 11] = np.nan  # NaN says the same as confidence 0
    result = scene.run(method)
    expected = np.full((20, 17), int(Reason.ok))
    expected[:, [4, 7]] = Reason.too_few_views
    expected[5, 11] = Reason.too_few_views
    np.testing.assert_array_equal(result.reason, expected)
    check_gaps(result, np.where(np.isnan(scene.points_px[..., 0]), 0, scene.confidence))


@all_methods
def test_low_confidence(scene_of, check_gaps, method) -> None:
    scene = scene_of()
    scene.confidence[:] = 0.9
    scene.confidence[1:, :, 4] = 0.2
    scene.confidence[2:, :, 5] = 0.2
    scene.confidence[1:, :, 6] = 0.3  # the limit itself is used
    result = scene.run(method, min_confidence=0.3)
    expected = np.full((20, 17), int(Reason.ok))
    expected[:, 4] = Reason.low_confidence
    np.testing.assert_array_equal(result.reason, expected)
    assert not result.views_used[2:, :, 5].any()
    assert np.nanmax(result.reprojection_px[2:, :, 5]) < 1e-6  # reported, though not used
    assert result.views_used[:, :, 6].all()
    check_gaps(result, scene.confidence)


def test_high_error_where_two_views_contradict_each_other(scene_of, check_gaps) -> None:
    scene = scene_of(PLAIN, num_frames=40, num_cameras=2)
    scene.points_px[0, :, 3, 1] += 150  # across the epipolar lines of cameras side by side
    result = scene.run()
    seen_by_both = (scene.confidence > 0).all(0)
    assert (result.reason[:, 3][seen_by_both[:, 3]] == Reason.high_error).all()
    assert (result.reason[seen_by_both] == Reason.ok).mean() > 0.9
    check_gaps(result, scene.confidence)


def test_high_error_where_two_views_are_outweighed_by_two_others(scene_of) -> None:
    scene = scene_of(DetectorNoise(sigma_px=(1, 1), missing=0, gross=0, swapped=0), num_frames=40)
    scene.points_px[:2, :, 3] = scene.points_px[:2, :, 16]
    result = scene.run()
    assert (result.reason[:, 3] == Reason.high_error).mean() > 0.9
    # Three against one is another matter.
    scene.points_px[1, :, 3] = scene_of(num_frames=40).points_px[1, :, 3]
    result = scene.run()
    assert (result.reason[:, 3] == Reason.ok).all()
    assert not result.views_used[0, :, 3].any()
    assert result.views_used[1:, :, 3].all()
    assert (result.reprojection_px[0, :, 3] > 20).all()
    assert np.median(scene.error_m(result)[:, 3]) < 0.02


def test_the_linear_method_knows_no_high_error(scene_of) -> None:
    scene = scene_of(num_cameras=3)
    scene.points_px[0, :, 3, 1] += 150
    result = scene.run("dlt")
    assert (result.reason == Reason.ok).all()
    assert result.views_used.all()
    assert (result.reprojection_px[0, :, 3] > 20).all()


def side_by_side(apart_m: float, shift_m=(0.0, 0.0, 0.0)) -> Rig:
    """Two equal cameras `apart_m` apart, in a world that begins elsewhere by `shift_m`."""
    arrays = ring_rig(seeded(0), 2, radius_m=3.8).to_arrays()
    for name in ("K", "dist", "rotation", "translation_m"):
        arrays[name] = arrays[name][[0, 0]]
    arrays["translation_m"][1, 0] -= apart_m
    arrays["translation_m"] -= arrays["rotation"] @ np.array(shift_m)
    return Rig.from_arrays(**arrays)


@all_methods
@pytest.mark.parametrize("apart_m", [0.0, 1e-9, 0.002, 0.01])
@pytest.mark.parametrize("sigma_px", [0.0, 2.0])
def test_narrow_rays(scene_of, check_gaps, method, apart_m: float, sigma_px: float) -> None:
    """Whether noise makes such rays meet before the cameras, behind them or not at all."""
    scene, rig = scene_of(), side_by_side(apart_m)
    noise = DetectorNoise(sigma_px=(sigma_px, sigma_px), missing=0, gross=0, swapped=0)
    skeleton = walk(seeded(0), 1).skeleton
    keypoints, _ = observe(scene.positions_m, rig, skeleton, seeded(1), noise)
    confidence = keypoints.confidence[:, :, 0].swapaxes(0, 1)
    points_px = keypoints.points_px[:, :, 0].swapaxes(0, 1)
    for shift_m in ((0, 0, 0), (50, 0, 0), (-50, 0, 0), (0, 0, 500)):
        camera = side_by_side(apart_m, shift_m).cameras
        result = triangulate_keypoints(points_px, confidence, camera, method, 0.0)
        assert (result.reason == Reason.narrow_rays).all()
        check_gaps(result, confidence)
    wide = side_by_side(0.5)
    keypoints, _ = observe(scene.positions_m, wide, skeleton, seeded(1), noise)
    points_px = keypoints.points_px[:, :, 0].swapaxes(0, 1)
    result = triangulate_keypoints(points_px, confidence, wide.cameras, method, 0.0)
    assert (result.reason == Reason.ok).mean() > 0.9


@all_methods
@pytest.mark.parametrize("sigma_px", [0.0, 2.0])
def test_narrow_rays_between_cameras_that_face_each_other(scene_of, method, sigma_px) -> None:
    """On the line between two cameras the depth is as open as with parallel rays."""
    scene = scene_of(num_cameras=2)
    first, second = scene.rig.cameras.centre_world.numpy()
    assert np.linalg.norm(first - second) > 7
    line_m = first + np.linspace(0.2, 0.8, 17)[:, None] * (second - first)
    pixels = scene.rig.cameras.project(torch.from_numpy(line_m))[0].numpy()[:, None]
    noise = np.random.default_rng(0).normal(0, sigma_px, pixels.shape)
    confidence = np.ones(pixels.shape[:-1])
    result = triangulate_keypoints(pixels + noise, confidence, scene.rig.cameras, method, 0.0)
    assert (result.reason == Reason.narrow_rays).all()


@all_methods
def test_two_cameras_at_one_place_among_three(scene_of, method) -> None:
    scene = scene_of(num_cameras=2)
    for order in ([0, 1, 1], [0, 0, 1], [1, 0, 1]):
        arrays = scene.rig.to_arrays() | {"names": ["a", "b", "c"], "sizes": None}
        for name in ("K", "dist", "rotation", "translation_m"):
            arrays[name] = arrays[name][order]
        camera = Rig.from_arrays(**arrays).cameras
        points_px, confidence = scene.points_px[order], scene.confidence[order]
        result = triangulate_keypoints(points_px, confidence, camera, method, 0.0)
        assert scene.error_m(result).max() < 1e-9
        confidence = confidence.copy()
        confidence[1 if order[1] != order[0] else 2, :, 5] = 0  # what is left may be one place
        result = triangulate_keypoints(points_px, confidence, camera, method, 0.0)
        left = {place for place, seen in zip(order, confidence[:, 0, 5] > 0, strict=True) if seen}
        expected = Reason.ok if len(left) == 2 else Reason.narrow_rays
        assert (result.reason[:, 5] == expected).all()
        assert (np.delete(result.reason, 5, axis=1) == Reason.ok).all()


def pinholes(num_cameras: int) -> Rig:
    arrays = ring_rig(seeded(0), num_cameras, radius_m=3.8).to_arrays()
    return Rig.from_arrays(**arrays | {"dist": None})


@all_methods
def test_behind_the_cameras(check_gaps, method) -> None:
    """Two neighbours of eight look at the middle; their rays, drawn backwards, meet outside."""
    rig = pinholes(8).select(["cam1", "cam2"])
    outside = torch.tensor([[12.0, 6.0, 2.0], [14.0, 5.0, 3.0]], dtype=torch.float64)
    homogeneous = torch.cat([outside, torch.ones(2, 1, dtype=torch.float64)], dim=-1)
    image = torch.einsum("vij,nj->vni", rig.cameras.projection(), homogeneous)
    assert (image[..., 2] < 0).all()
    points_px = (image[..., :2] / image[..., 2:]).numpy()[:, None]  # (V, 1, 2, 2)
    confidence = np.ones(points_px.shape[:-1])
    result = triangulate_keypoints(points_px, confidence, rig.cameras, method, 0.0)
    assert (result.reason == Reason.behind_camera).all()
    check_gaps(result, confidence)


def test_a_view_that_cannot_have_seen_the_point(scene_of) -> None:
    """Three see a point that lies behind the fourth, which is sure to see it too."""
    scene = scene_of()
    rig = pinholes(4)
    truth = scene.positions_m + np.array([6.5, 0.0, 0.0])
    pixels, in_front = rig.cameras.project(torch.from_numpy(truth).flatten(0, 1))
    assert in_front.all(1).tolist() == [False, True, True, True]
    scene.points_px[:] = pixels.numpy().reshape(scene.points_px.shape)
    scene.points_px[0] = 500
    scene.confidence[:] = 1
    result = scene.run(rig=rig)
    assert (result.reason == Reason.ok).all()
    assert np.abs(result.positions_m - truth).max() < 1e-9
    assert not result.views_used[0].any()
    assert np.isnan(result.reprojection_px[0]).all()  # there is no such pixel
    assert np.isfinite(result.reprojection_px[1:]).all()
    assert (scene.run("dlt", rig).reason == Reason.behind_camera).all()


@all_methods
def test_a_pixel_that_the_lens_cannot_have_made(scene_of, check_gaps, method) -> None:
    """Far outside the image a lens model folds over: such a pixel has no ray."""
    scene = scene_of(num_cameras=3)
    far = torch.tensor([[40000.0, 40000.0]], dtype=torch.float64)
    assert not scene.rig.cameras.undistort(far.expand(3, 1, 2))[1].any()
    scene.points_px[0, :, 3] = 40000
    scene.points_px[:2, :, 4] = 40000
    result = scene.run(method)
    assert (result.reason[:, 3] == Reason.ok).all()
    assert not result.views_used[0, :, 3].any()
    assert scene.error_m(result)[:, 3].max() < 1e-9
    assert (result.reason[:, 4] == Reason.low_confidence).all()
    check_gaps(result, scene.confidence)


@all_methods
def test_hard_data_keeps_the_promises(scene_of, check_gaps, method) -> None:
    scene = scene_of(HARD, num_frames=120)
    scene.hide([0, 1], 3)
    result = scene.run(method, min_confidence=0.5, flip=scene.flip)
    assert len(np.unique(result.reason)) >= 3
    check_gaps(result, exchange_sides(scene.confidence, result.sides_swapped, scene.flip))
