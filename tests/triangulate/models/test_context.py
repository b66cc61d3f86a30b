from __future__ import annotations

import pytest
import torch

from triangulate.models.context import ContextBlock


def trained(channels: int = 12, num_heads: int = 3) -> ContextBlock:
    """A block whose parts all say something."""
    torch.manual_seed(0)
    block = ContextBlock(channels, num_heads).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return block


def test_a_fresh_block_changes_nothing() -> None:
    maps = torch.randn(2, 12, 5, 3)
    assert torch.equal(ContextBlock(12, 3)(maps), maps)


def test_every_cell_learns_from_every_other() -> None:
    block = trained()
    maps = torch.randn(1, 12, 6, 9, dtype=torch.float64)
    changed = maps.clone()
    changed[..., 0, 0] += 1
    assert ((block(changed) - block(maps)).abs().amax(1) > 0).all()


def test_cells_without_a_place_are_interchangeable() -> None:
    block = trained()
    torch.nn.init.zeros_(block.place.weight)
    torch.nn.init.zeros_(block.place.bias)
    maps = torch.randn(2, 12, 2, 4, dtype=torch.float64)
    order = torch.tensor([5, 0, 7, 2, 1, 3, 6, 4])

    def moved(values: torch.Tensor) -> torch.Tensor:
        return values.flatten(2)[..., order].unflatten(2, (2, 4))

    torch.testing.assert_close(block(moved(maps)), moved(block(maps)))


def test_one_cell_attends_to_itself() -> None:
    block = trained()
    cells = torch.randn(4, 1, 12, dtype=torch.float64)
    value = block.query_key_value(cells)[..., 24:]
    torch.testing.assert_close(block._attend(cells), block.joined(value))


def test_gradients_agree_with_differences() -> None:
    block = trained(4, 2)
    maps = torch.randn(1, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (maps,))


def test_channels_that_heads_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 5, got 12"):
        ContextBlock(12, 5)
