"""How far off a detector's joints are: from frame to frame, and all along.

A detector that takes a point beside the elbow for the elbow does so in every frame of a view, so
that a hundred frames tell little more than one. What scatters from frame to frame is learned by
`triangulate.geometry.noise`. On top of that, a track, a joint as one camera saw it over the
recording, is believed less the farther off it lies as a whole: the tracks' errors are taken for
Student's, whose weights and scale are found in turn (Lange, Little & Taylor 1989).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.joints import Joints
from triangulate.geometry.camera import Camera
from triangulate.geometry.covariance import information_matrix, inverse_information
from triangulate.geometry.noise import DetectionNoise, estimate_noise

TRACK_FREEDOM = 2.0
"""Degrees of freedom of the tracks' errors: heavy flanks, as some joints are plainly elsewhere.

Chosen with one real recording in view: of 2, 3 and 4, and no such weights at all, it is the one
with which results scatter least when single joints are left out.
"""

_ROUNDS = 40
_MOST_LEVERAGE = 1.5  # of 2: the point follows the view


@dataclass(frozen=True)
class Belief:
    """What a detection counts.

    Attributes:
        noise: of the frames.
        track: (V, J) weights of the tracks, around one.
        track_slope: (V, J) by what part a weight falls where the track's squared offset grows by
            that part; zero or negative.
    """

    noise: DetectionNoise
    track: Tensor
    track_slope: Tensor

    @classmethod
    def learned(cls, joints: Joints, camera: Camera, before: Belief | None = None) -> Belief:
        """The noise as the views' disagreement shows it; the tracks as they were."""
        noise = estimate_noise(
            joints.points_px,
            joints.confidence,
            camera,
            start=None if before is None else before.noise,
        )
        views, _, num_joints = joints.confidence.shape
        if before is not None:
            return replace(before, noise=noise)
        ones = joints.confidence.new_ones(views, num_joints)
        return cls(noise, ones, torch.zeros_like(ones))

    def at(self, joints: Joints) -> tuple[Tensor, Tensor]:
        """Standard deviations in pixels, and how probably a detection is wrong, (V, N) each."""
        sigma_px, share = self.noise.at(joints.confidence)
        return (sigma_px / self.track[:, None].sqrt()).flatten(1), share.flatten(1)


def with_tracks(
    joints: Joints, camera: Camera, points_world: Tensor, valid: Tensor, belief: Belief
) -> Belief:
    """The tracks weighted by where they lie on the whole.

    Args:
        joints: what was seen.
        camera: with leading dim V.
        points_world: (N, 3).
        valid: (N,) which points are known.
        belief: the noise, and the weights so far.
    """
    shape = joints.confidence.shape
    sigma_px, _ = belief.at(joints)
    projected_px, jacobian, in_front = camera.project_with_jacobian(points_world)
    seen = joints.observed & valid & in_front
    precision = torch.where(seen, 1 / sigma_px.square(), 0.0)
    covariance, known = inverse_information(information_matrix(jacobian, precision))
    leverage = ((jacobian @ covariance) * jacobian).sum((-2, -1)) * precision
    seen = seen & known

    def over_time(values: Tensor) -> Tensor:
        hidden = torch.where(seen[..., None], values, torch.nan)
        return hidden.unflatten(1, shape[1:]).nanmedian(1).values  # (V, J, ...)

    offset_px = over_time(joints.flat_px - projected_px)
    # What is left after the point has followed the view is too small.
    left = 1 - over_time(leverage[..., None])[..., 0].clamp_max(_MOST_LEVERAGE) / 2
    squared = offset_px.square().sum(-1) / (left * belief.noise.sigma_px.square())
    track, slope = _student_weights(squared, seen.unflatten(1, shape[1:]).sum(1))
    return replace(belief, track=track, track_slope=slope)


def _student_weights(squared: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of offsets in the plane under the scale that fits them, and their slopes.

    Where the offsets are no larger than what the frames' own noise leaves of a mean, all are alike.

    Args:
        squared: (V, J) in units of the frames' variance; NaN: none.
        count: (V, J) of how many frames.
    """
    there = ~squared.isnan()
    if not bool(there.any()):
        return torch.ones_like(squared), torch.zeros_like(squared)
    offsets = squared[there]
    scale2 = (offsets.median() / 1.386).clamp_min(1e-12)  # 2 ln 2: exact where they are normal
    for _ in range(_ROUNDS):
        weights = (TRACK_FREEDOM + 2) / (TRACK_FREEDOM + offsets / scale2)
        scale2 = (0.5 * (weights * offsets).mean()).clamp_min(1e-12)
    by_noise = 1 / count.clamp_min(1)
    lasting = (scale2 - by_noise).clamp_min(0)
    far = squared / scale2 / (TRACK_FREEDOM + 2)
    variance = lasting * (TRACK_FREEDOM / (TRACK_FREEDOM + 2) + far) + by_noise
    weight, slope = (lasting + by_noise) / variance, -lasting * far / variance
    return torch.where(there, weight, 1.0), torch.where(there, slope, 0.0)
