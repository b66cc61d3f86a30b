from __future__ import annotations

from dataclasses import replace

import numpy as np

from triangulate.adaptation.pseudo_labels import pseudo_labels
from triangulate.poses import Reason, load_poses


def error_m(labels, walking) -> np.ndarray:
    return np.linalg.norm(labels.positions_m[:, 0] - walking.truth_m, axis=-1)


def test_labels_are_near_the_truth_and_say_how_near(walking) -> None:
    labels = pseudo_labels(walking.keypoints, walking.rig)
    errors = error_m(labels, walking)
    kept = labels.reason[:, 0] == Reason.ok
    assert kept.mean() > 0.9
    assert np.median(errors[kept]) < 0.02
    sigma = np.sqrt(np.trace(labels.covariance_m2[:, 0], axis1=-2, axis2=-1))
    assert 0.3 < np.median(errors[kept] / sigma[kept]) < 1.5
    np.testing.assert_array_equal(np.isnan(labels.positions_m[:, 0, :, 0]), ~kept)


def test_exact_detections_give_the_truth(clean_walking) -> None:
    errors = error_m(pseudo_labels(clean_walking.keypoints, clean_walking.rig), clean_walking)
    assert np.nanmax(errors) < 0.005


def test_left_and_right_are_put_right(clean_walking) -> None:
    keypoints = clean_walking.keypoints
    points_px = keypoints.points_px.copy()
    flip = keypoints.skeleton.flip_permutation()
    points_px[12:20, 1] = points_px[12:20, 1][:, :, flip]
    swapped = replace(keypoints, points_px=points_px)
    labels = pseudo_labels(swapped, clean_walking.rig)
    assert labels.sides_swapped[12:20, 0, 1].all()
    assert np.nanmax(error_m(labels, clean_walking)) < 0.005


def test_what_is_not_certain_is_not_kept(walking) -> None:
    strict = pseudo_labels(walking.keypoints, walking.rig, max_sigma_m=1e-6)
    assert not (strict.reason == Reason.ok).any()
    assert np.isnan(strict.positions_m).all()


def test_a_joint_that_nobody_sees_has_its_reason(walking) -> None:
    confidence = walking.keypoints.confidence.copy()
    confidence[..., 5] = 0
    labels = pseudo_labels(replace(walking.keypoints, confidence=confidence), walking.rig)
    assert (labels.reason[..., 5] == Reason.too_few_views).all()
    assert (labels.reason == Reason.ok).mean() > 0.8


def test_labels_are_a_file_of_poses(walking, tmp_path) -> None:
    labels = pseudo_labels(walking.keypoints, walking.rig)
    labels.save(tmp_path / "poses.npz")
    again = load_poses(tmp_path / "poses.npz")
    np.testing.assert_array_equal(again.positions_m, labels.positions_m)
    assert again.names == walking.rig.names
