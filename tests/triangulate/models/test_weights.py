from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from triangulate.config.models import AlgebraicConfig, RansacConfig, UNetConfig
from triangulate.errors import InputError
from triangulate.models import weights
from triangulate.models.build import build_model, settings_of
from triangulate.models.weights import Card, load, read_header, save
from triangulate.skeleton import Skeleton

SETTINGS = AlgebraicConfig(backbone=UNetConfig(channels=[8, 8, 8, 6]))
CARD = Card("finds joints", "made-up people", "triangulate train", {"MPJPE mm": 51.5}, "no photos")


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(SETTINGS)


def refusal(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize("half", [False, True])
def test_what_is_saved_is_loaded(network, tmp_path: Path, half: bool) -> None:
    path = tmp_path / "made" / "net.safetensors"
    save(network, path, CARD, Skeleton.named("h36m17"), half=half)
    loaded = load(str(path))
    assert settings_of(loaded) == SETTINGS and not loaded.training
    wanted = network.state_dict()
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == wanted[name].dtype
        tolerance = 1e-3 if half and tensor.ndim > 1 else 0
        torch.testing.assert_close(tensor, wanted[name], rtol=tolerance, atol=1e-4 * tolerance)
    header = read_header(path)
    assert (header.card, header.settings, header.path) == (CARD, SETTINGS, path)
    assert header.skeleton == Skeleton.named("h36m17")
    assert header.num_bytes == path.stat().st_size
    assert header.num_parameters == sum(value.numel() for value in wanted.values())
    assert list(tmp_path.rglob("*")) == [path.parent, path]


def test_half_is_half_the_size(network, tmp_path: Path) -> None:
    for half in (False, True):
        save(network, tmp_path / f"{half}.safetensors", half=half)
    sizes = [(tmp_path / f"{half}.safetensors").stat().st_size for half in (False, True)]
    assert sizes[1] < 0.6 * sizes[0]


def test_joints_and_card_may_be_left_out(network, tmp_path: Path) -> None:
    save(network, tmp_path / "net.safetensors")
    header = read_header(tmp_path / "net.safetensors")
    assert header.skeleton is None and header.card == Card()


def test_nothing_is_overwritten_by_numbers_that_are_not_finite(network, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save(network, path)
    before = path.read_bytes()
    network.backbone.final_layer.weight.data[0] = 1e6
    with pytest.raises(ValueError, match=r"backbone.final_layer.weight .* not finite .*float16"):
        save(network, path, half=True)
    network.backbone.final_layer.weight.data[0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        save(network, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_saved(network, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must end in .safetensors, got .*net.pth"):
        save(network, tmp_path / "net.pth")
    with pytest.raises(ValueError, match="must be made by build_model"):
        save(torch.nn.Linear(1, 1), tmp_path / "net.safetensors")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        save(network, tmp_path / "file" / "net.safetensors")


# --- Names ----------------------------------------------------------------------------------------


def test_shipped_weights_are_found_by_name(network, tmp_path: Path, monkeypatch) -> None:
    shipped = tmp_path / "people.safetensors"
    save(network, shipped, CARD)
    monkeypatch.setattr(weights, "shipped_weights", lambda: {"people": shipped})
    assert settings_of(load("people")) == SETTINGS
    assert "no weights are called 'poeple': did you mean 'people'?" in refusal("poeple")
    assert "'xyz': shipped are people; or give a file" in refusal("xyz")


def test_all_shipped_weights_can_be_loaded() -> None:
    for name, path in weights.shipped_weights().items():
        header = read_header(name)
        assert header.path == path and path.stat().st_size < 10e6
        assert all([header.card.summary, header.card.data, header.card.command])
        assert header.card.metrics and header.card.limits
        load(name)


# --- Bad files ------------------------------------------------------------------------------------


def test_files_that_are_no_weights(network, tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.safetensors")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "text.safetensors").write_text("no weights at all, but a text")
    assert "cut short, or not a .safetensors file" in refusal(tmp_path / "text.safetensors")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    assert "cut short" in refusal(tmp_path / "empty.safetensors")
    torch.save(network.state_dict(), tmp_path / "net.pth")
    assert "triangulate models import" in refusal(tmp_path / "net.pth")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
def test_a_file_that_is_cut_short(network, tmp_path: Path, share: float) -> None:
    path = tmp_path / "net.safetensors"
    save(network, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "cut short" in refusal(path)


def test_weights_of_others(network, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    assert "its format is not stated" in refusal(path)
    save_file({"weight": torch.zeros(2)}, path, {"format": "triangulate-weights-9"})
    assert "its format is triangulate-weights-9" in refusal(path)


def rewrite(path: Path, tensors: dict, **metadata: str) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        save_file(tensors, path, {**file.metadata(), **metadata})


def test_weights_of_another_network(network, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save(network, path)
    tensors = load_file(path)
    rewrite(path, tensors, settings=RansacConfig(backbone=SETTINGS.backbone).model_dump_json())
    assert "weights of another network: has no place for backbone.confidences" in refusal(path)
    other = UNetConfig(channels=[8, 8, 8, 12])
    rewrite(path, tensors, settings=AlgebraicConfig(backbone=other).model_dump_json())
    assert "context.0.weight is (128, 6, 3, 3), expected (128, 12, 3, 3)" in refusal(path)
    save(network, path)
    del tensors["backbone.final_layer.bias"]
    rewrite(path, tensors)
    assert "lacks backbone.final_layer.bias" in refusal(path)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"settings": "{"}, "of another version"),
        ({"settings": '{"kind": "algebraic", "joint": 3}'}, "joint"),
        ({"settings": "[]"}, "of another version"),
        ({"card": '{"sumary": "x"}'}, "sumary"),
        ({"skeleton": "{}"}, "joint_names"),
    ],
)
def test_metadata_that_is_broken(network, tmp_path: Path, metadata: dict, said: str) -> None:
    path = tmp_path / "net.safetensors"
    save(network, path)
    rewrite(path, load_file(path), **metadata)
    assert said in refusal(path)


@pytest.mark.skipif(os.name == "nt", reason="no file modes")
def test_weights_may_be_read_by_whom_other_files_may(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    path = tmp_path / "mine.safetensors"
    save(build_model(AlgebraicConfig(joints=3, backbone=UNetConfig(channels=[6, 6, 6, 6]))), path)
    assert path.stat().st_mode == other.stat().st_mode
