from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest
import torch
from torch import Tensor

from triangulate.geometry.lens import Lens
from triangulate.geometry.tensors import TensorFields


@dataclass(frozen=True)
class Inner(TensorFields):
    flag: Tensor  # (*B,) int64


@dataclass(frozen=True)
class Outer(TensorFields):
    matrix: Tensor  # (*B, 2, 2)
    inner: Inner


def outer(*batch: int) -> Outer:
    number = torch.arange(torch.Size(batch).numel()).reshape(batch)
    return Outer(number[..., None, None] + torch.zeros(2, 2), Inner(number))


def test_map_reaches_nested_fields_and_leaves_the_original() -> None:
    value = outer(3)
    doubled = value.map(lambda tensor: 2 * tensor)
    assert isinstance(doubled, Outer)
    assert isinstance(doubled.inner, Inner)
    assert doubled.inner.flag.tolist() == [0, 2, 4]
    assert doubled.matrix[2].tolist() == [[4, 4], [4, 4]]
    assert value.inner.flag.tolist() == [0, 1, 2]


def test_indexing_takes_the_leading_dims() -> None:
    value = outer(3, 4)[1, 2]
    assert value.matrix.shape == (2, 2)
    assert value.inner.flag.item() == 6
    picked = outer(5)[torch.tensor([4, 0])]
    assert picked.inner.flag.tolist() == [4, 0]
    assert outer(5)[1:3].matrix.shape == (2, 2, 2)
    assert outer(5)[None].matrix.shape == (1, 5, 2, 2)


def test_to_casts_floating_fields_alone() -> None:
    value = outer(2).to(torch.float64)
    assert value.matrix.dtype == torch.float64
    assert value.inner.flag.dtype == torch.int64
    assert outer(2).to(device="cpu").matrix.dtype == torch.float32


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        outer(2).matrix = torch.zeros(2, 2, 2)  # type: ignore[misc]


def test_gradients_pass_through_to_and_indexing() -> None:
    coefficients = torch.zeros(3, 5, requires_grad=True)
    Lens.of("radtan", coefficients).to(torch.float64)[1].coefficients.sum().backward()
    assert coefficients.grad is not None
    assert coefficients.grad.sum(-1).tolist() == [0, 5, 0]
