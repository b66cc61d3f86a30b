from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.adaptation.estimators import (
    linear_estimator,
    robust_estimator,
    volume_estimator,
    weighing_estimator,
)
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.view_weights import ViewWeights

WAYS = ("linear", "robust", "weights", "volume")
SOME = slice(0, 40, 5)


def make(way: str, walking):
    heatmaps, camera = walking.material().part(SOME).heatmaps, walking.rig.cameras
    torch.manual_seed(0)
    match way:
        case "linear":
            return linear_estimator(heatmaps, camera, 0.1)
        case "robust":
            return robust_estimator(heatmaps, camera, 0.1, walking.skeleton.flip_permutation())
        case "weights":
            return weighing_estimator(ViewWeights().eval(), heatmaps, camera, 0.1)
    return volume_estimator(HeatmapVolume(17, size=16, side_m=2.2), heatmaps, camera)


@pytest.mark.parametrize("way", WAYS)
def test_exact_detections_give_the_truth_also_without_a_camera(clean_walking, way: str) -> None:
    estimate = make(way, clean_walking)
    limit = 0.06 if way == "volume" else 0.005
    for views in (np.array([True] * 4), np.array([True, False, True, True])):
        positions_m = estimate(views)
        assert positions_m.shape == clean_walking.truth_m[SOME].shape
        errors = np.linalg.norm(positions_m - clean_walking.truth_m[SOME], axis=-1)
        assert np.nanquantile(errors, 0.95) < limit


@pytest.mark.parametrize("way", WAYS)
def test_a_camera_alone_gives_nothing(clean_walking, way: str) -> None:
    positions_m = make(way, clean_walking)(np.array([True, False, False, False]))
    assert np.isnan(positions_m).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_camera_that_takes_no_part_changes_nothing(clean_walking, way: str) -> None:
    views = np.array([True, True, True, False])
    expected = make(way, clean_walking)(views)
    material = clean_walking.material()
    material.heatmaps.points_px[:, 3] += 200
    material.heatmaps.mass[:, 3] = material.heatmaps.mass[:, 3, :, ::-1]

    class Other:
        rig, skeleton = clean_walking.rig, clean_walking.skeleton

        @staticmethod
        def material():
            return material

    np.testing.assert_allclose(make(way, Other)(views), expected, atol=1e-6)


@pytest.mark.parametrize("way", ["linear", "robust", "weights"])
def test_detections_below_the_least_confidence_are_not_used(clean_walking, way: str) -> None:
    views = np.array([True] * 4)
    expected = make(way, clean_walking)(np.array([True, True, True, False]))
    material = clean_walking.material()
    material.heatmaps.points_px[:, 3] += 200
    material.heatmaps.confidence[:, 3] = 0.05

    class Doubtful:
        rig, skeleton = clean_walking.rig, clean_walking.skeleton

        @staticmethod
        def material():
            return material

    np.testing.assert_allclose(make(way, Doubtful)(views), expected, atol=1e-6)
