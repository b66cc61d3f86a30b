"""What a run needs, from its settings: the network, its batches, the task, the validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from triangulate.config.augment import AugmentConfig
from triangulate.data.augment import Augmentation, augment
from triangulate.data.build import build_dataset, build_detections
from triangulate.data.sample import PoseDataset, Sample
from triangulate.errors import InputError
from triangulate.evaluation.measuring import batches, measure
from triangulate.evaluation.passing import Passing, check_size
from triangulate.metrics import joint_errors, over_joints
from triangulate.models.build import build_model
from triangulate.models.weights import load
from triangulate.skeleton import Skeleton
from triangulate.training.loop import Validate
from triangulate.training.stream import Batches, ReadyBatches, Share, Stream
from triangulate.training.tasks import PoseTask, Task, WeighingTask

if TYPE_CHECKING:
    from triangulate.config.training import TrainConfig, ValidationConfig

_FARTHEST_M = 2.0  # what a joint counts that is not predicted


@dataclass(frozen=True)
class Setup:
    """See `Trainer`.

    Attributes:
        model: on its device.
        stream: its batches.
        task: what it learns.
        validate: its error in metres; None: no validation.
        skeleton: the joints it finds; None: any.
    """

    model: nn.Module
    stream: Batches
    task: Task
    validate: Validate | None
    skeleton: Skeleton | None


def pose_setup(config: TrainConfig, share: Share, device: torch.device, data_root: Path) -> Setup:
    """For a network that begins with images."""
    dataset = build_dataset(config.data, data_root, device=device)
    model = _model(config, dataset.skeleton)
    _check_sizes(model, config)
    passing = Passing(device, config.precision, config.channels_last)
    if share.count > 1 and device.type == "cuda" and not config.freeze_batch_norm:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    validation, validate = config.validation, None
    if validation is not None:
        held_out = build_dataset(validation.data, data_root, device=device)
        validate = partial(validation_error, held_out, validation, passing)
    return Setup(
        passing.prepared(model),
        Stream(dataset, config.loading, config.seed, share),
        PoseTask(config, passing, _vary(config, dataset), getattr(dataset, "up_axis", None)),
        validate,
        dataset.skeleton,
    )


def weighing_setup(
    config: TrainConfig, share: Share, device: torch.device, data_root: Path
) -> Setup:
    """For view weights."""
    size, validation, validate = config.loading.batch_size, config.validation, None
    scenes = build_detections(config.data, data_root, config.steps, size)
    if validation is not None:
        count = -(-validation.samples // validation.batch_size)
        held_out = build_detections(validation.data, data_root, count, validation.batch_size)
        validate = partial(weighing_error, held_out, device)
    return Setup(
        _model(config, None).to(device),
        ReadyBatches(scenes, config.loading, share),
        WeighingTask(device, config.maps_every),
        validate,
        None,
    )


def _model(config: TrainConfig, skeleton: Skeleton | None) -> nn.Module:
    """The network, with random weights or those to start from."""
    joints = getattr(config.model, "joints", None)
    if skeleton is not None and joints != len(skeleton.joint_names):
        raise InputError(
            f"model.joints: is {joints}, and the data set has {len(skeleton.joint_names)} "
            f"({skeleton.name or 'joints of its own'})"
        )
    torch.manual_seed(config.seed)
    model = build_model(config.model)
    if config.start is not None:
        take_over(model, load(config.start), config.start)
    return model


def _check_sizes(model: nn.Module, config: TrainConfig) -> None:
    """Refuse crops that the network cannot take."""
    sets = {"data.size": config.data}
    if config.validation is not None:
        sets["validation.data.size"] = config.validation.data
    for setting, data in sets.items():
        if data.kind != "detections":
            check_size(model, data.size, setting)


def take_over(model: nn.Module, other: nn.Module, source: str) -> int:
    """Give a model the weights of another that have its names and shapes; how many there are."""
    own, found = model.state_dict(), other.state_dict()
    shared = {
        name: value
        for name, value in found.items()
        if name in own and own[name].shape == value.shape
    }
    if 2 * len(shared) < min(len(own), len(found)):
        raise InputError(
            f"start: {source}: {len(shared) or 'none'} of its {len(found)} weights fit this model, "
            f"which has {len(own)}: name those of a network with the same backbone"
        )
    model.load_state_dict(own | shared)
    return len(shared)


def _vary(
    config: TrainConfig, dataset: PoseDataset
) -> Callable[[Sample, Sequence[torch.Generator]], Sample] | None:
    """How moments are varied; None where they are not."""
    if config.augment == AugmentConfig():
        return None
    values: dict[str, Any] = config.augment.model_dump()
    how = Augmentation(**(values | {"patch_side": tuple(values["patch_side"])}))
    skeleton = dataset.skeleton
    return lambda sample, generators: augment(sample, generators, how, skeleton)


def validation_error(
    dataset: PoseDataset, validation: ValidationConfig, passing: Passing, model: nn.Module
) -> float:
    """MPJPE in metres of a model in evaluation mode: the mean over joints, then over moments.

    A joint that is not predicted counts as two metres off: else leaving hard ones out would pay.
    """
    with torch.no_grad():
        samples = batches(dataset, validation.samples, validation.batch_size, passing.device)
        found = measure({"": partial(passing, model)}, samples)[0, ""]
    errors = joint_errors(found.points_world, found.truth_world)
    errors = torch.where(found.valid, errors, _FARTHEST_M)
    by_moment, has_any = over_joints(errors, found.known)
    return float(by_moment[has_any].mean()) if bool(has_any.any()) else float("inf")


@torch.no_grad()
def weighing_error(scenes: Any, device: torch.device, model: nn.Module) -> float:
    """The mean distance of points from the truth in metres, none counted as more than two.

    Joints that two views saw count, those without a prediction as two metres off.
    """
    distances = []
    for number in range(len(scenes)):
        batch = scenes[number].to(device=device)
        found = model(batch.points_px, batch.score, batch.cameras, batch.observed)
        distance = joint_errors(found.points_world, batch.points_world)
        distance = torch.where(found.valid, distance, _FARTHEST_M).clamp_max(_FARTHEST_M)
        distances.append(distance[batch.observed.sum(1) >= 2])
    return float(torch.cat(distances).mean())
