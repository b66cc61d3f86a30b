"""Weights as files: safetensors that carry the network's settings, its joints and a model card."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from triangulate.config.models import ModelConfig
from triangulate.errors import InputError
from triangulate.files import atomic_path
from triangulate.models.build import build_model, parse_settings, settings_of
from triangulate.skeleton import Skeleton

_FORMAT = "triangulate-weights-1"
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Card:
    """What a user should know about weights.

    Attributes:
        summary: what they do, in a line.
        data: what they were trained on.
        command: that trains them again.
        metrics: name and figure, or whatever JSON can hold.
        limits: what they are not for.
    """

    summary: str = ""
    data: str = ""
    command: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    limits: str = ""


@dataclass(frozen=True)
class Header:
    """What stands in a weights file beside the weights.

    Attributes:
        path: of the file.
        settings: what `build_model` makes the network from.
        card: what a user should know.
        skeleton: the joints, or None where they have no names.
        num_parameters: how many numbers there are.
        num_bytes: the file's size.
    """

    path: Path
    settings: ModelConfig
    card: Card
    skeleton: Skeleton | None
    num_parameters: int
    num_bytes: int


def save(
    network: nn.Module,
    path: str | Path,
    card: Card | None = None,
    skeleton: Skeleton | None = None,
    *,
    half: bool = False,
) -> None:
    """Write a network's weights, whole or not at all.

    Args:
        network: made by `build_model` or `load`.
        path: ends in `.safetensors`.
        card: what a user should know about them.
        skeleton: the joints they find.
        half: store matrices as float16; vectors, such as those of batch norm, stay as they are.

    Raises:
        InputError: the file cannot be written.
        ValueError: `path` has another suffix, or a weight is not finite (in float16).
    """
    if Path(path).suffix != _SUFFIX:
        raise ValueError(f"path must end in {_SUFFIX}, got {path}")
    tensors = {name: _stored(name, each, half=half) for name, each in network.state_dict().items()}
    metadata = {
        "format": _FORMAT,
        "settings": settings_of(network).model_dump_json(),
        "card": json.dumps(dataclasses.asdict(card or Card()), ensure_ascii=False),
    }
    if skeleton is not None:
        metadata["skeleton"] = json.dumps(dataclasses.asdict(skeleton))
    with atomic_path(path) as temporary:
        temporary.write_bytes(serialise(tensors, metadata))  # `save_file` shuts others out


def load(name_or_path: str | Path) -> nn.Module:
    """A network with its weights, in use (`eval`), in float32 on the processor.

    Args:
        name_or_path: one of `shipped_weights`, or a file.

    Raises:
        InputError: there is no such file, or it holds no weights for its network.
    """
    path = find(name_or_path)
    header = read_header(path)
    network = build_model(header.settings)
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    fill(network, tensors, str(path))
    return network.eval()


def read_header(name_or_path: str | Path) -> Header:
    """What stands in a weights file beside the weights.

    Raises:
        InputError: as `load`.
    """
    path = find(name_or_path)
    with _opened(path) as file:
        metadata = file.metadata() or {}
        count = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())
    try:
        if metadata.get("format") != _FORMAT:
            raise ValueError(f"its format is {metadata.get('format', 'not stated')}")
        settings = parse_settings(json.loads(metadata["settings"]))
        card = Card(**json.loads(metadata["card"]))
        skeleton = _skeleton(json.loads(metadata["skeleton"])) if "skeleton" in metadata else None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no weights of this program or of another version of it ({error}); published "
            "ones are taken in with: triangulate models import"
        ) from None
    return Header(path, settings, card, skeleton, count, path.stat().st_size)


def find(name_or_path: str | Path) -> Path:
    """The file of shipped weights or of one's own.

    Raises:
        InputError: there is none; the message says which names there are.
    """
    path, name = Path(name_or_path), str(name_or_path)
    shipped = shipped_weights()
    if name in shipped:
        return shipped[name]
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        problem = "is a folder, not a weights file" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {problem}")
    near = difflib.get_close_matches(name, shipped, n=1, cutoff=0.4)
    known = f"shipped are {', '.join(shipped)}" if shipped else "none are shipped"
    remedy = f"did you mean {near[0]!r}?" if near else f"{known}; or give a file"
    raise InputError(f"no weights are called {name!r}: {remedy}")


def shipped_weights() -> dict[str, Path]:
    """The files in the package by name, sorted."""
    folder = Path(str(resources.files("triangulate").joinpath("weights")))
    return {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put weights into a network; all of them must be there, and of the right shape.

    Raises:
        InputError: they belong to another network; the message names `source`.
    """
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors]
    surplus = [name for name in tensors if name not in wanted]
    if missing or surplus:
        parts = [_some("lacks", missing), _some("has no place for", surplus)]
        raise InputError(f"{source}: weights of another network: {'; '.join(filter(None, parts))}")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise InputError(
                f"{source}: weights of another network: {name} is {tuple(tensor.shape)}, expected "
                f"{tuple(wanted[name].shape)}"
            )
    network.load_state_dict(dict(tensors))


def _some(verb: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{verb} {', '.join(names[:3])}{more}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise InputError(
            f"{path}: cut short, or not a {_SUFFIX} file ({error}); published checkpoints are "
            "taken in with: triangulate models import"
        ) from error


def _stored(name: str, tensor: Tensor, *, half: bool) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().contiguous()
    stored = tensor.detach().to("cpu", torch.float16 if half and tensor.ndim > 1 else torch.float32)
    if not bool(stored.isfinite().all()):
        raise ValueError(f"{name} holds numbers that are not finite in {stored.dtype}")
    return stored.contiguous().clone()


def _skeleton(values: dict[str, Any]) -> Skeleton:
    return Skeleton(
        tuple(values["joint_names"]),
        tuple((a, b) for a, b in values["edges"]),
        tuple((a, b) for a, b in values["flip_pairs"]),
        values["name"],
    )
