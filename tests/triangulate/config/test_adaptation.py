from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from triangulate.config.adaptation import AdaptConfig, ViewWeightsStudentConfig
from triangulate.config.parsing import load_config
from triangulate.errors import InputError

CONFIG = Path(__file__).resolve().parents[3] / "configs" / "adapt.yaml"


def read(tmp_path: Path, text: str) -> AdaptConfig:
    path = tmp_path / "adapt.yaml"
    path.write_text(text)
    return load_config(path, AdaptConfig)


def test_the_kind_says_which_student(tmp_path) -> None:
    chosen = read(tmp_path, "student: {kind: view_weights, steps: 50}")
    assert chosen.student == ViewWeightsStudentConfig(steps=50)
    assert read(tmp_path, "student: null").student is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("student: {steps: 50}", "'student.kind' is missing"),
        ("student: {kind: volumes}", "'student' has an unknown kind 'volumes'"),
        ("student: {kind: view_weights, size: 24}", "unknown key 'student.size'"),
        ("student: {kind: volume, shift: 0.1}", "unknown key 'student.shift'"),
        ("student: {kind: view_weights, step: 50}", "did you mean 'steps'"),
        ("student: {kind: view_weights, swap_sides: 2.0}", "'student.swap_sides'"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path, text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)


def test_the_file_shows_the_other_student_with_its_defaults() -> None:
    lines = CONFIG.read_text().splitlines()
    start = lines.index("# student:")
    shown = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines[start:]))
    assert shown["student"] == ViewWeightsStudentConfig().model_dump()
