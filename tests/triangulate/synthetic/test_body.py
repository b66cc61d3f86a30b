from __future__ import annotations

import torch
from torch import Tensor

from triangulate.synthetic import random_pose
from triangulate.synthetic.body import SHOES, body, head_frame
from triangulate.synthetic.build import Build, joints_by_name, random_build
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import walk
from triangulate.synthetic.shapes import FRUSTUM, Shapes

WALK = torch.from_numpy(walk(seeded(0), 6, fps=4.0, height_m=1.75).positions_m)


def built(positions: Tensor, seed: int = 0) -> tuple[Shapes, Build]:
    build = random_build(Dice([seeded(seed + k) for k in range(len(positions))]), positions)
    return body(positions, build), build


def inside(shapes: Shapes, points: Tensor) -> Tensor:
    """(B, N) whether points (B, N, 3) lie in any of the solids (B, P)."""
    diagonal, slope, constant = shapes.local_form()
    local = (shapes.axes[:, None] @ (points[:, :, None] - shapes.centre[:, None])[..., None])[
        ..., 0
    ]
    value = (diagonal[:, None] * local.square()).sum(-1) + 2 * slope[:, None] * local[..., 2]
    within = value + constant[:, None] <= 0
    on_slab = local[..., 2].abs() <= shapes.half[:, None, :, 2] + 1e-9
    return (within & (on_slab | (shapes.kind != FRUSTUM)[:, None])).any(-1)


def test_joints_lie_inside_the_body() -> None:
    poses = torch.from_numpy(random_pose(seeded(1), 40))
    for positions in (WALK, poses):
        shapes, _ = built(positions)
        assert inside(shapes, positions).all()


def test_a_walker_stands_on_the_floor() -> None:
    shapes, _ = built(WALK)
    feet = torch.nonzero(shapes.material[0, :, 0] == SHOES)[:, 0]
    bottom = shapes.centre[:, feet, 2] - (
        (shapes.axes[:, feet, :, 2] * shapes.half[:, feet]).norm(dim=-1)
    )
    assert (bottom.amin(1) > -0.035).all()
    assert (bottom.amin(1) < 0.03).all()


def test_heads_look_where_walkers_go() -> None:
    joints = joints_by_name(WALK)
    frame = head_frame(joints)
    across = joints["left_hip"] - joints["right_hip"]
    ahead = torch.linalg.cross(across, torch.tensor([0.0, 0.0, 1.0]).to(across).expand_as(across))
    assert ((frame[:, 0] * ahead).sum(-1) / ahead.norm(dim=-1) > 0.9).all()
    assert (frame[:, 2, 2] > 0.95).all()
    assert torch.allclose(frame @ frame.mT, torch.eye(3).double().expand(6, 3, 3), atol=1e-6)


def test_a_body_moves_with_its_pose() -> None:
    shapes, build = built(WALK)
    shift = torch.tensor([1.0, -2.0, 0.0], dtype=torch.float64)
    moved = body(WALK + shift, build)
    assert torch.allclose(moved.centre, shapes.centre + shift)
    assert torch.allclose(moved.half, shapes.half)
