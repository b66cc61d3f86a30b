from __future__ import annotations

import pytest
import torch
from torch import Tensor

from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.synthetic.shapes import (
    BOX,
    ELLIPSOID,
    FRUSTUM,
    Shapes,
    frames_along,
    joined,
    unit,
)


def solid(kind: int, half: tuple[float, float, float], taper: float = 0.0) -> Shapes:
    """One, at the origin, upright."""
    return Shapes(
        torch.tensor([[kind]]),
        torch.zeros(1, 1, 3, dtype=torch.float64),
        torch.eye(3, dtype=torch.float64)[None, None],
        torch.tensor([[half]], dtype=torch.float64),
        torch.tensor([[taper]], dtype=torch.float64),
        torch.zeros(1, 1, 2, dtype=torch.int64),
        torch.zeros(1, 1, dtype=torch.float64),
    )


def value(shapes: Shapes, point: tuple[float, float, float]) -> float:
    diagonal, slope, constant = shapes.local_form()
    p = torch.tensor(point, dtype=torch.float64)
    return float((diagonal * p * p).sum() + 2 * slope * p[2] + constant)


def test_surfaces_by_hand() -> None:
    egg = solid(ELLIPSOID, (1, 2, 3))
    for point in ((1, 0, 0), (0, -2, 0), (0, 0, 3)):
        assert value(egg, point) == pytest.approx(0)
    assert value(egg, (0.9, 0, 0)) < 0 < value(egg, (1.1, 0, 0))
    cone = solid(FRUSTUM, (1, 2, 3), taper=0.1)  # radius 1 + 0.1 z, twice that in y
    for point in ((1, 0, 0), (1.3, 0, 3), (0.7, 0, -3), (0, 2.6, 3)):
        assert value(cone, point) == pytest.approx(0)
    for nothing in (solid(BOX, (1, 1, 1)), solid(ELLIPSOID, (0, 0, 0))):
        assert value(nothing, (0, 0, 0)) > 0


def test_grown_walls_move_by_the_margin() -> None:
    margin = torch.tensor([[0.5]], dtype=torch.float64)
    assert value(solid(ELLIPSOID, (1, 2, 3)).grown(margin), (0, 2.5, 0)) == pytest.approx(0)
    cone = solid(FRUSTUM, (1, 1, 3), taper=0.1).grown(margin)
    assert value(cone, (1.8, 0, 3)) == pytest.approx(0)
    assert cone.half[0, 0, 2] == 3.5
    assert (solid(BOX, (0, 0, 0)).grown(margin).half == 0).all()


@pytest.mark.parametrize("batch", [(1,), (3,), (3, 1, 2)])
def test_moving_keeps_points_on_the_surface(batch: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    rotation = rotation_from_vector(torch.randn(*batch, 3, dtype=torch.float64))
    move = Rigid(rotation, torch.randn(*batch, 3, dtype=torch.float64))
    egg = solid(ELLIPSOID, (1, 2, 3)).map(lambda t: t[0].expand(*batch, *t.shape[1:]))
    moved = egg.moved(move)
    tip = move.apply(torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64).expand(*batch, 1, 3))
    local = (moved.axes @ (tip - moved.centre)[..., None])[..., 0]
    assert torch.allclose(local, torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64))


def test_frames_point_along_and_near_the_hint_even_where_both_agree() -> None:
    along: Tensor = torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 0.0]])
    frames = frames_along(along, torch.tensor([[1.0, 0.0, 1.0], [3.0, 0.0, 0.0]]))
    assert torch.allclose(frames[0], torch.eye(3))
    assert torch.allclose(frames[:, 2], unit(along))
    assert torch.allclose(frames @ frames.mT, torch.eye(3).expand(2, 3, 3), atol=1e-6)
    assert torch.allclose(torch.linalg.det(frames), torch.ones(2))


def test_joining_appends() -> None:
    both = joined([solid(BOX, (1, 1, 1)), solid(ELLIPSOID, (2, 2, 2))])
    assert both.kind.tolist() == [[BOX, ELLIPSOID]]
    assert both.half[0, :, 0].tolist() == [1, 2]
