"""Settings files: what is accepted, and what a refusal says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from triangulate.config import Config, ReconstructConfig, load_config
from triangulate.errors import InputError


class Optimizer(Config):
    learning_rate: float = 1e-3
    steps: int = 10


class Job(Config):
    name: str
    optimizer: Optimizer = Optimizer()
    stages: list[Optimizer] | None = None


def write(folder: Path, text: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, model: type[Config] = ReconstructConfig) -> str:
    with pytest.raises(InputError) as caught:
        load_config(path, model)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_values_reach_the_model(tmp_path: Path) -> None:
    text = "method: dlt\nevery: 3\ncameras: [cam1, cam3]\nframes: 10:20\nmin_confidence: 1e-3\n"
    config = load_config(write(tmp_path, text), ReconstructConfig)
    assert config == ReconstructConfig(
        method="dlt", every=3, cameras=["cam1", "cam3"], frames="10:20", min_confidence=0.001
    )


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "{}\n"])
def test_an_empty_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    assert load_config(write(tmp_path, text), ReconstructConfig) == ReconstructConfig()


def test_nested_models(tmp_path: Path) -> None:
    text = "name: a\noptimizer: {steps: 5}\nstages:\n- learning_rate: 1\n"
    job = load_config(write(tmp_path, text), Job)
    assert job.optimizer.steps == 5
    assert job.stages == [Optimizer(learning_rate=1.0)]


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ReconstructConfig().every = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("methd: dlt", "unknown key 'methd': did you mean 'method'?"),
        ("on_size: crop", "did you mean 'on_size_mismatch'?"),
        ("qqqqq: 1", "the known keys are cameras, detector, every"),
        ("every: 2.5", "'every' should be a valid integer, got 2.5"),
        ("every: yes", "'every' should be a valid integer, got 'yes'"),
        ("every: true", "'every' should be a valid integer, got True"),
        ("every: 010", "'every' should be a valid integer"),
        ("every: 0", "'every' should be greater than or equal to 1, got 0"),
        ("every: '2'", "'every' should be a valid integer, got '2'"),
        ("every: 1\nevery: 2", "'every' is given twice (lines 1 and 2): rename or remove one"),
        ("method: fast", "'method' should be 'robust', 'dlt' or 'learned', got 'fast'"),
        ("frames: 5", "'frames' should be a valid string, got 5"),
        ("cameras: cam1", "'cameras' should be a valid list, got 'cam1'"),
        ("cameras: [cam1]", "'cameras' needs at least 2 entries"),
        ("cameras: [cam1, 2]", "'cameras[1]' should be a valid string, got 2"),
        ("min_confidence: .nan", "'min_confidence' should be a finite number"),
        ("every: 0\nmethd: dlt", "'every' should be greater than or equal to 1, got 0; unknown"),
        ("- every", "expected settings as 'key: value' lines"),
        ("every: [", "is no valid YAML: line 1, column 9"),
        ("every: !!int x", "is no valid YAML"),
        ("every: !!python/name:os.system", "is no valid YAML"),
        ("? [every]\n: 1", "line 1: a name is missing before the ':'"),
    ],
)
def test_refusals_name_file_key_and_expectation(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("optimizer: {}", "'name' is missing"),
        ("name: a\noptimizer: {step: 5}", "'optimizer.step': did you mean 'steps'?"),
        ("name: a\nstages: [{}, {lerning_rate: 1}]", "'stages[1].lerning_rate': did you mean"),
    ],
)
def test_refusals_name_the_path_of_nested_keys(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(write(tmp_path, text), Job)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.yaml")
    assert "cannot be read" in refusal(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in refusal(binary)
    if os.geteuid() != 0:
        private = write(tmp_path, "every: 1")
        private.chmod(0)
        assert "Permission denied" in refusal(private)


# --- One of several models, chosen by its kind ----------------------------------------------------


class Square(Config):
    kind: Literal["square"]
    side: float


class Disc(Config):
    kind: Literal["disc"]
    radius: float = 1.0
    steps: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _is_fine(self) -> Disc:
        if self.steps > 100:
            raise ValueError("steps are more than anybody waits for")
        return self


class Drawing(Config):
    shape: Annotated[Square | Disc, Field(discriminator="kind")]


def test_the_kind_chooses_the_model(tmp_path: Path) -> None:
    drawing = load_config(write(tmp_path, "shape: {kind: disc, steps: 3}"), Drawing)
    assert drawing.shape == Disc(kind="disc", steps=3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shape: {kind: disc, radus: 1}", "unknown key 'shape.radus': did you mean 'radius'?"),
        ("shape: {kind: square, sides: 1}", "'shape.side' is missing"),
        ("shape: {kind: disk}", "'shape' has an unknown kind 'disk'; known: 'square', 'disc'"),
        ("shape: {side: 1}", "'shape.kind' is missing"),
        ("shape: {kind: disc, steps: 0}", "'shape.steps' should be greater than or equal to 1"),
        ("shape: {kind: disc, steps: 101}", "'shape' steps are more than anybody waits for"),
    ],
)
def test_what_is_said_of_it(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(write(tmp_path, text), Drawing)


def test_a_file_for_something_else_gets_a_short_answer(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("".join(f"strange_{k}: {k}\n" for k in range(9)), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_config(path, ReconstructConfig)
    said = str(caught.value)
    assert said.count("unknown key") == 4
    assert said.endswith("and 5 more: is the file meant for another command?")
