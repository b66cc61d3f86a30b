"""How far each view of a joint is to be believed, learned for detectors of all kinds.

A small network looks at what the views say about each other and at their scores
(`triangulate.models.view_evidence`), weighs them, solves for the points, looks again from there,
and so on a few times. At last joints are drawn towards the middle of the body, by as much as their
views leave them open (`triangulate.models.body_prior`). It treats views alike and joints alike,
whatever their number, and does not know which joint it sees; neither the world's frame nor any unit
matters. Layers that pool over both axes of a table are those of Hartford et al. 2018, "Deep models
of interactions across sets".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from triangulate.geometry.camera import Camera
from triangulate.geometry.refine import refine
from triangulate.models.body_prior import with_body_prior
from triangulate.models.prediction import Prediction
from triangulate.models.view_evidence import (
    NUM_CURRENT,
    NUM_STATIC,
    current_features,
    gather_evidence,
)
from triangulate.models.view_rays import Views

_LOWEST = -25.0  # logarithm of a view's weight over the sum of all
_HIGHEST = 3.0  # logarithm of the prior's noise over the scene's
_WEAK = -4.0  # the same before training
_STEPS = 2  # Gauss-Newton, from rays to pixels of the distorted image


@dataclass(frozen=True)
class _Pass:
    """What one pass over the views gives.

    Attributes:
        points_world: (B, J, 3), the linear solution.
        valid: (B, J).
        log_share: (B, V, J) logarithms of weights that sum to one over the views.
        hidden: (B, V, J, C).
    """

    points_world: Tensor
    valid: Tensor
    log_share: Tensor
    hidden: Tensor


class ViewWeights(nn.Module):
    """Learned weights for the keypoints of any detector.

    Args:
        channels: width of the hidden layers.
        layers: of each pass.
        passes: how often the views are weighed, each time from the last solution.
    """

    def __init__(self, *, channels: int = 32, layers: int = 2, passes: int = 2) -> None:
        """Start with equal weights for all views."""
        super().__init__()
        self.embed = nn.Linear(NUM_STATIC, channels)
        self.rounds = nn.ModuleList(_Round(channels, layers) for _ in range(passes))
        self.doubt = _JointHead(channels)
        self.leaning = _JointHead(channels)
        nn.init.zeros_(self.leaning.out.weight)
        nn.init.constant_(self.leaning.out.bias, _WEAK)

    def forward(
        self,
        points_px: Tensor,
        score: Tensor,
        cameras: Camera,
        observed: Tensor | None = None,
        map_features: Tensor | None = None,
    ) -> Prediction:
        """Weigh the views and solve.

        Args:
            points_px: (B, V, J, 2) distorted pixels; NaN: not seen.
            score: (B, V, J) in [0, 1] of whatever calibration; 0 or NaN: not seen.
            cameras: (B, V), or (V,) for all of the batch.
            observed: (B, V, J) False where there is no detection, whatever the others say.
            map_features: (B, V, J, 3) of the heatmaps the points come from: their standard
                deviation in pixels, their highest value, and the height of the second mode over
                that of the first.

        Returns:
            The prediction; `confidence` is a view's weight over that of the joint's best view.
        """
        return self.in_passes(points_px, score, cameras, observed, map_features)[0]

    def in_passes(
        self,
        points_px: Tensor,
        score: Tensor,
        cameras: Camera,
        observed: Tensor | None = None,
        map_features: Tensor | None = None,
    ) -> tuple[Prediction, list[Tensor]]:
        """`forward`, and the points (B, J, 3) of the passes before: training supervises them too.

        While training, the points are those of undistorted rays.
        """
        cameras, given = _checked(points_px, score, cameras, observed)
        points_px = torch.where(given[..., None], points_px, 0.0).double()
        views = Views.of(points_px, given, cameras)
        with torch.no_grad():
            evidence = gather_evidence(views, score.nan_to_num(0.0).double(), map_features)
        passes = self._look(views, evidence.static, evidence.start, evidence.scale_m)
        steps = 0 if self.training else _STEPS
        last = passes[-1]
        scale_m2 = evidence.scale_m[:, None].square()
        seen = views.seen.to(last.hidden.dtype)[..., None]
        # The variance of residuals, by what the scene's scale and the network say of it; and that
        # by which the prior counts, which makes distances small rather than surprise.
        doubt = self.doubt(last.hidden.detach(), seen, last.log_share.detach()).double()
        leaning = self.leaning(last.hidden, seen, last.log_share).double().clamp_max(_HIGHEST)
        variances_m2 = doubt.exp() * scale_m2, leaning.exp() * evidence.noise_m2[:, None]
        prediction = _prediction(last, views, *variances_m2, points_px, cameras, steps)
        return prediction, [each.points_world for each in passes[:-1]]

    def _look(self, views: Views, static: Tensor, start: Tensor, scale_m: Tensor) -> list[_Pass]:
        weights, points, passes = views.seen, start, []
        number = views.seen.sum(1, keepdim=True).clamp_min(1)
        hidden = self.embed(static.to(self.embed.weight.dtype))
        seen = views.seen.to(hidden.dtype)[..., None]
        for each in self.rounds:
            with torch.no_grad():
                current = current_features(views, points.detach(), weights.detach(), scale_m)
            hidden, logits = each(hidden, current.to(hidden.dtype), seen)
            logits = torch.where(views.seen > 0, logits.double(), -torch.inf)
            log_share = torch.log_softmax(_finite(logits, views.seen), dim=1).clamp_min(_LOWEST)
            weights = torch.exp(0.5 * log_share) * number.sqrt() * views.seen
            solved, valid, _ = views.solve(weights)
            points = torch.where(valid[..., None], solved, start)
            passes.append(_Pass(points, valid, log_share, hidden))
        return passes


class _Round(nn.Module):
    """One look at the views from the points as they are."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.look = nn.Linear(NUM_CURRENT, channels)
        self.tables = nn.ModuleList(_TableLayer(channels) for _ in range(layers))
        self.weigh = nn.Linear(channels, 1)
        nn.init.zeros_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)

    def forward(self, hidden: Tensor, current: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """(B, V, J, C), (B, V, J, NUM_CURRENT), (B, V, J, 1) -> hidden, and logits (B, V, J)."""
        hidden = hidden + self.look(current)
        for table in self.tables:
            hidden = table(hidden, seen)
        return hidden, self.weigh(hidden)[..., 0]


class _TableLayer(nn.Module):
    """A residual layer on a table of views and joints that knows neither's order or number."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.own = nn.Linear(channels, channels)
        self.pooled = nn.Linear(4 * channels, channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def forward(self, table: Tensor, seen: Tensor) -> Tensor:
        """(B, V, J, C), (B, V, J, 1) of zeros and ones -> (B, V, J, C)."""
        entries = self.norm(table) * seen
        over_views = _mean(entries, seen, 1)
        over_joints = _mean(entries, seen, 2)
        over_all = _mean(over_joints, (seen.sum(2, keepdim=True) > 0).to(seen), 1)
        highest = torch.where(seen > 0, entries, -10.0).amax(1, keepdim=True)
        mixed = self.own(entries)
        by_kind = self.pooled.weight.chunk(4, dim=1)
        for pooled, weight in zip(
            (over_views, highest, over_joints, over_all), by_kind, strict=True
        ):
            mixed = mixed + nn.functional.linear(pooled, weight)
        return table + self.out(nn.functional.gelu(mixed))


class _JointHead(nn.Module):
    """A number of each joint, from what its views show."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * channels + 1, channels)
        self.out = nn.Linear(channels, 1)

    def forward(self, table: Tensor, seen: Tensor, log_share: Tensor) -> Tensor:
        """(B, V, J, C), (B, V, J, 1), (B, V, J) -> (B, J)."""
        share = log_share.exp().to(table.dtype)[..., None] * seen
        spread = share.square().sum(1).clamp_min(1e-6).log()  # 1 over the views that count
        pooled = torch.cat([_mean(table, seen, 1)[:, 0], (table * share).sum(1), spread], dim=-1)
        return self.out(nn.functional.gelu(self.hidden(pooled)))[..., 0]


def _prediction(
    last: _Pass,
    views: Views,
    variance_m2: Tensor,
    noise_m2: Tensor,
    points_px: Tensor,
    cameras: Camera,
    steps: int,
) -> Prediction:
    """The solution in the distorted image, with the covariance that the weights amount to."""
    number = views.seen.sum(1, keepdim=True)
    share = torch.exp(last.log_share) * views.seen * number  # 1 on average
    depth = views.residuals(last.points_world.detach())[1]
    # Residuals are pixels times depth over focal length.
    metres_a_pixel = depth.abs().clamp_min(1e-9) / views.focal_px[..., None]
    precision = (share * metres_a_pixel.square()).movedim(1, 0)
    by_view = cameras.map(lambda values: values.movedim(1, 0))
    refined = refine(
        last.points_world, points_px.movedim(1, 0), by_view, lambda _: precision, steps=steps
    )
    valid = last.valid & refined.valid & (number[:, 0] >= 2)
    shape = torch.where(valid[..., None, None], refined.covariance_m2, 0.0)
    points_world = torch.where(valid[..., None], refined.points_world, 0.0)
    points_world, shape = with_body_prior(points_world, shape, valid, noise_m2)
    covariance = shape * variance_m2[..., None, None]
    top = share.amax(1, keepdim=True)
    return Prediction(
        points_world=points_world,
        valid=valid,
        points_px=points_px,
        confidence=share / torch.where(top > 0, top, 1.0),
        covariance=covariance,
    )


def _checked(
    points_px: Tensor, score: Tensor, cameras: Camera, observed: Tensor | None
) -> tuple[Camera, Tensor]:
    """Cameras (B or 1, V) in float64, and (B, V, J) where there is a detection."""
    if points_px.ndim != 4 or points_px.shape[-1] != 2:
        raise ValueError(f"points_px must have shape (B, V, J, 2), got {tuple(points_px.shape)}")
    batch, num_views = points_px.shape[:2]
    for name, values in (("score", score), ("observed", observed)):
        if values is not None and values.shape != points_px.shape[:3]:
            expected = tuple(points_px.shape[:3])
            raise ValueError(f"{name} must have shape {expected}, got {tuple(values.shape)}")
    leading = tuple(cameras.K.shape[:-2])
    if leading not in ((num_views,), (batch, num_views), (1, num_views)):
        raise ValueError(
            f"cameras must have leading dims ({num_views},) or ({batch}, {num_views}), "
            f"got {leading}"
        )
    cameras = cameras.to(torch.float64)
    given = torch.isfinite(points_px).all(-1) & (score > 0)  # False for NaN
    return (cameras if len(leading) == 2 else cameras[None]), (
        given if observed is None else given & observed
    )


def _finite(logits: Tensor, seen: Tensor) -> Tensor:
    """Logits of which at least one is finite in every column."""
    return torch.where(seen.sum(1, keepdim=True) > 0, logits, 0.0)


def _mean(values: Tensor, there: Tensor, dim: int) -> Tensor:
    total = there.sum(dim, keepdim=True).clamp_min(1)
    return (values * there).sum(dim, keepdim=True) / total
