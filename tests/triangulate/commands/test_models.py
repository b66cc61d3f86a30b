"""`triangulate models`: import, list and show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.config.models import AlgebraicConfig, UNetConfig, VolumetricConfig
from triangulate.errors import InputError, UsageError
from triangulate.models import weights
from triangulate.models.backbone import PoseResNet
from triangulate.models.build import build_model, settings_of
from triangulate.models.volumetric import VolumetricTriangulator
from triangulate.models.weights import Card, load, save
from triangulate.skeleton import Skeleton


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the published implementation would write, of a small network."""
    torch.manual_seed(0)
    backbone = PoseResNet(17, depth=18, num_confidences=17)
    state = {f"module.backbone.{name}": value for name, value in backbone.state_dict().items()}
    path = tmp_path_factory.mktemp("published") / "weights.pth"
    torch.save(state, path)
    return path


# --- Import ---------------------------------------------------------------------------------------


def test_published_weights_are_taken_in(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "alg.safetensors"
    result = triangulate("models", "import", checkpoint, "--kind", "algebraic", "--out", out)
    assert result.exit_code == 0, result.output
    assert f"written to  {out}" in result.stdout
    assert result.stderr == "note: the joints are taken as h36m17 (--skeleton NAME)\n"
    network = load(out)
    settings = settings_of(network)
    assert isinstance(settings, AlgebraicConfig) and settings.sampling == "published"
    assert settings.homogeneous_unit_m == 1e-3 and settings.learned_confidences
    given = torch.load(checkpoint)["module.backbone.conv1.weight"]
    assert torch.equal(network.backbone.conv1.weight, given)
    header = weights.read_header(out)
    assert header.skeleton == Skeleton.named("h36m17")
    assert header.card.command == (
        "triangulate models import weights.pth --kind algebraic --out alg.safetensors"
    )


def test_what_is_not_used_is_said(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "ransac.safetensors"
    words = ["--kind", "ransac", "--out", out, "--skeleton", "h36m17", "--half"]
    result = triangulate("models", "import", checkpoint, *words)
    assert result.exit_code == 0
    assert "note: not used: backbone.alg_confidences.features.0.weight, " in result.stderr
    assert result.stderr.endswith(" and 15 more\n") and "taken as" not in result.stderr
    assert out.stat().st_size < 0.6 * checkpoint.stat().st_size


@pytest.mark.parametrize(
    ("words", "centre"), [([], "pelvis"), (["--skeleton", "coco17"], "left_hip, right_hip")]
)
def test_a_volumetric_network_says_that_it_needs_a_centre(
    tmp_path: Path, words: list[str], centre: str
) -> None:
    torch.manual_seed(0)
    network = VolumetricTriangulator(PoseResNet(17, depth=18), aggregation="sum", size=32)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    out = tmp_path / "vol.safetensors"
    command = ["models", "import", tmp_path / "weights.pth", "--kind", "volumetric-sum", "--half"]
    result = triangulate(*command, "--out", out, "--volume-size", 32, *words)
    assert result.exit_code == 0, result.output
    assert "cannot find the body by themselves, as the layer of their heatmaps" in result.stderr
    assert "give a centre (centre_world=), or an algebraic network" in result.stderr
    assert f"cube about  {centre}\n" in result.stdout
    header = weights.read_header(out)
    assert isinstance(header.settings, VolumetricConfig) and header.skeleton is not None
    assert header.settings.centre_joints == [header.skeleton.index(x) for x in centre.split(", ")]
    assert (" --skeleton coco17 " in header.card.command) == bool(words)


@pytest.mark.parametrize(
    ("kind", "words", "error", "said"),
    [
        ("volumetric-sum", [], InputError, "it fits algebraic, algebraic-no-confidences, ransac"),
        ("algebraic", ["--skeleton", "coco"], InputError, "no skeleton is called 'coco'"),
        ("algebraic", ["--skeleton", "no.yaml"], InputError, "no.yaml: cannot be read"),
        ("algebraic", ["--skeleton", "body25"], InputError, "has 25 joints, the network 17"),
        ("algebraic", ["--volume-size", "40"], UsageError, "multiple of 32, got 40"),
    ],
)
def test_refusals_write_nothing(
    checkpoint: Path, tmp_path: Path, kind: str, words: list[str], error: type, said: str
) -> None:
    out = tmp_path / "net.safetensors"
    out.write_text("what was there before")
    result = triangulate("models", "import", checkpoint, "--kind", kind, "--out", out, *words)
    assert result.exit_code == 1 and isinstance(result.exception, error)
    assert said in str(result.exception)
    assert out.read_text() == "what was there before" and list(tmp_path.iterdir()) == [out]


def test_another_suffix_is_wrong_usage(checkpoint: Path) -> None:
    result = triangulate("models", "import", checkpoint, "--kind", "ransac", "--out", "net.pth")
    assert isinstance(result.exception, UsageError)
    assert "must end in .safetensors, got net.pth" in str(result.exception)


# --- List and show --------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: Any) -> Path:
    path = tmp_path / "people.safetensors"
    settings = AlgebraicConfig(backbone=UNetConfig(channels=[8, 8, 8, 6]))
    card = Card(
        "finds joints", "made-up people", "triangulate train", {"MPJPE mm": 51.5}, "no photos"
    )
    save(build_model(settings), path, card, Skeleton.named("h36m17"))
    monkeypatch.setattr(weights, "shipped_weights", lambda: {"people": path})
    return path


def test_shipped_weights_are_listed(shipped: Path) -> None:
    result = triangulate("models", "list")
    assert result.exit_code == 0
    title, head, row = result.stdout.splitlines()[:3]
    assert (title, head.split()) == ("Weights", ["name", "kind", "size", "what", "it", "does"])
    assert row.split()[:2] == ["people", "algebraic"] and "finds joints" in row
    listed = json.loads(triangulate("models", "list", "--json").stdout)
    assert listed["people"]["card"]["metrics"] == {"MPJPE mm": 51.5}


@pytest.mark.parametrize("by_name", [True, False])
def test_a_card_is_shown(shipped: Path, by_name: bool) -> None:
    name = "people" if by_name else str(shipped)
    result = triangulate("models", "show", name)
    assert result.exit_code == 0
    for text in ("made-up people", "MPJPE mm", "51.5", "no photos", "h36m17", "algebraic", "unet"):
        assert text in result.stdout
    shown = json.loads(triangulate("models", "show", name, "--json").stdout)
    assert shown["settings"]["backbone"]["kind"] == "unet" and len(shown["joints"]) == 17


def test_settings_have_a_line_each(tmp_path: Path) -> None:
    """Of weights that `triangulate train` wrote."""
    path = tmp_path / "own.safetensors"
    settings = AlgebraicConfig(backbone=UNetConfig(channels=[8, 8, 8, 6]))
    data = {"kind": "synthetic", "mix": {"walk": 1.0}}
    model = settings.model_dump(mode="json")
    trained = {"model": model, "data": data, "loading": {"batch_size": 8}, "steps": 600}
    card = Card(data=json.dumps(data), metrics={"loss": 3.5, "settings": trained})
    save(build_model(settings), path, card)
    lines = triangulate("models", "show", path).stdout.splitlines()
    spaced = [" ".join(line.split()) for line in lines]
    for line in ("kind synthetic", "walk 1.0", "loss 3.5", "channels [8, 8, 8, 6]", "batch_size 8"):
        assert spaced.count(line) == 1
    assert max(map(len, lines[1:-1])) < 70
    below = lines[lines.index("trained with") + 1 :]
    assert [line.split()[0] for line in below] == ["loading", "batch_size", "steps", "file"]


def test_weights_that_are_not_there(shipped: Path) -> None:
    result = triangulate("models", "show", "peoples")
    assert isinstance(result.exception, InputError)
    assert "did you mean 'people'?" in str(result.exception)
