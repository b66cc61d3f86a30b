"""The curve as lines, and for TensorBoard where it is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from small_run import small_config

from triangulate.training.checkpoint import RunFolder
from triangulate.training.curves import Curves


def test_lines_of_training_and_validation(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    folder = RunFolder(tmp_path / "run", small_config(), resume=False)
    curves = Curves(folder, 0, is_on=True)
    curves.add(0, {"loss": 1.5})
    curves.add_validation(0, {"error_mm": 20.0})
    curves.close()
    assert json.loads((folder.path / "curve.jsonl").read_text()) == {"step": 0, "loss": 1.5}
    assert json.loads((folder.path / "validation.jsonl").read_text())["error_mm"] == 20.0
    assert any((folder.path / "tensorboard").iterdir())


def test_without_tensorboard_there_are_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    folder = RunFolder(tmp_path / "run", small_config(), resume=False)
    curves = Curves(folder, 0, is_on=True)
    curves.add(0, {"loss": 1.5})
    curves.close()
    assert (folder.path / "curve.jsonl").exists()
    assert not (folder.path / "tensorboard").exists()


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", small_config(), resume=False)
    Curves(folder, 0, is_on=False).add(0, {"loss": 1.5})
    assert [path.name for path in folder.path.iterdir()] == ["config.yaml"]
