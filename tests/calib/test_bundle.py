from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from calib.bundle import adjust, moved_state, normal_equations
from calib.losses import TUKEY_WIDTH, cauchy, least_squares, tukey
from calib.projection import jacobians, residuals
from calib.unknowns import Free, Prior, State, Target, Views
from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS
from triangulate.geometry.rigid import Rigid, rotation_from_vector

V, F, N = 3, 5, 12
TYPICAL = {
    "radtan": [-0.2, 0.08, 0.001, -0.002, 0.02],
    "rational": [0.2, 0.08, 0.001, -0.002, 0.02, 0.3, 0.1, 0.01],
    "fisheye": [-0.03, 0.006, -0.003, 0.0005],
}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scene(lenses: tuple[str, ...] = LENS_MODELS) -> tuple[State, Target, Views]:
    """Cameras of every lens before a flat target; the views hold the exact pixels."""
    intrinsics = torch.zeros(V, 12, dtype=torch.float64)
    intrinsics[:, :4] = torch.tensor([800.0, 1.01, 325.0, 236.0])
    for v, lens in enumerate(lenses):
        intrinsics[v, 4 : 4 + LENS_COEFFICIENTS[lens]] = torch.tensor(
            TYPICAL[lens], dtype=torch.float64
        )
    away = torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    state = State(
        intrinsics,
        torch.tensor([0.0, 0.4, 0.0], dtype=torch.float64),
        torch.tensor([LENS_MODELS.index(lens) for lens in lenses]),
        Rigid(rotation_from_vector(0.2 * draw(V, 3)), 0.1 * draw(V, 3, seed=1) + away),
        Rigid(rotation_from_vector(0.4 * draw(F, 3, seed=2)), 0.2 * draw(F, 3, seed=3)),
        torch.zeros(3, dtype=torch.float64),
        torch.zeros(V, dtype=torch.float64),
    )
    flat = torch.nn.functional.pad(0.4 * draw(N, 2, seed=4), (0, 1))
    target = Target.of(flat)
    camera, frame = torch.arange(V).repeat_interleave(F), torch.arange(F).repeat(V)
    views = Views(
        torch.zeros(V * F, N, 2, dtype=torch.float64),
        torch.ones(V * F, N, dtype=torch.float64),
        camera,
        frame,
    )
    return state, target, replace(views, points_px=-residuals(state, target, views)[0])


def sigma() -> Tensor:
    return torch.full((V,), 0.3, dtype=torch.float64)


def every_intrinsic(state: State) -> Tensor:
    widths = torch.tensor([LENS_COEFFICIENTS[name] for name in LENS_MODELS])
    has = torch.arange(12) < 4 + widths[state.lens_model][:, None]
    return torch.where(has, torch.arange(V * 12).reshape(V, 12), -1)


def all_free(state: State, **options: object) -> Free:
    return Free.of(every_intrinsic(state), torch.arange(V) > 0, F, **options)


@pytest.mark.parametrize("lenses", [LENS_MODELS, *((lens,) * 3 for lens in LENS_MODELS)])
def test_jacobians_are_the_derivatives_that_autodiff_finds(lenses) -> None:
    state, target, views = scene(lenses)
    state = replace(state, bow=0.02 * draw(3, seed=5), late_s=0.01 * draw(V, seed=6))
    views = replace(views, velocity_px=50 * draw(V * F, N, 2, seed=7))

    def predicted(
        intrinsics: Tensor, camera: Tensor, board: Tensor, bow: Tensor, late: Tensor
    ) -> Tensor:
        def turned(pose: Rigid, step: Tensor) -> Rigid:
            rotation = rotation_from_vector(step[:, :3]) @ pose.rotation
            return Rigid(rotation, pose.translation + step[:, 3:])

        moved = replace(
            state,
            intrinsics=state.intrinsics + intrinsics,
            cam_from_world=turned(state.cam_from_world, camera),
            world_from_target=turned(state.world_from_target, board),
            bow=state.bow + bow,
            late_s=state.late_s + late,
        )
        return -residuals(moved, target, views)[0]

    zeros = [torch.zeros(*shape, dtype=torch.float64) for shape in ((V, 12), (V, 6), (F, 6))]
    zeros += [torch.zeros(count, dtype=torch.float64) for count in (3, V)]
    automatic = torch.autograd.functional.jacobian(predicted, tuple(zeros))
    each = torch.arange(V * F)
    expected = {
        "intrinsics": automatic[0][each, :, :, views.camera],
        "camera": automatic[1][each, :, :, views.camera],
        "target": automatic[2][each, :, :, views.target],
        "bow": automatic[3],
        "late_s": automatic[4][each, :, :, views.camera, None],
    }
    # Coefficients that a lens does not have are padding: nobody refines them.
    has = (every_intrinsic(state) >= 0)[views.camera][:, None, None]
    expected["intrinsics"] = torch.where(has, expected["intrinsics"], 0.0)
    found = jacobians(state, target, views)
    found["intrinsics"] = torch.where(has, found["intrinsics"], 0.0)
    for name, values in expected.items():
        scale = values.abs().amax((0, 1, 2), keepdim=True).clamp_min(1e-12)
        assert float(((found[name] - values) / scale).abs().max()) < 1e-6, name


def test_the_schur_complement_gives_the_step_of_the_whole_system() -> None:
    state, target, views = scene()
    views = replace(views, points_px=views.points_px + draw(V * F, N, 2, seed=8))
    free = all_free(state)
    prior = Prior.none(state.intrinsics)
    normal = normal_equations(state, target, views, free, sigma(), prior, least_squares)
    kept, blocks = normal.cross.shape[1], F * 6
    whole = torch.zeros(kept + blocks, kept + blocks, dtype=torch.float64)
    whole[:kept, :kept] = normal.matrix
    whole[:kept, kept:] = normal.cross.transpose(0, 1).reshape(kept, blocks)
    whole[kept:, :kept] = whole[:kept, kept:].mT
    for f in range(F):
        at = slice(kept + 6 * f, kept + 6 * f + 6)
        whole[at, at] = normal.blocks[f]
    right = torch.cat([normal.vector, normal.block_vectors.flatten()])
    whole += 1e-4 * torch.diag(whole.diagonal())
    scale = whole.diagonal().rsqrt()
    unit = torch.linalg.solve(scale[:, None] * whole * scale, scale * right) * scale
    step, poses = normal.solve(1e-4)
    torch.testing.assert_close(step, unit[:kept], rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(poses.flatten(), unit[kept:], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("eliminate_cameras", [False, True])
def test_what_was_disturbed_comes_back(eliminate_cameras: bool) -> None:
    state, target, views = scene()
    if eliminate_cameras:
        labels = torch.full((V, 12), -1)
        free = Free.of(labels, torch.ones(V, dtype=torch.bool), F, eliminate_cameras=True)
    else:
        free = all_free(state)
    step = 0.01 * draw(free.count, seed=9)
    poses = 0.01 * draw(V if eliminate_cameras else F, 6, seed=10)
    if not eliminate_cameras:
        step = step * torch.where(torch.arange(free.count) < int(free.intrinsics.max()) + 1, 0.1, 1)
    moved = moved_state(state, free, step, poses)
    assert float(residuals(moved, target, views)[0].norm(dim=-1).mean()) > 1
    found = adjust(moved, target, views, free, sigma(), max_steps=60, tolerance=1e-14)
    assert float(residuals(found.state, target, views)[0].abs().max()) < 1e-6
    if not eliminate_cameras:  # the gauge is held: the very same state
        torch.testing.assert_close(
            found.state.cam_from_world.translation,
            state.cam_from_world.translation,
            atol=1e-6,
            rtol=0,
        )


def test_free_points_are_targets_of_one_corner() -> None:
    state, _, _ = scene(("radtan",) * 3)
    points = 0.3 * draw(20, 3, seed=11)
    identity = torch.eye(3, dtype=torch.float64).expand(20, 3, 3)
    state = replace(state, world_from_target=Rigid(identity, points))
    corner = Target(torch.zeros(1, 3, dtype=torch.float64), torch.zeros(1, 3, 3).double())
    camera, point = torch.arange(V).repeat_interleave(20), torch.arange(20).repeat(V)
    views = Views(torch.zeros(60, 1, 2).double(), torch.ones(60, 1).double(), camera, point)
    views = replace(views, points_px=-residuals(state, corner, views)[0])
    free = Free.of(
        torch.full((V, 12), -1), torch.tensor([False, False, True]), 20, points_only=True
    )
    shaken = replace(state, world_from_target=Rigid(identity, points + 0.05 * draw(20, 3, seed=12)))
    found = adjust(shaken, corner, views, free, sigma(), tolerance=1e-14)
    torch.testing.assert_close(found.state.world_from_target.translation, points, atol=1e-8, rtol=0)
    assert torch.equal(found.state.world_from_target.rotation, identity)


def test_shared_intrinsics_stay_equal_and_fixed_ones_stay() -> None:
    state, target, views = scene(("radtan",) * 3)
    views = replace(views, points_px=views.points_px + 0.3 * draw(V * F, N, 2, seed=13))
    labels = torch.arange(12).expand(V, 12).clone()
    labels[:, 9:] = -1  # radtan has no more
    labels[:, 2:4] = -1
    free = Free.of(labels, torch.arange(V) > 0, F)
    assert free.count == 7 + 12
    found = adjust(state, target, views, free, sigma()).state.intrinsics
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[:, 2:4], state.intrinsics[:, 2:4])
    assert not torch.equal(found[:, 0], state.intrinsics[:, 0])


def test_a_prior_pulls_a_shared_parameter_once() -> None:
    state, target, views = scene(("radtan",) * 3)
    labels = torch.full((V, 12), -1)
    labels[:, 0] = 0
    free = Free.of(labels, torch.arange(V) > 0, F)
    weak = Prior(state.intrinsics, torch.zeros_like(state.intrinsics))
    strong = Prior(state.intrinsics + 1, torch.full_like(state.intrinsics, 5.0))
    without = normal_equations(state, target, views, free, sigma(), weak, least_squares)
    with_it = normal_equations(state, target, views, free, sigma(), strong, least_squares)
    assert float(with_it.matrix[0, 0] - without.matrix[0, 0]) == pytest.approx(5.0, rel=1e-6)
    assert float(with_it.vector[0] - without.vector[0]) == pytest.approx(5.0, rel=1e-6)


def test_far_points_have_no_say_under_tukey() -> None:
    state, target, views = scene()
    spoilt = views.points_px.clone()
    spoilt[::3, 0] += 40
    free = all_free(state)
    found = adjust(state, target, replace(views, points_px=spoilt), free, sigma(), loss=tukey)
    torch.testing.assert_close(
        found.state.cam_from_world.translation, state.cam_from_world.translation, atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("loss", [least_squares, cauchy, tukey])
def test_weights_are_the_slopes_of_the_losses(loss) -> None:
    squared = torch.linspace(0, 1.5 * TUKEY_WIDTH**2, 50, dtype=torch.float64, requires_grad=True)
    cost, weight = loss(squared)
    (slope,) = torch.autograd.grad(cost.sum(), squared)
    torch.testing.assert_close(weight.detach(), slope)


def test_points_behind_a_camera_cost_and_do_not_pull() -> None:
    state, target, views = scene()
    behind = replace(
        state,
        world_from_target=Rigid(
            state.world_from_target.rotation,
            state.world_from_target.translation - torch.tensor([0.0, 0.0, 9.0]).double(),
        ),
    )
    _, in_front = residuals(behind, target, views)
    assert not bool(in_front.any())
    prior = Prior.none(state.intrinsics)
    normal = normal_equations(behind, target, views, all_free(state), sigma(), prior, cauchy)
    assert float(normal.vector.abs().max()) == 0
    assert bool(torch.isfinite(normal.matrix).all())


def test_the_larger_family_alone_can_be_eliminated_whole() -> None:
    with pytest.raises(ValueError, match="no fixed members"):
        Free.of(torch.full((V, 12), -1), torch.arange(V) > 0, F, eliminate_cameras=True)


def test_a_bent_target_by_hand() -> None:
    corners = torch.tensor([[-3.0, -4, 0], [3, -4, 0], [-3, 4, 0], [3, 4, 0], [0, 0, 0]]).double()
    target = Target.of(corners)
    flat = target.bowed(torch.zeros(3).double())
    assert torch.equal(flat, corners)
    # By u^2 + v^2 the corners, one reach from the middle, leave the plane by one unit.
    bent = target.bowed(torch.tensor([0.5, 0.0, 0.5]).double())
    height = (bent - corners)[:, 2].abs()
    torch.testing.assert_close(height, torch.tensor([0.5, 0.5, 0.5, 0.5, 0]).double())
