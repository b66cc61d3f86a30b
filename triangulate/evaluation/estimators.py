"""Several estimators on the same heatmaps: a network's own, and others beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from triangulate.data.sample import Sample
from triangulate.errors import UsageError
from triangulate.evaluation.passing import Passing
from triangulate.models.algebraic import AlgebraicTriangulator
from triangulate.models.backbone import Maps
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.prediction import Prediction
from triangulate.models.ransac import RansacTriangulator
from triangulate.models.views import map_cameras, size_of

NETWORK = "network"
"""The name of the network's own way from heatmaps to points."""

OTHERS = {
    "plain": "all views weigh the same",
    "variance": "views weigh by the inverse of their heatmap's variance",
    "window": "points from the two cells around the highest one, all views weigh the same",
    "ransac": "the published baseline: highest cells, the views that agree",
    "logsum": "the logarithms of the heatmaps, summed in a cube",
}
_WINDOW_CELLS = 2


class Remembered(nn.Module):
    """A backbone that does not work twice where it is asked the same thing again."""

    def __init__(self, backbone: nn.Module) -> None:
        """Around a backbone, which stays as it is."""
        super().__init__()
        self.backbone = backbone
        self._images: Tensor | None = None
        self._maps: Maps | None = None

    def __getattr__(self, name: str) -> Any:
        """What the backbone knows of itself: how many joints there are, ..."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("backbone"), name)

    def forward(self, images: Tensor) -> Maps:
        """Maps of images, see `Backbone`."""
        last, maps = self._images, self._maps
        if maps is None or last is None or last.shape != images.shape:
            is_known = False
        else:
            is_known = torch.equal(last, images)
        if maps is None or not is_known:
            maps = self.backbone(images)
            self._images, self._maps = images.clone(), maps
        return maps


def estimators(
    network: nn.Module,
    others: Sequence[str],
    passing: Passing,
    centre_from: nn.Module | None = None,
) -> dict[str, Callable[[Sample], Prediction]]:
    """The network, and others on its backbone's heatmaps, by name.

    Args:
        network: in use.
        others: names among `OTHERS`.
        passing: how batches go through them.
        centre_from: a network that says where a volumetric one's cube stands; None: itself.

    Raises:
        UsageError: a name is not among `OTHERS`, or the network has no backbone of its own.
    """
    check_names(others)
    backbone = getattr(network, "backbone", None)
    if others and not isinstance(backbone, nn.Module):
        raise UsageError("--against needs a network that begins with images")
    network = passing.prepared(network).eval()
    found: dict[str, nn.Module] = {NETWORK: network}
    if centre_from is not None:
        found[NETWORK] = _Centred(network, passing.prepared(centre_from).eval())
    if isinstance(backbone, nn.Module):
        remembered = Remembered(backbone)
        network.backbone = remembered
        settings = {
            "heatmap_multiplier": getattr(network, "heatmap_multiplier", 100.0),
            "sampling": getattr(network, "sampling", "exact"),
            "homogeneous_unit": getattr(network, "homogeneous_unit", float("inf")),
        }
        found |= {name: _other(name, remembered, settings).eval() for name in others}
    return {name: partial(_estimate, passing, module) for name, module in found.items()}


def check_names(others: Sequence[str]) -> None:
    """Refuse names that are not among `OTHERS`."""
    for name in others:
        if name not in OTHERS:
            raise UsageError(f"--against knows {', '.join(OTHERS)}; got {name!r}")


def _other(name: str, backbone: Remembered, settings: Mapping[str, Any]) -> nn.Module:
    plain = partial(AlgebraicTriangulator, backbone, learned_confidences=False, **settings)
    match name:
        case "plain":
            return plain()
        case "variance":
            return plain(fixed_weights="variance")
        case "window":
            return plain(window=_WINDOW_CELLS)
        case "ransac":
            return RansacTriangulator(backbone, **settings)
        case _:
            return _InCube(plain())


class _Centred(nn.Module):
    """A volumetric network whose cube stands where another network finds the body."""

    def __init__(self, network: nn.Module, centre_from: nn.Module) -> None:
        super().__init__()
        self.network: Any = network
        self.centre_from = centre_from
        self.channel_order = getattr(network, "channel_order", "rgb")

    def forward(self, images: Tensor, cameras: Any, views: Tensor) -> Prediction:
        return self.network.predict(images, cameras, centre_from=self.centre_from, views=views)


class _InCube(nn.Module):
    """A backbone's heatmaps joined in a cube."""

    def __init__(self, plain: AlgebraicTriangulator) -> None:
        super().__init__()
        self.plain = plain
        self.volume = HeatmapVolume(plain.num_joints, aggregation="logsum")

    def forward(self, images: Tensor, cameras: Any, views: Tensor) -> Prediction:
        maps = self.plain(images, cameras, views, keep_maps=True).heatmaps
        of_maps = map_cameras(cameras, size_of(images), size_of(maps), self.plain.sampling)
        return self.volume(maps, of_maps, views)


@torch.no_grad()
def _estimate(passing: Passing, module: nn.Module, sample: Sample) -> Prediction:
    return passing(module, sample)
