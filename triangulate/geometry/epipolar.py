"""The relative pose of two cameras from what both saw, without knowing anything in 3D.

Points are on the cameras' z = 1 planes, undistorted. With b_from_a = (R, t) and |t| = 1, a point
seen at x in a and at y in b satisfies y^T [t]x R x = 0 (Hartley & Zisserman, 9.6); the length of t
cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from triangulate.geometry.rigid import Rigid, rotation_from_vector, skew

_SAMPLES = 300  # of five points: with a third of the pairs wrong, some forty are good
_KEPT = 12  # hypotheses that are refined
_JUDGES = 400  # pairs that hypotheses are judged by
_STEPS = 12
_TINY = 1e-12


def essential_of_five(points_a: Tensor, points_b: Tensor) -> tuple[Tensor, Tensor]:
    """The essential matrices of five pairs of points.

    Every combination of the four-dimensional null space of the five equations that satisfies
    2 E E^T E - tr(E E^T) E = 0 and det E = 0, ten cubics, by the eigenvectors of an action matrix
    (Stewenius, Engels & Nister 2006, "Recent developments on direct relative orientation").

    Args:
        points_a: (*B, 5, 2).
        points_b: (*B, 5, 2).

    Returns:
        (*B, 10, 3, 3) of norm 1, and (*B, 10) which of them are real.
    """
    a, b = _homogeneous(points_a), _homogeneous(points_b)
    rows = (b[..., :, None] * a[..., None, :]).flatten(-2)  # (*B, 5, 9)
    _, _, right = torch.linalg.svd(rows, full_matrices=True)
    basis = right[..., 5:, :].unflatten(-1, (3, 3))  # (*B, 4, 3, 3)
    cubics = _cubics(basis)  # (*B, 10, 20)
    # A sample that is degenerate has a singular left half: whatever comes of it is not chosen.
    left = cubics[..., :10] + _TINY * torch.eye(10, dtype=a.dtype, device=a.device)
    solved, _ = torch.linalg.solve_ex(left, cubics[..., 10:])
    solved = solved.nan_to_num(0.0, 0.0, 0.0)
    action = solved.new_zeros(*solved.shape[:-2], 10, 10)
    for row, (monomial, is_cubic) in enumerate(_TIMES_X):
        if is_cubic:
            action[..., row, :] = -solved[..., monomial, :]
        else:
            action[..., row, monomial] = 1.0
    values, vectors = torch.linalg.eig(action)
    scale = vectors[..., 9, :]  # of the monomial 1
    known = scale.abs() > _TINY
    xyz = vectors[..., 6:9, :] / torch.where(known, scale, 1.0)[..., None, :]
    is_real = (values.imag.abs() < 1e-6 * (1 + values.real.abs())) & known
    unknowns = torch.cat([xyz.real, torch.ones_like(xyz.real[..., :1, :])], dim=-2)  # (*B, 4, 10)
    found = torch.einsum("...sk,...sij->...kij", unknowns, basis)
    norm = found.flatten(-2).norm(dim=-1).clamp_min(_TINY)[..., None, None]
    return found / norm, is_real


def poses_of_essential(essential: Tensor) -> Rigid:
    """The four b_from_a with |t| = 1 that an essential matrix stands for, (*B, 3, 3) -> (*B, 4).

    Hartley & Zisserman, 9.6.2.
    """
    left, _, right = torch.linalg.svd(essential)
    left = left * torch.det(left)[..., None, None]
    right = right * torch.det(right)[..., None, None]
    turn = torch.tensor(
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        dtype=essential.dtype,
        device=essential.device,
    )
    first, second = left @ turn @ right, left @ turn.mT @ right
    baseline = left[..., 2]
    rotation = torch.stack([first, first, second, second], dim=-3)
    translation = torch.stack([baseline, -baseline, baseline, -baseline], dim=-2)
    return Rigid(rotation, translation)


def sampson(b_from_a: Rigid, points_a: Tensor, points_b: Tensor) -> Tensor:
    """The signed distance of pairs of points from meeting, on the z = 1 planes, to first order.

    Hartley & Zisserman, 11.4.3.

    Args:
        b_from_a: (*B).
        points_a: (*B, N, 2).
        points_b: (*B, N, 2).

    Returns:
        (*B, N).
    """
    return _sampson(skew(b_from_a.translation) @ b_from_a.rotation, points_a, points_b)


def depths(b_from_a: Rigid, points_a: Tensor, points_b: Tensor) -> tuple[Tensor, Tensor]:
    """How far along z the points lie in a and in b, where the two rays are nearest to each other.

    Args:
        b_from_a: (*B).
        points_a: (*B, N, 2).
        points_b: (*B, N, 2).

    Returns:
        (*B, N) depths in a and in b, in units of the translation; zero for parallel rays.
    """
    ray_a = _homogeneous(points_a) @ b_from_a.rotation.mT  # in b's axes
    ray_b = _homogeneous(points_b)
    # z_a ray_a + t = z_b ray_b in the least-squares sense
    aa, bb, ab = (ray_a * ray_a).sum(-1), (ray_b * ray_b).sum(-1), (ray_a * ray_b).sum(-1)
    at = (ray_a * b_from_a.translation[..., None, :]).sum(-1)
    bt = (ray_b * b_from_a.translation[..., None, :]).sum(-1)
    determinant = aa * bb - ab * ab
    open_ = determinant <= 1e-9 * aa * bb
    safe = torch.where(open_, 1.0, determinant)
    depth_a, depth_b = (ab * bt - bb * at) / safe, (aa * bt - ab * at) / safe
    return torch.where(open_, 0.0, depth_a), torch.where(open_, 0.0, depth_b)


def relative_pose(
    points_a: Tensor, points_b: Tensor, generator: torch.Generator
) -> tuple[Rigid, Tensor]:
    """The pose of b from a when a good part of the pairs may be wrong.

    Least median of squares over minimal samples (Rousseeuw & Leroy 1987), then reweighted
    Gauss-Newton on the best few, of which the one with the lowest robust cost is kept.

    Args:
        points_a: (N, 2), at least five, on the z = 1 plane.
        points_b: (N, 2).
        generator: draws the samples.

    Returns:
        The pose with |t| = 1, and (N,) the pairs that agree with it and lie before both cameras.
    """
    count = len(points_a)
    if count < 5:
        raise ValueError(f"points_a must hold at least 5 points, got {count}")
    lot = torch.rand(_SAMPLES, count, generator=generator, device=generator.device)
    drawn = lot.topk(5, dim=-1).indices.to(points_a.device)
    essentials, is_real = essential_of_five(points_a[drawn], points_b[drawn])
    essentials = essentials[is_real]  # (H, 3, 3)
    judges = torch.randperm(count, generator=generator, device=generator.device)[:_JUDGES]
    judges = judges.to(points_a.device)
    a, b = points_a[judges], points_b[judges]
    median = _sampson(essentials, a, b).abs().median(-1).values
    best = median.argsort()[:_KEPT]
    poses = _before_cameras(essentials[best], median[best], a, b)
    poses, cost = _refined(poses, median[best], points_a, points_b)
    chosen = poses[int(cost.argmin())]
    return chosen, agreeing(chosen, points_a, points_b)


def agreeing(b_from_a: Rigid, points_a: Tensor, points_b: Tensor) -> Tensor:
    """(N,) pairs that meet to within 2.5 of their usual distances, before both cameras."""
    distance = sampson(b_from_a, points_a, points_b).abs()
    depth_a, depth_b = depths(b_from_a, points_a, points_b)
    usual = 1.4826 * distance.median()  # the standard deviation, where it is normal
    return (distance <= 2.5 * usual.clamp_min(_TINY)) & (depth_a > 0) & (depth_b > 0)


def _before_cameras(essentials: Tensor, scale: Tensor, points_a: Tensor, points_b: Tensor) -> Rigid:
    """Of each matrix's four poses the one that has most agreeing points before both cameras."""
    poses = poses_of_essential(essentials)  # (H, 4)
    agree = _sampson(essentials, points_a, points_b).abs() <= 2.5 * 1.4826 * scale[:, None]
    depth_a, depth_b = depths(poses, points_a.expand(1, 1, -1, -1), points_b.expand(1, 1, -1, -1))
    before = (depth_a > 0) & (depth_b > 0) & agree[:, None]
    chosen = before.sum(-1).argmax(-1)
    return poses[torch.arange(len(chosen), device=chosen.device), chosen]


def _refined(
    poses: Rigid, scale: Tensor, points_a: Tensor, points_b: Tensor
) -> tuple[Rigid, Tensor]:
    """Gauss-Newton on Sampson's distance with Cauchy's weights: (H) poses and their costs (H,).

    The distance's denominator is held in each step. The scale of all is that of the best.
    """
    a, b = _homogeneous(points_a), _homogeneous(points_b)
    sigma = (1.4826 * scale.min()).clamp_min(_TINY)
    lift = 1e-9 * torch.eye(6, dtype=a.dtype, device=a.device)
    best, best_cost = poses, torch.full_like(scale, torch.inf)
    for step in range(_STEPS + 1):
        essential = skew(poses.translation) @ poses.rotation
        distance, slope = _distances(essential, points_a, points_b)
        squared = (distance / (2 * sigma)).square()
        cost = torch.log1p(squared).sum(-1)
        better = cost < best_cost
        best = _where(better, poses, best)
        best_cost = torch.where(better, cost, best_cost)
        if step == _STEPS:
            break
        turned = a @ poses.rotation.mT  # (H, N, 3)
        across = torch.linalg.cross(b.expand_as(turned), poses.translation[:, None])
        by_turn = torch.linalg.cross(turned, across)
        by_shift = torch.linalg.cross(turned, b.expand_as(turned))
        rows = torch.cat([by_turn, by_shift], dim=-1) / slope[..., None]
        weighted = rows / (1 + squared)[..., None]
        normal = weighted.mT @ rows
        along = torch.nn.functional.pad(poses.translation, (3, 0))  # its length stays
        size = normal.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None].clamp_min(_TINY)
        normal = normal + size * (along[:, :, None] * along[:, None, :] + lift)
        right = -(weighted.mT @ distance[..., None])
        move = torch.linalg.solve_ex(normal, right)[0][..., 0].nan_to_num(0.0).clamp(-0.3, 0.3)
        rotation = rotation_from_vector(move[:, :3]) @ poses.rotation
        translation = poses.translation + move[:, 3:]
        poses = Rigid(rotation, translation / translation.norm(dim=-1, keepdim=True))
    return best, best_cost


def _sampson(essential: Tensor, points_a: Tensor, points_b: Tensor) -> Tensor:
    return _distances(essential, points_a, points_b)[0]


def _distances(essential: Tensor, points_a: Tensor, points_b: Tensor) -> tuple[Tensor, Tensor]:
    """Sampson's distance and the length of the gradient it was divided by, (*B, N)."""
    a, b = _homogeneous(points_a), _homogeneous(points_b)
    there = a @ essential.mT  # lines in b
    back = b @ essential  # lines in a
    slope2 = there[..., :2].square().sum(-1) + back[..., :2].square().sum(-1)
    slope = slope2.clamp_min(_TINY**2).sqrt()
    return (there * b).sum(-1) / slope, slope


def _homogeneous(points: Tensor) -> Tensor:
    return torch.cat([points, torch.ones_like(points[..., :1])], dim=-1)


def _where(condition: Tensor, one: Rigid, other: Rigid) -> Rigid:
    return Rigid(
        torch.where(condition[:, None, None], one.rotation, other.rotation),
        torch.where(condition[:, None], one.translation, other.translation),
    )


# --- The ten cubics -------------------------------------------------------------------------------

# Exponents of x, y and z, the unknown factors of the first three basis matrices (the fourth has 1):
# ten cubics, then ten lower ones. Multiplying a lower one by x gives one of the twenty.
_MONOMIALS = [
    *[(3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 2, 0), (1, 1, 1), (1, 0, 2)],
    *[(0, 3, 0), (0, 2, 1), (0, 1, 2), (0, 0, 3)],
    *[(2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0), (0, 1, 1), (0, 0, 2)],
    *[(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)],
]


def _times_x() -> Iterator[tuple[int, bool]]:
    """For each of the ten lower monomials, which one x times it is, and whether that is a cubic."""
    for x, y, z in _MONOMIALS[10:]:
        place = _MONOMIALS.index((x + 1, y, z))
        yield place if place < 10 else place - 10, place < 10


_TIMES_X = list(_times_x())


def _places() -> list[int]:
    """Which monomial the product of the factors i, j and k is, for (i, j, k) in 4 x 4 x 4."""
    places = []
    for triple in ((i, j, k) for i in range(4) for j in range(4) for k in range(4)):
        exponents = (triple.count(0), triple.count(1), triple.count(2))
        places.append(_MONOMIALS.index(exponents))
    return places


_PLACES = _places()


def _cubics(basis: Tensor) -> Tensor:
    """Coefficients (*B, 10, 20) of the constraints, basis (*B, 4, 3, 3)."""
    squares = torch.einsum("...aij,...bkj->...abik", basis, basis)  # B_a B_b^T
    trace = squares.diagonal(dim1=-2, dim2=-1).sum(-1)
    product = 2 * torch.einsum("...abik,...ckl->...abcil", squares, basis)
    product = product - trace[..., :, :, None, None, None] * basis[..., None, None, :, :, :]
    cross = torch.linalg.cross(basis[..., :, None, 1, :], basis[..., None, :, 2, :])
    determinant = torch.einsum("...ai,...bci->...abc", basis[..., 0, :], cross)
    terms = torch.cat([product.flatten(-2), determinant[..., None]], dim=-1)  # (*B, 4, 4, 4, 10)
    terms = terms.flatten(-4, -2).mT  # (*B, 10, 64)
    places = torch.tensor(_PLACES, device=basis.device)
    return terms.new_zeros(*terms.shape[:-1], 20).index_add_(-1, places, terms)
