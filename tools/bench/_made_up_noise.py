"""Made-up people under kinds of detector noise, and how far estimators are from the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tools.bench._weighing_methods import Estimator
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid


@dataclass(frozen=True)
class Scenes:
    """Moments with known truth.

    Attributes:
        points_px: (N, V, J, 2).
        score: (N, V, J).
        cameras: (N, V), without distortion.
        points_world: (N, J, 3) metres.
    """

    points_px: Tensor
    score: Tensor
    cameras: Camera
    points_world: Tensor


def load_noise(path: Path, model: str) -> Scenes:
    """The scenes of one kind of noise."""
    with np.load(path) as archive:
        values = {
            name: torch.from_numpy(archive[f"{model}/{name}"]).double()
            for name in ("points_px", "score", "K", "R", "t", "points_world")
        }
    lens = Lens.of("radtan", values["K"].new_zeros(*values["K"].shape[:2], 0))
    cameras = Camera(values["K"], lens, Rigid(values["R"], values["t"]))
    return Scenes(values["points_px"], values["score"], cameras, values["points_world"])


def errors_mm(estimator: Estimator, scenes: Scenes) -> Tensor:
    """(N, J), without the joints that got no point."""
    points = estimator(scenes.points_px, scenes.score, scenes.cameras)
    distance = 1000 * (points - scenes.points_world).norm(dim=-1)
    return distance[distance.isfinite()]
