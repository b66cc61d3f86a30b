"""Checkpoints of the published networks (Iskakov et al. 2019; their file format is PyTorch's)."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from triangulate.config.models import (
    AlgebraicConfig,
    RansacConfig,
    ResNetConfig,
    VolumetricConfig,
)
from triangulate.config.parsing import first_problem
from triangulate.errors import InputError
from triangulate.models.backbone import DEPTHS
from triangulate.models.build import build_model
from triangulate.models.residual import BasicBlock, Bottleneck
from triangulate.models.weights import fill
from triangulate.skeleton import Skeleton, joint_places

Kind = Literal[
    "algebraic",
    "algebraic-no-confidences",
    "ransac",
    "volumetric-sum",
    "volumetric-max",
    "volumetric-softmax",
    "volumetric-conf",
    "volumetric-conf-norm",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_HOMOGENEOUS_UNIT_M = 1e-3  # the published networks solve in millimetres, which matters
_JOINTS = "h36m17"  # of the checkpoints with 17 joints, where nobody says otherwise
_CENTRES = (("mid_hip",), ("left_hip", "right_hip"))  # the first that a skeleton has
_WRAPPINGS = ("state_dict", "model_state_dict", "model")


@dataclass(frozen=True)
class Taken:
    """A published network, taken in.

    Attributes:
        network: in use (`eval`).
        joints: how many it finds.
        skeleton: which; None where they have no names.
        unused: names in the checkpoint that it has no place for.
        cut: what was taken in part, in words.
    """

    network: nn.Module
    joints: int
    skeleton: Skeleton | None
    unused: tuple[str, ...]
    cut: tuple[str, ...]


def load_published(
    path_or_state_dict: str | Path | Mapping[str, Any],
    kind: Kind,
    volume_size: int = 64,
    cuboid_side_m: float = 2.5,
    volume_multiplier: float = 1.0,
    skeleton: Skeleton | None = None,
) -> nn.Module:
    """A published network with its weights, in use (`eval`). It works in metres.

    The network's `sampling` is "published": these weights were trained half a pixel off, and on BGR
    images (`normalise_images(images, channel_order=network.channel_order)`).

    Args:
        path_or_state_dict: a checkpoint file, or what `torch.load` makes of one.
        kind: which estimator, one of `KINDS`.
        volume_size: voxels along a side of a volumetric one's cube, a multiple of 32.
        cuboid_side_m: of that cube.
        volume_multiplier: sharpens its softmax.
        skeleton: its joints; None: where there are 17, those of Human3.6M. A volumetric network's
            cube stands about the pelvis, or about the middle of the hips where that is no joint
            (as in COCO), as it was trained; without either, about the median of all joints.

    Raises:
        InputError: no such file, no checkpoint, or one of another network or of other joints.
    """
    taken = take_published(
        path_or_state_dict, kind, volume_size, cuboid_side_m, volume_multiplier, skeleton
    )
    if taken.unused or taken.cut:
        parts = [f"not used: {', '.join(taken.unused)}"] if taken.unused else []
        warnings.warn("; ".join([*parts, *taken.cut]), stacklevel=2)
    return taken.network


def take_published(
    path_or_state_dict: str | Path | Mapping[str, Any],
    kind: Kind,
    volume_size: int = 64,
    cuboid_side_m: float = 2.5,
    volume_multiplier: float = 1.0,
    skeleton: Skeleton | None = None,
) -> Taken:
    """As `load_published`, but says what was not used instead of warning."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if isinstance(path_or_state_dict, Mapping):
        source, content = "the state dict", path_or_state_dict
    else:
        source, content = str(path_or_state_dict), _read(Path(path_or_state_dict))
    tensors = _tensors(content, source)
    _check_kind(tensors, kind, source)
    skeleton = _skeleton(tensors, skeleton)
    centre = _centre_joints(skeleton)
    try:
        settings = _settings(tensors, kind, volume_size, cuboid_side_m, volume_multiplier, centre)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    network = build_model(settings)
    cut = _fit_final_layer(tensors, network)
    wanted = network.state_dict().keys()
    fill(network, {name: tensors[name] for name in wanted if name in tensors}, source)
    unused = tuple(name for name in tensors if name not in wanted)
    return Taken(network.eval(), settings.joints, skeleton, unused, cut)


def _read(path: Path) -> Any:
    if not path.is_file():
        problem = "is a folder, not a checkpoint" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {problem}")
    path.open("rb").close()  # what cannot be opened is told as such
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(path):
            raise InputError(
                f"{path}: holds more than weights, which is not safe to read"
            ) from error
        raise InputError(f"{path}: no PyTorch checkpoint, or one that is cut short") from error
    except Exception as error:  # torch tells a broken file in many ways, OSError among them
        raise InputError(f"{path}: no PyTorch checkpoint, or one that is cut short") from error


def _tensors(content: Any, source: str) -> dict[str, Tensor]:
    """Weights by name, without what surrounds them in training checkpoints."""
    for wrapping in _WRAPPINGS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapping), Mapping):
            content = content[wrapping]
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in (content.items() if isinstance(content, Mapping) else ())
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise InputError(f"{source}: holds no weights by name")
    return tensors


def _check_kind(tensors: Mapping[str, Tensor], kind: Kind, source: str) -> None:
    """Refuse weights that are plainly of another kind, and say of which."""
    fits = _kinds_of(tensors)
    if kind not in fits:
        if not fits:
            raise InputError(f"{source}: not the weights of a published network")
        raise InputError(f"{source}: not the weights of {kind}; it fits {', '.join(fits)}")


def _kinds_of(tensors: Mapping[str, Tensor]) -> list[Kind]:
    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in tensors)

    final = tensors.get("backbone.final_layer.weight")
    if final is None or final.ndim != 4 or _depth(tensors) is None:
        return []
    if has("volume_net."):
        by_channel = has("backbone.vol_confidences.")
        return [
            kind
            for kind in KINDS
            if kind.startswith("volumetric-") and (by_channel or "conf" not in kind)
        ]
    plain: list[Kind] = ["algebraic-no-confidences", "ransac"]
    return ["algebraic", *plain] if has("backbone.alg_confidences.") else plain


def _depth(tensors: Mapping[str, Tensor]) -> int | None:
    """The number of a ResNet's layers, from its parameters' names."""
    found = [
        re.match(r"backbone\.layer([1-4])\.(\d+)\.conv([123])\.weight$", name) for name in tensors
    ]
    parts = [tuple(int(part) for part in match.groups()) for match in found if match]
    counts = tuple(
        1 + max((block for layer, block, _ in parts if layer == which), default=-1)
        for which in (1, 2, 3, 4)
    )
    has_three = any(conv == 3 for _, _, conv in parts)
    block = Bottleneck if has_three else BasicBlock
    return next((depth for depth, stages in DEPTHS.items() if stages == (block, counts)), None)


def _num_joints(tensors: Mapping[str, Tensor]) -> int:
    """How many a network finds: a volumetric one has them in its volume."""
    final = tensors["backbone.final_layer.weight"]
    return len(tensors.get("volume_net.output_layer.weight", final))


def _skeleton(tensors: Mapping[str, Tensor], given: Skeleton | None) -> Skeleton | None:
    joints, published = _num_joints(tensors), Skeleton.named(_JOINTS)
    if given is None:
        return published if joints == len(published.joint_names) else None
    if joints != len(given.joint_names):
        raise InputError(
            f"the skeleton {given.name or 'given'} has {len(given.joint_names)} joints, the "
            f"network {joints}"
        )
    return given


def _centre_joints(skeleton: Skeleton | None) -> list[int] | None:
    """About which joints the published volumetric networks put their cube."""
    names = () if skeleton is None else skeleton.joint_names
    centres = (joint_places(each, names) for each in _CENTRES)
    return next((centre.tolist() for centre in centres if min(centre) >= 0), None)


def _settings(
    tensors: Mapping[str, Tensor],
    kind: Kind,
    size: int,
    side_m: float,
    multiplier: float,
    centre_joints: list[int] | None,
) -> AlgebraicConfig | RansacConfig | VolumetricConfig:
    """What the network of these weights is built from."""
    backbone = ResNetConfig(depth=_depth(tensors))  # type: ignore[arg-type]
    joints = _num_joints(tensors)
    if kind == "ransac":
        return RansacConfig(
            joints=joints,
            backbone=backbone,
            sampling="published",
            homogeneous_unit_m=_HOMOGENEOUS_UNIT_M,
        )
    if not kind.startswith("volumetric-"):
        return AlgebraicConfig(
            joints=joints,
            backbone=backbone,
            learned_confidences=kind == "algebraic",
            sampling="published",
            homogeneous_unit_m=_HOMOGENEOUS_UNIT_M,
        )
    return VolumetricConfig(
        joints=joints,
        backbone=backbone,
        aggregation=kind.removeprefix("volumetric-").replace("-", "_"),  # type: ignore[arg-type]
        channels=len(tensors.get("process_features.0.weight", range(32))),
        size=size,
        side_m=side_m,
        volume_multiplier=multiplier,
        centre_joints=centre_joints,
        finds_centre=False,  # the heatmaps' layer was frozen while the backbone learned
        sampling="published",
    )


def _fit_final_layer(tensors: dict[str, Tensor], network: nn.Module) -> tuple[str, ...]:
    """Where the backbone has heatmaps for other joints than the volume, keep the first ones."""
    cut = []
    for name in ("backbone.final_layer.weight", "backbone.final_layer.bias"):
        wanted, given = network.state_dict()[name], tensors.get(name)
        if given is None or given.shape == wanted.shape or given.shape[1:] != wanted.shape[1:]:
            continue
        shared = min(len(given), len(wanted))
        tensors[name] = torch.cat([given[:shared], wanted[shared:].to(given.dtype)])
        cut.append(f"of {name}, {shared} of {len(given)} filters fit {len(wanted)} joints")
    return tuple(cut)
