from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from kornia.geometry.calibration import distort_points, undistort_points
from torch import Tensor

from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS, Lens

# The door to its stopping rule has another name before OpenCV 5.
OPENCV_UNDISTORT = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
BATCHES = [(), (1,), (3, 1, 2)]
TYPICAL = {
    "radtan": [-0.28, 0.09, 0.001, -0.0008, -0.012],
    "rational": [0.3, 0.05, 0.001, -0.0008, 0.004, 0.45, 0.1, 0.006],
    "fisheye": [-0.03, 0.006, -0.003, 0.0005],
}


def lens(model: str, *batch: int, dtype=torch.float64) -> Lens:
    coefficients = torch.tensor(TYPICAL[model], dtype=dtype)
    return Lens.of(model, coefficients.expand(*batch, len(coefficients)).contiguous())


def mixed_lens() -> Lens:
    single = [lens(model) for model in LENS_MODELS]
    return Lens(
        torch.stack([part.model for part in single]),
        torch.stack([part.coefficients for part in single]),
    )


def plane(*batch: int, count: int = 40, reach: float = 0.6, dtype=torch.float64) -> Tensor:
    """Points of the z = 1 plane, wider than high, (*batch, count, 2)."""
    source = torch.Generator().manual_seed(3)
    unit = torch.rand(*batch, count, 2, generator=source, dtype=torch.float64)
    return ((2 * unit - 1) * torch.tensor([reach, 0.7 * reach])).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_radtan_by_hand(dtype) -> None:
    # r^2 = 0.25 + 0.0625; s = 1 + 0.1 r^2 + 0.01 r^4 + 0.001 r^6; tangential with p1, p2
    k = torch.tensor([0.1, 0.01, 0.002, 0.003, 0.001], dtype=dtype)
    x, y, r2 = 0.5, 0.25, 0.3125
    s = 1 + 0.1 * r2 + 0.01 * r2**2 + 0.001 * r2**3
    expected = [
        x * s + 2 * 0.002 * x * y + 0.003 * (r2 + 2 * x * x),
        y * s + 0.002 * (r2 + 2 * y * y) + 2 * 0.003 * x * y,
    ]
    bent = Lens.of("radtan", k).distort(torch.tensor([[x, y]], dtype=dtype))
    assert bent.dtype == dtype
    torch.testing.assert_close(bent, torch.tensor([expected], dtype=dtype))


def test_rational_by_hand() -> None:
    k = torch.tensor([0.2, 0, 0, 0, 0, 0.5, 0, 0], dtype=torch.float64)
    bent = Lens.of("rational", k).distort(torch.tensor([[2.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(bent, torch.tensor([[2 * 1.8 / 3, 0.0]], dtype=torch.float64))


def test_fisheye_by_hand() -> None:
    # 45 degrees off the axis lie at pi / 4 (1 + k1 pi^2 / 16)
    model = Lens.of("fisheye", torch.tensor([0.1], dtype=torch.float64))
    bent = model.distort(torch.tensor([[0.0, -1.0]], dtype=torch.float64))
    angle = math.pi / 4
    torch.testing.assert_close(
        bent, torch.tensor([[0.0, -angle * (1 + 0.1 * angle**2)]], dtype=torch.float64)
    )


def test_zero_coefficients_bend_nothing() -> None:
    points = plane()
    for model in ("radtan", "rational"):
        flat = Lens.of(model, torch.zeros(0, dtype=torch.float64))
        assert torch.equal(flat.distort(points), points)
        back, valid = flat.undistort(points)
        assert valid.all()
        assert torch.equal(back, points)


@pytest.mark.parametrize("model", LENS_MODELS)
@pytest.mark.parametrize("batch", BATCHES)
def test_undistort_inverts_distort(model: str, batch) -> None:
    points = plane(*batch)
    back, valid = lens(model, *batch).undistort(lens(model, *batch).distort(points))
    assert valid.all()
    torch.testing.assert_close(back, points, atol=1e-12, rtol=0)


@pytest.mark.parametrize("model", LENS_MODELS)
def test_undistort_in_single_precision(model: str) -> None:
    points = plane(dtype=torch.float32)
    single = lens(model, dtype=torch.float32)
    back, valid = single.undistort(single.distort(points))
    assert back.dtype == torch.float32
    assert valid.all()
    torch.testing.assert_close(back, points, atol=2e-6, rtol=0)


def test_models_mix_in_one_batch() -> None:
    points = plane(3)
    bent = mixed_lens().distort(points)
    back, valid = mixed_lens().undistort(bent)
    slopes = mixed_lens().jacobian(points)
    assert valid.all()
    for v, model in enumerate(LENS_MODELS):
        torch.testing.assert_close(bent[v], lens(model).distort(points[v]), atol=1e-15, rtol=0)
        torch.testing.assert_close(slopes[v], lens(model).jacobian(points[v]))
    torch.testing.assert_close(back, points, atol=1e-12, rtol=0)


@pytest.mark.parametrize("model", LENS_MODELS)
def test_jacobian_is_the_derivative(model: str) -> None:
    points = torch.cat([plane(count=6), torch.zeros(1, 2, dtype=torch.float64)])
    by_autograd = torch.autograd.functional.jacobian(
        lambda moving: lens(model).distort(moving).sum(0), points
    )  # (2, N, 2)
    torch.testing.assert_close(lens(model).jacobian(points), by_autograd.movedim(0, 1))


@pytest.mark.parametrize("model", ["radtan", "rational"])
def test_distorts_as_opencv_does(model: str) -> None:
    points = plane().numpy()
    coefficients = np.array(TYPICAL[model])
    homogeneous = np.concatenate([points, np.ones_like(points[:, :1])], axis=-1)
    theirs, _ = cv2.projectPoints(homogeneous, np.zeros(3), np.zeros(3), np.eye(3), coefficients)
    ours = lens(model).distort(torch.from_numpy(points))
    np.testing.assert_allclose(ours, theirs[:, 0], atol=1e-14)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-14)
    eye = np.eye(3)
    back = OPENCV_UNDISTORT(theirs, eye, coefficients, R=eye, P=eye, criteria=criteria)
    undistorted, valid = lens(model).undistort(torch.from_numpy(theirs[:, 0]))
    assert valid.all()
    np.testing.assert_allclose(undistorted, back[:, 0], atol=1e-9)


def test_fisheye_as_opencv_does() -> None:
    points = plane(reach=2.0).numpy()
    coefficients = np.array(TYPICAL["fisheye"])
    theirs = cv2.fisheye.distortPoints(points[:, None], np.eye(3), coefficients)[:, 0]
    ours = lens("fisheye").distort(torch.from_numpy(points))
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    back = cv2.fisheye.undistortPoints(theirs[:, None], np.eye(3), coefficients)[:, 0]
    undistorted, valid = lens("fisheye").undistort(torch.from_numpy(theirs))
    assert valid.all()
    np.testing.assert_allclose(undistorted, back, atol=1e-6)


@pytest.mark.parametrize("model", ["radtan", "rational"])
def test_as_kornia_does(model: str) -> None:
    points, eye = plane(1), torch.eye(3, dtype=torch.float64)[None]
    coefficients = torch.tensor([TYPICAL[model]], dtype=torch.float64)
    theirs = distort_points(points, eye, coefficients)
    torch.testing.assert_close(lens(model, 1).distort(points), theirs)
    back = undistort_points(theirs, eye, coefficients, num_iters=60)
    torch.testing.assert_close(lens(model, 1).undistort(theirs)[0], back, atol=1e-9, rtol=0)


@pytest.mark.parametrize("model", LENS_MODELS)
def test_gradients(model: str) -> None:
    coefficients = torch.tensor(TYPICAL[model], dtype=torch.float64, requires_grad=True)
    # On the axis as well, where the fisheye's quotients are 0 / 0.
    points = torch.cat([plane(count=4), torch.zeros(1, 2, dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda k, moving: Lens.of(model, k).distort(moving), (coefficients, points)
    )
    assert torch.autograd.gradcheck(
        lambda k, moving: Lens.of(model, k).undistort(moving)[0], (coefficients, points)
    )


def test_what_the_lens_cannot_show_is_not_valid() -> None:
    # x (1 - 0.3 x^2) is never above 0.703: 0.7 has a place, 0.72 and 5 have none.
    barrel = Lens.of("radtan", torch.tensor([-0.3], dtype=torch.float64))
    bent = torch.tensor([[0.7, 0.0], [0.72, 0.0], [0.0, 5.0]], dtype=torch.float64)
    points, valid = barrel.undistort(bent.requires_grad_())
    assert valid.tolist() == [True, False, False]
    assert torch.isfinite(points).all()
    torch.testing.assert_close(barrel.distort(points)[0], bent[0])
    points[valid].sum().backward()
    assert torch.isfinite(bent.grad).all()


def test_fisheye_beyond_a_half_space_is_not_valid() -> None:
    flat = Lens.of("fisheye", torch.zeros(4, dtype=torch.float64))
    points, valid = flat.undistort(torch.tensor([[1.5, 0.0], [2.0, 0.0]], dtype=torch.float64))
    assert valid.tolist() == [True, False]
    assert torch.isfinite(points).all()
    assert points[0, 0] == pytest.approx(math.tan(1.5))


def test_no_points() -> None:
    for model in LENS_MODELS:
        points, valid = lens(model).undistort(plane(count=0))
        assert points.shape == (0, 2)
        assert valid.shape == (0,)


def test_wrong_use_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="radtan, rational, fisheye"):
        Lens.of("brown", torch.zeros(5))
    for model, count in LENS_COEFFICIENTS.items():
        with pytest.raises(ValueError, match=f"{model} lens has {count} coefficients"):
            Lens.of(model, torch.zeros(count + 1))


@pytest.mark.parametrize("model", [*LENS_MODELS, "mixed"])
def test_the_derivative_by_the_coefficients_is_autodiffs(model) -> None:
    some = mixed_lens() if model == "mixed" else lens(model, 3)
    points = plane(3)
    points[:, 0] = 0.0  # on the axis
    points[:, 1] = 1e-6

    def bent(coefficients: Tensor) -> Tensor:
        return Lens(some.model, coefficients).distort(points)

    automatic = torch.autograd.functional.jacobian(bent, some.coefficients)
    each = torch.arange(3)
    expected = automatic[each, :, :, each]
    widths = torch.tensor([LENS_COEFFICIENTS[name] for name in LENS_MODELS])[some.model]
    has = torch.arange(8) < widths[:, None]
    expected = torch.where(has[:, None, None], expected, 0.0)
    found = some.coefficient_jacobian(points)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)
