"""Lens models: how the z = 1 plane is bent before the calibration matrix maps it to pixels.

All three models are OpenCV's, with its order of coefficients:

* ``radtan``: k1 k2 p1 p2 k3 (Brown 1966, "Decentering distortion of lenses");
* ``rational``: k1 k2 p1 p2 k3 k4 k5 k6, the radial part divided by 1 + k4 r^2 + k5 r^4 + k6 r^6;
* ``fisheye``: k1 k2 k3 k4 on the angle to the axis (Kannala & Brandt 2006, "A generic camera model
  and calibration method for conventional, wide-angle and fish-eye lenses"). Points lie in front of
  the camera: fields of view stay below 180 degrees.

Each bends a point x of the plane to ``s(|x|^2) x + tangential(x)``; the models differ in s.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields

LENS_MODELS = ("radtan", "rational", "fisheye")
LENS_COEFFICIENTS = {"radtan": 5, "rational": 8, "fisheye": 4}
MAX_COEFFICIENTS = 8

_FISHEYE = LENS_MODELS.index("fisheye")
_RATIONAL = LENS_MODELS.index("rational")
_NEWTON_STEPS = 20


@dataclass(frozen=True)
class Lens(TensorFields):
    """A lens per camera; different models may share one batch.

    Attributes:
        model: (*B,) int64, an index into `LENS_MODELS`.
        coefficients: (*B, 8), the model's coefficients, padded with zeros.
    """

    model: Tensor
    coefficients: Tensor

    @classmethod
    def of(cls, model: str, coefficients: Tensor) -> Lens:
        """One model for the whole batch.

        Args:
            model: a name out of `LENS_MODELS`.
            coefficients: (*B, n) with n at most the model's number; the rest are zero.
        """
        if model not in LENS_MODELS:
            raise ValueError(f"model must be one of {', '.join(LENS_MODELS)}, not {model!r}")
        *batch, given = coefficients.shape
        if given > LENS_COEFFICIENTS[model]:
            raise ValueError(
                f"a {model} lens has {LENS_COEFFICIENTS[model]} coefficients, got {given}"
            )
        padding = coefficients.new_zeros(*batch, MAX_COEFFICIENTS - given)
        index = torch.full(batch, LENS_MODELS.index(model), device=coefficients.device)
        return cls(index, torch.cat([coefficients, padding], dim=-1))

    def distort(self, points_n: Tensor) -> Tensor:
        """Bend points of the z = 1 plane, (*B, N, 2) -> (*B, N, 2)."""
        x, y = points_n.unbind(-1)
        scale, _, p1, p2 = self._terms(x, y)
        return torch.stack(_bend(x, y, scale, p1, p2), dim=-1)

    def jacobian(self, points_n: Tensor) -> Tensor:
        """The derivative of `distort`, (*B, N, 2) -> (*B, N, 2, 2); symmetric for all models."""
        x, y = points_n.unbind(-1)
        xx, xy, yy = _slopes(x, y, *self._terms(x, y))
        return torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2))

    def coefficient_jacobian(self, points_n: Tensor) -> Tensor:
        """The derivative of `distort` by the coefficients, (*B, N, 2) -> (*B, N, 2, 8).

        Zero for coefficients that the model does not have.
        """
        x, y = points_n.unbind(-1)
        r2 = x * x + y * y
        fisheye = (self.model == _FISHEYE)[..., None]
        plane = self._plane_coefficient_slopes(x, y, r2)
        if not bool(fisheye.any()):
            return plane
        angle = _fisheye_coefficient_slopes(r2)  # (*B, N, 4)
        bent = torch.stack([angle * x[..., None], angle * y[..., None]], dim=-2)
        padded = torch.nn.functional.pad(bent, (0, MAX_COEFFICIENTS - 4))
        return torch.where(fisheye[..., None, None], padded, plane)

    def _plane_coefficient_slopes(self, x: Tensor, y: Tensor, r2: Tensor) -> Tensor:
        """`coefficient_jacobian` of radtan and rational lenses."""
        k = self.coefficients[..., None, :].unbind(-1)
        scale, _ = _rational_scale(r2, k)
        below = 1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7]))
        below = torch.where(below.abs() < 1e-6, 1e-6, below)
        powers = torch.stack([r2, r2 * r2, r2 * r2 * r2], dim=-1) / below[..., None]
        is_rational = (self.model == _RATIONAL)[..., None, None]
        under = torch.where(is_rational, -scale[..., None] * powers, 0.0)
        x_xy, y_xy = r2 + 2 * x * x, r2 + 2 * y * y
        xy = 2 * x * y
        p_x, p_y = torch.stack([xy, x_xy], dim=-1), torch.stack([y_xy, xy], dim=-1)
        rows = [
            torch.cat([at * powers[..., :2], p, at * powers[..., 2:], at * under], dim=-1)
            for at, p in ((x[..., None], p_x), (y[..., None], p_y))
        ]
        return torch.stack(rows, dim=-2)

    def undistort(self, points_d: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of `distort`, by Newton's method.

        Args:
            points_d: (*B, N, 2) bent points.

        Returns:
            (*B, N, 2) points of the z = 1 plane and (*B, N) validity: False where the model folds
            over, so that no point in front of the camera bends to the given one. Gradients are
            those of the implicit function, exact to first order.
        """
        x_d, y_d = (part.contiguous() for part in points_d.unbind(-1))
        with torch.no_grad():
            x, y = self._start(x_d, y_d)
            xx, xy, yy = _slopes(x, y, *self._terms(x, y))
            determinant = xx * yy - xy * xy
            folded = determinant <= 1e-6
            inverse = torch.where(folded, 0.0, 1 / torch.where(folded, 1.0, determinant))
        # One more Newton step, differentiable in the target and the coefficients.
        scale, _, p1, p2 = self._terms(x, y)
        bent_x, bent_y = _bend(x, y, scale, p1, p2)
        error_x, error_y = bent_x - x_d, bent_y - y_d
        step_x, step_y = yy * error_x - xy * error_y, xx * error_y - xy * error_x
        points_n = torch.stack([x - step_x * inverse, y - step_y * inverse], dim=-1)
        with torch.no_grad():
            reach = torch.finfo(x_d.dtype).eps ** 0.4 * (1 + x_d.abs() + y_d.abs())
            valid = ~folded & (error_x.abs() < reach) & (error_y.abs() < reach)
        return points_n, valid

    def _start(self, x_d: Tensor, y_d: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's iterates, so close that one more step reaches full precision."""
        fisheye = self.model == _FISHEYE
        if bool(fisheye.all()):
            return self._newton_angle(x_d, y_d)
        x, y = self._newton_plane(x_d, y_d)
        if not bool(fisheye.any()):
            return x, y
        bent_x, bent_y = self._newton_angle(x_d, y_d)
        is_fisheye = fisheye[..., None]
        return torch.where(is_fisheye, bent_x, x), torch.where(is_fisheye, bent_y, y)

    def _newton_plane(self, x_d: Tensor, y_d: Tensor) -> tuple[Tensor, Tensor]:
        x, y = x_d, y_d
        tolerance = torch.finfo(x_d.dtype).eps ** 0.3
        for _ in range(_NEWTON_STEPS):
            scale, slope, p1, p2 = self._terms(x, y)
            bent_x, bent_y = _bend(x, y, scale, p1, p2)
            xx, xy, yy = _slopes(x, y, scale, slope, p1, p2)
            error_x, error_y = bent_x - x_d, bent_y - y_d
            inverse = 1 / (xx * yy - xy * xy).clamp_min(0.05)
            step_x = ((yy * error_x - xy * error_y) * inverse).clamp(-0.5, 0.5)
            step_y = ((xx * error_y - xy * error_x) * inverse).clamp(-0.5, 0.5)
            x, y = x - step_x, y - step_y
            if not step_x.numel() or float((step_x.abs() + step_y.abs()).amax()) < tolerance:
                break
        return x, y

    def _newton_angle(self, x_d: Tensor, y_d: Tensor) -> tuple[Tensor, Tensor]:
        r_d = torch.hypot(x_d, y_d).clamp_min(torch.finfo(x_d.dtype).tiny ** 0.5)
        k = self.coefficients[..., None, :4].unbind(-1)
        angle = r_d.clamp_max(1.5)
        for _ in range(_NEWTON_STEPS):
            value, slope = _angle_polynomial(angle, k)
            angle = (angle - (value - r_d) / slope.clamp_min(0.05)).clamp(0.0, 1.57)
        stretch = torch.tan(angle) / r_d
        return x_d * stretch, y_d * stretch

    def _terms(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """s, ds / d(r^2), p1 and p2 at the points."""
        r2 = x * x + y * y
        fisheye = (self.model == _FISHEYE)[..., None]
        k = self.coefficients[..., None, :].unbind(-1)  # 8 x (*B, 1)
        if bool(fisheye.all()):
            scale, slope = _fisheye_scale(r2, k[:4])
            return scale, slope, torch.zeros_like(k[0]), torch.zeros_like(k[0])
        scale, slope = _rational_scale(r2, k)
        if not bool(fisheye.any()):
            return scale, slope, k[2], k[3]
        bent, bent_slope = _fisheye_scale(r2, k[:4])
        p1, p2 = (torch.where(fisheye, 0.0, p) for p in k[2:4])
        return torch.where(fisheye, bent, scale), torch.where(fisheye, bent_slope, slope), p1, p2


def _bend(x: Tensor, y: Tensor, scale: Tensor, p1: Tensor, p2: Tensor) -> tuple[Tensor, Tensor]:
    r2 = x * x + y * y
    stretch = scale + 2 * (p1 * y + p2 * x)
    return x * stretch + p2 * r2, y * stretch + p1 * r2


def _slopes(
    x: Tensor, y: Tensor, scale: Tensor, slope: Tensor, p1: Tensor, p2: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The entries xx, xy, yy of the symmetric Jacobian of `_bend`."""
    p1_y, p2_x = p1 * y, p2 * x
    xx = scale + 2 * (slope * x * x + p1_y + 3 * p2_x)
    yy = scale + 2 * (slope * y * y + 3 * p1_y + p2_x)
    return xx, 2 * (slope * x * y + p1 * x + p2 * y), yy


def _rational_scale(r2: Tensor, k: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    k1, k2, _, _, k3, k4, k5, k6 = k
    above = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    above_slope = k1 + r2 * (2 * k2 + r2 * 3 * k3)
    if not bool((k4 != 0).any() | (k5 != 0).any() | (k6 != 0).any()):
        return above, above_slope
    below = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    below_slope = k4 + r2 * (2 * k5 + r2 * 3 * k6)
    below = torch.where(below.abs() < 1e-6, 1e-6, below)
    scale = above / below
    return scale, (above_slope - scale * below_slope) / below


def _angle_polynomial(angle: Tensor, k: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The bent angle, angle (1 + k1 angle^2 + ... + k4 angle^8), and its derivative."""
    k1, k2, k3, k4 = k
    a2 = angle * angle
    value = angle * (1 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))))
    return value, 1 + a2 * (3 * k1 + a2 * (5 * k2 + a2 * (7 * k3 + a2 * 9 * k4)))


def _fisheye_scale(r2: Tensor, k: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    near = r2 < torch.finfo(r2.dtype).eps ** 0.5  # there the quotients cancel: use the series
    safe_r2 = torch.where(near, 1.0, r2)
    r = safe_r2.sqrt()
    bent, bent_slope = _angle_polynomial(torch.atan(r), k)
    scale = bent / r
    slope = (bent_slope / (1 + safe_r2) - scale) / (2 * safe_r2)
    near_slope = k[0] - 1 / 3
    return torch.where(near, 1 + near_slope * r2, scale), torch.where(near, near_slope, slope)


def _fisheye_coefficient_slopes(r2: Tensor) -> Tensor:
    """The derivative of `_fisheye_scale`'s s by k1 ... k4, (*B, N) -> (*B, N, 4)."""
    near = r2 < torch.finfo(r2.dtype).eps ** 0.5
    r = torch.where(near, 1.0, r2).sqrt()
    angle = torch.atan(r)
    a2 = angle * angle
    first = torch.where(near, r2, angle * a2 / r)
    a2 = torch.where(near, r2, a2)
    return torch.stack([first, first * a2, first * a2 * a2, first * a2 * a2 * a2], dim=-1)
