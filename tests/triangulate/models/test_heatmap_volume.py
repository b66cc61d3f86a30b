from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.v2v import V2V

JOINTS = 5


@pytest.fixture
def moment(small_rig, gaussian_maps):
    """Maps of 40 x 24 cells, their cameras and the joints, of some moments."""

    def make(
        batch: int = 2, num_views: int = 4, off_cells: float = 0.0, lens: str = "mixed"
    ) -> tuple[Tensor, Camera, Tensor]:
        cameras = small_rig(num_views, lens).resized(0.25)
        source = torch.Generator().manual_seed(1)
        truth = torch.rand(batch, JOINTS, 3, generator=source, dtype=torch.float64) - 0.5
        truth = truth + torch.tensor([0.0, 0.0, 0.95])
        both = cameras.map(lambda field: field.expand(batch, *field.shape))
        points_px, _ = both.project(truth[:, None])
        noise = torch.randn(points_px.shape, generator=source, dtype=torch.float64)
        maps = gaussian_maps(points_px + off_cells * noise, 40, 24, 1.0).exp()
        return (maps / maps.sum((-2, -1), keepdim=True)).float(), cameras, truth

    return make


def error_m(found: Tensor, truth: Tensor) -> Tensor:
    return (found - truth).norm(dim=-1)


@pytest.mark.parametrize("lens", ["radtan", "mixed", "fisheye"])
def test_clean_maps_give_the_joints(moment, lens) -> None:
    maps, cameras, truth = moment(lens=lens)
    found = HeatmapVolume(JOINTS)(maps, cameras)
    assert found.valid.all()
    assert error_m(found.points_world, truth).max() < 0.02
    assert found.confidence.min() > 0.8
    both = cameras.map(lambda field: field.expand(2, *field.shape))
    expected_px, _ = both.project(truth[:, None])
    torch.testing.assert_close(found.points_px.double(), expected_px, atol=0.05, rtol=0)
    sigma_m = found.covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    assert (sigma_m > 0.01).all()
    assert (sigma_m < 0.3).all()
    assert found.heatmaps is found.volume is found.grid_world is None


def test_a_wrong_view_is_outvoted(moment) -> None:
    maps, cameras, truth = moment()
    maps[:, 1] = maps[:, 1].roll((7, -9), (-2, -1))
    found = HeatmapVolume(JOINTS)(maps, cameras, centre_world=truth.mean(1))
    assert error_m(found.points_world, truth).max() < 0.05
    assert (found.confidence[:, 1] < 0.1).all()
    assert (found.confidence[:, [0, 2, 3]] > 0.5).all()


@pytest.mark.parametrize("with_network", [False, True])
def test_a_missing_view_says_nothing(moment, with_network) -> None:
    maps, cameras, _ = moment(num_views=4)
    torch.manual_seed(0)
    v2v = V2V(JOINTS, JOINTS, channels=(4, 6), front_kernel=3).eval() if with_network else None
    net = HeatmapVolume(JOINTS, v2v=v2v, size=16)
    there = [0, 2, 3]
    expected = net(maps[:, there], cameras[there])
    views = torch.tensor([True, False, True, True]).expand(2, 4)
    for nonsense in (0.0, 1e6, torch.nan):
        maps[:, 1] = nonsense
        found = net(maps, cameras, views)
        torch.testing.assert_close(found.points_world, expected.points_world, atol=1e-6, rtol=0)
        torch.testing.assert_close(found.covariance, expected.covariance)
        torch.testing.assert_close(found.confidence[:, there], expected.confidence)
        assert not found.confidence[:, 1].any()
        assert torch.isfinite(found.points_px).all()


def test_views_in_any_order(moment) -> None:
    maps, cameras, _ = moment()
    net, order = HeatmapVolume(JOINTS), [2, 0, 3, 1]
    whole, turned = net(maps, cameras), net(maps[:, order], cameras[order])
    torch.testing.assert_close(turned.points_world, whole.points_world, atol=1e-5, rtol=0)
    torch.testing.assert_close(turned.confidence, whole.confidence[:, order], atol=1e-4, rtol=0)


def test_a_moved_world_moves_the_joints(moment) -> None:
    maps, cameras, _ = moment()
    turn = rotation_from_vector(torch.tensor([0.3, -0.5, 1.0]).double())
    motion = Rigid(turn, torch.tensor([10.0, -20.0, 5.0]).double())
    moved = Camera(cameras.K, cameras.lens, cameras.cam_from_world @ motion.inverse())
    net = HeatmapVolume(JOINTS, size=24)
    centre = torch.tensor([[0.0, 0, 0.95]]).double().expand(2, 3)
    here = net(maps, cameras, centre_world=centre)
    there = net(maps, moved, centre_world=motion.apply(centre), rotation=turn.expand(2, 3, 3))
    # The small cubes around the joints do not turn with the world: the voxels differ a little.
    torch.testing.assert_close(
        there.points_world, motion.apply(here.points_world), atol=0.01, rtol=0
    )


def test_kept_maps(moment) -> None:
    maps, cameras, truth = moment()
    net = HeatmapVolume(JOINTS, size=16, refine_side_m=None)
    found = net(maps, cameras, centre_world=truth.mean(1), keep_maps=True)
    assert found.volume.shape == (2, JOINTS, 16, 16, 16)
    assert found.grid_world.shape == (2, 16, 16, 16, 3)
    expected = torch.einsum("bjxyz,bxyzc->bjc", found.volume.double(), found.grid_world)
    torch.testing.assert_close(found.points_world, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.heatmaps, maps)


def test_two_views_need_the_second_look(moment) -> None:
    maps, cameras, truth = moment(batch=8, num_views=2)
    first = HeatmapVolume(JOINTS, refine_side_m=None)(maps, cameras)
    second = HeatmapVolume(JOINTS)(maps, cameras)
    median = error_m(second.points_world, truth).median()
    assert median < 0.03
    assert median < error_m(first.points_world, truth).median()


def test_one_view_and_views_from_one_place_are_not_valid(moment) -> None:
    maps, cameras, _ = moment(num_views=2)
    net = HeatmapVolume(JOINTS, size=8)
    one = net(maps, cameras, torch.tensor([[True, False], [False, False]]))
    same = net(maps, cameras.map(lambda field: field[[0, 0]]))
    for found in (one, same):
        assert not found.valid.any()
        assert not found.points_world.any()
        assert not found.covariance.any()
    maps[:, 1, 2] = 0
    assert net(maps, cameras).valid.tolist() == [[True, True, False, True, True]] * 2


def test_an_untrained_network_changes_nothing(moment) -> None:
    maps, cameras, _ = moment()
    plain = HeatmapVolume(JOINTS, size=16)
    v2v = V2V(JOINTS, JOINTS, channels=(4, 6), front_kernel=3, zero_output=True)
    net = HeatmapVolume(JOINTS, size=16, v2v=v2v)
    torch.testing.assert_close(
        net(maps, cameras).points_world, plain(maps, cameras).points_world, atol=1e-6, rtol=0
    )


def test_a_network_is_learned_through_it(moment) -> None:
    maps, cameras, truth = moment(batch=4, off_cells=1.0)
    torch.manual_seed(0)
    v2v = V2V(JOINTS, JOINTS, channels=(4, 6), front_kernel=3, zero_output=True)
    net = HeatmapVolume(JOINTS, size=8, v2v=v2v)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(15):
        loss = error_m(net(maps, cameras).points_world, truth).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


class Constant(nn.Module):
    """A network that remembers what it was given."""

    def forward(self, volumes: Tensor) -> Tensor:
        self.given = volumes
        return 0 * volumes


def test_what_the_network_gets_does_not_grow_with_the_views(moment) -> None:
    ranges = []
    for num_views in (2, 6):
        maps, cameras, truth = moment(num_views=num_views)
        net = HeatmapVolume(JOINTS, size=16, v2v=Constant())
        net(maps, cameras, centre_world=truth.mean(1))
        assert net.v2v.given.amax((-3, -2, -1)).abs().max() == 0
        ranges.append(net.v2v.given.min().item())
    assert ranges[0] == pytest.approx(ranges[1], rel=0.2)


def test_gradients_reach_the_maps(moment) -> None:
    maps, cameras, truth = moment()
    for size in (None, 0.6):
        leaf = maps.clone().requires_grad_()
        found = HeatmapVolume(JOINTS, size=12, refine_side_m=size)(leaf, cameras)
        error_m(found.points_world, truth).sum().backward()
        assert torch.isfinite(leaf.grad).all()
        assert leaf.grad.any()


@pytest.mark.parametrize("aggregation", ["sum", "mean", "max", "softmax"])
def test_other_ways_to_join(moment, aggregation) -> None:
    maps, cameras, truth = moment()
    net = HeatmapVolume(JOINTS, aggregation=aggregation, volume_multiplier=200.0)
    found = net(maps, cameras, centre_world=truth.mean(1))
    assert found.valid.all()
    if aggregation != "max":
        assert error_m(found.points_world, truth).median() < 0.1


def degenerate_cameras(count: int) -> Camera:
    """(B, 3) cameras that may stand in one place, look away, or bend strongly; small maps."""
    source = torch.Generator().manual_seed(4)
    draw = torch.randn(count, 3, 12, generator=source, dtype=torch.float64)
    draw[::5, 1] = draw[::5, 0]
    rotation = torch.linalg.qr(draw[..., :9].unflatten(-1, (3, 3))).Q
    rotation = rotation * torch.linalg.det(rotation)[..., None, None]
    K = torch.tensor([[3.0, 0, 1.5], [0, 3, 1], [0, 0, 1]]).double().expand(count, 3, 3, 3)
    model = torch.randint(3, (count, 3), generator=source)
    lens = Lens(model, torch.nn.functional.pad(0.3 * draw[..., 9:11], (0, 6)))
    return Camera(K, lens, Rigid(rotation, draw[..., 9:]))


@pytest.mark.parametrize("aggregation", ["logsum", "softmax"])
def test_thousands_of_degenerate_moments(aggregation) -> None:
    count, source = 1_000, torch.Generator().manual_seed(5)
    maps = torch.rand(count, 3, 2, 3, 4, generator=source)
    maps = maps * (torch.rand(count, 3, 2, 1, 1, generator=source) < 0.7)
    views = torch.rand(count, 3, generator=source) < 0.7
    maps[~views] = torch.nan
    maps.requires_grad_()
    net = HeatmapVolume(2, aggregation=aggregation, size=3, refine_size=2)
    found = net(maps, degenerate_cameras(count), views)
    assert found.valid.any()
    assert not found.valid[views.sum(1) < 2].any()
    for part in (found.points_world, found.points_px, found.confidence, found.covariance):
        assert torch.isfinite(part).all()
    assert not found.points_world[~found.valid].any()
    (grad,) = torch.autograd.grad(found.points_world.sum() + found.points_px.sum(), maps)
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"heatmaps": torch.zeros(2, 4, 3, 24, 40)}, "heatmaps must have shape"),
        ({"views": torch.ones(2, 3).bool()}, "views must have shape"),
    ],
)
def test_wrong_arguments_are_refused(moment, change, said) -> None:
    maps, cameras, _ = moment()
    with pytest.raises(ValueError, match=said):
        HeatmapVolume(JOINTS)(**({"heatmaps": maps, "cameras": cameras} | change))


def test_a_body_that_is_not_found_has_no_joints(moment) -> None:
    maps, cameras, _ = moment(batch=2)
    maps[1, 1:] = 0  # one view does not place a body
    found = HeatmapVolume(JOINTS, size=8).predict(maps, cameras)
    assert found.valid[0].all()
    assert not found.valid[1].any()
    assert not found.points_world[1].any()
    assert torch.isfinite(found.points_world).all()
