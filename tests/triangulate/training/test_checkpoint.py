"""A run's folder: nothing of another run is overwritten, and what is cut short is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_run import small_config

from triangulate.errors import InputError
from triangulate.training.checkpoint import RunFolder, read_checkpoint, read_lines


def folder(path: Path, *, resume: bool = False, **settings: object) -> RunFolder:
    return RunFolder(path, small_config(**settings), resume=resume)


def test_the_last_two_checkpoints_stay(tmp_path: Path) -> None:
    run = folder(tmp_path / "run")
    assert run.load() is None
    for step in (3, 12, 105):
        run.save(step, {"model": {"w": torch.full((2,), float(step))}})
    names = sorted(path.name for path in run.checkpoints.iterdir())
    assert names == ["step_00000012.pt", "step_00000105.pt"]
    state = run.load()
    assert state is not None
    assert state["step"] == 105
    assert state["model"]["w"].tolist() == [105, 105]


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    folder(tmp_path / "run")
    before = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(InputError, match="--resume, or choose another place with --out"):
        folder(tmp_path / "run", steps=99)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not empty"):
        folder(tmp_path / "papers")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        folder(tmp_path / "file")
    assert (tmp_path / "run" / "config.yaml").read_text() == before


def test_a_run_goes_on_with_its_own_settings(tmp_path: Path) -> None:
    folder(tmp_path / "run")
    folder(tmp_path / "run", resume=True)
    folder(tmp_path / "run", resume=True, checkpoint_minutes=1.0, device="cpu")
    with pytest.raises(InputError, match="the run has seed = 0 and not 5; go on with its own"):
        folder(tmp_path / "run", resume=True, seed=5)
    with pytest.raises(InputError, match=r"optimizer\.lr = 0\.01 and not 0\.001, and 2 more"):
        folder(tmp_path / "run", resume=True, optimizer={"lr": 1e-3})
    with pytest.raises(InputError, match="holds no run to go on with; leave --resume out"):
        folder(tmp_path / "absent", resume=True)


def test_a_run_goes_on_in_a_version_with_more_settings(tmp_path: Path) -> None:
    settings = folder(tmp_path / "run").path / "config.yaml"
    lines = settings.read_text().splitlines(keepends=True)
    fewer = [line for line in lines if not line.startswith("channels_last:")]
    assert len(fewer) == len(lines) - 1
    settings.write_text("".join(fewer))
    folder(tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="channels_last = False and not True"):
        folder(tmp_path / "run", resume=True, channels_last=True)
    settings.write_text("model: {")
    with pytest.raises(InputError, match="is damaged"):
        folder(tmp_path / "run", resume=True)


@pytest.mark.parametrize("keep", [0, 10, 400, 6000])
def test_a_checkpoint_cut_short(tmp_path: Path, keep: int) -> None:
    run = folder(tmp_path / "run")
    run.save(1, {"model": {"w": torch.zeros(100)}})
    path = run.save(2, {"model": {"w": torch.zeros(9000)}})
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(InputError, match=r"to go on from step_00000001\.pt") as caught:
        run.load()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == whole[:keep]
    path.unlink()
    state = run.load()
    assert state is not None
    assert state["step"] == 1


def test_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "step_00000001.pt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(InputError, match="no checkpoint of this version"):
        read_checkpoint(path)


def test_lines_of_steps_to_come_are_cut_back(tmp_path: Path) -> None:
    run = folder(tmp_path / "run")
    for step in range(5):
        run.append("curve.jsonl", {"step": step, "loss": step / 2})
    path = run.path / "curve.jsonl"
    with path.open("a") as file:
        file.write('{"step": 5, "lo')
    run.cut_back("curve.jsonl", 3)
    assert [line["step"] for line in read_lines(path)] == [0, 1, 2]
    run.append("curve.jsonl", {"step": 3, "loss": 1.5})
    assert len(path.read_text().splitlines()) == 4
    run.cut_back("validation.jsonl", 3)
    assert not (run.path / "validation.jsonl").exists()
