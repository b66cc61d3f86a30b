"""The ways from the views of a point to its position: robust, linear, and by a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.covariance import information_matrix
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.noise import DetectionNoise
from triangulate.geometry.refine import Refined, refine
from triangulate.geometry.robust import triangulate_robust

if TYPE_CHECKING:
    from triangulate.models.view_weights import ViewWeights

Method = Literal["robust", "dlt", "learned"]
METHODS = get_args(Method)

LEARNED = "learned"
"""The shipped weights of the method of that name, instead of a file."""

_SHIPPED = "view_weights"

_LEAST_PART = 0.05  # of the 3 that the views share, for one to count as used (leverage)


@dataclass(frozen=True)
class Way:
    """How points come from views.

    Attributes:
        method: of the three.
        noise: what was learned of it from the data; None for the method "learned".
        network: of that method.
        min_confidence: observations below it are not used.
    """

    method: Method
    noise: DetectionNoise | None
    network: ViewWeights | None
    min_confidence: float


def chosen_method(method: Method, weights: str | Path | None) -> tuple[Method, ViewWeights | None]:
    """The method that the settings amount to, and its network.

    Raises:
        InputError: they contradict each other, or the weights cannot be used.
    """
    if weights is None and method != "learned":
        return method, None
    if method == "dlt":
        raise InputError(f"weights {weights} are of the method learned: leave out the method dlt")
    return "learned", load_view_weights(weights or LEARNED)


def load_view_weights(name_or_path: str | Path = LEARNED) -> ViewWeights:
    """The network of the method "learned".

    Args:
        name_or_path: a file of weights, or "learned" for the shipped ones.

    Raises:
        InputError: there are none, or they are of another network.
    """
    from triangulate.models.view_weights import ViewWeights
    from triangulate.models.weights import load

    network = load(_SHIPPED if str(name_or_path) == LEARNED else name_or_path)
    if not isinstance(network, ViewWeights):
        raise InputError(
            f"{name_or_path}: weights of a {type(network).__name__}; view weights are expected, "
            "which go with keypoints"
        )
    return network


def by_noise(
    points_px: Tensor, usable_score: Tensor, camera: Camera, noise: DetectionNoise, method: Method
) -> tuple[Refined, Tensor]:
    """The methods that know how noisy a camera, a joint and a score are."""
    sigma_px, outlier_share = (values.flatten(1) for values in noise.at(usable_score))
    if method == "robust":
        usable = usable_score.flatten(1) > 0
        refined, belonging = triangulate_robust(
            points_px, camera, sigma_px, outlier_share, usable, noise.freedom
        )
        used, factor = belonging > 0.5, noise.residual_variance * noise.mean_flank
    else:
        weights = usable_score.flatten(1)
        refined, used = _linear(points_px, camera, weights, sigma_px)
        factor = noise.residual_variance
    return replace(refined, covariance_m2=refined.covariance_m2 * factor), used


def by_network(
    points: Tensor, usable_score: Tensor, camera: Camera, network: ViewWeights
) -> tuple[Refined, Tensor]:
    """The network sees whole moments: how the other joints of a view fit tells of this one."""
    prediction = network(points.movedim(0, 1), usable_score.movedim(0, 1), camera)
    weight = prediction.confidence.movedim(1, 0).flatten(1)
    # Where the network has no point, the linear one tells on which side of the cameras it lies.
    undistorted, valid = camera.undistort(points.flatten(1, 2))
    equal = ((usable_score.flatten(1) > 0) & valid).mT.double()
    plain, _ = triangulate_dlt(
        undistorted.movedim(0, 1), camera.projection(), equal, homogeneous_unit=math.inf
    )
    found = prediction.valid.flatten()
    points_world = torch.where(found[:, None], prediction.points_world.flatten(0, 1), plain)
    depth = camera.cam_from_world.apply(points_world)[..., 2]
    precision = weight * depth.square() / torch.linalg.det(camera.K[..., :2, :2])[:, None]
    refined = refine(points_world, points.flatten(1, 2), camera, lambda _: precision, steps=0)
    covariance = prediction.covariance.flatten(0, 1)
    used = refined.leverage_px2 * refined.precision > _LEAST_PART
    valid = refined.valid & found
    return replace(refined, covariance_m2=covariance, valid=valid), used


def _linear(
    points_px: Tensor, camera: Camera, weights: Tensor, sigma_px: Tensor
) -> tuple[Refined, Tensor]:
    """The linear method in the distorted image's terms; the world's unit does not matter."""
    undistorted, valid = camera.undistort(points_px)
    weights = torch.where(valid, weights, 0.0)
    points_world, solved = triangulate_dlt(
        undistorted.movedim(0, 1), camera.projection(), weights.mT, homogeneous_unit=math.inf
    )
    depth = camera.cam_from_world.apply(points_world)[..., 2]
    precision = (weights * depth).square()  # the method's rows are pixels times depth
    refined = refine(points_world, points_px, camera, lambda _: precision, steps=0)
    # These are not the weights that the noise would ask for: the covariance of weighted least
    # squares with other weights is H^-1 (sum_v a_v^2 sigma_v^2 J_v^T J_v) H^-1.
    _, jacobian, _ = camera.project_with_jacobian(points_world)
    scatter = information_matrix(jacobian, (refined.precision * sigma_px).square())
    covariance = refined.covariance_m2 @ scatter @ refined.covariance_m2
    valid = refined.valid & solved
    return replace(refined, covariance_m2=covariance, valid=valid), weights > 0
