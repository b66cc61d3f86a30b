from __future__ import annotations

from dataclasses import replace

import torch

from calib.intrinsics import default_intrinsics
from calib.poses import identity_poses, refine_poses
from calib.projection import residuals
from calib.unknowns import State, Target, Views
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.synthetic.boards import board_grid


def test_each_pose_finds_its_own_way_back() -> None:
    source = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    count = 20
    size = torch.tensor([[1280.0, 720.0]], dtype=torch.float64)
    model = torch.zeros(1, dtype=torch.int64)
    away = torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64)
    truth = Rigid(rotation_from_vector(0.4 * draw(count, 3)), 0.1 * draw(count, 3) + away)
    state = State(
        default_intrinsics(size, model),
        torch.zeros(1, dtype=torch.float64),
        model,
        identity_poses(1),
        truth,
        torch.zeros(3, dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
    )
    target = Target.of(torch.from_numpy(board_grid() - board_grid().mean(0)))
    views = Views(
        torch.zeros(count, 54, 2, dtype=torch.float64),
        torch.ones(count, 54, dtype=torch.float64),
        torch.zeros(count, dtype=torch.int64),
        torch.arange(count),
    )
    views = replace(views, points_px=-residuals(state, target, views)[0])
    shaken = Rigid(
        rotation_from_vector(0.2 * draw(count, 3)) @ truth.rotation,
        truth.translation + 0.05 * draw(count, 3),
    )
    # One view holds nonsense; the others must not wait for it.
    views.points_px[7] = 1000 * torch.rand(54, 2, generator=source, dtype=torch.float64)
    found, cost = refine_poses(
        replace(state, world_from_target=shaken), target, views, torch.ones(1).double(), steps=15
    )
    good = torch.arange(count) != 7
    apart = found.world_from_target.translation - truth.translation
    assert float(apart[good].abs().max()) < 1e-6
    assert float(cost[good].max()) < 1e-6 < float(cost[7])
