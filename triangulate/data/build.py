"""Data sets from their settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triangulate.config.data import (
    DetectionsConfig,
    Human36MConfig,
    PanopticConfig,
    RecordingsConfig,
    SyntheticConfig,
    TrainingDataConfig,
)
from triangulate.data.pictures import Progress
from triangulate.data.sample import PoseDataset

if TYPE_CHECKING:
    import torch

    from triangulate.data.detections import DetectionScenes

_PATHS = {"root", "labels", "rig"}
_PAIRS = {"size", "distance_m", "height_m", "views"}


def data_root(given: Path | None) -> Path:
    """Where relative paths of data sets start: as given, else $TRIANGULATE_DATA, else here."""
    return given or Path(os.environ.get("TRIANGULATE_DATA", "."))


def build_dataset(
    config: TrainingDataConfig,
    root: Path,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> PoseDataset:
    """The data set of images that settings describe.

    Args:
        config: its settings.
        root: where relative paths start.
        progress: told while crops of videos are cut.
        device: where the network is that looks at the images.

    Raises:
        InputError: what keeps it from being used, with what to do.
    """
    values = _arguments(config, root)
    match config:
        case SyntheticConfig():
            from triangulate.data.synthetic import SyntheticPeople

            values["mix"] = config.mix.model_dump()
            values["device"] = device if config.device == "network" else "cpu"
            return SyntheticPeople(**values)
        case Human36MConfig():
            from triangulate.data.human36m import Human36M

            return Human36M(**values)
        case PanopticConfig():
            from triangulate.data.panoptic import Panoptic

            return Panoptic(progress=progress, **values)
        case RecordingsConfig():
            from triangulate.data.recordings import RecordedPeople

            return RecordedPeople(progress=progress, **values)
        case DetectionsConfig():
            raise ValueError("config must be of images, got made-up detections")


def build_detections(
    config: TrainingDataConfig, root: Path, num_batches: int, batch_size: int
) -> DetectionScenes:
    """Batches of made-up detections.

    Args:
        config: settings of kind `detections`.
        root: where relative paths start.
        num_batches: how many there are.
        batch_size: scenes in each.
    """
    from triangulate.data.detections import DetectionScenes
    from triangulate.synthetic.mocap import motions_in

    if not isinstance(config, DetectionsConfig):
        raise ValueError(f"config must be of kind detections, got {config.kind}")
    named = [root / name for name in config.motions]
    paths = [file for path in named for file in (motions_in(path) if path.is_dir() else [path])]
    return DetectionScenes.from_motions(
        paths,
        num_batches=num_batches,
        batch_size=batch_size,
        views=(config.views[0], config.views[1]),
        seed=config.seed,
    )


def _arguments(config: TrainingDataConfig, root: Path) -> dict[str, Any]:
    """Settings as keyword arguments, with paths from `root` and sizes as pairs."""
    values = dict(config)
    del values["kind"]
    for name in _PATHS & values.keys():
        if values[name] is not None:
            values[name] = root / values[name]
    if values.get("motions") is not None:
        values["motions"] = [root / name for name in values["motions"]]
    for name in _PAIRS & values.keys():
        if isinstance(values[name], list):
            values[name] = tuple(values[name])
    return values
