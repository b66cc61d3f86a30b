from __future__ import annotations

import torch

from triangulate.synthetic.draws import seeded
from triangulate.synthetic.viewpoints import SIZE_PX, random_cameras


def scene(batch: int = 200, num_views: int = 5, seed: int = 0):
    generator = seeded(seed)
    points = 0.5 * torch.randn(batch, 17, 3, generator=generator, dtype=torch.float64) + 3
    return points, random_cameras(points, num_views, generator)


def test_cameras_are_rigid_and_see_the_points() -> None:
    points, cameras = scene()
    rotation = cameras.cam_from_world.rotation
    identity = torch.eye(3, dtype=torch.float64).expand_as(rotation)
    torch.testing.assert_close(rotation @ rotation.mT, identity)
    assert (torch.linalg.det(rotation) > 0).all()
    pixels, in_front = cameras.project(points[:, None])
    assert in_front.double().mean() > 0.999
    extent = (pixels.amax(-2) - pixels.amin(-2)).amax(-1)
    assert 0.1 * SIZE_PX < extent.quantile(0.05) < extent.quantile(0.95) < 1.3 * SIZE_PX


def test_rigs_differ_and_the_seed_decides() -> None:
    _, first = scene()
    _, again = scene()
    _, other = scene(seed=1)
    assert torch.equal(first.K, again.K)
    assert not torch.equal(first.K, other.K)
    directions = torch.nn.functional.normalize(first.centre_world - 3, dim=-1)
    widest = (directions[:, :, None] * directions[:, None]).sum(-1).amin((1, 2))
    assert widest.min() < -0.9  # some stand on opposite sides,
    assert widest.max() > 0.3  # and some all on one


def test_the_points_place_and_scale_do_not_matter() -> None:
    points = torch.randn(3, 9, 3, generator=seeded(1), dtype=torch.float64)
    near = random_cameras(points, 4, seeded(2))
    far = random_cameras(0.05 * points + 7, 4, seeded(2))
    pixels = [
        cameras.project(where[:, None])[0]
        for cameras, where in ((near, points), (far, 0.05 * points + 7))
    ]
    torch.testing.assert_close(pixels[0], pixels[1], rtol=1e-6, atol=1e-6)
