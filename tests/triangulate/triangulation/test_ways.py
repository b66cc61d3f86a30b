from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from triangulate.config.models import AlgebraicConfig, UNetConfig
from triangulate.errors import InputError
from triangulate.geometry.lens import Lens
from triangulate.models.build import build_model
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import save
from triangulate.poses import Reason
from triangulate.synthetic import DetectorNoise, ring_rig
from triangulate.synthetic.draws import seeded
from triangulate.triangulation import (
    Triangulated,
    load_view_weights,
    triangulate_keypoints,
)

PLAIN = DetectorNoise(sigma_px=(0.5, 2.5), missing=0.15, gross=0.0, swapped=0.0)
HARD = DetectorNoise()


# --- Noise ----------------------------------------------------------------------------------------


def squared_sigmas(result: Triangulated, scene: Any) -> np.ndarray:
    """Squared errors in standard deviations (NEES): chi-squared with three degrees of freedom."""
    ok = result.reason == Reason.ok
    error = (result.positions_m - scene.positions_m)[ok]
    return np.einsum("ni,nij,nj->n", error, np.linalg.inv(result.covariance_m2[ok]), error)


@pytest.mark.parametrize("num_cameras", [4, 6])
def test_the_covariance_covers_the_errors(scene_of, num_cameras: int) -> None:
    values = np.concatenate(
        [
            squared_sigmas(scene.run(), scene)
            for scene in (scene_of(PLAIN, 150, num_cameras, seed=seed) for seed in range(3))
        ]
    )
    assert 2.5 < values.mean() < 3.5  # 3
    assert 2.0 < np.median(values) < 2.75  # 2.37
    assert 0.92 < (values < 7.81).mean() < 0.97  # 0.95


def test_the_covariance_of_the_typical_point_stands_gross_errors(scene_of) -> None:
    scene = scene_of(HARD, num_frames=300)
    values = squared_sigmas(scene.run(flip=scene.flip), scene)
    assert 1.8 < np.median(values) < 2.75  # 2.37
    assert (values < 7.81).mean() > 0.92  # 0.95


def test_the_covariance_of_the_linear_method(scene_of) -> None:
    """Of the right size; its weights are the confidences, and none of the noise it learns."""
    values = np.concatenate(
        [
            squared_sigmas(scene.run("dlt"), scene)
            for scene in (scene_of(PLAIN, 150, 4, seed=seed) for seed in range(3))
        ]
    )
    assert 2.6 < values.mean() < 3.4  # 3
    assert 2.0 < np.median(values) < 2.75  # 2.37
    assert 0.92 < (values < 7.81).mean() < 0.97  # 0.95


@pytest.mark.parametrize("method", ["robust", "learned"])
def test_two_methods_stand_what_the_linear_one_does_not(scene_of, method) -> None:
    scene = scene_of(HARD, num_frames=200)
    found, linear = (
        1000 * scene.error_m(scene.run(each, flip=scene.flip)) for each in (method, "dlt")
    )
    assert np.nanmedian(found) < (8 if method == "robust" else 10)
    assert np.nanquantile(found, 0.95) < 0.7 * np.nanquantile(linear, 0.95)
    assert np.isnan(found).mean() < 0.05


# --- Learned weights ------------------------------------------------------------------------------


def test_learned_weights_cover_their_errors(scene_of) -> None:
    values = np.concatenate(
        [
            squared_sigmas(scene.run("learned"), scene)
            for scene in (scene_of(PLAIN, 150, 4, seed=seed) for seed in range(2))
        ]
    )
    assert 1.0 < np.median(values) < 4.0  # 2.37
    assert 0.85 < (values < 7.81).mean() <= 1  # 0.95


def test_a_network_of_ones_own_is_used(scene_of) -> None:
    torch.manual_seed(0)
    scene = scene_of(HARD, num_frames=20)
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
    assert np.nanmean(scene.error_m(shipped)) < 0.8 * np.nanmean(scene.error_m(equal))


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
