"""`triangulate models`: fetch detectors, take published weights in, see what weights are for."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triangulate.arguments import fetch_networks
from triangulate.console import (
    SETTINGS,
    nested_pairs,
    print_json,
    print_notes,
    print_pairs,
    print_table,
    uninterrupted,
)
from triangulate.errors import UsageError
from triangulate.options import JsonOption

if TYPE_CHECKING:
    from triangulate.models.published import Taken
    from triangulate.models.weights import Header
    from triangulate.skeleton import Skeleton

models = typer.Typer(
    help="Networks: detectors to fetch, weights to see and to take in.",
    epilog="Example: triangulate models list",
    **SETTINGS,  # type: ignore[arg-type]
)

_SHOWN_NAMES = 5
_NEEDS_CENTRE = (
    "these weights cannot find the body by themselves, as the layer of their heatmaps was frozen "
    "while the rest learned: give a centre (centre_world=), or an algebraic network that finds it "
    "(centre_from=; in the settings of evaluate, centre_from:)"
)


class ModelName(StrEnum):
    """Networks that can be fetched."""

    blazepose = "blazepose"


class KindName(StrEnum):
    """The published estimators."""

    algebraic = "algebraic"
    algebraic_no_confidences = "algebraic-no-confidences"
    ransac = "ransac"
    volumetric_sum = "volumetric-sum"
    volumetric_max = "volumetric-max"
    volumetric_softmax = "volumetric-softmax"
    volumetric_conf = "volumetric-conf"
    volumetric_conf_norm = "volumetric-conf-norm"


@models.command(epilog="Example: triangulate models fetch blazepose")
def fetch(name: Annotated[ModelName, typer.Argument(metavar="NAME", help="blazepose")]) -> None:
    """Fetch a detector's networks into the user's cache folder."""
    typer.echo(f"BlazePose is in {fetch_networks()}")


@models.command(
    name="import",
    short_help="Take in a checkpoint of the published networks.",
    epilog="Example: triangulate models import weights.pth --kind algebraic --out a.safetensors",
)
def take_in(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="The checkpoint file.")],
    kind: Annotated[
        KindName,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Which estimator it is for: algebraic, algebraic-no-confidences, ransac, or "
            "volumetric-sum, -max, -softmax, -conf, -conf-norm.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to write: a .safetensors file.")
    ],
    volume_size: Annotated[
        int,
        typer.Option("--volume-size", metavar="N", min=32, help="Voxels along the cube's side."),
    ] = 64,
    cuboid_side_m: Annotated[
        float, typer.Option("--cuboid-side", metavar="METRES", min=0.01, help="The cube's side.")
    ] = 2.5,
    volume_multiplier: Annotated[
        float,
        typer.Option("--volume-multiplier", metavar="X", min=1e-6, help="As it was trained with."),
    ] = 1.0,
    skeleton: Annotated[
        str | None,
        typer.Option(
            "--skeleton",
            metavar="NAME|FILE",
            help="Its joints: a set such as coco17, or your own .yaml; 17 are else taken as "
            "h36m17. A volumetric network's cube stands about their pelvis or the middle of their "
            "hips.",
        ),
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Write half the size: as 16-bit numbers.")
    ] = False,
) -> None:
    """Take in a checkpoint of the published learnable-triangulation networks.

    Writes a file that `triangulate.models.load` and the other commands read, and says what of the
    checkpoint it did not use.
    """
    with uninterrupted():
        from triangulate.models.build import settings_of
        from triangulate.models.published import take_published
        from triangulate.models.weights import Card, save
        from triangulate.skeleton import Skeleton

    if out.suffix != ".safetensors":
        raise UsageError(f"--out must end in .safetensors, got {out}")
    if volume_size % 32:
        raise UsageError(f"--volume-size must be a multiple of 32, got {volume_size}")
    joints = None if skeleton is None else Skeleton.given(skeleton)
    taken = take_published(
        weights, kind.value, volume_size, cuboid_side_m, volume_multiplier, joints
    )
    settings = settings_of(taken.network)
    words = ["triangulate", "models", "import", weights.name, "--kind", kind.value]
    words += [] if skeleton is None else ["--skeleton", skeleton]
    words += ["--out", out.name]
    card = Card(
        summary=f"published {kind.value} network, taken in from {weights.name}",
        data="as its authors say",
        command=shlex.join(words),
        limits="pixels are half a cell off and images BGR, as it was trained",
    )
    save(taken.network, out, card, taken.skeleton, half=half)
    notes = [] if skeleton else [_assumed(taken)]
    pairs = [("kind", kind.value), ("joints", str(taken.joints))]
    if settings.kind == "volumetric":
        notes.append(_NEEDS_CENTRE)
        pairs.append(("cube about", _centre(settings.centre_joints, taken.skeleton)))
    print_notes([*notes, *_leftovers(taken.unused), *taken.cut])
    print_pairs("Weights", [*pairs, ("written to", str(out))])


def _assumed(taken: Taken) -> str:
    """What was made of the joints, where nobody said."""
    if taken.skeleton is None:
        return f"its {taken.joints} joints have no names (--skeleton NAME)"
    return f"the joints are taken as {taken.skeleton.name} (--skeleton NAME)"


def _centre(joints: list[int] | None, skeleton: Skeleton | None) -> str:
    """The joints whose middle is a cube's centre."""
    if joints is None or skeleton is None:
        return "the median of all joints"
    return ", ".join(skeleton.joint_names[joint] for joint in joints)


def _leftovers(unused: tuple[str, ...]) -> list[str]:
    if not unused:
        return []
    more = f" and {len(unused) - _SHOWN_NAMES} more" if len(unused) > _SHOWN_NAMES else ""
    return [f"not used: {', '.join(unused[:_SHOWN_NAMES])}{more}"]


@models.command(name="list", epilog="Example: triangulate models list")
def list_shipped(as_json: JsonOption = False) -> None:
    """List the weights that come with the program."""
    with uninterrupted():
        from triangulate.models.weights import read_header, shipped_weights

    headers = {name: read_header(path) for name, path in shipped_weights().items()}
    if as_json:
        print_json({name: _contents(header) for name, header in headers.items()})
        return
    if not headers:
        print_notes(["no weights come with this installation"])
        return
    rows = [
        [name, header.settings.kind, f"{header.num_bytes / 1e6:.1f} MB", header.card.summary]
        for name, header in headers.items()
    ]
    print_table("Weights", ["name", "kind", "size", "what it does"], rows, ["kind", "what it does"])


@models.command(
    short_help="Show what weights are for: their model card.",
    epilog="Example: triangulate models show view_weights",
)
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="Shipped weights, or a file.")],
    as_json: JsonOption = False,
) -> None:
    """Show what weights are for: their model card and the network's settings."""
    with uninterrupted():
        from triangulate.models.weights import read_header

    header = read_header(name)
    if as_json:
        print_json(_contents(header))
        return
    print_pairs(name, nested_pairs({key: value for key, value in _card(header).items() if value}))


def _card(header: Header) -> dict[str, Any]:
    """A header for people: what matters first, and nothing twice."""
    card, skeleton = header.card, header.skeleton
    joints = "without names"
    if skeleton is not None:
        joints = skeleton.name or ", ".join(skeleton.joint_names)
    figures = dict(card.metrics)
    settings = figures.pop("settings", {})
    shown = {
        "summary": card.summary,
        "data": _parsed(card.data),
        "command": card.command,
        "figures": figures,
        "limits": card.limits,
        "joints": joints,
        "numbers": f"{header.num_parameters:,} in {header.num_bytes / 1e6:.1f} MB",
        "model": header.settings.model_dump(mode="json"),
    }
    rest = {key: value for key, value in settings.items() if shown.get(key) != value}
    return {**shown, "trained with": rest, "file": str(header.path)}


def _parsed(text: str) -> Any:
    """Settings that a card holds as JSON; other texts as they are."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _contents(header: Header) -> dict[str, Any]:
    """A header for programs."""
    return {
        "file": header.path,
        "bytes": header.num_bytes,
        "numbers": header.num_parameters,
        "settings": header.settings.model_dump(),
        "joints": header.skeleton.joint_names if header.skeleton else None,
        "card": vars(header.card),
    }
