from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.adaptation.pseudo_labels import pseudo_labels
from triangulate.adaptation.volume_student import (
    Moments,
    Varied,
    loss_of,
    middle_joints,
    moments_of,
    new_volume,
    train_volume,
    up_direction,
    vary,
)
from triangulate.config.adaptation import VolumeStudentConfig
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.poses import Reason
from triangulate.skeleton import Skeleton

UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
STILL = VolumeStudentConfig(
    swap_sides=0.0, mirror=False, blur_cells=0.0, shift_cells=0.0, centre_m=0.0, size=16
)


@pytest.fixture(scope="session")
def moments(clean_walking) -> Moments:
    heatmaps = clean_walking.material().heatmaps
    known = torch.ones(clean_walking.truth_m.shape[:2], dtype=torch.bool)
    return Moments(
        torch.from_numpy(heatmaps.mass),
        heatmaps.cameras(clean_walking.rig.cameras),
        torch.from_numpy(heatmaps.views),
        torch.from_numpy(clean_walking.truth_m),
        known.double(),
    )


@pytest.fixture
def flip(clean_walking) -> torch.Tensor:
    return torch.from_numpy(clean_walking.skeleton.flip_permutation())


def varied(moments: Moments, flip: torch.Tensor, seed: int = 0, **changes) -> Varied:
    settings = STILL.model_copy(update=changes)
    generator = torch.Generator().manual_seed(seed)
    return vary(moments[torch.arange(8)], settings, flip, UP, generator)


def found_in(batch: Varied) -> torch.Tensor:
    """Joints that the volume without learning reads from a varied batch."""
    net = HeatmapVolume(17, size=16, side_m=2.2)
    seen = batch.moments
    return net(
        seen.heatmaps,
        seen.cameras,
        seen.views,
        centre_world=batch.centre_world,
        rotation=batch.axes,
    ).points_world


def test_directions_of_axes() -> None:
    assert up_direction("z").tolist() == [0, 0, 1]
    assert up_direction("-y").tolist() == [0, -1, 0]
    assert up_direction(None).tolist() == [0, 0, 1]


def test_cubes_lie_around_the_hips() -> None:
    assert middle_joints(Skeleton.named("mediapipe33")) == [23, 24]
    assert middle_joints(Skeleton(("nose", "RHip", "hip_l"))) == [2, 1]
    assert middle_joints(Skeleton.anonymous(4)) is None


def test_moments_hold_the_labels_and_how_much_they_count(walking) -> None:
    labels = pseudo_labels(walking.keypoints, walking.rig)
    found = moments_of(walking.material(), labels)
    known = labels.reason[:, 0] == Reason.ok
    np.testing.assert_array_equal(found.weights.numpy() > 0, known)
    assert found.labels_world.isfinite().all()
    assert found.cameras.K.shape[:2] == found.views.shape == (40, 4)
    away = found.labels_world.numpy()[known] - labels.positions_m[:, 0][known]
    assert np.abs(away).max() == 0


def test_views_are_left_out(moments, flip) -> None:
    numbers = {
        number
        for seed in range(5)
        for number in varied(moments, flip, seed).moments.views.sum(1).tolist()
    }
    assert numbers == {2, 3, 4}


@pytest.mark.parametrize("mirror", [False, True])
def test_labels_follow_turns_and_mirrors(moments, flip, mirror: bool) -> None:
    batch = varied(moments, flip, mirror=mirror)
    handed = torch.linalg.det(batch.axes)
    assert set(handed.round().tolist()) == ({1.0, -1.0} if mirror else {1.0})
    gram = batch.axes @ batch.axes.mT
    torch.testing.assert_close(gram, torch.eye(3).double().expand_as(gram))
    torch.testing.assert_close(batch.axes @ UP, UP.expand(8, 3))
    assert (found_in(batch) - batch.moments.labels_world).norm(dim=-1).median() < 0.03


def test_exchanged_sides_are_not_followed(moments, flip) -> None:
    batch = varied(moments, flip, swap_sides=1.0)
    torch.testing.assert_close(batch.moments.labels_world, moments.labels_world[:8])
    torch.testing.assert_close(batch.moments.heatmaps, moments.heatmaps[:8].float()[:, :, flip])


def test_blur_widens_and_keeps_the_place(moments, flip) -> None:
    before, after = moments.heatmaps[:8].float(), varied(moments, flip, blur_cells=2.0)
    blurred = after.moments.heatmaps
    assert (blurred.amax((-2, -1)) <= before.amax((-2, -1)) + 1e-6).all()
    columns = torch.arange(blurred.shape[-1])
    places = [(each.sum(-2) * columns).sum(-1) / each.sum((-2, -1)) for each in (before, blurred)]
    inside = (places[0] > 8) & (places[0] < 24)
    assert (places[1] - places[0])[inside].abs().max() < 0.2


def test_shifted_maps_are_shifted_cameras(moments, flip) -> None:
    batch = varied(moments, flip, shift_cells=1.0)
    moved = (batch.moments.cameras.K - moments.cameras.K[:8])[..., :2, 2]
    assert 0.5 < moved.std() < 1.5
    torch.testing.assert_close(batch.moments.heatmaps, moments.heatmaps[:8].float())


def test_an_untrained_network_adds_nothing(moments, flip, clean_walking) -> None:
    batch = varied(moments, flip).moments
    new = new_volume(STILL.model_copy(update={"channels": [4, 4, 4]}), clean_walking.skeleton)
    plain = HeatmapVolume(17, size=16, side_m=STILL.side_m, centre_joints=new.centre_joints)
    torch.testing.assert_close(
        *(net.predict(batch.heatmaps, batch.cameras).points_world for net in (new, plain))
    )


def test_it_learns_where_a_detector_is_wrong_and_repeats_itself(clean_walking) -> None:
    """A detector that puts all joints eight centimetres too low."""
    labels = pseudo_labels(clean_walking.keypoints, clean_walking.rig)
    labels.positions_m[...] += 0.08 * UP.numpy()
    settings = STILL.model_copy(
        update={"steps": 20, "channels": [6, 8, 8], "lr": 0.03, "half_precision": False}
    )
    runs = [train_volume(clean_walking.material(), labels, settings)[1] for _ in range(2)]
    assert runs[0] == runs[1]
    assert np.mean(runs[0][-4:]) < 0.85 * np.mean(runs[0][:4])


def test_the_loss_is_in_centimetres(moments, flip) -> None:
    settings = STILL.model_copy(update={"volume_loss": 0.0, "half_precision": False})
    batch = varied(moments, flip)
    off = Moments(
        batch.moments.heatmaps,
        batch.moments.cameras,
        batch.moments.views,
        found_in(batch).detach() + torch.tensor([0.0, 0.03, 0.04]),
        batch.moments.weights,
    )
    net = HeatmapVolume(17, size=16, side_m=2.2)
    loss = loss_of(net, Varied(off, batch.centre_world, batch.axes), settings)
    assert float(loss) == pytest.approx(5.0, abs=1e-3)
