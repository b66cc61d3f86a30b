from __future__ import annotations

import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.noise import SIGMA_FLOOR_PX, DetectionNoise, estimate_noise
from triangulate.geometry.refine import Refined
from triangulate.geometry.robust import triangulate_robust
from triangulate.synthetic import DetectorNoise, draws, observe, ring_rig, walk

LONG = 1_000_000  # frames
TENSORS = ("sigma_px", "knots", "variance_factor", "outlier_share")


class Detections:
    """A walk as a detector sees it: (V, M, J, ...) and the deviations it really had."""

    def __init__(self, frames: int = 300, cameras: int = 5, seed: int = 0, **noise) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        rig = ring_rig(self.generator, cameras)
        motion = walk(self.generator, frames)
        keypoints, truth = observe(
            motion.positions_m, rig, motion.skeleton, self.generator, DetectorNoise(**noise)
        )
        self.camera: Camera = rig.cameras
        self.truth = torch.from_numpy(motion.positions_m)
        points_px = torch.from_numpy(keypoints.points_px[:, :, 0]).movedim(0, 1)
        self.points_px = torch.nan_to_num(points_px).contiguous()
        self.score = torch.from_numpy(keypoints.confidence[:, :, 0]).movedim(0, 1).contiguous()
        self.observed = self.score > 0
        self.sigma_px = torch.from_numpy(truth.sigma_px[:, 0])
        self.clean_px = torch.nan_to_num(torch.from_numpy(truth.points_px[:, :, 0]).movedim(0, 1))

    def estimate(
        self, confidence: Tensor | None = None, num_frames: int | None = None
    ) -> DetectionNoise:
        """By default without scores: what is seen has confidence 1."""
        score = self.observed if confidence is None else confidence
        return estimate_noise(
            self.points_px, score.to(torch.float64), self.camera, num_frames=num_frames
        )

    def solve(self, noise: DetectionNoise, score: Tensor) -> tuple[Refined, Tensor]:
        sigma_px, share = (part.flatten(1) for part in noise.at(score))
        flat_px, observed = self.points_px.flatten(1, 2), self.observed.flatten(1)
        return triangulate_robust(
            flat_px, self.camera, sigma_px, share, observed, freedom=noise.freedom
        )


def test_interpolation_by_hand() -> None:
    noise = DetectionNoise(
        sigma_px=torch.tensor([[2.0, 3.0]]).double(),
        knots=torch.tensor([0.2, 0.4, 0.8]).double(),
        variance_factor=torch.tensor([4.0, 1.0, 0.25]).double(),
        outlier_share=torch.tensor([0.3, 0.1, 0.02]).double(),
        freedom=8.0,
        residual_variance=1.0,
        mean_flank=1.0,
    )
    confidence = torch.tensor([[[0.2, 0.3], [0.6, 0.8], [0.0, 1.0]]]).double()  # V1 M3 J2
    sigma_px, share = noise.at(confidence)
    factor = torch.tensor([[[4.0, 2.5], [0.625, 0.25], [4.0, 0.25]]]).double()
    torch.testing.assert_close(sigma_px, torch.tensor([2.0, 3.0]).double() * factor.sqrt())
    torch.testing.assert_close(
        share, torch.tensor([[[0.3, 0.2], [0.06, 0.02], [0.3, 0.02]]]).double()
    )


@pytest.mark.parametrize("gross", [0.0, 0.05])
def test_every_camera_and_joint_has_its_own_deviation(gross) -> None:
    """A long recording of white noise, of which these are a sample."""
    detections = Detections(cameras=8, sigma_px=(1.0, 2.0), missing=0.1, gross=gross, swapped=0.0)
    noise = detections.estimate(num_frames=LONG)
    ratio = noise.sigma_px / detections.sigma_px
    assert ratio.median().item() == pytest.approx(1, abs=0.03)
    assert ratio.quantile(0.05) > 0.9
    assert ratio.quantile(0.95) < 1.1
    assert (ratio - 1).abs().max() < 0.2
    assert noise.variance_factor.tolist() == pytest.approx([1] * len(noise.knots), abs=1e-6)
    _, share = noise.at(detections.observed.to(torch.float64))
    assert share.mean().item() == pytest.approx(gross, abs=0.015)


def test_with_few_cameras_deviations_are_told_apart() -> None:
    detections = Detections(cameras=5, sigma_px=(1.0, 2.0), missing=0.1, gross=0.0, swapped=0.0)
    ratio = detections.estimate(num_frames=LONG).sigma_px / detections.sigma_px
    ratio = ratio / ratio.median()
    assert ratio.quantile(0.05) > 0.9
    assert ratio.quantile(0.95) < 1.1


def test_heavy_flanks_are_seen_in_a_long_recording() -> None:
    """Student noise of three degrees of freedom, against Gaussian noise."""
    detections = Detections(cameras=8, sigma_px=(0.0, 0.0), missing=0.0, gross=0.0, swapped=0.0)
    draw = {"generator": detections.generator, "dtype": torch.float64}
    shape = detections.clean_px.shape
    gauss = torch.randn(shape, **draw)
    chi_squared = torch.randn(*shape[:-1], 3, **draw).square().sum(-1, keepdim=True)
    found = []
    for error in (gauss, gauss * (3 / chi_squared).sqrt()):
        detections.points_px = detections.clean_px + 1.5 * error
        noise = detections.estimate(num_frames=LONG)
        assert noise.sigma_px.median().item() == pytest.approx(1.5, rel=0.1)
        found.append(noise.freedom)
    gaussian, heavy = found
    assert gaussian > 20
    assert heavy < 6


@pytest.mark.parametrize("level", [0.05, 0.6, 1.0])
def test_the_level_of_the_scores_says_nothing(level) -> None:
    detections = Detections(frames=100, gross=0.0, swapped=0.0)
    expected = detections.estimate()
    noise = detections.estimate(level * detections.observed)
    torch.testing.assert_close(noise.sigma_px, expected.sigma_px, rtol=0.02, atol=0)


def test_scores_that_say_nothing_are_not_believed() -> None:
    detections = Detections(sigma_px=(1.5, 1.5), gross=0.0, swapped=0.0)
    drawn = torch.rand(detections.score.shape, generator=detections.generator, dtype=torch.float64)
    noise = detections.estimate((0.2 + 0.8 * drawn) * detections.observed)
    assert (noise.variance_factor - 1).abs().max() < 0.2
    assert noise.outlier_share.max() < 0.08


def test_scores_that_tell_are_used() -> None:
    detections = Detections(sigma_px=(0.0, 0.0), missing=0.0, gross=0.0, swapped=0.0)
    draw = {"generator": detections.generator, "dtype": torch.float64}
    sure = torch.rand(detections.score.shape, **draw) < 0.5
    sigma_px = torch.where(sure, 1.0, 3.0)
    detections.points_px = detections.clean_px + sigma_px[..., None] * torch.randn(
        detections.clean_px.shape, **draw
    )
    confidence = (torch.where(sure, 0.9, 0.3) * detections.observed).double()
    told_px, _ = detections.estimate(confidence).at(confidence)
    ratio = told_px[~sure & detections.observed].mean() / told_px[sure & detections.observed].mean()
    assert ratio.item() == pytest.approx(3, rel=0.15)
    # It pays: the points are nearer to the truth than without the scores.
    error = []
    for score in (confidence, detections.observed.to(torch.float64)):
        refined, _ = detections.solve(detections.estimate(score), score)
        error.append((refined.points_world - detections.truth.flatten(0, 1)).norm(dim=-1))
    assert error[0].median() < 0.85 * error[1].median()


def test_lower_scores_never_mean_less_noise() -> None:
    detections = Detections(frames=200)
    noise = detections.estimate(detections.score)
    assert (noise.variance_factor.diff() <= 0).all()
    assert (noise.knots.diff() > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_single_frame_is_enough_to_go_on(dtype) -> None:
    detections = Detections(frames=1, cameras=4, sigma_px=(1.0, 1.0), gross=0.0, missing=0.0)
    noise = estimate_noise(
        detections.points_px.to(dtype), detections.score.to(dtype), detections.camera.to(dtype)
    )
    assert noise.sigma_px.shape == (4, 17)
    assert noise.sigma_px.dtype == noise.knots.dtype == dtype
    assert 0.5 < noise.sigma_px.median() < 2
    assert (noise.sigma_px < 4).all()


def test_single_precision_follows() -> None:
    detections = Detections(frames=50)
    for score in (detections.score, detections.observed.to(torch.float64)):
        double = detections.estimate(score)
        single = estimate_noise(
            detections.points_px.float(), score.float(), detections.camera.to(torch.float32)
        )
        for name in TENSORS:
            assert getattr(single, name).dtype == torch.float32
            assert torch.isfinite(getattr(single, name)).all()
        torch.testing.assert_close(single.sigma_px.double(), double.sigma_px, rtol=0.03, atol=0)


def test_perfect_detections_end_at_the_floor() -> None:
    detections = Detections(frames=20, sigma_px=(0.0, 0.0), missing=0.0, gross=0.0, swapped=0.0)
    noise = detections.estimate()
    torch.testing.assert_close(
        noise.sigma_px, torch.full_like(noise.sigma_px, SIGMA_FLOOR_PX), rtol=0.01, atol=0
    )
    refined, shows = detections.solve(noise, detections.score)
    seen = detections.observed.flatten(1)
    assert (shows[seen] > 0.9).all()
    enough = seen.sum(0) >= 2
    error = (refined.points_world - detections.truth.flatten(0, 1)).norm(dim=-1)
    assert error[enough].max() < 1e-8


@pytest.mark.parametrize("cameras", [3, 4, 8])
def test_the_covariance_covers_the_truth(cameras) -> None:
    """With noise learned from the same detections, errors are about as large as said."""
    detections = Detections(
        cameras=cameras, sigma_px=(1.0, 2.0), missing=0.05, gross=0.0, swapped=0.0
    )
    noise = detections.estimate()
    refined, _ = detections.solve(noise, detections.observed.to(torch.float64))
    error = (refined.points_world - detections.truth.flatten(0, 1))[refined.valid]
    covariance = refined.covariance_m2[refined.valid] * noise.residual_variance * noise.mean_flank
    nees = (error * torch.linalg.solve(covariance, error[..., None])[..., 0]).sum(-1)
    assert nees.mean().item() / 3 == pytest.approx(1, abs=0.25)
    assert (nees < 7.8147).double().mean().item() == pytest.approx(0.95, abs=0.04)


def test_two_views_are_enough_to_go_on() -> None:
    detections = Detections(frames=200, cameras=2, sigma_px=(2.0, 2.0), gross=0.0, swapped=0.0)
    noise = detections.estimate()
    assert 0.5 < noise.sigma_px.median() < 4


@pytest.mark.parametrize(("cameras", "wrong"), [(5, 2), (7, 3)])
def test_nearly_half_of_the_views_may_be_wrong(cameras, wrong) -> None:
    """In every frame, at every joint, other ones."""
    detections = Detections(
        frames=60, cameras=cameras, sigma_px=(1.0, 1.0), missing=0.0, gross=0.0, swapped=0.0
    )
    draw = {"generator": detections.generator, "dtype": torch.float64}
    lot = torch.rand(detections.score.shape, **draw)
    is_wrong = lot.argsort(0).argsort(0) < wrong
    shift = torch.randn(*detections.score.shape, 2, **draw)
    shift = 60 * shift / shift.norm(dim=-1, keepdim=True)
    detections.points_px += is_wrong[..., None] * shift
    noise = detections.estimate()
    assert 0.5 < noise.sigma_px.median() < 1.5
    _, share = noise.at(detections.observed.to(torch.float64))
    assert share.mean().item() == pytest.approx(wrong / cameras, abs=0.1)


def test_nothing_observed() -> None:
    detections = Detections(frames=3)
    noise = detections.estimate(torch.zeros_like(detections.score))
    for name in TENSORS:
        assert torch.isfinite(getattr(noise, name)).all()


@pytest.mark.parametrize("num_views", [2, 4])
@pytest.mark.parametrize("num_frames", [20, 100_000])
def test_few_views_cannot_tell_how_heavy_the_flanks_are(num_views: int, num_frames: int) -> None:
    generator = draws.seeded(3)
    rig = ring_rig(generator, num_views)
    motion = walk(generator, 20)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, DetectorNoise.none())
    points = torch.from_numpy(seen.points_px[:, :, 0]).double().movedim(1, 0).nan_to_num()
    confidence = torch.from_numpy(seen.confidence[:, :, 0]).double().movedim(1, 0)
    noise = estimate_noise(points, confidence, rig.cameras, num_frames)
    assert noise.freedom == pytest.approx(5)
