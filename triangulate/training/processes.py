"""Several processes that train one model, as `torchrun` starts them.

Each makes its rows of every batch; gradients are summed. Since a loss is divided by the count of
the whole batch, that is the gradient of the whole batch: N processes train as one would, to the
rounding of sums. Batch normalisation is the exception: it sees a process's own rows, unless its
statistics are kept (`freeze_batch_norm`) or, on GPUs, shared (SyncBatchNorm, which `train` uses).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from triangulate.errors import InputError
from triangulate.training.stream import Share

_PATIENCE = timedelta(hours=6)  # the others wait while the first process validates


@contextmanager
def process_group(device: torch.device) -> Iterator[Share]:
    """This process's share of the batches; joins the others for the length of the block."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Share()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Share(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """With several GPUs, this process's own.

    Raises:
        InputError: there is none left for it.
    """
    if device.type != "cuda":
        return device
    number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= count:
        raise InputError(
            f"there are {count} GPUs for process {number} of this machine: start no more with "
            "--nproc-per-node, or set device to cpu"
        )
    return torch.device("cuda", number)


def summed(values: Tensor) -> Tensor:
    """The sum over all processes."""
    if distributed.is_initialized():
        values = values.clone()
        distributed.all_reduce(values)
    return values


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Give every process the sum of all gradients."""
    if not distributed.is_initialized():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def share_values(model: nn.Module) -> None:
    """Give every process the weights and buffers of the first."""
    if distributed.is_initialized():
        for value in model.state_dict().values():
            distributed.broadcast(value, 0)


def wait_for_all() -> None:
    """Wait until every process is here."""
    if distributed.is_initialized():
        distributed.barrier()
