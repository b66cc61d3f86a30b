"""`triangulate train --recording`: what it refuses, in one line, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from triangulate.adaptation import adapting
from triangulate.adaptation.adapting import Adapted
from triangulate.adaptation.judgement import Interval, Verdict
from triangulate.cli import app
from triangulate.errors import InputError, UsageError
from triangulate.poses import Poses3D
from triangulate.skeleton import Skeleton
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

CONFIG = Path(__file__).resolve().parents[3] / "configs" / "adapt.yaml"


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["train", str(CONFIG), *arguments])


@pytest.fixture
def project(tmp_path, write_video) -> Path:
    """Thirty frames of three cameras, beside their rig."""
    rig = ring_rig(seeded(0), 3, size=(160, 120))
    rig.save(tmp_path / "rig.yaml")
    for name in rig.names:
        write_video(
            tmp_path / "walk" / f"{name}.mp4",
            30,
            picture=lambda number, w, h: np.full((h, w, 3), number, np.uint8),
        )
    return tmp_path


def test_no_rig(project) -> None:
    (project / "rig.yaml").unlink()
    result = invoke("--recording", str(project / "walk"))
    assert isinstance(result.exception, InputError)
    assert "no rig.yaml in it or in the folders above" in str(result.exception)


def test_too_few_frames_and_cameras(project, write_video) -> None:
    folder = project / "walk"
    (folder / "cam3.mp4").unlink()
    result = invoke("--recording", str(folder))
    assert "has 2 cameras (cam1, cam2)" in str(result.exception)
    assert not (folder / "adapted").exists()


def test_nobody_there(project, own_cache) -> None:
    result = invoke("--recording", str(project / "walk"))
    assert isinstance(result.exception, InputError)
    assert "nobody was found in any view" in str(result.exception)
    assert not list((project / "walk").glob("adapted/*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say with --out"),
        (("--rig", "rig.yaml", "--out", "x"), "--rig goes with --recording"),
        (("--recording", "x", "--resume"), "goes without --data and --resume"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    result = invoke(*arguments)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)


def poses() -> Poses3D:
    return Poses3D(
        np.zeros((5, 1, 2, 3)),
        np.zeros((5, 1, 2, 3, 3)),
        np.zeros((5, 1, 3, 2)),
        np.ones((5, 1, 3, 2), bool),
        np.zeros((5, 1, 2), np.uint8),
        np.zeros((5, 1, 3), bool),
        Skeleton.anonymous(2),
        ("a", "b", "c"),
    )


def test_what_it_prints(project, own_cache, monkeypatch: pytest.MonkeyPatch) -> None:
    gain = Interval(1.0, 0.5, 1.5)
    px, bones = Interval(12.0, 11.0, 13.0), Interval(0.05, 0.04, 0.06)
    verdict = Verdict((px, px), (bones, bones), gain, gain, 15)
    done = Adapted(None, poses(), verdict, verdict, [2.0])
    monkeypatch.setattr(adapting, "adapt_recording", lambda *_, **__: done)
    folder = project / "walk"
    result = invoke("--recording", str(folder))
    assert result.exit_code == 0, result.exception
    assert "12.0 (11.0 to 13.0) px" in result.output
    assert "5.0% (4.0% to 6.0%)" in result.output
    told = json.loads(invoke("--recording", str(folder), "--json").stdout)
    assert told["out"] == str(folder / "adapted")
    assert told["over_start"]["num_frames"] == 15
    assert told["labels_kept"] == 1.0
