"""The loop: the same seed gives the same curve, whatever interrupts it and whoever shares it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_run import Spots, losses, small_config, small_model, small_trainer

from triangulate.data.sample import Sample
from triangulate.errors import InputError
from triangulate.training.loop import Progress

PROGRAM = Path(__file__).parent / "small_run.py"


def run(out: Path, *, resume: bool = False, **settings: Any) -> list[float]:
    small_trainer(out, small_config(**settings), resume=resume).run()
    return losses(out)


def program(out: Path, *given: str, environment: dict[str, str] | None = None) -> Any:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(out), *given],
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )


def test_the_loss_falls(tmp_path: Path) -> None:
    curve = run(tmp_path / "run", steps=30)
    assert len(curve) == 30
    assert sum(curve[-10:]) < 0.6 * sum(curve[:10])


def test_one_seed_gives_one_curve_and_another_another(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"augment": {"drop_share": 0.5, "brightness": 0.2}}
    first = run(tmp_path / "a", **settings)
    assert run(tmp_path / "b", **settings) == first
    assert run(tmp_path / "c", seed=1, **settings) != first


def test_accumulation_gives_the_curve_of_whole_batches(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", steps=6)
    parts = run(tmp_path / "parts", steps=6, optimizer={"lr": 1e-2, "accumulate": 3})
    constant = run(tmp_path / "constant", steps=6, optimizer={"lr": 1e-2})
    assert parts == pytest.approx(constant, rel=1e-5)
    assert whole != constant  # another schedule


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"precision": "bfloat16", "channels_last": True},
        {"loading": {"batch_size": 4, "replay": 3, "reservoir": 12}, "ema_decay": None},
    ],
)
def test_a_run_stopped_between_steps_goes_on_as_if_it_had_not_been(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    undisturbed = run(tmp_path / "a", steps=11, **settings)
    config = small_config(steps=11, **settings)
    trainer = small_trainer(tmp_path / "b", config)

    def interrupt(progress: Progress) -> None:
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    progress = trainer.run(interrupt)
    assert progress.is_stopped
    assert 5 <= progress.step < 11
    assert run(tmp_path / "b", resume=True, steps=11, **settings) == undisturbed
    one, other = (
        torch.load(tmp_path / name / "checkpoints" / "step_00000011.pt", weights_only=True)
        for name in "ab"
    )
    for name, value in one["model"].items():
        assert torch.equal(value, other["model"][name])
    for name, value in (one["mean"] or {}).items():
        assert torch.equal(value, other["mean"][name])


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    settings = ("steps=40", "checkpoint_minutes=0.0001")
    undisturbed = tmp_path / "a"
    assert program(undisturbed, *settings).wait() == 0
    killed = tmp_path / "b"
    process = program(killed, *settings, "pause_s=0.05")
    while len(list((killed / "checkpoints").glob("step_*.pt"))) < 2:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert len(losses(killed)) < 40
    assert program(killed, *settings, "resume=true").wait() == 0
    assert losses(killed) == losses(undisturbed)


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one(tmp_path: Path) -> None:
    """A model without batch normalisation, the same global batches; sums differ in rounding."""
    settings = ("steps=8", 'augment={"brightness": 0.3, "drop_share": 0.5}')
    one, two = tmp_path / "one", tmp_path / "two"
    assert program(one, *settings).wait() == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = [
        program(two, *settings, environment={**address, "RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)


class Broken(Spots):
    """One moment of which is somewhere else altogether."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        if index == 7:
            sample = replace(sample, points_world=sample.points_world * float("nan"))
        return replace(sample, known=torch.ones_like(sample.known))


def test_a_loss_that_is_not_finite_stops_with_the_batch_saved(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path / "run", small_config(), dataset=Broken())
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    with pytest.raises(InputError, match="the loss of step") as caught:
        trainer.run()
    assert "\n" not in str(caught.value)
    path = next((tmp_path / "run").glob("bad_batch_*.pt"))
    assert str(path) in str(caught.value)
    saved = torch.load(path, weights_only=True)
    assert saved["sample"]["points_world"].isnan().any()
    assert saved["sample"]["images"].shape == (8, 3, 3, 24, 32)
    assert saved["sample"]["cameras"]["K"].shape == (8, 3, 3, 3)
    assert all(value.isfinite().all() for value in trainer.model.state_dict().values())
    assert trainer.model.state_dict().keys() == before.keys()


def test_validation_keeps_the_best_weights_of_the_running_mean(tmp_path: Path) -> None:
    errors = iter([0.3, 0.1, 0.2])
    seen: list[torch.Tensor] = []

    def validate(model: torch.nn.Module) -> float:
        assert not model.training
        seen.append(model.backbone.maps.weight.detach().clone())  # type: ignore[union-attr]
        return next(errors)

    config = small_config(
        validation={"data": {"kind": "recordings", "root": "unused"}, "every_steps": 5}
    )
    trainer = small_trainer(tmp_path / "run", config, validate=validate)
    progress = trainer.run()
    assert progress.best == 0.1
    best = load_file(tmp_path / "run" / "best.safetensors")
    assert torch.equal(best["backbone.maps.weight"], seen[1])
    assert not torch.equal(seen[2], trainer.model.backbone.maps.weight)  # type: ignore[union-attr]
    lines = (tmp_path / "run" / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 4, "error_mm": 300.0},
        {"step": 9, "error_mm": 100.0},
        {"step": 11, "error_mm": 200.0},
    ]


def test_gradients_are_clipped(tmp_path: Path) -> None:
    model = small_model()
    config = small_config(steps=1, optimizer={"lr": 1.0, "clip_norm": 1e-3})
    trainer = small_trainer(tmp_path / "run", config, model=model)
    trainer.run()
    norm = torch.stack([p.grad.square().sum() for p in trainer.trained]).sum().sqrt()  # type: ignore[union-attr]
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    line = json.loads((tmp_path / "run" / "curve.jsonl").read_text())
    assert line["gradient"] > 0.01  # before it was shortened
    assert set(line) == {"step", "loss", "heatmap", "mse_smooth", "rate", "gradient"}
