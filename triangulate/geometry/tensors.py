"""Frozen dataclasses of tensors that share their leading dimensions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor


class TensorFields:
    """Base of the geometry's value classes: indexes, moves and casts all fields at once.

    Every field is a tensor, or itself a `TensorFields`, with the same leading dims.
    """

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """A new value with `function` applied to every tensor."""
        changed: dict[str, Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            is_nested = isinstance(value, TensorFields)
            changed[field.name] = value.map(function) if is_nested else function(value)
        return dataclasses.replace(self, **changed)  # type: ignore[type-var]

    def __getitem__(self, index: Any) -> Self:
        """Index the leading dims of every field (the trailing ones are the value's own)."""
        return self.map(lambda tensor: tensor[index])

    def to(
        self, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Self:
        """Cast floating-point fields to `dtype` and move all of them to `device`."""
        return self.map(
            lambda tensor: tensor.to(
                dtype=dtype if tensor.is_floating_point() else None, device=device
            )
        )
