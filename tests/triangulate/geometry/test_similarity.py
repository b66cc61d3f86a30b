from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.geometry.similarity import Similarity, align

BATCHES = [(), (1,), (3, 1, 2)]
TETRAHEDRON = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).double()


def similarity(rigid_motion, *batch: int) -> Similarity:
    rigid = rigid_motion(*batch)
    scale = 0.5 + torch.rand(batch, generator=torch.Generator().manual_seed(8)).double()
    return Similarity(scale, rigid.rotation, rigid.translation)


def noisy(points: Tensor, size: float = 0.05) -> Tensor:
    source = torch.Generator().manual_seed(6)
    return points + size * torch.randn(points.shape, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_by_hand(dtype) -> None:
    # Twice as large, a quarter turn about z, and a step of (5, 6, 7)
    points_a = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=dtype)
    points_b = torch.tensor([[5.0, 8, 7], [3, 6, 7], [5, 6, 9], [5, 6, 7]], dtype=dtype)
    b_from_a, valid = align(points_a, points_b)
    assert valid
    assert b_from_a.rotation.dtype == b_from_a.scale.dtype == dtype
    assert b_from_a.scale.item() == pytest.approx(2, rel=1e-6)
    expected = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=dtype)
    torch.testing.assert_close(b_from_a.rotation, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(b_from_a.translation, torch.tensor([5.0, 6, 7], dtype=dtype))
    torch.testing.assert_close(b_from_a.apply(points_a), points_b, atol=1e-5, rtol=0)


def test_one_axis_by_hand() -> None:
    """Points stretched by 1, 2 and 3 along their axes: the scale is the mean of the stretches."""
    axes = torch.eye(3, dtype=torch.float64)
    points_a = torch.cat([axes, -axes])
    b_from_a, _ = align(points_a, points_a * torch.tensor([1.0, 2, 3]))
    assert b_from_a.scale.item() == pytest.approx(2)
    torch.testing.assert_close(b_from_a.rotation, axes, atol=1e-12, rtol=0)


@pytest.mark.parametrize("batch", BATCHES)
def test_exact_points_give_the_transform_back(batch, rigid_motion, points_in_view) -> None:
    truth, points_a = similarity(rigid_motion, *batch), points_in_view(*batch, 6)
    found, valid = align(points_a, truth.apply(points_a))
    assert valid.shape == batch
    assert valid.all()
    for name in ("scale", "rotation", "translation"):
        torch.testing.assert_close(getattr(found, name), getattr(truth, name))


@pytest.mark.parametrize("with_scale", [False, True])
@pytest.mark.parametrize("batch", BATCHES)
def test_moved_points_move_the_transform(batch, with_scale, rigid_motion, points_in_view) -> None:
    points_a = points_in_view(*batch, 6)
    points_b = noisy(points_a)
    motion = rigid_motion(*batch)
    found, _ = align(points_a, points_b, with_scale=with_scale)
    moved, _ = align(points_a, motion.apply(points_b), with_scale=with_scale)
    torch.testing.assert_close(moved.apply(points_a), motion.apply(found.apply(points_a)))
    torch.testing.assert_close(moved.scale, found.scale)
    if not with_scale:
        assert (found.scale == 1).all()


def test_nothing_near_is_better(rigid_motion, points_in_view) -> None:
    points_a = points_in_view(6)
    truth = similarity(rigid_motion)
    points_b = noisy(truth.apply(points_a))
    weights = torch.rand(6, generator=torch.Generator().manual_seed(1)).double()

    def cost(transform: Similarity) -> float:
        return (weights * (transform.apply(points_a) - points_b).square().sum(-1)).sum().item()

    best, _ = align(points_a, points_b, weights)
    for seed in range(20):
        nudge = rigid_motion(seed=seed)
        small = 1e-3 * (nudge.rotation - nudge.rotation.mT)
        turned = best.rotation @ torch.linalg.matrix_exp(small)
        shifted = best.translation + 1e-3 * nudge.translation
        for other in (
            Similarity(best.scale, turned, best.translation),
            Similarity(best.scale, best.rotation, shifted),
            Similarity(best.scale * (1 + 1e-3 * (-1) ** seed), best.rotation, best.translation),
        ):
            assert cost(other) > cost(best)


def test_weights_are_repetitions_and_zero_is_absence(points_in_view) -> None:
    points_a = points_in_view(5)
    points_b = noisy(points_a)
    weights = torch.tensor([1.0, 2, 0, 3, 1], dtype=torch.float64)
    repeated = torch.tensor([0, 1, 1, 3, 3, 3, 4])
    expected, _ = align(points_a[repeated], points_b[repeated])
    points_b[2] = 1e6
    found, _ = align(points_a, points_b, 10 * weights)
    torch.testing.assert_close(found.apply(points_a), expected.apply(points_a))


def test_a_mirror_image_is_turned_not_mirrored(points_in_view) -> None:
    points_a = points_in_view(7)
    mirrored = points_a * torch.tensor([1.0, 1, -1])
    found, valid = align(points_a, mirrored)
    assert valid
    assert torch.linalg.det(found.rotation).item() == pytest.approx(1)


def test_a_flat_set_is_enough(rigid_motion, points_in_view) -> None:
    points_a = points_in_view(5) * torch.tensor([1.0, 1, 0])
    truth = similarity(rigid_motion)
    found, valid = align(points_a, truth.apply(points_a))
    assert valid
    torch.testing.assert_close(found.rotation, truth.rotation)


def test_aligns_as_opencv_does(rigid_motion, points_in_view) -> None:
    points_a = points_in_view(8)
    points_b = noisy(similarity(rigid_motion).apply(points_a))
    theirs, scale = cv2.estimateAffine3D(points_a.numpy(), points_b.numpy(), force_rotation=True)
    found, _ = align(points_a, points_b)
    assert found.scale.item() == pytest.approx(scale)
    np.testing.assert_allclose(found.rotation, theirs[:, :3], atol=1e-9)


OPEN = {
    "one point": torch.ones(4, 3).double(),
    "on a line": torch.arange(4).double()[:, None] * torch.tensor([1.0, 2, 3]),
    # Its mirror image could lie any way round.
    "mirrored symmetric set": -TETRAHEDRON,
}


@pytest.mark.parametrize("case", OPEN)
def test_open_rotations_are_masked_among_good_ones(case, points_in_view) -> None:
    points_b = torch.stack([2 * TETRAHEDRON, OPEN[case]]).requires_grad_()
    points_a = TETRAHEDRON.expand(2, 4, 3).clone().requires_grad_()
    for first, second in ((points_a, points_b), (points_b, points_a)):
        found, valid = align(first, second)
        assert valid.tolist() == [True, False]
        assert found.scale[1] == 1
        assert torch.equal(found.rotation[1], torch.eye(3).double())
        assert not found.translation[1].any()
        gradients = torch.autograd.grad(found.apply(points_a.detach()).sum(), (points_a, points_b))
        assert all(torch.isfinite(grad).all() for grad in gradients)
    weights = torch.zeros(2, 4).double()
    weights[0] = 1
    assert align(points_a, points_b, weights)[1].tolist() == [True, False]


@pytest.mark.parametrize("with_scale", [False, True])
def test_gradients(with_scale, points_in_view) -> None:
    points_a, fixed = points_in_view(2, 5), points_in_view(2, 3)
    inputs = (points_a, noisy(points_a), 0.1 + points_in_view(2, 5)[..., 0].abs())
    inputs = tuple(part.requires_grad_() for part in inputs)

    def moved(a: Tensor, b: Tensor, w: Tensor) -> Tensor:
        found, _ = align(a, b, w, with_scale=with_scale)
        return torch.cat([found.apply(fixed).flatten(), found.scale])

    assert torch.autograd.gradcheck(moved, inputs)


@pytest.mark.parametrize("with_scale", [False, True])
def test_gradients_where_singular_values_tie(with_scale) -> None:
    """A regular body spreads evenly: the singular vectors are open, the rotation is not."""
    points_a = TETRAHEDRON.clone().requires_grad_()
    c, s = math.cos(0.3), math.sin(0.3)
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]]).double()
    points_b = (TETRAHEDRON @ turn.mT).requires_grad_()

    def moved(a: Tensor, b: Tensor) -> Tensor:
        return align(a, b, with_scale=with_scale)[0].apply(TETRAHEDRON)

    assert torch.autograd.gradcheck(moved, (points_a, points_b))
