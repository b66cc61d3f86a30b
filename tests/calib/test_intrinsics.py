from __future__ import annotations

import pytest
import torch

from calib.intrinsics import start_cameras
from calib.problem import pose_problem


def started(made, lens: str, known: bool = False):
    problem = pose_problem(
        made.observations,
        made.scene.target_m,
        lens=lens,
        intrinsics=made.rig if known else None,
        start=None,
        share=None,
        fix=None,
        reference=None,
    )
    return problem, start_cameras(
        problem.state,
        problem.target,
        problem.views,
        problem.labels,
        problem.prior,
        problem.known,
        torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye"])
def test_each_camera_finds_its_lens_by_itself(filmed, lens) -> None:
    made = filmed(0, 4, 40, lens=lens, outliers=0.1)
    _, alone = started(made, lens)
    true = made.rig.cameras.K[:, 0, 0]
    assert float((alone.state.intrinsics[:, 0] / true - 1).abs().max()) < 0.05
    assert float((alone.sigma_px - 0.3).abs().max()) < 0.05
    assert bool(alone.usable.all())


def test_known_lenses_are_not_touched(filmed) -> None:
    made = filmed(0, 4, 20)
    problem, alone = started(made, "radtan", known=True)
    assert torch.equal(alone.state.intrinsics, problem.state.intrinsics)
    torch.testing.assert_close(alone.state.cameras().K, made.rig.cameras.K)
    # The poses are those that the rig has to the board, in units of its size.
    pose = made.rig.cameras.cam_from_world
    views = problem.views
    board = torch.from_numpy(made.scene.world_from_board_rotation)[views.target]
    expected = pose.rotation[views.camera] @ board
    turned = expected @ problem.plane_from_target.rotation.mT
    apart = (alone.state.world_from_target.rotation - turned).abs().amax((-2, -1))
    assert float(apart.median()) < 0.01
