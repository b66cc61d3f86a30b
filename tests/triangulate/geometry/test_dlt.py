from __future__ import annotations

import importlib.util
import math
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from kornia.geometry.epipolar import triangulate_points
from torch import Tensor

from triangulate.geometry.dlt import solve_normal, triangulate_dlt

BATCHES = [(), (1,), (3, 1, 2)]
UNITS = [1.0, 1e-3, 20.0, math.inf]


def by_svd(
    points_px: Tensor, projections: Tensor, weights: Tensor, homogeneous_unit: float = 1.0
) -> Tensor:
    """The slow twin: one point after the other, as the textbook says (V, 2) -> (3,)."""
    if points_px.ndim > 2:
        projections = projections.expand(*points_px.shape[:-2], -1, -1, -1)
        rows = zip(points_px, projections, weights, strict=True)
        return torch.stack([by_svd(*row, homogeneous_unit) for row in rows])
    x, y = points_px[:, :1], points_px[:, 1:]
    p1, p2, p3 = projections.unbind(-2)
    matrix = torch.cat([weights[:, None] * (x * p3 - p1), weights[:, None] * (y * p3 - p2)])
    if math.isinf(homogeneous_unit):
        return torch.linalg.lstsq(matrix[:, :3], -matrix[:, 3:]).solution[:, 0]
    unit = matrix.new_tensor([1.0, 1.0, 1.0, 1 / homogeneous_unit])
    direction = torch.linalg.svd(matrix * unit).Vh[3]
    return homogeneous_unit * direction[:3] / direction[3]


def stereo(*x_of_centres: float) -> Tensor:
    """Cameras with K = I that look along z from points of the x axis, (V, 3, 4)."""
    projections = torch.eye(3, 4, dtype=torch.float64).repeat(len(x_of_centres), 1, 1)
    projections[:, 0, 3] = -torch.tensor(x_of_centres, dtype=torch.float64)
    return projections


class Scene:
    """Noisy pixels of points, in the layout of `triangulate_dlt`."""

    def __init__(self, ring, points_in_view, *batch: int, num_views: int = 4, sigma_px=3.0) -> None:
        source = torch.Generator().manual_seed(5)
        self.points_world = points_in_view(*batch)
        self.projections = ring(num_views).projection()
        homogeneous = torch.nn.functional.pad(self.points_world, (0, 1), value=1.0)
        image = (self.projections @ homogeneous[..., None, :, None])[..., 0]  # (*B, V, 3)
        noise = torch.randn(*batch, num_views, 2, generator=source, dtype=torch.float64)
        self.points_px = image[..., :2] / image[..., 2:] + sigma_px * noise
        self.weights = 0.2 + torch.rand(*batch, num_views, generator=source, dtype=torch.float64)


@pytest.fixture
def scene(ring, points_in_view):
    return lambda *batch, **options: Scene(ring, points_in_view, *batch, **options)


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unit", UNITS)
def test_exact_pixels_by_hand(dtype, unit) -> None:
    # (0.5, 0.2, 2) from x = 0 and x = 1
    points_px = torch.tensor([[0.25, 0.1], [-0.25, 0.1]], dtype=dtype)
    point, valid = triangulate_dlt(
        points_px, stereo(0, 1).to(dtype), torch.ones_like(points_px[:, 0]), unit
    )
    assert point.dtype == dtype
    assert valid.item() is True
    torch.testing.assert_close(point, torch.tensor([0.5, 0.2, 2], dtype=dtype), atol=1e-6, rtol=0)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 3.0)])
def test_disagreeing_views_by_hand(weights) -> None:
    """Rows x_v Z - X + c_v and y_v Z - Y, with the last coordinate fixed to 1.

    Without X and Y, (d Z - 1)^2 + e^2 Z^2 is left, up to a factor, for x and y that differ by d
    and e, whatever the weights; and Y / Z is the mean of y_v, weighted by the squares.
    """
    points_px = torch.tensor([[0.25, 0.2], [-0.25, 0.0]], dtype=torch.float64)
    w = torch.tensor(weights, dtype=torch.float64)
    point, valid = triangulate_dlt(points_px, stereo(0, 1), w, math.inf)
    d, e = 0.5, 0.2
    depth = d / (d * d + e * e)
    assert valid
    assert point[2].item() == pytest.approx(depth)
    mean_y = 0.2 * weights[0] ** 2 / (weights[0] ** 2 + weights[1] ** 2)
    assert point[1].item() == pytest.approx(depth * mean_y)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("batch", BATCHES)
def test_values_are_those_of_the_slow_twin(batch, unit, scene) -> None:
    problem = scene(*batch)
    arguments = (problem.points_px, problem.projections, problem.weights, unit)
    points_world, valid = triangulate_dlt(*arguments)
    assert points_world.shape == (*batch, 3)
    assert valid.shape == batch
    assert valid.all()
    torch.testing.assert_close(points_world, by_svd(*arguments), atol=1e-9, rtol=0)


@pytest.mark.parametrize("unit", UNITS)
def test_gradients_are_those_of_the_slow_twin(unit, scene) -> None:
    problem = scene(5)
    gradients = []
    for solve in (lambda *inputs: triangulate_dlt(*inputs)[0], by_svd):
        inputs = [problem.points_px, problem.projections, problem.weights]
        inputs = [part.clone().requires_grad_() for part in inputs]
        loss = (solve(*inputs, unit) - problem.points_world).square().sum()
        gradients.append(torch.autograd.grad(loss, inputs))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9 * theirs.abs().max().item())


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("batch", BATCHES)
def test_gradients(batch, unit, scene) -> None:
    problem = scene(*batch)
    parts = (problem.points_px, problem.projections, problem.weights)
    inputs = tuple(part.clone().requires_grad_() for part in parts)
    assert torch.autograd.gradcheck(lambda *moving: triangulate_dlt(*moving, unit)[0], inputs)


def test_single_precision_is_solved_in_double(scene) -> None:
    problem = scene(200)
    inputs = [problem.points_px, problem.projections, problem.weights]
    single = [part.float() for part in inputs]
    rounded = [part.double() for part in single]
    points_world, valid = triangulate_dlt(*single)
    assert points_world.dtype == torch.float32
    assert valid.all()
    torch.testing.assert_close(points_world, triangulate_dlt(*rounded)[0].float())
    half = [problem.points_px.bfloat16(), problem.projections, problem.weights.bfloat16()]
    assert triangulate_dlt(*half)[0].dtype == torch.bfloat16


def test_two_views_as_opencv_and_kornia(scene) -> None:
    problem = scene(30, num_views=2)
    points_world, _ = triangulate_dlt(
        problem.points_px, problem.projections, torch.ones_like(problem.weights)
    )
    first, second = problem.projections
    pixels = [problem.points_px[:, v] for v in range(2)]
    theirs = cv2.triangulatePoints(first.numpy(), second.numpy(), *(px.numpy().T for px in pixels))
    np.testing.assert_allclose(points_world, (theirs[:3] / theirs[3]).T, atol=1e-9)
    torch.testing.assert_close(points_world, triangulate_points(first, second, *pixels))


# --- Properties -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
def test_the_order_of_views_and_the_scale_of_weights_say_nothing(unit, scene) -> None:
    problem = scene(3, 2)
    expected, _ = triangulate_dlt(problem.points_px, problem.projections, problem.weights, unit)
    order = torch.tensor([2, 0, 3, 1])
    permuted, _ = triangulate_dlt(
        problem.points_px[..., order, :],
        problem.projections[order],
        1e3 * problem.weights[..., order],
        unit,
    )
    torch.testing.assert_close(permuted, expected)


def test_a_dropped_view_is_as_if_it_were_not_there(scene) -> None:
    problem = scene(3, 2)
    weights = problem.weights.clone()
    weights[..., 1] = 0
    without = torch.tensor([0, 2, 3])
    points_px = problem.points_px.clone()
    points_px[..., 1, :] = -1e6
    expected, _ = triangulate_dlt(
        problem.points_px[..., without, :], problem.projections[without], weights[..., without]
    )
    points_world, _ = triangulate_dlt(points_px, problem.projections, weights)
    torch.testing.assert_close(points_world, expected)


@pytest.mark.parametrize("batch", BATCHES)
def test_a_moved_world_moves_the_points(batch, scene, rigid_motion) -> None:
    problem, motion = scene(*batch), rigid_motion()
    square = torch.cat([motion.inverse().matrix(), torch.tensor([[0.0, 0, 0, 1]]).double()])
    arguments = (problem.points_px, problem.projections, problem.weights)
    moved = (problem.points_px, problem.projections @ square, problem.weights)
    points_world = triangulate_dlt(*arguments, math.inf)[0].reshape(-1, 3)
    torch.testing.assert_close(
        triangulate_dlt(*moved, math.inf)[0].reshape(-1, 3), motion.apply(points_world)
    )
    # With a finite unit the result hangs on the origin, but not on the axes.
    square[:3, 3] = 0
    turned = (problem.points_px, problem.projections @ square, problem.weights)
    points_world = triangulate_dlt(*arguments)[0].reshape(-1, 3)
    torch.testing.assert_close(
        triangulate_dlt(*turned)[0].reshape(-1, 3), points_world @ motion.rotation.mT
    )


@pytest.mark.parametrize("batch", BATCHES)
def test_the_unit_is_stated_once(batch, scene) -> None:
    """The same system in millimetres, solved in the same unit, is the same point."""
    problem = scene(*batch)
    in_millimetres = problem.projections * torch.tensor([1.0, 1, 1, 1000], dtype=torch.float64)
    for unit in (1.0, 1e-3, 0.3, math.inf):
        metres, _ = triangulate_dlt(problem.points_px, problem.projections, problem.weights, unit)
        millimetres, _ = triangulate_dlt(
            problem.points_px, in_millimetres, problem.weights, 1000 * unit
        )
        torch.testing.assert_close(millimetres, 1000 * metres)


def test_the_unit_matters_and_has_a_limit(scene) -> None:
    """With noise of 3 px the unit alone moves points by a millimetre."""
    problem = scene(100)
    small, large, limit = (
        triangulate_dlt(problem.points_px, problem.projections, problem.weights, unit)[0]
        for unit in (1e-3, 1e6, math.inf)
    )
    assert (small - limit).norm(dim=-1).amax() > 1e-3
    torch.testing.assert_close(large, limit, atol=1e-9, rtol=0)


def test_cameras_may_be_shared_along_any_dim(scene) -> None:
    problem = scene(3, 5)  # B J
    source = torch.Generator().manual_seed(9)
    own = problem.projections + 1e-3 * torch.randn(3, 5, 4, 3, 4, generator=source).double()
    one_rig = [problem.projections]
    one_rig += [problem.projections[None], problem.projections[None, None]]
    one_rig += [
        problem.projections.expand(3, 1, 4, 3, 4),
        problem.projections.expand(3, 5, 4, 3, 4),
    ]
    a_rig_for_each_sample = [own[:, :1], own[:, :1].expand(3, 5, 4, 3, 4)]
    a_rig_for_each_joint = [own[0], own[:1], own[:1].expand(3, 5, 4, 3, 4)]
    for same in (one_rig, a_rig_for_each_sample, a_rig_for_each_joint, [own, own.clone()]):
        results = []
        for projections in same:
            inputs = [problem.points_px.clone().requires_grad_()]
            inputs += [problem.weights.clone().requires_grad_()]
            points_world, valid = triangulate_dlt(inputs[0], projections, inputs[1])
            assert points_world.shape == (3, 5, 3)
            assert valid.shape == (3, 5)
            gradients = torch.autograd.grad(points_world.square().sum(), inputs)
            results.append((points_world, *gradients))
        for other in results[1:]:
            torch.testing.assert_close(other, results[0])
        expected = by_svd(problem.points_px, same[-1].expand(3, 5, 4, 3, 4), problem.weights)
        torch.testing.assert_close(results[0][0], expected)


def test_no_points(scene) -> None:
    problem = scene(0, 5)
    for projections in (
        problem.projections,
        torch.zeros(0, 1, 4, 3, 4),
        torch.zeros(0, 5, 4, 3, 4),
    ):
        points_world, valid = triangulate_dlt(
            problem.points_px, projections.double(), problem.weights
        )
        assert points_world.shape == (0, 5, 3)
        assert valid.shape == (0, 5)


# --- Points that the views leave open -------------------------------------------------------------

SAME_TWICE = stereo(0, 0, 1)
TURNED = torch.tensor([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]]).double()


def same_centre() -> Tensor:
    """Two cameras at (1, 2, 3), one turned, and a third elsewhere."""
    centre = torch.tensor([1.0, 2, 3], dtype=torch.float64)
    rotations = (torch.eye(3).double(), TURNED)
    both = [torch.cat([r, -(r @ centre)[:, None]], dim=-1) for r in rotations]
    return torch.stack([*both, stereo(0)[0]])


OPEN = {
    "no weight at all": ([[0.25, 0.1], [-0.25, 0.1], [0, 0]], stereo(0, 1, 2), [0, 0, 0]),
    "one view": ([[0.25, 0.1], [-0.25, 0.1], [0, 0]], stereo(0, 1, 2), [0, 1, 0]),
    "one camera twice": ([[0.25, 0.1], [0.25, 0.1], [-0.25, 0.1]], SAME_TWICE, [1, 1, 0]),
    "one camera twice, pixels apart": ([[0.25, 0.1], [0.3, 0.2], [0, 0]], SAME_TWICE, [1, 2, 0]),
    "one centre, two directions": ([[0.25, 0.1], [-0.3, 0.1], [0, 0]], same_centre(), [1, 1, 0]),
    "parallel rays": ([[0.25, 0.1], [0.25, 0.1], [0.25, 0.1]], stereo(0, 1, 2), [1, 1, 1]),
    "rays along the baseline": (
        # The second camera lies on the first one's axis.
        [[0, 0], [0, 0], [1, 1]],
        torch.stack(
            [torch.eye(3, 4), torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -1]])]
        ).double()[[0, 1, 0]],
        [1, 1, 0],
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unit", [1.0, 1e-3, math.inf])
@pytest.mark.parametrize("case", OPEN)
def test_open_points_are_masked_among_good_ones(case, unit, dtype) -> None:
    pixels, projections, weights = OPEN[case]
    good_px = torch.tensor([[0.25, 0.1], [-0.25, 0.1], [-0.75, 0.1]], dtype=dtype)
    points_px = torch.stack([good_px, torch.tensor(pixels, dtype=dtype)]).requires_grad_()
    both_weights = torch.tensor([[1.0, 1, 1], weights], dtype=dtype, requires_grad=True)
    both = torch.stack([stereo(0, 1, 2), projections]).to(dtype).requires_grad_()
    points_world, valid = triangulate_dlt(points_px, both, both_weights, unit)
    assert valid.tolist() == [True, False]
    assert points_world[1].tolist() == [0, 0, 0]
    torch.testing.assert_close(
        points_world[0], torch.tensor([0.5, 0.2, 2], dtype=dtype), atol=1e-6, rtol=0
    )
    points_world.square().sum().backward()
    for tensor in (points_px, both_weights, both):
        assert torch.isfinite(tensor.grad).all()
        assert not tensor.grad[1].any()
        assert tensor.grad[0].any()


def test_nearly_open_points_are_finite() -> None:
    """Towards infinity, whether a point is still taken or masked already."""
    disparity = torch.logspace(-1, -18, 35, dtype=torch.float64)
    x = torch.stack([torch.full_like(disparity, 0.25), 0.25 - disparity], dim=-1)
    points_px = torch.stack([x, torch.full_like(x, 0.1)], dim=-1).requires_grad_()
    for unit in UNITS:
        points_world, valid = triangulate_dlt(
            points_px, stereo(0, 1), torch.ones(35, 2).double(), unit
        )
        (grad,) = torch.autograd.grad(points_world.sum(), points_px)
        assert torch.isfinite(points_world).all()
        assert torch.isfinite(grad).all()
        assert valid[0]
        assert not valid[-1]
    exact = 1 / disparity
    taken = valid & (disparity > 1e-6)
    torch.testing.assert_close(points_world[taken, 2], exact[taken], rtol=1e-3, atol=0)


@pytest.mark.parametrize("unit", UNITS)
def test_tied_singular_values_have_a_gradient(unit) -> None:
    """Cameras evenly on a circle see its middle: two directions are as well known as each other."""
    angle = 2 * math.pi * torch.arange(4, dtype=torch.float64) / 4
    c, s, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rotation = torch.stack(
        [torch.stack(row, -1) for row in ([-s, c, zero], [zero, zero, zero - 1], [-c, -s, zero])],
        -2,
    )
    shift = torch.tensor([0.0, 0, 3], dtype=torch.float64).expand(4, 3)
    projections = torch.cat([rotation, shift[..., None]], dim=-1)
    # Exact pixels, and pixels that keep the symmetry but do not meet.
    for height in (0.0, 1e-4):
        points_px = torch.tensor([[0.0, height]], dtype=torch.float64).repeat(4, 1)
        points_px[1::2] *= -1
        p1, p2, p3 = projections.unbind(-2)
        x, y = points_px.unbind(-1)
        rows = torch.cat([x[:, None] * p3 - p1, y[:, None] * p3 - p2])
        squared = torch.linalg.svdvals(rows).square()
        assert (squared.diff().abs() < 1e-12).any()
        inputs = (points_px.requires_grad_(), torch.ones(4).double().requires_grad_())
        point, valid = triangulate_dlt(inputs[0], projections, inputs[1], unit)
        assert valid
        torch.testing.assert_close(point, torch.zeros(3).double(), atol=1e-12, rtol=0)
        assert torch.autograd.gradcheck(
            lambda px, w: triangulate_dlt(px, projections, w, unit)[0], inputs
        )


# --- The solver -----------------------------------------------------------------------------------


def entries_of(matrix: Tensor) -> Tensor:
    """(*B, 4, 4) -> (10, *B)."""
    rows, columns = torch.triu_indices(4, 4)
    return matrix[..., rows, columns].movedim(-1, 0)


def test_solver_where_all_other_eigenvalues_tie() -> None:
    matrix = torch.diag(torch.tensor([3.0, 3, 3, 1])).double()
    entries = entries_of(matrix).requires_grad_()
    point, valid = solve_normal(entries, 1.0)
    assert valid
    assert point.tolist() == [0, 0, 0]
    assert torch.autograd.gradcheck(lambda moving: solve_normal(moving, 1.0)[0], entries)


def test_solver_where_the_smallest_eigenvalue_ties() -> None:
    """Two vectors are as good as each other: none is the answer."""
    matrix = torch.diag(torch.tensor([1.0, 3, 4, 1])).double()
    entries = entries_of(matrix).requires_grad_()
    point, valid = solve_normal(entries, 1.0)
    assert not valid
    point.sum().backward()
    assert not entries.grad.any()


def test_solver_where_the_smallest_eigenvalues_nearly_tie() -> None:
    """Newton's method creeps towards such a root: these points go the other way."""
    source = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(50, 4, 4, generator=source, dtype=torch.float64))
    gap = torch.logspace(-1, -9, 50, dtype=torch.float64)
    eigenvalues = torch.stack([torch.ones(50), 1 + gap, torch.full((50,), 2), torch.full((50,), 9)])
    matrix = turn @ torch.diag_embed(eigenvalues.mT.double()) @ turn.mT
    points, valid = solve_normal(entries_of(matrix), 1.0)
    assert torch.isfinite(points).all()
    smallest = turn[..., 0]
    expected = (smallest[:, :3] / smallest[:, 3:]).mT
    sure = valid & (gap > 1e-6)
    assert sure.sum() > 25
    error = (points - expected).norm(dim=0) / (1 + expected.square().sum(0))
    assert (error[sure] < 1e-11 / gap[sure] + 1e-10).all()


def test_solver_survives_any_scale(scene) -> None:
    problem = scene()
    for power in torch.linspace(0, -180, 400, dtype=torch.float64):
        for weights in (torch.ones(4).double(), torch.tensor([1.0, 0, 0, 0]).double()):
            points_world, valid = triangulate_dlt(
                problem.points_px, problem.projections, 10**power * weights
            )
            assert torch.isfinite(points_world).all()
            assert not valid or (points_world - problem.points_world).norm() < 0.1
        if power > -45:
            assert triangulate_dlt(
                problem.points_px, problem.projections, 10**power * problem.weights
            )[1]


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, 1e200, 1e-200])
def test_solver_survives_any_numbers(value) -> None:
    for unit in (1.0, math.inf):
        entries = torch.full((10, 3), value, dtype=torch.float64)
        entries[:, 0] = entries_of(torch.eye(4).double())
        points, valid = solve_normal(entries, unit)
        assert torch.isfinite(points).all()
        assert not valid[1:].any()


# --- Wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            ((5, 4, 3), (4, 3, 4), (5, 4)),
            r"points_px must have shape \(\*B, V, 2\), got \(5, 4, 3\)",
        ),
        (((2,), (4, 3, 4), (4,)), r"points_px must have shape \(\*B, V, 2\), got \(2,\)"),
        (((5, 4, 2), (4, 3, 4), (4,)), r"weights must have shape \(5, 4\), got \(4,\)"),
        (((5, 4, 2), (4, 3, 4), (5, 3)), r"weights must have shape \(5, 4\), got \(5, 3\)"),
        (((5, 4, 2), (3, 3, 4), (5, 4)), r"projections must have shape \(\*B, 4, 3, 4\)"),
        (((5, 4, 2), (4, 4, 4), (5, 4)), r"projections must have shape \(\*B, 4, 3, 4\)"),
        (((5, 4, 2), (4, 3), (5, 4)), r"projections must have shape \(\*B, 4, 3, 4\)"),
        (((5, 4, 2), (6, 4, 3, 4), (5, 4)), r"leading dims of projections .* \(6,\) .* \(5,\)"),
        (((4, 2), (6, 4, 3, 4), (4,)), r"leading dims of projections .* \(6,\) .* \(\)"),
        (
            ((5, 4, 2), (2, 1, 4, 3, 4), (5, 4)),
            r"leading dims of projections .* \(2, 1\) .* \(5,\)",
        ),
        (((3, 5, 4, 2), (2, 1, 4, 3, 4), (3, 5, 4)), r"leading dims .* \(2, 1\) .* \(3, 5\)"),
    ],
)
def test_wrong_shapes_are_refused_by_name(shapes, message) -> None:
    with pytest.raises(ValueError, match=message):
        triangulate_dlt(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("unit", [0.0, -1.0, math.nan])
def test_wrong_units_are_refused(unit) -> None:
    with pytest.raises(ValueError, match="homogeneous_unit must be positive"):
        triangulate_dlt(torch.zeros(2, 2), stereo(0, 1), torch.ones(2), unit)


# --- Against the published implementation ---------------------------------------------------------


@pytest.fixture(scope="module")
def inputs(shared) -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity_inputs", shared.parity / "inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published(shared):
    return np.load(shared.parity / "dlt.npz")


def published_weights(confidence: Tensor) -> Tensor:
    return confidence / confidence.sum(1, keepdim=True) + 1e-5


@pytest.mark.parametrize(
    ("dtype", "atol_mm", "rtol"), [(torch.float64, 1e-6, 1e-6), (torch.float32, 1e-3, 1e-5)]
)
def test_as_published(dtype, atol_mm, rtol, inputs, published) -> None:
    """Projections are (B, V, 3, 4), pixels (B, V, J, 2), confidences (B, V, J), millimetres."""
    given = [torch.from_numpy(part).to(dtype) for part in inputs.triang_inputs(8)]
    projections, points_px, confidence, truth_mm = given
    points_px.requires_grad_(), confidence.requires_grad_()
    points_mm, valid = triangulate_dlt(
        points_px.movedim(1, 2), projections[:, None], published_weights(confidence).mT
    )
    assert valid.all()
    assert points_mm.dtype == dtype
    np.testing.assert_allclose(points_mm.detach(), published["out_f64"], atol=atol_mm, rtol=0)
    # The published float32 result itself is up to 0.061 mm from float64.
    np.testing.assert_allclose(points_mm.detach(), published["out"], atol=0.063, rtol=0)
    (0.1 * (points_mm - truth_mm)).square().mean().backward()
    for grad, name in ((points_px.grad, "grad_kp_f64"), (confidence.grad, "grad_conf_f64")):
        scale = np.abs(published[name]).max()
        np.testing.assert_allclose(grad, published[name], rtol=rtol, atol=rtol * 1e-2 * scale)


def test_as_published_without_confidence(inputs, published) -> None:
    projections, points_px, confidence, _ = map(torch.from_numpy, inputs.triang_inputs(8))
    points_mm, _ = triangulate_dlt(
        points_px.movedim(1, 2).double(),
        projections[:, None].double(),
        torch.ones_like(confidence).mT,
    )
    np.testing.assert_allclose(points_mm, published["out_no_conf"], atol=0.063, rtol=0)


def test_as_published_in_metres(inputs, published) -> None:
    """The same system in metres, told that the published one is solved in millimetres."""
    projections, points_px, confidence, _ = map(torch.from_numpy, inputs.triang_inputs(8))
    in_metres = projections.double() * torch.tensor([1.0, 1, 1, 1e-3], dtype=torch.float64)
    arguments = (
        points_px.movedim(1, 2).double(),
        in_metres[:, None],
        published_weights(confidence.double()).mT,
    )
    points_m, _ = triangulate_dlt(*arguments, homogeneous_unit=1e-3)
    np.testing.assert_allclose(1000 * points_m, published["out_f64"], atol=1e-6, rtol=0)
    elsewhere_m, _ = triangulate_dlt(*arguments, homogeneous_unit=1.0)
    assert np.abs(1000 * elsewhere_m.numpy() - published["out_f64"]).max() > 10


def test_no_wrong_root_among_many_points(inputs) -> None:
    """Iterating from a guess picked another eigenvalue once in these 17,408 points."""
    projections, points_px, confidence, _ = map(torch.from_numpy, inputs.triang_inputs(1024))
    points_px, weights = points_px.movedim(1, 2), published_weights(confidence).mT
    points_mm, valid = triangulate_dlt(
        points_px.double(), projections[0].double(), weights.double()
    )
    assert valid.all()
    p1, p2, p3 = projections[0].double().unbind(-2)
    x, y = points_px.double().unbind(-1)
    rows = torch.stack([x[..., None] * p3 - p1, y[..., None] * p3 - p2], dim=-2)
    matrix = (weights.double()[..., None, None] * rows).flatten(-3, -2)  # (B, J, 2V, 4)
    # Square and triangular first: the singular values stay, and the loop over points is shorter.
    direction = torch.linalg.svd(torch.linalg.qr(matrix).R).Vh[..., 3, :]
    exact_mm = direction[..., :3] / direction[..., 3:]
    assert (points_mm - exact_mm).norm(dim=-1).amax() < 1e-5
