"""`triangulate train` and `triangulate evaluate`: from settings to weights to figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from triangulate import console
from triangulate.cli import app
from triangulate.errors import InputError, UsageError
from triangulate.models.weights import read_header

RUNNER = CliRunner()
PEOPLE = {"kind": "synthetic", "views": 2, "size": [64, 48]}
JOB = {
    "model": {
        "kind": "algebraic",
        "backbone": {"kind": "unet", "channels": [4, 4, 6, 6]},
    },
    "data": PEOPLE,
    "augment": {"mirror_share": 0.5, "rotation_deg": 10},
    "loading": {"batch_size": 2, "replay": 2, "reservoir": 4},
    "loss": {"heatmap": 1.0, "mae": 0.02},
    "validation": {"data": PEOPLE | {"seed": 1}, "samples": 2, "every_steps": 2},
    "steps": 3,
    "half_weights": True,
    "summary": "made for a test",
}


def write(path: Path, values: object) -> Path:
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def train(*arguments: str | Path) -> str:
    result = RUNNER.invoke(app, ["train", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    config = write(folder / "job.yaml", JOB)
    answer = json.loads(train(config, "--out", folder / "run", "--json"))
    assert answer["steps"] == 3
    assert answer["weights"] == str(folder / "run" / "last.safetensors")
    return folder


def test_a_run_leaves_weights_with_a_card(trained: Path) -> None:
    header = read_header(trained / "run" / "best.safetensors")
    assert header.card.summary == "made for a test"
    assert header.card.metrics["validation_error_mm"] > 0
    assert header.skeleton is not None
    assert header.skeleton.name == "h36m17"
    assert header.settings.kind == "algebraic"


def test_a_pipe_is_told_the_loss_and_the_best_validation(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    config = write(tmp_path / "job.yaml", JOB | {"steps": 3})
    result = RUNNER.invoke(app, ["train", str(config), "--out", str(tmp_path / "run"), "--json"])
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"training: 1 of 3 steps, loss [0-9.e+-]+", lines[0])
    assert re.fullmatch(
        r"training: 3 of 3 steps, loss [0-9.e+-]+, best validation [0-9.]+ mm, 0:00:00 left",
        lines[2],
    )
    assert json.loads(result.stdout)["steps"] == 3


def test_a_finished_run_is_not_repeated(trained: Path) -> None:
    config, curve = trained / "job.yaml", trained / "run" / "curve.jsonl"
    before = curve.read_bytes()
    with pytest.raises(InputError, match="is not empty; go on with the run in it with --resume"):
        train(config, "--out", trained / "run")
    assert "weights" in train(config, "--out", trained / "run", "--resume")
    assert curve.read_bytes() == before


def test_evaluation_prints_a_table_and_json(trained: Path) -> None:
    settings = {"data": PEOPLE | {"views": 3}, "samples": 3, "batch_size": 2, "views": [2]}
    settings["threshold_mm"] = 120
    config = write(trained / "evaluation.yaml", settings)
    command = ["evaluate", str(config), "--weights", str(trained / "run" / "last.safetensors")]
    command += ["--against", "plain,logsum"]
    result = RUNNER.invoke(app, [*command, "--json"], catch_exceptions=False)
    answer = json.loads(result.stdout)
    assert answer["count"] == 3
    assert set(answer["figures"]) == {"network", "plain", "logsum"}
    figures = answer["figures"]["plain"]
    assert figures["absolute_mm"]["low"] <= figures["absolute_mm"]["value"]
    assert set(figures["by_joint_mm"]) >= {"pelvis", "head"}
    assert set(figures["by_views_mm"]) == {"2"}
    assert set(answer["gains_mm"]) == {"network", "logsum"}
    assert answer["thresholds"] == {"pck_mm": 120.0, "pckh_heads": 0.5, "auc_mm": 120.0}
    shown = RUNNER.invoke(app, command, catch_exceptions=False)
    title, head = shown.stdout.splitlines()[:2]
    assert title == "Errors in mm over 3 moments"
    within = "PCK 120 mm PCKh 0.5 heads AUC 0-120 mm found gain over plain"
    assert " ".join(head.split()).endswith(within)
    for said in ("MPJPE in mm by joint", "MPJPE in mm by views"):
        assert said in shown.stdout


def test_one_moment_has_no_interval(trained: Path) -> None:
    settings = {"data": PEOPLE | {"views": 3}, "samples": 1, "views": [2]}
    config = write(trained / "one.yaml", settings)
    command = ["evaluate", str(config), "--weights", str(trained / "run" / "last.safetensors")]
    shown = RUNNER.invoke(app, command, catch_exceptions=False)
    assert " to " not in shown.stdout
    assert shown.stderr.endswith(
        "note: an interval needs two moments or more: figures without one are of a single one\n"
    )
    answer = json.loads(RUNNER.invoke(app, [*command, "--json"]).stdout)
    absolute = answer["figures"]["network"]["absolute_mm"]
    assert (absolute["count"], absolute["low"], absolute["high"]) == (1, None, None)


def test_what_evaluation_refuses(trained: Path, tmp_path: Path) -> None:
    config = write(tmp_path / "evaluation.yaml", {"data": PEOPLE, "samples": 1})
    weights = str(trained / "run" / "last.safetensors")

    def evaluate(*arguments: str) -> None:
        RUNNER.invoke(app, ["evaluate", *arguments], catch_exceptions=False)

    with pytest.raises(UsageError, match="--against knows"):
        evaluate(str(config), "--weights", weights, "--against", "best")
    with pytest.raises(InputError, match="no such file"):
        evaluate(str(config), "--weights", str(tmp_path / "absent.safetensors"))
    write(config, {"data": PEOPLE | {"size": [60, 48]}, "samples": 1})
    with pytest.raises(InputError, match=r"data\.size: the images' sides must be multiples of 16"):
        evaluate(str(config), "--weights", weights)
    write(config, {"data": PEOPLE, "samples": 1, "root": "hips"})
    with pytest.raises(InputError, match="root: the data set has no joint 'hips'"):
        evaluate(str(config), "--weights", weights)
    write(config, {"data": PEOPLE, "samples": 1, "centre_from": weights})
    with pytest.raises(InputError, match="centre_from: is for a volumetric network"):
        evaluate(str(config), "--weights", weights)
    write(config, {"data": PEOPLE, "sampels": 1})
    with pytest.raises(InputError, match="did you mean 'samples'"):
        evaluate(str(config), "--weights", weights)


def test_what_training_refuses(tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = write(tmp_path / "job.yaml", JOB | {"model": {"kind": "algebraic", "joints": 5}})
    with pytest.raises(InputError, match=r"model\.joints: is 5, and the data set has 17"):
        train(config, "--out", out)
    write(config, JOB | {"start": str(tmp_path / "absent.safetensors")})
    with pytest.raises(InputError, match="no such file"):
        train(config, "--out", out)
    if not torch.cuda.is_available():
        write(config, JOB | {"device": "cuda"})
        with pytest.raises(InputError, match=r"device: cuda cannot be used .*; set it to cpu or"):
            train(config, "--out", out)
    refused = {
        r"data\.views.* must be 2 or more": {"data": PEOPLE | {"views": [5, 3]}},
        r"data\.size\[0\]": {"data": PEOPLE | {"size": [0, 64]}},
        r"data\.size: the images' sides must be multiples of 16": {
            "data": PEOPLE | {"size": [60, 48]}
        },
        r"data\.distance_m.* in this order": {"data": PEOPLE | {"distance_m": [6.0, 2.0]}},
        r"data\.mix.* a share": {
            "data": PEOPLE | {"mix": {"mocap": 0.0, "angles": 0.0, "walk": 0.0}}
        },
        r"no parameter starts with 'bakbone'": {
            "optimizer": {"groups": [{"prefix": "bakbone", "frozen": True}]}
        },
        r"model\.finds_centre": {"model": {"kind": "volumetric", "finds_centre": False}},
    }
    for said, changed in refused.items():
        write(config, JOB | changed)
        with pytest.raises(InputError, match=said):
            train(config, "--out", out)
    assert not out.exists()


def test_training_starts_from_other_weights(trained: Path, tmp_path: Path) -> None:
    start = str(trained / "run" / "last.safetensors")
    job = JOB | {"start": start, "steps": 1, "validation": None, "ema_decay": None}
    job |= {"optimizer": {"lr": 1e-12}}
    config = write(tmp_path / "job.yaml", job)
    train(config, "--out", tmp_path / "run")
    from triangulate.models.weights import load

    before = load(start).state_dict()
    for name, value in load(tmp_path / "run" / "last.safetensors").state_dict().items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(value, before[name], atol=1e-3, rtol=1e-3)
