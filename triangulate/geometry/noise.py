"""How far off 2D detections are, learned from how the views disagree.

Detectors differ by a factor of twenty in precision, and so do joints and cameras; some scores tell
a good detection from a bad one, others tell nothing. Nothing of that has to be known beforehand:
the residuals of a robust triangulation show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.refine import Refined
from triangulate.geometry.robust import belonging, pair_disagreement, triangulate_robust

SIGMA_FLOOR_PX = 0.05
"""Below this, perfect data would make every rounding error an outlier."""

_BINS = 8
_PRIOR_COUNT = 30.0  # pseudo-observations that hold an estimate to its parent's
_ROUNDS, _LATER_ROUNDS = 5, 2
_TELLING_VIEWS = 5  # with fewer the fit shapes the residuals as much as the noise does
_GROUP_RANGE = 2.0  # so that no camera is believed, or not, much more than the others
_PRIOR_FREEDOM, _PRIOR_FRAMES = 5.0, 300.0  # heavy flanks, until a recording says otherwise
_FREEDOMS = (2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 100.0)
_FACTOR_RANGE = 0.25, 4.0  # else a bin of nothing but wrong detections runs away


@dataclass(frozen=True)
class DetectionNoise:
    """A detection's standard deviation and how often it is wrong, by camera, joint and score.

    Attributes:
        sigma_px: (V, J) scale of a coordinate at average confidence, the standard deviation where
            the noise is Gaussian.
        knots: (K,) confidences.
        variance_factor: (K,) how the variance changes with the confidence.
        outlier_share: (K,) how often a detection of that confidence is plainly wrong.
        freedom: degrees of freedom of the honest detections; few: heavy flanks.
        residual_variance: what the residuals' sum of squares shows the variance to be, over
            `sigma_px` squared.
        mean_flank: the mean of the flanks' weights; the inverse of a weighted normal matrix, times
            both, is the points' covariance.
    """

    sigma_px: Tensor
    knots: Tensor
    variance_factor: Tensor
    outlier_share: Tensor
    freedom: float
    residual_variance: float
    mean_flank: float

    def at(self, confidence: Tensor) -> tuple[Tensor, Tensor]:
        """Standard deviation and prior probability of being wrong.

        Args:
            confidence: (V, M, J).

        Returns:
            (V, M, J) sigma_px and (V, M, J) outlier share.
        """
        above = torch.searchsorted(self.knots, confidence.contiguous()).clamp(
            1, len(self.knots) - 1
        )
        low, high = self.knots[above - 1], self.knots[above]
        share = ((confidence - low) / (high - low)).clamp(0, 1)

        def interpolate(values: Tensor) -> Tensor:
            return values[above - 1] + share * (values[above] - values[above - 1])

        factor = interpolate(self.variance_factor)
        return self.sigma_px[:, None] * factor.sqrt(), interpolate(self.outlier_share)


def estimate_noise(
    points_px: Tensor,
    confidence: Tensor,
    camera: Camera,
    num_frames: int | None = None,
    start: DetectionNoise | None = None,
) -> DetectionNoise:
    """Learn the noise from a sample of frames.

    The first scale is the least median of squares over pairs of views, which stands nearly half
    of the views being wrong; rounds of robust triangulation and re-estimation follow (EM). Each
    estimate is held to the one above it (camera and joint to all, a confidence bin to the prior
    that a score is roughly a weight) by thirty pseudo-observations, so a single frame works too.

    Args:
        points_px: (V, M, J, 2) distorted pixels of M frames, finite everywhere.
        confidence: (V, M, J) in [0, 1]; 0 where not observed.
        camera: with leading dim V.
        num_frames: of the recording that the sample stands for, by default M. The errors of
            neighbouring frames are alike, so only a long recording may thin the flanks out.
        start: what is known already, as from before some observations were mended; two rounds
            bring it up to date.

    Returns:
        The noise model.
    """
    num_frames = points_px.shape[1] if num_frames is None else num_frames
    num_views, _, num_joints = confidence.shape
    flat_px, observed = points_px.flatten(1, 2), confidence.flatten(1) > 0
    if start is None:
        sigma = _first_sigma(flat_px, observed, camera)
        noise = _prior_noise(confidence, sigma.expand(num_views, num_joints))
    else:
        noise = start
    for _ in range(_ROUNDS if start is None else _LATER_ROUNDS):
        sigma_px, outlier_share = (values.flatten(1) for values in noise.at(confidence))
        refined, shows = triangulate_robust(
            flat_px, camera, sigma_px, outlier_share, observed, noise.freedom, steps=1
        )
        shows = torch.where(refined.valid, shows, 0.0)
        noise = _re_estimate(noise, confidence, refined, shows, num_frames)
    return noise


def _first_sigma(points_px: Tensor, observed: Tensor, camera: Camera) -> Tensor:
    """One scale for everything, from the views' disagreement with the best pair."""
    disagreement2, num_views = pair_disagreement(points_px, camera, observed)
    known = torch.isfinite(disagreement2)
    if not bool(known.any()):
        return points_px.new_tensor(5.0)
    enough = known & (num_views >= 3)
    chosen = enough if int(enough.sum()) >= 20 else known
    # The best of many pairs looks better than it is, and from a start that is too narrow a few
    # views that agree by chance would keep out the others: twice the median.
    sigma2 = 2 * disagreement2[chosen].median() / (2 * math.log(2))
    return sigma2.sqrt().clamp_min(SIGMA_FLOOR_PX)


def _prior_noise(confidence: Tensor, sigma_px: Tensor) -> DetectionNoise:
    """A score is taken for a weight until the data say otherwise."""
    seen = confidence[confidence > 0]
    if not seen.numel():
        seen = confidence.new_ones(1)
    quantiles = torch.linspace(0, 1, _BINS, dtype=seen.dtype, device=seen.device)
    # Scores may come in steps: a knot that is there twice would never see a detection.
    knots = seen[:: max(1, len(seen) // 100_000)].quantile(quantiles).unique()
    if len(knots) == 1:
        knots = torch.cat([knots, knots + 1e-3])
    factor = (knots.mean() / knots.clamp_min(0.02)).clamp(*_FACTOR_RANGE)
    share = 0.02 + 0.2 * (1 - knots.clamp(0, 1))
    return DetectionNoise(sigma_px, knots, factor, share, _PRIOR_FREEDOM, 1.0, 1.0)


def _re_estimate(
    noise: DetectionNoise, confidence: Tensor, refined: Refined, shows: Tensor, num_frames: int
) -> DetectionNoise:
    """The maximisation step; residuals are corrected for what the fitted point took of them."""
    shape = confidence.shape
    sigma_px, prior_share = noise.at(confidence)
    weight = shows.unflatten(1, shape[1:])
    variance = sigma_px.square()
    leverage = (refined.leverage_px2.unflatten(1, shape[1:]) / variance).clamp_max(1.5)
    squared = refined.squared_px.unflatten(1, shape[1:]) * 2 / (2 - leverage)
    factor = variance / noise.sigma_px[:, None].square()
    observed = confidence > 0
    odds = prior_share / (1 - prior_share)
    squared_sigmas = squared / variance
    telling = observed & (observed.sum(0) >= _TELLING_VIEWS)
    likeliest = _likeliest_freedom(squared_sigmas[telling], odds[telling])
    heaviness = num_frames / likeliest + _PRIOR_FRAMES / _PRIOR_FREEDOM
    freedom = (num_frames + _PRIOR_FRAMES) / heaviness
    flanks = (freedom + 2) / (freedom + squared_sigmas)
    normalised = weight * flanks * squared / (2 * factor)
    total, count = normalised.sum(1), weight.sum(1)
    pooled = total.sum() / count.sum().clamp_min(1e-9)
    sigma2 = (total + _PRIOR_COUNT * pooled) / (count + _PRIOR_COUNT)
    sigma2 = sigma2.clamp(pooled / _GROUP_RANGE**2, pooled * _GROUP_RANGE**2)
    sigma = sigma2.sqrt().clamp_min(SIGMA_FLOOR_PX)
    ratio = flanks * squared / (2 * sigma.square()[:, None])
    variance_factor, outlier_share = _by_confidence(
        _prior_noise(confidence, sigma), confidence[observed], ratio[observed], weight[observed]
    )
    raw = refined.squared_px.unflatten(1, shape[1:]) / variance
    residual_variance = _residual_variance(raw, weight)
    mean_flank = float((weight * (freedom + 2) / (freedom + raw)).sum() / weight.sum().clamp_min(1))
    return DetectionNoise(
        sigma, noise.knots, variance_factor, outlier_share, freedom, residual_variance, mean_flank
    )


def _by_confidence(
    prior: DetectionNoise, confidence: Tensor, ratio: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """The variance factor and the outlier share at the knots, (K,) each.

    Args:
        prior: what they are held to.
        confidence: (N,) of what was observed.
        ratio: (N,) squared residual over the variance at average confidence.
        weight: (N,) how probably the observation shows its point.
    """
    near = _nearest_knot(prior.knots, confidence)

    def by_knot(values: Tensor) -> Tensor:
        return torch.zeros_like(prior.knots).index_add(0, near, values)

    kept, seen = by_knot(weight), by_knot(torch.ones_like(weight))
    factor = by_knot(weight * ratio) + _PRIOR_COUNT * prior.variance_factor
    factor = factor / (kept + _PRIOR_COUNT)
    factor = factor.flip(0).cummax(0).values.flip(0)  # never grows with the score
    mean_factor = (kept * factor).sum() / kept.sum().clamp_min(1e-9)
    share = (seen - kept + _PRIOR_COUNT * prior.outlier_share) / (seen + _PRIOR_COUNT)
    return (factor / mean_factor).clamp(*_FACTOR_RANGE), share.clamp(0.005, 0.5)


def _residual_variance(squared_sigmas: Tensor, weight: Tensor) -> float:
    """The variance that the residuals show, whatever their distribution, over the assumed one.

    The residuals of n views that show a point hold 2 n - 3 degrees of freedom, so their sum of
    squares tells (Hartley & Zisserman, 5.1.3). It sets right what a scale or a degree of freedom
    that is a little off does to the points' covariance.

    Args:
        squared_sigmas: (V, M, J) residuals as they are.
        weight: (V, M, J) how probably the view shows the point.
    """
    num_views = weight.sum(0)
    redundant = num_views > 1.75
    spare = (2 * num_views - 3)[redundant].sum()
    squares = (weight * squared_sigmas).sum(0)[redundant].sum()
    return float((squares + _PRIOR_COUNT) / (spare + _PRIOR_COUNT))


def _likeliest_freedom(squared_sigmas: Tensor, odds: Tensor) -> float:
    """The degrees of freedom that make the residuals likeliest, each with its own best scale.

    Args:
        squared_sigmas: (N,) residuals of what was observed.
        odds: (N,) of the tail, see `belonging`.
    """
    if not squared_sigmas.numel():
        return _PRIOR_FREEDOM
    best = -math.inf, _PRIOR_FREEDOM
    for freedom in _FREEDOMS:
        scale2 = torch.ones((), dtype=odds.dtype, device=odds.device)
        for _ in range(5):
            scaled = squared_sigmas / scale2
            weight = belonging(scaled, odds, freedom)
            flanks = (freedom + 2) / (freedom + scaled)
            scale2 = (weight * flanks * squared_sigmas).sum() / (2 * weight.sum()).clamp_min(1e-9)
            scale2 = scale2.clamp_min(1e-9)
        scaled = squared_sigmas / scale2
        honest = (1 + scaled / freedom) ** (-0.5 * (freedom + 2))
        # the honest part over one minus its probability of being honest is the whole mixture
        mixture = honest / belonging(scaled, odds, freedom) / ((1 + odds) * scale2)
        best = max(best, (float(mixture.log().sum()), freedom))
    return best[1]


def _nearest_knot(knots: Tensor, confidence: Tensor) -> Tensor:
    middles = (knots[1:] + knots[:-1]) / 2
    return torch.searchsorted(middles, confidence.contiguous())
