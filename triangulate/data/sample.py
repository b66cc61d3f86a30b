"""One moment seen by several cameras: what every data set gives and every network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.tensors import TensorFields
from triangulate.skeleton import Skeleton


@dataclass(frozen=True)
class Sample(TensorFields):
    """One moment, or with a leading B a batch of them.

    Attributes:
        images: (*B, V, 3, H, W) uint8 RGB crops; zero where a view is missing.
        cameras: (*B, V) of the crops.
        views: (*B, V) False where a view is missing.
        points_world: (*B, J, 3) metres; zero where not `known`.
        known: (*B, J) whether the joint's place is known.
        visible: (*B, V, J) whether the view shows the joint, neither hidden nor outside.
        group: (*B,) which of the data set's `groups` this moment belongs to.
    """

    images: Tensor
    cameras: Camera
    views: Tensor
    points_world: Tensor
    known: Tensor
    visible: Tensor
    group: Tensor


class PoseDataset(Protocol):
    """Moments by number. The same number gives the same moment, whoever asks and however often.

    A data set that makes many moments at once faster than one by one also has `__getitems__`,
    which PyTorch's loaders use.
    """

    @property
    def skeleton(self) -> Skeleton:
        """The J joints."""
        ...

    @property
    def groups(self) -> Sequence[str]:
        """What moments are reported by, such as actions."""
        ...

    def __len__(self) -> int:
        """The number of moments."""
        ...

    def __getitem__(self, index: int) -> Sample:
        """One moment, counted from 0."""
        ...


def collate(samples: Sequence[Sample]) -> Sample:
    """Stack samples into a batch; views that some lack are missing views of the batch."""
    num_views = max(len(sample.views) for sample in samples)
    return _stack([_with_views(sample, num_views) for sample in samples])


def _stack(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.stack(list(values))
    parts = {
        field.name: _stack([getattr(value, field.name) for value in values])
        for field in fields(values[0])
    }
    return type(values[0])(**parts)


def _with_views(sample: Sample, num_views: int) -> Sample:
    """The sample with missing views behind its own; their cameras repeat the last one."""
    present = len(sample.views)
    if present == num_views:
        return sample
    at = torch.arange(num_views).clamp_max(present - 1)
    there = torch.arange(num_views) < present
    shown = there.to(sample.images.device)  # which may be another one than that of the rest
    return Sample(
        images=sample.images[at] * shown[:, None, None, None],
        cameras=sample.cameras[at],
        views=sample.views[at] & there,
        points_world=sample.points_world,
        known=sample.known,
        visible=sample.visible[at] & there[:, None],
        group=sample.group,
    )
