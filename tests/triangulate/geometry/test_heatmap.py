from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from kornia.geometry.subpix import dsnt, spatial_soft_argmax2d
from torch import Tensor

from triangulate.geometry.heatmap import log_softmax_maps, normalise_maps, soft_argmax_2d
from triangulate.geometry.volume import soft_argmax_3d

BATCHES = [(), (1,), (3, 1, 2)]
NORMALISE = ["softmax", "relu"]


def random_maps(*shape: int, scale: float = 3.0, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_by_hand(dtype) -> None:
    # 2 rows and 3 columns: masses 1/4 at (x, y) = (0, 0) and 3/4 at (2, 1)
    heatmap = torch.tensor([[1.0, -5, 0], [-1, 0, 3]], dtype=dtype)
    point, mass = soft_argmax_2d(heatmap, "relu")
    assert point.dtype == mass.dtype == dtype
    torch.testing.assert_close(point, torch.tensor([1.5, 0.75], dtype=dtype))
    assert mass.tolist() == [[0.25, 0, 0], [0, 0, 0.75]]
    logits = torch.full((2, 3), -torch.inf, dtype=dtype)
    logits[0, 0], logits[1, 2] = 0.0, np.log(3)
    torch.testing.assert_close(soft_argmax_2d(logits)[0], torch.tensor([1.5, 0.75], dtype=dtype))


@pytest.mark.parametrize("normalise", NORMALISE)
@pytest.mark.parametrize("batch", BATCHES)
def test_batches_are_single_maps(normalise, batch) -> None:
    heatmaps = random_maps(*batch, 5, 8)
    points, mass = soft_argmax_2d(heatmaps, normalise)
    assert points.shape == (*batch, 2)
    torch.testing.assert_close(mass.sum((-2, -1)), torch.ones(batch).double())
    for index in np.ndindex(*batch):
        torch.testing.assert_close(points[index], soft_argmax_2d(heatmaps[index], normalise)[0])


@pytest.mark.parametrize("normalise", NORMALISE)
def test_mirrored_and_turned_maps(normalise) -> None:
    heatmaps = random_maps(4, 5, 8)
    x, y = soft_argmax_2d(heatmaps, normalise)[0].unbind(-1)
    mirrored, _ = soft_argmax_2d(heatmaps.flip(-1), normalise)
    torch.testing.assert_close(mirrored, torch.stack([7 - x, y], dim=-1))
    turned, _ = soft_argmax_2d(heatmaps.mT, normalise)
    torch.testing.assert_close(turned, torch.stack([y, x], dim=-1))


def test_a_shifted_map_shifts_the_point() -> None:
    heatmaps = torch.zeros(6, 9).double()
    heatmaps[1:3, 2:5] = random_maps(2, 3).abs()
    there, _ = soft_argmax_2d(heatmaps, "relu")
    moved, _ = soft_argmax_2d(heatmaps.roll((3, 4), (0, 1)), "relu")
    torch.testing.assert_close(moved - there, torch.tensor([4.0, 3.0]).double())


def test_softmax_takes_any_level() -> None:
    heatmaps = random_maps(5, 8)
    for level in (-1e6, 1e6):
        torch.testing.assert_close(
            soft_argmax_2d(heatmaps + level)[0], soft_argmax_2d(heatmaps)[0], atol=1e-8, rtol=0
        )


def test_window_drops_the_second_mode() -> None:
    heatmap = torch.zeros(9, 20).double()
    heatmap[4, 5], heatmap[4, 6], heatmap[7, 17] = 10.0, 9.0, 9.9
    far, _ = soft_argmax_2d(heatmap)
    near, mass = soft_argmax_2d(heatmap, window=2)
    assert far[0] > 8
    assert 5 < near[0] < 6
    assert near[1] == pytest.approx(4, abs=1e-3)
    assert mass[7, 17] == 0
    torch.testing.assert_close(mass.sum(), torch.tensor(1.0).double())
    torch.testing.assert_close(soft_argmax_2d(heatmap, window=20)[0], far)


@pytest.mark.parametrize("normalise", NORMALISE)
def test_window_at_the_edge(normalise) -> None:
    heatmaps = torch.zeros(2, 6, 9).double()
    heatmaps[0, 0, 8], heatmaps[1, 5, 0] = 50.0, 50.0
    points, _ = soft_argmax_2d(heatmaps, normalise, window=1)
    torch.testing.assert_close(points, torch.tensor([[8.0, 0], [0, 5]]).double())


def test_no_mass_is_told_by_the_map() -> None:
    heatmaps = -random_maps(2, 5, 8).abs()
    heatmaps[1, 2, 3] = 1.0
    heatmaps.requires_grad_()
    for window in (None, 2):
        points, mass = soft_argmax_2d(heatmaps, "relu", window)
        assert points.tolist() == [[0, 0], [3, 2]]
        assert mass.sum((-2, -1)).tolist() == [0, 1]
        (grad,) = torch.autograd.grad(points.sum(), heatmaps)
        assert torch.isfinite(grad).all()


@pytest.mark.parametrize("window", [None, 1])
@pytest.mark.parametrize("normalise", NORMALISE)
def test_gradients(normalise, window) -> None:
    heatmaps = random_maps(2, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda maps: soft_argmax_2d(maps, normalise, window), heatmaps)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_logarithm_of_the_softmax(batch) -> None:
    maps = random_maps(*batch, 5, 8)
    torch.testing.assert_close(log_softmax_maps(maps, 2), normalise_maps(maps, 2).log())
    volumes = random_maps(*batch, 3, 4, 5)
    torch.testing.assert_close(log_softmax_maps(volumes, 3), normalise_maps(volumes, 3).log())
    assert bool(log_softmax_maps(1e4 * maps.float(), 2).isfinite().all())
    small = random_maps(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda each: log_softmax_maps(each, 2), small)


def test_as_kornia_does() -> None:
    heatmaps = random_maps(2, 3, 5, 8)
    theirs = spatial_soft_argmax2d(heatmaps, normalized_coordinates=False)
    points, mass = soft_argmax_2d(heatmaps)
    torch.testing.assert_close(points, theirs)
    torch.testing.assert_close(
        points, dsnt.spatial_expectation2d(mass, normalized_coordinates=False)
    )


def test_wrong_name_is_refused() -> None:
    with pytest.raises(ValueError, match="normalise must be 'softmax' or 'relu', got 'sigmoid'"):
        normalise_maps(random_maps(4, 5), 2, "sigmoid")  # type: ignore[arg-type]


# --- Against the published implementation ---------------------------------------------------------


@pytest.fixture(scope="module")
def published(shared):
    return np.load(shared.parity / "integrate.npz")


def test_heatmaps_as_published(published) -> None:
    heatmaps = torch.from_numpy(np.random.RandomState(11).normal(0, 1, (2, 3, 24, 32)) * 10)
    points, mass = soft_argmax_2d(heatmaps)
    np.testing.assert_allclose(points, published["c2_softmax"], atol=1e-5)
    np.testing.assert_allclose(mass, published["h2_softmax"], atol=2e-6)
    points, mass = soft_argmax_2d(heatmaps, "relu")
    np.testing.assert_allclose(points, published["c2_relu"], atol=1e-5)
    # Published "relu" divides the point by the mass, but hands the map back undivided.
    positive = heatmaps.clamp_min(0)
    np.testing.assert_allclose(positive, published["h2_relu"], atol=1e-5)
    np.testing.assert_allclose(mass * positive.sum((-2, -1), keepdim=True), positive)


def test_volumes_as_published(published) -> None:
    volumes = torch.from_numpy(np.random.RandomState(12).normal(0, 1, (2, 3, 8, 10, 12)) * 5)
    for normalise in ("softmax", "relu"):
        points, _ = soft_argmax_3d(volumes, None, normalise)
        np.testing.assert_allclose(points, published[f"c3_{normalise}"], atol=1e-5)


def test_volumes_with_coordinates_as_published(published, shared) -> None:
    spec = importlib.util.spec_from_file_location("parity_inputs", shared.parity / "inputs.py")
    inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inputs)
    coordinates_mm = torch.from_numpy(inputs.coord_volume([10, -20, 900], 2000, 8)).double()
    volumes = torch.from_numpy(np.random.RandomState(13).normal(0, 1, (2, 3, 8, 8, 8)) * 5)
    points_mm, _ = soft_argmax_3d(volumes, coordinates_mm)
    np.testing.assert_allclose(points_mm, published["cc_softmax"], atol=1e-3)
    points_mm, _ = soft_argmax_3d(volumes, coordinates_mm, "relu")
    # Published "relu" with coordinates leaves the division out: its points are mass times ours.
    # That is no point of the world, so it is not copied.
    mass = volumes.clamp_min(0).sum((-3, -2, -1))[..., None]
    np.testing.assert_allclose(points_mm * mass, published["cc_relu"], rtol=1e-4, atol=0.2)
