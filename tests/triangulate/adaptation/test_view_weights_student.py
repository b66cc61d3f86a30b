from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.adaptation.adapting import estimator_of
from triangulate.adaptation.material import Material
from triangulate.adaptation.pseudo_labels import pseudo_labels
from triangulate.adaptation.view_weights_student import (
    Sightings,
    sightings_of,
    train_view_weights,
    vary,
)
from triangulate.config.adaptation import ViewWeightsStudentConfig
from triangulate.poses import Poses3D, Reason
from triangulate.triangulation import load_view_weights

STILL = ViewWeightsStudentConfig(swap_sides=0.0, shift=0.0)


@pytest.fixture(scope="module")
def labels(clean_walking) -> Poses3D:
    return pseudo_labels(clean_walking.keypoints, clean_walking.rig)


@pytest.fixture(scope="module")
def sightings(clean_walking, labels) -> Sightings:
    return sightings_of(clean_walking.material(), labels, 0.1)


@pytest.fixture
def flip(clean_walking) -> torch.Tensor:
    return torch.from_numpy(clean_walking.skeleton.flip_permutation())


def varied(sightings: Sightings, flip: torch.Tensor, **changes) -> Sightings:
    settings = STILL.model_copy(update=changes)
    return vary(sightings[:8], settings, flip, torch.Generator().manual_seed(0))


def test_sightings_hold_points_scores_and_labels(walking) -> None:
    labels = pseudo_labels(walking.keypoints, walking.rig)
    confidence = walking.keypoints.confidence.copy()
    confidence[0, 1, 0, 2] = 0.05
    person = replace(walking.keypoints, confidence=confidence)
    found = sightings_of(replace(walking.material(), person=person), labels, 0.1)
    assert found.score.shape == (40, 4, 17)
    assert found.score[0, 1, 2] == 0
    assert found.points_px.isfinite().all()
    used = found.score > 0
    torch.testing.assert_close(
        found.points_px[used], torch.from_numpy(person.points_px[:, :, 0])[used]
    )
    known = labels.reason[:, 0] == Reason.ok
    np.testing.assert_array_equal(found.weights.numpy() > 0, known)


def test_views_are_left_out_down_to_two(sightings, flip) -> None:
    views = torch.cat(
        [
            vary(sightings[:8], STILL, flip, torch.Generator().manual_seed(seed)).score.amax(-1) > 0
            for seed in range(5)
        ]
    )
    assert set(views.sum(1).tolist()) == {2, 3, 4}


def test_what_two_views_no_longer_see_is_not_asked_for(sightings, flip) -> None:
    score = sightings.score.clone()
    score[:, 1:, 4] = 0  # one view alone
    batch = varied(replace(sightings, score=score), flip)
    assert (batch.weights[:, 4] == 0).all()
    rest = [joint for joint in range(17) if joint != 4]
    torch.testing.assert_close(batch.weights[:, rest], sightings.weights[:8, rest])


def test_sides_change_places_with_their_scores(sightings, flip) -> None:
    batch = varied(sightings, flip, swap_sides=1.0)
    torch.testing.assert_close(batch.points_px, sightings.points_px[:8, :, flip])
    left = batch.score > 0
    torch.testing.assert_close(batch.score[left], sightings.score[:8, :, flip][left])
    torch.testing.assert_close(batch.labels_world, sightings.labels_world[:8])


def test_a_shift_moves_a_view_as_a_whole(sightings, flip) -> None:
    moved = (varied(sightings, flip, shift=0.01).points_px - sightings.points_px[:8]).double()
    torch.testing.assert_close(moved, moved[:, :, :1].expand_as(moved))
    points = sightings.points_px[:8]
    size_px = (points.amax(2) - points.amin(2)).amax(-1)
    share = moved[:, :, 0] / size_px[..., None]
    assert 0.006 < share.std() < 0.014


def misled(clean: Material) -> Material:
    """A detector that is the surer the farther off it is, as no detector in the training was."""
    generator = np.random.default_rng(0)
    points_px = clean.person.points_px
    sigma_px = generator.choice([1.0, 20.0], points_px.shape[:-1])
    points_px = points_px + sigma_px[..., None] * generator.normal(size=points_px.shape)
    confidence = np.where(sigma_px > 10, 0.9, 0.3)
    heatmaps = replace(clean.heatmaps, points_px=points_px[:, :, 0], confidence=confidence[:, :, 0])
    person = replace(clean.person, points_px=points_px, confidence=confidence)
    return replace(clean, person=person, heatmaps=heatmaps)


def test_it_learns_what_scores_mean(clean_walking, labels) -> None:
    material = misled(clean_walking.material())
    first, unseen = material.part(slice(20)), material.part(slice(20, None))
    some = replace(
        labels,
        **{
            name: getattr(labels, name)[:20]
            for name in ("positions_m", "covariance_m2", "reason", "views_used", "reprojection_px")
        },
        sides_swapped=labels.sides_swapped[:20],
        frames=labels.frames[:20],
    )
    settings = ViewWeightsStudentConfig(steps=40, batch_size=8, lr=0.003)
    network, _ = train_view_weights(first, some, settings, 0.1)
    views = np.array([True, True, True, False])

    def error_m(net) -> float:
        positions_m = estimator_of(net, unseen, 0.1)(views)
        return float(np.nanmean(np.linalg.norm(positions_m - clean_walking.truth_m[20:], axis=-1)))

    assert error_m(network) < 0.9 * error_m(load_view_weights())


def test_labels_that_do_not_count_teach_nothing(clean_walking, labels) -> None:
    material = clean_walking.material()
    settings = STILL.model_copy(update={"steps": 10, "batch_size": 4})
    wrong = replace(labels, positions_m=labels.positions_m.copy(), reason=labels.reason.copy())
    wrong.reason[:, 0, 6] = Reason.high_error
    right = replace(wrong, positions_m=wrong.positions_m.copy())
    wrong.positions_m[:, 0, 6] += 50.0
    runs = [train_view_weights(material, each, settings, 0.1)[1] for each in (wrong, right)]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-6)
