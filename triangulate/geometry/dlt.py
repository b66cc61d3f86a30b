"""Weighted linear triangulation, closed form and batched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# A symmetric 4x4 matrix [A b; b^T c] as its ten entries on and above the diagonal.
_ROW, _COLUMN = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3), (0, 1, 2, 3, 1, 2, 3, 2, 3, 3)
_NEWTON_STEPS = 12


def triangulate_dlt(
    points_px: Tensor, projections: Tensor, weights: Tensor, homogeneous_unit: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Weighted linear triangulation (Hartley & Zisserman, Multiple View Geometry, 12.2).

    Each view gives the rows w (x P_3 - P_1) and w (y P_3 - P_2); the point is the unit vector
    (X, 1) / |(X, 1)| that they move least. What "unit" means depends on the unit of the world
    (the same system lands elsewhere in metres than in millimetres), so it is stated: the world is
    measured in `homogeneous_unit` while the vector is normalised. With `math.inf` the last
    coordinate is fixed to 1 instead (12.2, "inhomogeneous method"): that result depends neither on
    the unit nor on the origin.

    The weight multiplies rows, so it acts as 1 / sigma of a pixel times depth.

    Args:
        points_px: (*B, V, 2), undistorted.
        projections: (*B, V, 3, 4), pixel from world; its leading dims broadcast.
        weights: (*B, V), non-negative; 0 drops a view, whose pixel must still be finite.
        homogeneous_unit: in units of the world, positive.

    Returns:
        (*B, 3) world points and (*B,) validity: False where fewer than two views with distinct
        centres carry weight, or where the rays leave the point open; such points are zero and pass
        no gradient. The arithmetic is float64, the result has the dtype of `points_px`.
    """
    _check(points_px, projections, weights, homogeneous_unit)
    batch = points_px.shape[:-2]
    points, weights, shared = _gather_shared_cameras(points_px, weights, projections.double())
    entries = normal_entries(points.double(), normal_basis(shared), weights.double())
    distinct = _sees_from_two_centres(weights, shared, projections.dtype)
    points_world, determined = solve_normal(entries, homogeneous_unit)
    valid = determined & distinct
    points_world = torch.where(valid, points_world, 0.0).movedim(0, -1).reshape(*batch, 3)
    return points_world.to(points_px.dtype), valid.reshape(batch)


def normal_basis(projections: Tensor) -> Tensor:
    """What `normal_entries` needs of the cameras, (*B, V, 3, 4) -> (*B, 10, 4V).

    The rows' outer products are linear in (x^2 + y^2, x, y, 1): these are the four matrices.
    """
    # The entries' rows and columns of the three rows of each matrix: 2 x 3 x (*B, V, 10)
    i1, i2, i3 = projections[..., list(_ROW)].unbind(-2)
    j1, j2, j3 = projections[..., list(_COLUMN)].unbind(-2)
    cross_x, cross_y = i3 * j1 + i1 * j3, i3 * j2 + i2 * j3
    matrices = [i3 * j3, -cross_x, -cross_y, i1 * j1 + i2 * j2]
    return torch.stack(matrices, dim=-2).flatten(-3, -2).mT


def normal_entries(points_px: Tensor, basis: Tensor, weights: Tensor) -> Tensor:
    """The normal matrix of the weighted rows.

    Args:
        points_px: (*B, V, N, 2).
        basis: (*B, 10, 4V), see `normal_basis`.
        weights: (*B, V, N).

    Returns:
        (10, *B, N): the entries on and above the diagonal of the 4x4 matrix.
    """
    x, y = points_px.unbind(-1)
    squared = weights * weights
    moments = torch.stack([squared * (x * x + y * y), squared * x, squared * y, squared], dim=-2)
    return (basis @ moments.flatten(-3, -2)).movedim(-2, 0)


def solve_normal(entries: Tensor, homogeneous_unit: float = math.inf) -> tuple[Tensor, Tensor]:
    """The point that a normal matrix S = [A b; b^T c] leaves smallest.

    X = -(A - mu I)^-1 b, where mu is the smallest eigenvalue in the given unit (0 for an infinite
    one). mu comes from Newton's method on the characteristic polynomial, started at 0: all roots of
    that polynomial are real and none is negative, so the steps cannot pass the smallest one. The
    few points where they have not arrived are left to `torch.linalg.eigvalsh`.

    Args:
        entries: (10, *B) float64, see `normal_entries`.
        homogeneous_unit: see `triangulate_dlt`.

    Returns:
        (3, *B) points and (*B,) validity; gradients are those of the closed form.
    """
    return _Solve.apply(entries, homogeneous_unit**-2)


class _Solve(torch.autograd.Function):
    """X = -(A - mu I)^-1 b with its exact derivative; both are zero where A leaves X open.

    Differentiating (A - mu I) X = -b and using d mu = v^T dS v / (v^T D v), v = (X, 1),
    D = diag(1, 1, 1, unit^2) avoids the eigenvectors' own derivative, which is not finite where
    two other eigenvalues coincide.
    """

    @staticmethod
    def forward(ctx: Any, entries: Tensor, inverse_unit2: float) -> tuple[Tensor, Tensor]:
        entries = entries.contiguous()
        xx, xy, xz, bx, yy, yz, by, zz, bz, _ = entries.unbind()
        adjugate, determinant = _adjugate3(xx, xy, xz, yy, yz, zz)
        mean = (xx + yy + zz) / 3
        tiny = torch.finfo(mean.dtype).tiny
        smallest = (1e-14 * mean**3).clamp_min(tiny)
        valid = (mean > 0) & (determinant > smallest)  # False where the mean is NaN or infinite
        if inverse_unit2 > 0:
            mu = _smallest_eigenvalue(entries, adjugate, determinant, valid, inverse_unit2)
            xx, yy, zz = xx - mu, yy - mu, zz - mu
            adjugate, determinant = _adjugate3(xx, xy, xz, yy, yz, zz)
            valid = valid & (determinant > tiny) & (adjugate[5] > 0) & (xx > 0)  # still definite
        scale = 1 / torch.where(valid, determinant, 1.0)
        inverse = torch.where(valid, torch.stack(adjugate) * scale, 0.0)
        points_world = torch.where(valid, -_times(inverse, (bx, by, bz)), 0.0)
        ctx.save_for_backward(inverse, points_world)
        ctx.inverse_unit2 = inverse_unit2
        ctx.mark_non_differentiable(valid)
        return points_world, valid

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, None]:
        inverse, points_world = ctx.saved_tensors
        h = _times(inverse, grad.unbind())
        norm2 = ctx.inverse_unit2 * points_world.square().sum(0) + 1
        kappa = ctx.inverse_unit2 * (h * points_world).sum(0) / norm2
        v = [*points_world.unbind(), torch.ones_like(kappa)]
        u = [kappa * part for part in v]
        u[:3] = [part - other for part, other in zip(u, h, strict=False)]
        # An entry off the diagonal stands for two.
        by_entry = [
            u[i] * v[i] if i == j else u[i] * v[j] + u[j] * v[i]
            for i, j in zip(_ROW, _COLUMN, strict=True)
        ]
        return torch.stack(by_entry), None


def _smallest_eigenvalue(
    entries: Tensor,
    adjugate: tuple[Tensor, ...],
    determinant: Tensor,
    wanted: Tensor,
    inverse_unit2: float,
) -> Tensor:
    """The smallest root mu of det(S - mu D), D = diag(1, 1, 1, unit^2), where it is `wanted`.

    With b^T adj(A - mu) b = q0 - q1 mu + q2 mu^2 and det(A - mu) = d0 - d1 mu + d2 mu^2 - mu^3,
    det(S - mu D) / unit^2 = p0 - p1 mu + p2 mu^2 - p3 mu^3 + mu^4.
    """
    xx, xy, xz, bx, yy, yz, by, zz, bz, c = entries.unbind()
    b = (bx, by, bz)
    d0, d1, d2 = determinant, adjugate[0] + adjugate[3] + adjugate[5], xx + yy + zz
    q2 = bx * bx + by * by + bz * bz
    q0 = _dot(b, _times(adjugate, b))
    q1 = d2 * q2 - _dot(b, _times((xx, xy, xz, yy, yz, zz), b))
    p0, p1 = (c * d0 - q0) * inverse_unit2, (c * d1 - q1) * inverse_unit2 + d0
    p2, p3 = (c * d2 - q2) * inverse_unit2 + d1, c * inverse_unit2 + d2
    # Far below the smallest eigenvalue of A, but not below the rounding of S.
    tolerance = 1e-11 * d0 / d1 + 4 * torch.finfo(d2.dtype).eps * d2
    mu = torch.zeros_like(d2)
    for _ in range(_NEWTON_STEPS):
        value = p0 - mu * (p1 - mu * (p2 - mu * (p3 - mu)))
        slope = p1 - mu * (2 * p2 - mu * (3 * p3 - 4 * mu))
        step = (value / slope).clamp_min(0)
        mu = mu + step
        late = wanted & ~(step <= tolerance)
        if not bool(late.any()):
            return mu
    mu[late] = _eigenvalue_by_lapack(entries[:, late], inverse_unit2)
    return mu


def _eigenvalue_by_lapack(entries: Tensor, inverse_unit2: float) -> Tensor:
    scale = entries.new_tensor([1.0, 1.0, 1.0, math.sqrt(inverse_unit2)])
    matrix = entries.new_zeros(*entries.shape[1:], 4, 4)
    for entry, i, j in zip(entries, _ROW, _COLUMN, strict=True):
        matrix[..., i, j] = matrix[..., j, i] = entry * scale[i] * scale[j]
    return torch.linalg.eigvalsh(matrix)[..., 0].clamp_min(0)


def _adjugate3(
    xx: Tensor, xy: Tensor, xz: Tensor, yy: Tensor, yz: Tensor, zz: Tensor
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The adjugate of a symmetric 3x3 matrix, as entries in the same order, and the determinant."""
    a_xx, a_xy, a_xz = yy * zz - yz * yz, yz * xz - xy * zz, xy * yz - yy * xz
    a_yy, a_yz, a_zz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    return (a_xx, a_xy, a_xz, a_yy, a_yz, a_zz), xx * a_xx + xy * a_xy + xz * a_xz


def _times(symmetric: Sequence[Tensor] | Tensor, vector: Sequence[Tensor]) -> Tensor:
    """A symmetric 3x3 matrix by its six entries, times a vector by its three: (3, *B)."""
    xx, xy, xz, yy, yz, zz = symmetric
    x, y, z = vector
    return torch.stack(
        [xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z]
    )


def _dot(a: Sequence[Tensor], b: Sequence[Tensor] | Tensor) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _check(
    points_px: Tensor, projections: Tensor, weights: Tensor, homogeneous_unit: float
) -> None:
    if points_px.ndim < 2 or points_px.shape[-1] != 2:
        raise ValueError(f"points_px must have shape (*B, V, 2), got {tuple(points_px.shape)}")
    *batch, num_views, _ = points_px.shape
    if weights.shape != points_px.shape[:-1]:
        raise ValueError(
            f"weights must have shape {(*batch, num_views)}, got {tuple(weights.shape)}"
        )
    if projections.shape[-3:] != (num_views, 3, 4):
        raise ValueError(
            f"projections must have shape (*B, {num_views}, 3, 4), got {tuple(projections.shape)}"
        )
    leading = projections.shape[:-3]
    pairs = zip(reversed(leading), reversed(batch), strict=False)
    fits = math.prod(leading[: max(0, len(leading) - len(batch))]) == 1
    if not fits or any(given not in (1, wanted) for given, wanted in pairs):
        raise ValueError(
            f"the leading dims of projections must broadcast to those of points_px: "
            f"{tuple(leading)} does not fit {tuple(batch)}"
        )
    if not homogeneous_unit > 0:
        raise ValueError(f"homogeneous_unit must be positive, got {homogeneous_unit}")


def _gather_shared_cameras(
    points_px: Tensor, weights: Tensor, projections: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Bring points that share their cameras together, so that one matrix product serves them all.

    Returns:
        points (*B', V, N, 2), weights (*B', V, N) and projections (*B', V, 3, 4).
    """
    leading = projections.shape[:-3]
    if math.prod(leading) == 1:  # one rig for everything
        return (
            points_px.flatten(0, -3).movedim(0, 1) if points_px.ndim > 2 else points_px[:, None],
            weights.flatten(0, -2).mT if weights.ndim > 1 else weights[:, None],
            projections.reshape(projections.shape[-3:]),
        )
    if leading[-1] == 1 and points_px.ndim - 2 >= len(leading):  # the last leading dim shares
        return points_px.movedim(-3, -2), weights.mT, projections.squeeze(-4)
    return points_px[..., None, :], weights[..., None], projections


def _sees_from_two_centres(weights: Tensor, projections: Tensor, dtype: torch.dtype) -> Tensor:
    """(*B, V, N), (*B, V, 3, 4) -> (*B, N): two weighted views stand apart."""
    with torch.no_grad():
        m1, m2, m3 = projections[..., :3].unbind(-2)
        adjugate = torch.stack(
            [torch.linalg.cross(a, b) for a, b in ((m2, m3), (m3, m1), (m1, m2))], dim=-1
        )
        determinant = (m1 * adjugate[..., 0]).sum(-1)[..., None]
        moved = -(adjugate @ projections[..., 3:])[..., 0]
        centres = moved / torch.where(determinant == 0, 1.0, determinant)  # (*B, V, 3)
        apart = (centres[..., :, None, :] - centres[..., None, :, :]).norm(dim=-1)
        tolerance = 64 * torch.finfo(dtype).eps * centres.norm(dim=-1).amax(-1)[..., None, None]
        seen = (weights > 0).to(projections.dtype)
        distinct = (apart > tolerance).to(projections.dtype)
        return (seen * (distinct @ seen)).sum(-2) > 0
