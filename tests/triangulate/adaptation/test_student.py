from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from triangulate.adaptation.student import Moments, Varied, label_weights, learn, loss_of, vary
from triangulate.config.adaptation import StudentConfig
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.v2v import V2V

UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
STILL = StudentConfig(
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


def test_weights_of_labels_by_hand() -> None:
    covariance = (
        torch.eye(3, dtype=torch.float64)
        * torch.tensor([0.0, 0.02, 0.04])[:, None, None].double().square()
    )
    known = torch.tensor([True, True, False])
    torch.testing.assert_close(
        label_weights(covariance, known), torch.tensor([1.0, 0.5, 0.0]).double()
    )


def test_two_or_more_views_are_left_and_none_is_made_up(moments, flip) -> None:
    some = moments[torch.arange(8)]
    views = some.views.clone()
    views[:4, 3] = False
    numbers = set()
    for seed in range(20):
        batch = vary(
            Moments(some.heatmaps, some.cameras, views, some.labels_world, some.weights),
            STILL,
            flip,
            UP,
            torch.Generator().manual_seed(seed),
        )
        assert not batch.moments.views[:4, 3].any()
        numbers |= set(batch.moments.views[4:].sum(1).tolist())
        assert set(batch.moments.views[:4].sum(1).tolist()) <= {2, 3}
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


def small_network(seed: int = 0) -> HeatmapVolume:
    torch.manual_seed(seed)
    v2v = V2V(17, 17, channels=(6, 8, 8), front_channels=6, front_kernel=3, zero_output=True)
    return HeatmapVolume(17, size=16, side_m=2.2, refine_side_m=None, v2v=v2v)


def test_learning_follows_the_labels_and_repeats_itself(moments, flip) -> None:
    """A detector that puts all joints eight centimetres too low."""
    higher = Moments(
        moments.heatmaps,
        moments.cameras,
        moments.views,
        moments.labels_world + 0.08 * UP,
        moments.weights,
    )
    settings = STILL.model_copy(
        update={"steps": 20, "batch_size": 2, "lr": 0.03, "half_precision": False}
    )
    runs = [learn(small_network(), higher, settings, flip, UP) for _ in range(2)]
    assert runs[0] == runs[1]
    assert np.mean(runs[0][-4:]) < 0.75 * np.mean(runs[0][:4])


def test_moments_without_a_label_are_left_out(moments, flip) -> None:
    weights = torch.zeros_like(moments.weights)
    weights[3] = 1
    only = Moments(
        moments.heatmaps,
        moments.cameras,
        moments.views,
        torch.where(weights[..., None] > 0, moments.labels_world, 1e6),
        weights,
    )
    settings = STILL.model_copy(update={"steps": 10, "batch_size": 2, "half_precision": False})
    losses = learn(small_network(), only, settings, flip, UP)
    assert max(losses) < 100
    assert all(math.isfinite(loss) for loss in losses)


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
