"""Homographies between a plane and its images, fitted robustly, and the poses they stand for."""

from __future__ import annotations

import torch
from torch import Tensor

from triangulate.geometry.rigid import Rigid

_LEAST_DETERMINANT = 1e-9


def homography_of_four(points_a: Tensor, points_b: Tensor) -> Tensor:
    """The homographies b_from_a through four pairs of points, no three of them on a line.

    Each set is the image of the projective basis (Hartley & Zisserman, 2.5); the map goes through
    that basis. Degenerate sets give a finite matrix that fits nothing.

    Args:
        points_a: (*B, 4, 2).
        points_b: (*B, 4, 2).

    Returns:
        (*B, 3, 3), up to scale.
    """
    return _from_basis(points_b) @ _adjugate(_from_basis(points_a))


def fit_homography(points_a: Tensor, points_b: Tensor, weights: Tensor) -> Tensor:
    """The weighted least-squares homographies b_from_a (normalised DLT: H & Z, algorithm 4.2).

    Args:
        points_a: (*B, N, 2).
        points_b: (*B, N, 2); any finite value where the weight is 0.
        weights: (*B, N), non-negative.

    Returns:
        (*B, 3, 3), up to scale.
    """
    to_a, a = _normalised(points_a, weights)
    to_b, b = _normalised(points_b, weights)
    x, y, u, v = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    first = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], dim=-1)
    second = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], dim=-1)
    rows = torch.cat([first, second], dim=-2)
    weighted = rows * torch.cat([weights, weights], dim=-1)[..., None]
    homography = torch.linalg.eigh(weighted.mT @ rows).eigenvectors[..., 0].unflatten(-1, (3, 3))
    return _adjugate(to_b) @ homography @ to_a


def robust_homography(
    points_a: Tensor, points_b: Tensor, observed: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Homographies b_from_a of which some pairs are plainly wrong.

    Least median of squares over minimal samples (Rousseeuw & Leroy 1987), then least squares on
    what agrees. The tolerance follows from the median, so that a lens whose bend is not known yet
    is borne with.

    Args:
        points_a: (N, 2) of the plane.
        points_b: (M, N, 2), one set a view.
        observed: (M, N); views with fewer than four pairs give an all-False agreement.
        generator: draws the samples.

    Returns:
        (M, 3, 3) and (M, N): the pairs that agree with it.
    """
    count = observed.sum(-1)
    enough = count >= 4
    samples = _draw_fours(observed, generator)  # (M, S, 4)
    a = points_a[samples]
    b = torch.gather(
        points_b[:, None].expand(-1, samples.shape[1], -1, -1),
        2,
        samples[..., None].expand(-1, -1, -1, 2),
    )
    candidates = homography_of_four(a, b)  # (M, S, 3, 3)
    error2 = _transfer_error2(candidates, points_a, points_b[:, None])
    error2 = torch.where(observed[:, None], error2, torch.inf)
    # Four of the distances vanish in every sample: the median is that of the others.
    rank = torch.minimum((count + 4) // 2, count).clamp_min(1) - 1
    middle = rank[:, None, None].expand(-1, samples.shape[1], 1)
    medians = torch.gather(error2.sort(-1).values, 2, middle)[..., 0]  # (M, S)
    best = medians.nan_to_num(torch.inf).argmin(-1)
    rows = torch.arange(len(best), device=best.device)
    homography, median2 = candidates[rows, best], medians[rows, best]
    agrees = observed & enough[:, None]
    for _ in range(3):
        # 1.48 makes the median of a normal sample its deviation; small samples look too good.
        sigma = 1.48 * (1 + 5 / (count - 3).clamp_min(1)) * median2.sqrt()
        error2 = _transfer_error2(homography, points_a, points_b)
        inside = error2 <= (2.5 * sigma).square().clamp_min(1e-12)[:, None]
        agrees = observed & enough[:, None] & inside
        use = agrees & (agrees.sum(-1) >= 4)[:, None]
        fitted = fit_homography(points_a.expand(len(points_b), -1, -1), points_b, use.to(points_b))
        homography = torch.where((use.sum(-1) >= 4)[:, None, None], fitted, homography)
        error2 = torch.where(observed, _transfer_error2(homography, points_a, points_b), torch.inf)
        median2 = torch.gather(error2.sort(-1).values, 1, middle[:, 0])[:, 0].nan_to_num(torch.inf)
    return homography, agrees


def pose_of_homography(homography: Tensor, centre: Tensor) -> Rigid:
    """cam_from_plane for homographies from a plane (z = 0) to the z = 1 plane of a camera.

    Args:
        homography: (*B, 3, 3), up to scale and sign.
        centre: (2,) or (*B, 2), a point of the plane that lies before the camera.

    Returns:
        The rigid transform whose first two columns are nearest to the homography's (Zhang 2000,
        appendix C).
    """
    depth = (homography[..., 2, :2] * centre).sum(-1) + homography[..., 2, 2]
    signed = homography * torch.where(depth < 0, -1.0, 1.0)[..., None, None]
    columns = signed[..., :2]
    length = columns.norm(dim=-2).prod(-1).clamp_min(1e-24).sqrt()
    scaled = signed / length[..., None, None]
    third = torch.linalg.cross(scaled[..., 0], scaled[..., 1], dim=-1)
    left, _, right = torch.linalg.svd(torch.cat([scaled[..., :2], third[..., None]], dim=-1))
    sign = torch.det(left @ right)
    left = torch.cat([left[..., :2], left[..., 2:] * sign[..., None, None]], dim=-1)
    return Rigid(left @ right, scaled[..., 2])


def mirrored_pose(cam_from_plane: Rigid, centre: Tensor) -> Rigid:
    """The other pose from which a plane (z = 0) looks nearly the same.

    Seen from far away, a plane and its mirror image in depth look alike: each direction on the
    plane keeps what it has across the line of sight and changes sign along it (Schweighofer &
    Pinz 2006). The point `centre` ((3,), z = 0) stays where it is.
    """
    middle = cam_from_plane.apply(centre[None])[..., 0, :]
    sight = middle / middle.norm(dim=-1, keepdim=True)
    identity = torch.eye(3, dtype=sight.dtype, device=sight.device)
    flip = identity - 2 * sight[..., :, None] * sight[..., None, :]
    back = torch.tensor([1.0, 1.0, -1.0], dtype=sight.dtype, device=sight.device)
    rotation = flip @ cam_from_plane.rotation * back
    return Rigid(rotation, middle - (rotation @ centre[..., None])[..., 0])


def _from_basis(points: Tensor) -> Tensor:
    """The map from the projective basis to four points: columns l_i p_i with sum l_i p_i = p_4."""
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1)
    columns = homogeneous[..., :3, :].mT
    weights = _adjugate(columns) @ homogeneous[..., 3, :, None]
    return columns * weights.mT


def _adjugate(matrix: Tensor) -> Tensor:
    a, b, c = matrix.unbind(-1)
    rows = [
        torch.linalg.cross(b, c, dim=-1),
        torch.linalg.cross(c, a, dim=-1),
        torch.linalg.cross(a, b, dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def _normalised(points: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The similarity that centres weighted points at distance sqrt 2, and the moved points."""
    total = weights.sum(-1).clamp_min(1e-12)[..., None]
    mean = (points * weights[..., None]).sum(-2) / total
    spread2 = ((points - mean[..., None, :]).square().sum(-1) * weights).sum(-1) / total[..., 0]
    scale = (2 / spread2.clamp_min(1e-24)).sqrt()
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)
    entries = [scale, zero, -scale * mean[..., 0], zero, scale, -scale * mean[..., 1]]
    matrix = torch.stack([*entries, zero, zero, one], dim=-1).unflatten(-1, (3, 3))
    return matrix, scale[..., None, None] * (points - mean[..., None, :])


def _draw_fours(observed: Tensor, generator: torch.Generator, num_samples: int = 64) -> Tensor:
    """Four observed points a sample, (M, N) -> (M, S, 4); any points where fewer are observed."""
    draws = torch.rand(
        len(observed), num_samples, observed.shape[1], generator=generator, dtype=torch.float32
    )
    return torch.where(observed[:, None], draws, -1.0).topk(4, dim=-1).indices


def _transfer_error2(homography: Tensor, points_a: Tensor, points_b: Tensor) -> Tensor:
    """Squared distance of the mapped points to the given ones; infinite behind the plane."""
    mapped = points_a @ homography[..., :2].mT + homography[..., None, :, 2]
    depth = mapped[..., 2]
    mostly = torch.where((depth < 0).to(depth.dtype).mean(-1, keepdim=True) > 0.5, -1.0, 1.0)
    depth = depth * mostly
    safe = torch.where(depth > _LEAST_DETERMINANT * depth.abs().amax(-1, keepdim=True), depth, 1.0)
    error2 = (mapped[..., :2] * mostly[..., None] / safe[..., None] - points_b).square().sum(-1)
    return torch.where(safe == depth, error2, torch.inf)
