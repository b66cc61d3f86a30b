"""What the tests of networks share: recorded outputs, rigs with small images, made-up backbones."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.models.backbone import Maps
from triangulate.synthetic import ring_rig

SIZE = (160, 96)  # width and height of the images


@dataclass(frozen=True)
class Parity:
    """Outputs of the published implementation and how to make what they were recorded on."""

    folder: Path

    @property
    def inputs(self) -> ModuleType:
        return _module(self.folder / "inputs.py")

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"{name}.npz") as file:
            return dict(file)

    def shapes(self, name: str) -> dict[str, list[int]]:
        """The names and shapes in a published state dict."""
        path = self.folder.parent / "published" / f"state_dict_{name}.json"
        return _module(self.folder / "weights.py").published_shapes(path)

    def weights(self, name: str) -> dict[str, Tensor]:
        """The recorded networks' weights, under their published names."""
        return _module(self.folder / "weights.py").seeded_state_dict(self.shapes(name))

    def cameras(self, num_views: int, image_hw: tuple[int, int]) -> Camera:
        """The recorded rig, in metres."""
        K, rotation, translation_mm = map(
            torch.from_numpy, self.inputs.make_cameras(num_views, image_hw)
        )
        lens = Lens.of("radtan", torch.zeros(num_views, 0, dtype=torch.float64))
        return Camera(K, lens, Rigid(rotation, translation_mm[..., 0] / 1000))


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"parity_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


@pytest.fixture(scope="session")
def parity(shared: Any) -> Parity:
    return Parity(shared.parity)


@pytest.fixture
def small_rig() -> Callable[..., Camera]:
    """A ring of cameras with lenses, their images 160 x 96."""

    def make(num_views: int = 4, lens: str = "mixed", seed: int = 0) -> Camera:
        generator = torch.Generator().manual_seed(seed)
        return ring_rig(generator, num_views, lens=lens, size=SIZE).cameras

    return make


@pytest.fixture
def recorded() -> type[Recorded]:
    return Recorded


@pytest.fixture
def numbered_images() -> Callable[..., Tensor]:
    return _numbered_images


@pytest.fixture
def gaussian_maps() -> Callable[..., Tensor]:
    return _gaussian_maps


class Recorded(nn.Module):
    """A backbone that knows its maps beforehand: an image's first pixel says which are its."""

    def __init__(
        self, heatmaps: Tensor, confidence: Tensor | None = None, features: Tensor | None = None
    ) -> None:
        super().__init__()
        self.heatmaps = nn.Parameter(heatmaps)
        self.confidence = None if confidence is None else nn.Parameter(confidence)
        self.features = heatmaps.detach()[:, :0] if features is None else features
        self.num_joints = heatmaps.shape[1]
        self.feature_channels = self.features.shape[1]
        self.num_confidences = None if confidence is None else confidence.shape[-1]

    def forward(self, images: Tensor) -> Maps:
        which = images[:, 0, 0, 0].round().long()
        confidence = None if self.confidence is None else self.confidence[which]
        return Maps(self.heatmaps[which], self.features[which], confidence)


def _numbered_images(batch: int, num_views: int, size: tuple[int, int] = SIZE) -> Tensor:
    """(B, V, 3, H, W) for `Recorded`."""
    images = torch.zeros(batch, num_views, 3, size[1], size[0])
    images[:, :, 0, 0, 0] = torch.arange(batch * num_views).view(batch, num_views)
    return images


def _gaussian_maps(points: Tensor, width: int, height: int, sigma: Tensor | float) -> Tensor:
    """Logarithms of Gaussians around map pixels (*B, 2) -> (*B, height, width)."""
    x, y = torch.arange(width).to(points), torch.arange(height).to(points)
    across = (x - points[..., :1]).square()[..., None, :]
    down = (y - points[..., 1:]).square()[..., :, None]
    sigma = torch.as_tensor(sigma).to(points)
    return -(across + down) / (2 * sigma.square()[..., None, None])
