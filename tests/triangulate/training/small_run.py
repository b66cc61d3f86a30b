"""A run that takes a second: coloured spots instead of people, one layer instead of a network.

Also a program, for tests that end a run by force or start several processes:
`python small_run.py OUT [setting=value ...]`.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from triangulate.config.models import AlgebraicConfig
from triangulate.config.training import LoadingConfig, TrainConfig
from triangulate.data.sample import Sample
from triangulate.evaluation.passing import Passing
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.models.algebraic import AlgebraicTriangulator
from triangulate.models.backbone import Maps
from triangulate.skeleton import Skeleton
from triangulate.training.checkpoint import RunFolder
from triangulate.training.loop import Progress, Trainer
from triangulate.training.processes import process_group
from triangulate.training.setup import _vary
from triangulate.training.stream import ALONE, Share, Stream, generator_of
from triangulate.training.tasks import PoseTask

WIDTH, HEIGHT, VIEWS = 32, 24, 3


def ring(count: int) -> Camera:
    """Cameras on a circle of 3 m that look at the origin."""
    angle = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    right = torch.stack([-torch.sin(angle), torch.cos(angle), zero], -1)
    down = torch.stack([zero, zero, -one], -1)
    forward = torch.stack([-torch.cos(angle), -torch.sin(angle), zero], -1)
    rotation = torch.stack([right, down, forward], -2)
    translation = torch.stack([zero, zero, 3 * one], -1)
    K = torch.tensor([[40.0, 0, 15.5], [0, 40.0, 11.5], [0, 0, 1]], dtype=torch.float64)
    lens = Lens.of("radtan", torch.zeros(count, 5, dtype=torch.float64))
    return Camera(K.expand(count, 3, 3).clone(), lens, Rigid(rotation, translation))


class Spots:
    """Three joints as a red, a green and a blue spot; the moment's number is its seed."""

    skeleton = Skeleton.from_edges(("red", "left_green", "right_green"), [(0, 1)])
    groups = ("few", "many")

    def __init__(self, count: int = 40, seed: int = 0) -> None:
        self.count, self.seed, self.cameras = count, seed, ring(VIEWS)
        self.made: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        self.made.append(index)
        generator = generator_of(self.seed, index)
        points = torch.rand(3, 3, generator=generator, dtype=torch.float64) - 0.5
        points_px, _ = self.cameras.project(points)
        x, y = torch.arange(WIDTH), torch.arange(HEIGHT)
        distance2 = (x - points_px[..., 0, None, None]) ** 2 + (
            y[:, None] - points_px[..., 1, None, None]
        ) ** 2
        images = (255 * torch.exp(-distance2 / 8)).to(torch.uint8)
        return Sample(
            images=images,
            cameras=self.cameras,
            views=torch.ones(VIEWS, dtype=torch.bool),
            points_world=points,
            known=torch.rand(3, generator=generator) < 0.9,
            visible=torch.ones(VIEWS, 3, dtype=torch.bool),
            group=torch.tensor(index % 2),
        )


class OneLayer(nn.Module):
    """Heatmaps by one convolution, confidences by one more; no batch normalisation."""

    num_joints, num_confidences, feature_channels = 3, 3, 3

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 3, 3, stride=2, padding=1)
        self.head = nn.Linear(3, 3)

    def forward(self, images: Tensor) -> Maps:
        heatmaps = self.maps(images).float()
        return Maps(heatmaps, heatmaps, torch.sigmoid(self.head(images.mean((-2, -1)))))


def small_config(**settings: Any) -> TrainConfig:
    values: dict[str, Any] = {
        "model": AlgebraicConfig(joints=3),
        "data": {"kind": "recordings", "root": "unused"},
        "loss": {"heatmap": 1.0, "mse_smooth": 0.01},
        "loading": LoadingConfig(batch_size=8),
        "optimizer": {"lr": 1e-2, "schedule": {"kind": "cosine", "warmup_steps": 3}},
        "steps": 12,
    }
    return TrainConfig.model_validate(values | settings)


def small_model(seed: int = 0) -> AlgebraicTriangulator:
    torch.manual_seed(seed)
    return AlgebraicTriangulator(OneLayer(), heatmap_multiplier=10.0)


def small_trainer(
    out: Path, config: TrainConfig, share: Share = ALONE, *, resume: bool = False, **parts: Any
) -> Trainer:
    folder = RunFolder(out, config, resume=resume or share.rank > 0)
    dataset = parts.pop("dataset", None) or Spots()

    def keep(model: nn.Module, path: Path, progress: Progress) -> None:
        save_file(model.state_dict(), path)

    passing = Passing(torch.device("cpu"), config.precision, config.channels_last)
    vary = _vary(config, dataset)
    trainer = Trainer(
        config,
        parts.pop("model", None) or small_model(config.seed),
        Stream(dataset, config.loading, config.seed, share),
        PoseTask(config, passing, vary),
        passing.device,
        folder,
        keep=keep,
        share=share,
        **parts,
    )
    if resume:
        trainer.resume()
    return trainer


def losses(out: Path) -> list[float]:
    lines = (out / "curve.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def main(out: str, *given: str) -> None:
    torch.set_num_threads(1)
    settings = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in given)}
    resume, pause_s = settings.pop("resume", False), settings.pop("pause_s", 0.0)
    config = small_config(**settings)
    with process_group(torch.device("cpu")) as share:
        if share.rank:
            while not (Path(out) / "config.yaml").exists():
                time.sleep(0.01)
        trainer = small_trainer(Path(out), config, share, resume=resume)
        trainer.run(lambda _: time.sleep(pause_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
