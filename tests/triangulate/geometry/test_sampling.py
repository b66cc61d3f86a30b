from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.sampling import Sampler

WIDTH, HEIGHT = 18, 12


def on_map(cameras: Camera) -> Camera:
    """Cameras of images of 1280 x 720, resized to the maps."""
    return cameras.resized(torch.tensor([WIDTH / 1280, HEIGHT / 720], dtype=torch.float64))


def sampler(maps: Tensor, cameras: Camera, sampling: str = "exact") -> Sampler:
    """Of one sample: (V, C, h, w)."""
    batch = cameras.map(lambda field: field[None])
    return Sampler.of(maps[None], batch, torch.zeros(1, 3).double(), sampling)


def seen_at(cameras: Camera, points_px: Tensor, depth_m: float = 3.0) -> Tensor:
    """World points on the viewing rays of pixels, (V, N, 2) -> (V, N, 3)."""
    origins, directions, valid = cameras.rays(points_px)
    assert valid.all()
    return origins[:, None] + depth_m * directions


def plain(K: Tensor, coefficients: Tensor | None = None, lens: str = "radtan") -> Camera:
    """One camera at the world's origin, along z."""
    given = torch.zeros(1, 0) if coefficients is None else coefficients[None]
    motion = Rigid(torch.eye(3).double()[None], torch.zeros(1, 3).double())
    return Camera(K.double()[None], Lens.of(lens, given.double()), motion)


def test_by_hand() -> None:
    camera = plain(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]))
    maps = torch.tensor([[[[1.0, 2, 3], [5, 7, 11]]]]).double()
    points = torch.tensor(
        [
            [0.0, 0, 1],  # the first cell's centre
            [4, 2, 2],  # the last one's
            [0.5, 0, 1],  # between two
            [1.5, 0.25, 1],  # among four
            [-0.25, 0, 1],  # a quarter of a cell outside
            [-1, 0, 1],
            [2, 2, 1],
            [0, 0, -1],  # behind
            [0, 0, 0],
        ]
    )
    found = sampler(maps, camera).by_view(points.double()[None]).flatten()
    among = 0.75 * 2.5 + 0.25 * 9
    assert found.tolist() == pytest.approx([1, 11, 1.5, among, 0.75, 0, 0, 0, 0])


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
def test_a_cell_is_found_where_its_centre_projects_to(ring, lens) -> None:
    of_images = ring(3, lens)
    cameras = on_map(of_images)
    maps = torch.zeros(3, 1, HEIGHT, WIDTH).double()
    maps[:, 0, 7, 11] = 1.0
    cell = torch.tensor([11.0, 7.0]).double().expand(3, 1, 2)
    # By the image's camera: cell (11, 7) covers the pixels around ((11 + 0.5) 1280 / 18 - 0.5, ...)
    pixel = (cell + 0.5) * torch.tensor([1280 / WIDTH, 720 / HEIGHT], dtype=torch.float64) - 0.5
    points = seen_at(of_images, pixel)[:, 0]  # one for each view
    found = sampler(maps, cameras).by_view(points[None])[0, :, :, 0]
    torch.testing.assert_close(found.diagonal(), torch.ones(3).double())


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye"])
def test_the_whole_image_is_seen(ring, lens) -> None:
    cameras = on_map(ring(2, lens))
    maps = torch.ones(2, 1, HEIGHT, WIDTH).double()
    x, y = torch.meshgrid(
        torch.linspace(0, WIDTH - 1, 50), torch.linspace(0, HEIGHT - 1, 30), indexing="ij"
    )
    pixels = torch.stack([x, y], dim=-1).reshape(-1, 2).double().expand(2, -1, 2)
    for view, points in enumerate(seen_at(cameras, pixels)):
        found = sampler(maps, cameras).by_view(points[None])[0, :, view]
        torch.testing.assert_close(found, torch.ones_like(found))


def test_a_lens_that_folds_over_shows_nothing_twice() -> None:
    # r (1 - 0.3 r^2) rises to r = 1.054 and falls to 0 at r = 1.826.
    camera = plain(torch.tensor([[10.0, 0, 8.5], [0, 10, 5.5], [0, 0, 1]]), torch.tensor([-0.3]))
    points = torch.tensor([[[0.2, 0, 1], [1.82, 0, 1], [1.5, 0.9, 1], [0, 1.8, 1]]]).double()
    points_px, in_front = camera.project(points[0])
    assert in_front.all()
    assert (points_px[0, 1] - torch.tensor([8.5, 5.5])).abs().max() < 0.5  # its formula says so
    found = sampler(torch.ones(1, 1, HEIGHT, WIDTH).double(), camera).by_view(points)
    assert found.flatten().tolist() == pytest.approx([1, 0, 0, 0])


def test_views_are_added_up(ring) -> None:
    cameras, source = on_map(ring(3)), torch.Generator().manual_seed(0)
    maps = torch.randn(3, 2, HEIGHT, WIDTH, generator=source, dtype=torch.float64)
    points = torch.randn(1, 30, 3, generator=source, dtype=torch.float64)
    lookup = sampler(maps, cameras)
    torch.testing.assert_close(lookup.together(points), lookup.by_view(points).sum(2))


def test_both_ways_to_the_maps_gradient_agree(ring) -> None:
    cameras, source = on_map(ring(3)), torch.Generator().manual_seed(0)
    maps = torch.randn(3, 2, HEIGHT, WIDTH, generator=source, dtype=torch.float64)
    maps.requires_grad_()
    points = torch.randn(1, 30, 3, generator=source, dtype=torch.float64)
    weight = torch.randn(1, 30, 2, generator=source, dtype=torch.float64)

    def gradient(*, through_points: bool) -> Tensor:
        given = points.clone().requires_grad_(through_points)
        found = sampler(maps, cameras).together(given)
        return torch.autograd.grad((found * weight).sum(), maps)[0]

    own, of_torch = gradient(through_points=False), gradient(through_points=True)
    torch.testing.assert_close(own, of_torch)
    assert own.any()


def test_published_sampling_by_hand() -> None:
    camera = plain(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]), torch.tensor([0.5]))
    maps = torch.arange(24.0).reshape(1, 1, 4, 6).double()  # 6 x 4 cells: value = x + 6 y
    points = torch.tensor([[[2.0, 1.5, 1.0]]]).double()
    # x = 2 (6 - 1) / 4 and y = 1.5 (4 - 1) / 6, and the lens does not bend
    found = sampler(maps, camera, "published").by_view(points)
    assert found.item() == pytest.approx(2.5 + 6 * 0.75)


def test_cameras_need_not_be_where_the_world_begins(ring) -> None:
    cameras = on_map(ring(2))
    maps = torch.rand(2, 1, HEIGHT, WIDTH)
    shift = torch.tensor([3e5, -4e5, 100.0]).double()
    motion = cameras.cam_from_world
    away = replace(
        cameras,
        cam_from_world=Rigid(motion.rotation, motion.translation - motion.rotation @ shift),
    )
    points = torch.rand(1, 40, 3).double()
    here = sampler(maps, cameras).by_view(points)
    batch = away.map(lambda field: field[None])
    there = Sampler.of(maps[None], batch, (points + shift).mean(1)).by_view(points + shift)
    torch.testing.assert_close(here, there, atol=1e-4, rtol=0)
