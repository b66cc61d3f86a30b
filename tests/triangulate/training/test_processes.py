"""One process alone; two together are tested in test_loop.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from triangulate.errors import InputError
from triangulate.training.processes import (
    local_device,
    process_group,
    share_values,
    sum_gradients,
    summed,
    wait_for_all,
)
from triangulate.training.stream import Share


def test_one_process_has_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    model = nn.Linear(1, 1)
    model(torch.ones(1, 1)).sum().backward()
    with process_group(torch.device("cpu")) as share:
        assert share == Share(0, 1)
        assert list(share.of(4)) == [0, 1, 2, 3]
        sum_gradients(list(model.parameters()))
        share_values(model)
        wait_for_all()
        assert summed(torch.tensor(2.0)) == 2.0
    assert model.weight.grad is not None
    assert float(model.weight.grad) == 1.0


def test_shares_are_a_batchs_rows_in_order() -> None:
    assert [list(Share(rank, 3).of(6)) for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert local_device(torch.device("cuda")) == torch.device("cuda", 3)
    assert local_device(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(InputError, match="there are 4 GPUs for process 4"):
        local_device(torch.device("cuda"))
