"""What a network learns: poses from images, or how far to believe each view of a keypoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from triangulate.data.sample import Sample
from triangulate.evaluation.passing import Passing
from triangulate.models.weighing_loss import weighing_loss
from triangulate.synthetic.detections import Detections
from triangulate.training.cube import cube_options
from triangulate.training.objective import Counts, objective

if TYPE_CHECKING:
    from triangulate.config.training import TrainConfig

Draw = Callable[[int], list[torch.Generator]]
"""The generators of a purpose, one for each moment of the batch."""

_AUGMENT, _CUBE = 5, 6  # purposes


class Task(Protocol):
    """What the loop asks of it. A batch's tensors share their first dimension, its rows."""

    def prepared(self, batch: Any, step: int, draw: Draw) -> tuple[Any, dict[str, Tensor]]:
        """The batch as the model gets it, and further arguments of the model, by row."""
        ...

    def counts(self, batch: Any) -> Tensor:
        """(K,) what the loss is divided by; those of the parts of a batch add up."""
        ...

    def loss(
        self, model: nn.Module, part: Any, options: dict[str, Tensor], counts: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a part of a batch and its terms, divided by the counts of the whole."""
        ...


@dataclass(frozen=True)
class PoseTask:
    """Joints from images, for networks that begin with them.

    Attributes:
        config: of the run.
        passing: how batches go through the model.
        vary: augmentation: varies a batch, each moment by a generator of its own; None: none.
        up_axis: of the data's world; None where unknown.
    """

    config: TrainConfig
    passing: Passing
    vary: Callable[[Sample, Sequence[torch.Generator]], Sample] | None = None
    up_axis: str | None = None

    def prepared(self, batch: Sample, step: int, draw: Draw) -> tuple[Sample, dict[str, Tensor]]:
        """See `Task`."""
        sample = batch.to(device=self.passing.device)
        if self.vary is not None:
            sample = self.vary(sample, draw(_AUGMENT))
        if self.config.model.kind != "volumetric":
            return sample, {}
        return sample, cube_options(sample, self.config.cube, draw(_CUBE), self.up_axis)

    def counts(self, batch: Sample) -> Tensor:
        """See `Task`."""
        return Counts.of(batch, self.config.loss.hidden_weight).as_vector()

    def loss(
        self, model: nn.Module, part: Sample, options: dict[str, Tensor], counts: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Task`."""
        loss = self.config.loss
        keep_maps = loss.heatmap > 0 or loss.volume > 0
        prediction = self.passing(model, part, {"keep_maps": keep_maps, **options})
        return objective(prediction, part, loss, Counts(*counts.unbind()))


@dataclass(frozen=True)
class WeighingTask:
    """How far to believe each view of a keypoint, from made-up detections.

    Attributes:
        device: where the arithmetic is done.
        maps_every: every so many steps the network is also told what the heatmaps look like.
    """

    device: torch.device
    maps_every: int

    def prepared(
        self, batch: Detections, step: int, draw: Draw
    ) -> tuple[Detections, dict[str, Tensor]]:
        """See `Task`."""
        batch = batch.to(device=self.device)
        with_maps = step % self.maps_every == 0
        return batch, {"map_features": batch.map_features} if with_maps else {}

    def counts(self, batch: Detections) -> Tensor:
        """See `Task`: scenes."""
        scenes = [float(len(batch.points_world))]
        return torch.tensor(scenes, dtype=torch.float64, device=self.device)

    def loss(
        self, model: nn.Module, part: Detections, options: dict[str, Tensor], counts: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Task`; parts are weighted by their numbers of scenes."""
        prediction, earlier = model.in_passes(  # type: ignore[operator]
            part.points_px, part.score, part.cameras, part.observed, **options
        )
        known = part.observed.sum(1) >= 2
        loss = weighing_loss(prediction, earlier, part.points_world, known)
        share = len(part.points_world) / counts[0].to(loss)
        return (loss * share).double(), {}
