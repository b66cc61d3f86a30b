from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from triangulate import triangulation
from triangulate.config.models import AlgebraicConfig, UNetConfig
from triangulate.errors import InputError
from triangulate.geometry.lens import Lens
from triangulate.models.build import build_model
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import save
from triangulate.people.sides import exchange_sides
from triangulate.poses import Reason
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.triangulation import (
    METHODS,
    Triangulated,
    load_view_weights,
    triangulate_keypoints,
)

PLAIN = DetectorNoise(sigma_px=(0.5, 2.5), missing=0.15, gross=0.0, swapped=0.0)
HARD = DetectorNoise()

all_methods = pytest.mark.parametrize("method", METHODS)

SAME_M = {"robust": 1e-8, "dlt": 1e-8, "learned": 1e-5}
"""Within which poses are the same: a network's arithmetic is single precision."""


class Scene:
    """A walker seen by a ring of cameras: points (V, T, J, 2) and confidences (V, T, J)."""

    def __init__(
        self, noise=None, num_frames: int = 20, num_cameras: int = 4, lens="radtan", seed: int = 0
    ) -> None:
        generator = seeded(seed)
        self.rig = ring_rig(generator, num_cameras, radius_m=3.8, lens=lens)
        motion = walk(generator, num_frames, half_length_m=1.5)
        self.flip = motion.skeleton.flip_permutation()
        self.positions_m = motion.positions_m
        noise = noise or DetectorNoise.none()
        keypoints, _ = observe(motion.positions_m, self.rig, motion.skeleton, generator, noise)
        self.points_px = keypoints.points_px[:, :, 0].swapaxes(0, 1).copy()
        self.confidence = keypoints.confidence[:, :, 0].swapaxes(0, 1).copy()

    def run(
        self, method="robust", rig: Rig | None = None, min_confidence=0.0, flip=None
    ) -> Triangulated:
        camera = (rig or self.rig).cameras
        return triangulate_keypoints(
            self.points_px, self.confidence, camera, method, min_confidence, flip
        )

    def hide(self, view, joint) -> None:
        self.confidence[view, :, joint] = 0


def error_m(result: Triangulated, scene: Scene) -> np.ndarray:
    return np.linalg.norm(result.positions_m - scene.positions_m, axis=-1)


def check_gaps(result: Triangulated, confidence: np.ndarray) -> None:
    """What `Triangulated` promises of missing points."""
    ok = result.reason == Reason.ok
    np.testing.assert_array_equal(np.isfinite(result.positions_m).all(-1), ok)
    np.testing.assert_array_equal(np.isnan(result.positions_m).all(-1), ~ok)
    np.testing.assert_array_equal(np.isfinite(result.covariance_m2).all((-2, -1)), ok)
    np.testing.assert_array_equal(np.isnan(result.covariance_m2).all((-2, -1)), ~ok)
    assert not result.views_used[:, ~ok].any()
    assert (result.views_used.sum(0)[ok] >= 2).all()
    known = np.isfinite(result.reprojection_px)
    assert not known[:, ~ok].any()
    assert not (result.views_used & ~known).any()
    assert not (known & (confidence == 0)).any()


# --- Perfect data ---------------------------------------------------------------------------------


@all_methods
@pytest.mark.parametrize("num_cameras", [2, 3, 5])
@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
def test_perfect_data_gives_the_truth(method, num_cameras: int, lens: str) -> None:
    scene = Scene(num_cameras=num_cameras, lens=lens)
    result = scene.run(method)
    assert (result.reason == Reason.ok).all()
    assert error_m(result, scene).max() < 1e-9
    assert np.nanmax(result.reprojection_px) < 1e-6
    np.testing.assert_array_equal(result.views_used, scene.confidence > 0)
    np.linalg.cholesky(result.covariance_m2)
    check_gaps(result, scene.confidence)


@all_methods
@pytest.mark.parametrize(("num_frames", "num_joints"), [(1, 17), (20, 1), (1, 1)])
def test_few_frames_and_few_joints(method, num_frames: int, num_joints: int) -> None:
    scene = Scene(PLAIN, num_frames=num_frames)
    scene.points_px = scene.points_px[:, :, :num_joints]
    scene.confidence = scene.confidence[:, :, :num_joints]
    result = scene.run(method)
    assert result.positions_m.shape == (num_frames, num_joints, 3)
    assert result.covariance_m2.shape == (num_frames, num_joints, 3, 3)
    assert result.views_used.shape == result.reprojection_px.shape == (4, num_frames, num_joints)
    assert result.sides_swapped.shape == (4, num_frames)
    truth = scene.positions_m[:, :num_joints]
    assert np.nanmax(np.linalg.norm(result.positions_m - truth, axis=-1)) < 0.08
    assert np.isfinite(result.positions_m).any()
    check_gaps(result, scene.confidence)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of robust, dlt, learned, got 'best'"):
        Scene(num_frames=1).run("best")


def test_the_input_stays_as_it_was() -> None:
    scene = Scene(HARD, num_frames=60)
    before = scene.points_px.copy(), scene.confidence.copy()
    scene.run(flip=scene.flip)
    np.testing.assert_array_equal(scene.points_px, before[0])
    np.testing.assert_array_equal(scene.confidence, before[1])


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(HARD, num_frames=40)
    whole = scene.run(flip=scene.flip)
    monkeypatch.setattr(triangulation, "_CHUNK_POINTS", 3 * 17)
    parts = scene.run(flip=scene.flip)
    np.testing.assert_allclose(parts.positions_m, whole.positions_m, atol=1e-9)
    np.testing.assert_array_equal(parts.reason, whole.reason)
    np.testing.assert_array_equal(parts.views_used, whole.views_used)


# --- A reason for every gap -----------------------------------------------------------------------


@all_methods
def test_too_few_views(method) -> None:
    scene = Scene()
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
def test_low_confidence(method) -> None:
    scene = Scene()
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


def test_high_error_where_two_views_contradict_each_other() -> None:
    scene = Scene(PLAIN, num_frames=40, num_cameras=2)
    scene.points_px[0, :, 3, 1] += 150  # across the epipolar lines of cameras side by side
    result = scene.run()
    seen_by_both = (scene.confidence > 0).all(0)
    assert (result.reason[:, 3][seen_by_both[:, 3]] == Reason.high_error).all()
    assert (result.reason[seen_by_both] == Reason.ok).mean() > 0.9
    check_gaps(result, scene.confidence)


def test_high_error_where_two_views_are_outweighed_by_two_others() -> None:
    scene = Scene(DetectorNoise(sigma_px=(1, 1), missing=0, gross=0, swapped=0), num_frames=40)
    scene.points_px[:2, :, 3] = scene.points_px[:2, :, 16]
    result = scene.run()
    assert (result.reason[:, 3] == Reason.high_error).mean() > 0.9
    # Three against one is another matter.
    scene.points_px[1, :, 3] = Scene(num_frames=40).points_px[1, :, 3]
    result = scene.run()
    assert (result.reason[:, 3] == Reason.ok).all()
    assert not result.views_used[0, :, 3].any()
    assert result.views_used[1:, :, 3].all()
    assert (result.reprojection_px[0, :, 3] > 20).all()
    assert np.median(error_m(result, scene)[:, 3]) < 0.02


def test_the_linear_method_knows_no_high_error() -> None:
    scene = Scene(num_cameras=3)
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
def test_narrow_rays(method, apart_m: float, sigma_px: float) -> None:
    """Whether noise makes such rays meet before the cameras, behind them or not at all."""
    scene, rig = Scene(), side_by_side(apart_m)
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
def test_narrow_rays_between_cameras_that_face_each_other(method, sigma_px: float) -> None:
    """On the line between two cameras the depth is as open as with parallel rays."""
    scene = Scene(num_cameras=2)
    first, second = scene.rig.cameras.centre_world.numpy()
    assert np.linalg.norm(first - second) > 7
    line_m = first + np.linspace(0.2, 0.8, 17)[:, None] * (second - first)
    pixels = scene.rig.cameras.project(torch.from_numpy(line_m))[0].numpy()[:, None]
    noise = np.random.default_rng(0).normal(0, sigma_px, pixels.shape)
    confidence = np.ones(pixels.shape[:-1])
    result = triangulate_keypoints(pixels + noise, confidence, scene.rig.cameras, method, 0.0)
    assert (result.reason == Reason.narrow_rays).all()


@all_methods
def test_two_cameras_at_one_place_among_three(method) -> None:
    scene = Scene(num_cameras=2)
    for order in ([0, 1, 1], [0, 0, 1], [1, 0, 1]):
        arrays = scene.rig.to_arrays() | {"names": ["a", "b", "c"], "sizes": None}
        for name in ("K", "dist", "rotation", "translation_m"):
            arrays[name] = arrays[name][order]
        camera = Rig.from_arrays(**arrays).cameras
        points_px, confidence = scene.points_px[order], scene.confidence[order]
        result = triangulate_keypoints(points_px, confidence, camera, method, 0.0)
        assert error_m(result, scene).max() < 1e-9
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
def test_behind_the_cameras(method) -> None:
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


def test_a_view_that_cannot_have_seen_the_point() -> None:
    """Three see a point that lies behind the fourth, which is sure to see it too."""
    scene = Scene()
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
def test_a_pixel_that_the_lens_cannot_have_made(method) -> None:
    """Far outside the image a lens model folds over: such a pixel has no ray."""
    scene = Scene(num_cameras=3)
    far = torch.tensor([[40000.0, 40000.0]], dtype=torch.float64)
    assert not scene.rig.cameras.undistort(far.expand(3, 1, 2))[1].any()
    scene.points_px[0, :, 3] = 40000
    scene.points_px[:2, :, 4] = 40000
    result = scene.run(method)
    assert (result.reason[:, 3] == Reason.ok).all()
    assert not result.views_used[0, :, 3].any()
    assert error_m(result, scene)[:, 3].max() < 1e-9
    assert (result.reason[:, 4] == Reason.low_confidence).all()
    check_gaps(result, scene.confidence)


@all_methods
def test_hard_data_keeps_the_promises(method) -> None:
    scene = Scene(HARD, num_frames=120)
    scene.hide([0, 1], 3)
    result = scene.run(method, min_confidence=0.5, flip=scene.flip)
    assert len(np.unique(result.reason)) >= 3
    check_gaps(result, exchange_sides(scene.confidence, result.sides_swapped, scene.flip))


# --- Reprojection ---------------------------------------------------------------------------------


def project_with_opencv(rig: Rig, view: int, points_m: np.ndarray) -> np.ndarray:
    """(..., 3) -> (..., 2)."""
    arrays = rig.to_arrays()
    r, t = cv2.Rodrigues(arrays["rotation"][view])[0], arrays["translation_m"][view]
    K, dist = arrays["K"][view], arrays["dist"][view]
    flat = np.nan_to_num(points_m).reshape(-1, 1, 3)
    match rig.lens_names[view]:
        case "fisheye":
            pixels, _ = cv2.fisheye.projectPoints(flat, r, t, K, dist[:4])
        case "rational":
            pixels, _ = cv2.projectPoints(flat, r, t, K, dist[:8])
        case _:
            pixels, _ = cv2.projectPoints(flat, r, t, K, dist[:5])
    return pixels.reshape(*points_m.shape[:-1], 2)


@all_methods
def test_reprojection_is_that_of_opencv_for_every_observed_view(method) -> None:
    scene = Scene(HARD, num_frames=60, lens="mixed")
    result = scene.run(method, min_confidence=0.3)
    observed = (scene.confidence > 0) & (result.reason == Reason.ok)
    np.testing.assert_array_equal(np.isfinite(result.reprojection_px), observed)
    assert (observed & ~result.views_used).sum() > 5
    for view in range(4):
        pixels = project_with_opencv(scene.rig, view, result.positions_m)
        distance_px = np.linalg.norm(pixels - scene.points_px[view], axis=-1)
        seen = observed[view]
        np.testing.assert_allclose(result.reprojection_px[view][seen], distance_px[seen], atol=1e-6)


def test_reprojection_is_of_the_points_put_right() -> None:
    noise = DetectorNoise(sigma_px=(0.5, 1.0), missing=0, gross=0, swapped=0)
    scene = Scene(noise, num_frames=20)
    scene.points_px[2, 5:15] = scene.points_px[2, 5:15][:, scene.flip]
    result = scene.run(flip=scene.flip)
    expected = np.zeros((4, 20), dtype=bool)
    expected[2, 5:15] = True
    np.testing.assert_array_equal(result.sides_swapped, expected)
    assert np.median(result.reprojection_px[2, 5:15]) < 2
    assert result.views_used[2, 5:15].mean() > 0.95


# --- The world and the order ----------------------------------------------------------------------


def moved(rig: Rig, rotation: np.ndarray, shift_m: np.ndarray) -> Rig:
    """The rig in a world where x' = rotation x + shift."""
    arrays = rig.to_arrays() | {"up_axis": None}
    arrays["rotation"] = arrays["rotation"] @ rotation.T
    arrays["translation_m"] = arrays["translation_m"] - arrays["rotation"] @ shift_m
    return Rig.from_arrays(**arrays)


@all_methods
@pytest.mark.parametrize("shift_m", [(0, 0, 0), (1000.0, -600.0, 300.0)], ids=["here", "far"])
def test_the_poses_move_with_the_world(method, shift_m) -> None:
    scene = Scene(HARD, num_frames=60)
    rotation, _ = cv2.Rodrigues(np.array([0.4, -1.1, 2.0]))
    here = scene.run(method, flip=scene.flip)
    there = scene.run(method, moved(scene.rig, rotation, np.array(shift_m)), flip=scene.flip)
    np.testing.assert_allclose(
        there.positions_m, here.positions_m @ rotation.T + shift_m, atol=SAME_M[method]
    )
    expected = rotation @ here.covariance_m2 @ rotation.T
    tolerance = {"rtol": 1e-4, "atol": 1e-12 if method != "learned" else 1e-8}
    np.testing.assert_allclose(there.covariance_m2, expected, **tolerance)
    for name in ("reason", "views_used", "sides_swapped"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))


@all_methods
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_the_world_does_not_matter(method, scale: float) -> None:
    scene = Scene(HARD, num_frames=60)
    arrays = scene.rig.to_arrays()
    arrays["translation_m"] *= scale
    here, there = scene.run(method), scene.run(method, Rig.from_arrays(**arrays))
    np.testing.assert_allclose(there.positions_m / scale, here.positions_m, atol=SAME_M[method])
    rtol = 1e-6 if method != "learned" else 1e-3
    np.testing.assert_allclose(there.covariance_m2 / scale**2, here.covariance_m2, rtol=rtol)
    np.testing.assert_array_equal(there.reason, here.reason)


@all_methods
def test_the_order_of_the_views_does_not_matter(method) -> None:
    scene = Scene(HARD, num_frames=60)
    here = scene.run(method, flip=scene.flip)
    order = [2, 0, 3, 1]
    scene.points_px, scene.confidence = scene.points_px[order], scene.confidence[order]
    there = scene.run(method, scene.rig.select([f"cam{v + 1}" for v in order]), flip=scene.flip)
    np.testing.assert_allclose(there.positions_m, here.positions_m, atol=SAME_M[method])
    np.testing.assert_array_equal(there.reason, here.reason)
    np.testing.assert_array_equal(there.views_used, here.views_used[order])
    np.testing.assert_array_equal(there.sides_swapped, here.sides_swapped[order])


# --- Noise ----------------------------------------------------------------------------------------


def squared_sigmas(result: Triangulated, scene: Scene) -> np.ndarray:
    """Squared errors in standard deviations (NEES): chi-squared with three degrees of freedom."""
    ok = result.reason == Reason.ok
    error = (result.positions_m - scene.positions_m)[ok]
    return np.einsum("ni,nij,nj->n", error, np.linalg.inv(result.covariance_m2[ok]), error)


@pytest.mark.parametrize("num_cameras", [4, 6])
def test_the_covariance_covers_the_errors(num_cameras: int) -> None:
    values = np.concatenate(
        [
            squared_sigmas(scene.run(), scene)
            for scene in (Scene(PLAIN, 150, num_cameras, seed=seed) for seed in range(3))
        ]
    )
    assert 2.5 < values.mean() < 3.5  # 3
    assert 2.0 < np.median(values) < 2.75  # 2.37
    assert 0.92 < (values < 7.81).mean() < 0.97  # 0.95


def test_the_covariance_of_the_typical_point_stands_gross_errors() -> None:
    scene = Scene(HARD, num_frames=300)
    values = squared_sigmas(scene.run(flip=scene.flip), scene)
    assert 1.8 < np.median(values) < 2.75  # 2.37
    assert (values < 7.81).mean() > 0.92  # 0.95


def test_the_covariance_of_the_linear_method() -> None:
    """Of the right size; its weights are the confidences, and none of the noise it learns."""
    values = np.concatenate(
        [
            squared_sigmas(scene.run("dlt"), scene)
            for scene in (Scene(PLAIN, 150, 4, seed=seed) for seed in range(3))
        ]
    )
    assert 2.6 < values.mean() < 3.4  # 3
    assert 2.0 < np.median(values) < 2.75  # 2.37
    assert 0.92 < (values < 7.81).mean() < 0.97  # 0.95


@pytest.mark.parametrize("method", ["robust", "learned"])
def test_two_methods_stand_what_the_linear_one_does_not(method) -> None:
    scene = Scene(HARD, num_frames=200)
    found, linear = (
        1000 * error_m(scene.run(each, flip=scene.flip), scene) for each in (method, "dlt")
    )
    assert np.nanmedian(found) < (8 if method == "robust" else 10)
    assert np.nanquantile(found, 0.95) < 0.7 * np.nanquantile(linear, 0.95)
    assert np.isnan(found).mean() < 0.05


# --- Learned weights ------------------------------------------------------------------------------


def test_learned_weights_cover_their_errors() -> None:
    values = np.concatenate(
        [
            squared_sigmas(scene.run("learned"), scene)
            for scene in (Scene(PLAIN, 150, 4, seed=seed) for seed in range(2))
        ]
    )
    assert 1.0 < np.median(values) < 4.0  # 2.37
    assert 0.85 < (values < 7.81).mean() <= 1  # 0.95


def test_a_network_of_ones_own_is_used() -> None:
    torch.manual_seed(0)
    scene = Scene(HARD, num_frames=20)
    equal = triangulate_keypoints(
        scene.points_px,
        scene.confidence,
        scene.rig.cameras,
        "learned",
        0.0,
        network=ViewWeights().eval(),
    )
    np.testing.assert_array_equal(
        equal.views_used, (scene.confidence > 0) & (equal.reason == Reason.ok)
    )
    shipped = scene.run("learned")
    assert np.nanmean(error_m(shipped, scene)) < 0.8 * np.nanmean(error_m(equal, scene))


def test_weights_that_need_images_are_refused(tmp_path) -> None:
    config = AlgebraicConfig(backbone=UNetConfig(), joints=17)
    save(build_model(config), tmp_path / "images.safetensors")
    with pytest.raises(InputError, match=r"images.safetensors: .*; view weights are expected"):
        load_view_weights(tmp_path / "images.safetensors")
    with pytest.raises(InputError, match="there is no such file"):
        load_view_weights(tmp_path / "mine.safetensors")


def test_a_pixel_at_the_end_of_the_world_gives_no_point() -> None:
    points_px = np.full((3, 1, 1, 2), 300.0)
    points_px[1] = 1e20
    generator = seeded(0)
    rig = ring_rig(generator, 3)
    cameras = replace(rig.cameras, lens=Lens.of("radtan", torch.zeros(3, 5, dtype=torch.float64)))
    done = triangulate_keypoints(points_px, np.ones((3, 1, 1)), cameras, "dlt")
    assert np.isnan(done.positions_m).all() == (done.reason != Reason.ok).all()
    assert not (done.positions_m == 0).any()
