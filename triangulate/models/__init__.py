"""Networks that find joints in images and join views into points.

`load` and `load_published` give networks with weights, `build_model` one to be trained. All return
a `Prediction`. Names load on first use, so that importing one part does not import the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangulate.models.algebraic import AlgebraicTriangulator as AlgebraicTriangulator
    from triangulate.models.backbone import PoseResNet as PoseResNet
    from triangulate.models.backbone import PoseUNet as PoseUNet
    from triangulate.models.build import build_model as build_model
    from triangulate.models.heatmap_volume import HeatmapVolume as HeatmapVolume
    from triangulate.models.images import normalise_images as normalise_images
    from triangulate.models.prediction import Prediction as Prediction
    from triangulate.models.published import load_published as load_published
    from triangulate.models.ransac import RansacTriangulator as RansacTriangulator
    from triangulate.models.view_weights import ViewWeights as ViewWeights
    from triangulate.models.volumetric import VolumetricTriangulator as VolumetricTriangulator
    from triangulate.models.weights import load as load
    from triangulate.models.weights import save as save

_HOMES = {
    "AlgebraicTriangulator": "algebraic",
    "HeatmapVolume": "heatmap_volume",
    "PoseResNet": "backbone",
    "PoseUNet": "backbone",
    "Prediction": "prediction",
    "RansacTriangulator": "ransac",
    "ViewWeights": "view_weights",
    "VolumetricTriangulator": "volumetric",
    "build_model": "build",
    "load": "weights",
    "load_published": "published",
    "normalise_images": "images",
    "save": "weights",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    try:  # submodules, so that `triangulate.models.v2v` works after `import triangulate`
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
