from __future__ import annotations

import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner

from calib.cli import app
from calib.commands.convert import Written
from triangulate.rig_formats import WrittenFormat, load_rig


def calib(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "calib", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_option_offers_what_can_be_written():
    assert tuple(Written) == get_args(WrittenFormat)


@pytest.mark.parametrize("to", get_args(WrittenFormat))
def test_convert_writes_what_is_asked_for(anipose_file, tmp_path, to):
    out = tmp_path / "out" / ("pair" if to in ("easymocap", "colmap") else "converted.toml")
    arguments = ["convert", str(anipose_file), str(out), "--to", to, "--unit", "mm"]
    result = CliRunner().invoke(app, [*arguments, "--size", "a=320x240", "--size", "b=330x250"])
    assert result.exit_code == 0, result.output
    assert f"wrote {out}: 2 cameras (a, b)" in result.output
    converted = load_rig(out)
    assert converted.sizes == ((320, 240), (330, 250))
    expected = load_rig(anipose_file, unit="mm").cameras.projection()
    np.testing.assert_allclose(converted.cameras.projection(), expected, rtol=1e-12, atol=1e-9)


def test_convert_takes_the_format_from_the_name(anipose_file, tmp_path):
    done = calib("convert", anipose_file, tmp_path / "rig.yaml", "--unit", "mm", "--size", "9x7")
    assert done.returncode == 0
    assert "note: size of 'a' as told; the file has 640 x 480\n" in done.stderr
    assert load_rig(tmp_path / "rig.yaml").sizes == ((9, 7), (9, 7))
    failed = calib("convert", anipose_file, tmp_path / "rig.toml", "--unit", "mm")
    assert failed.returncode == 1
    assert "rig.toml: its name does not tell the format: say format= (--to rig|" in failed.stderr
    assert not (tmp_path / "rig.toml").exists()


def test_the_files_of_a_real_recording_convert(shared, tmp_path):
    source = shared / "pose2sim_balancing" / "calibration"
    done = calib("convert", source, tmp_path / "rig.yaml")
    assert done.returncode == 0
    assert "note: Qualisys distortion coefficients taken as written" in done.stderr
    rig, again = load_rig(source), load_rig(tmp_path / "rig.yaml")
    assert (rig.sizes, rig.up_axis, rig.notes) == (again.sizes, again.up_axis, again.notes)
    np.testing.assert_array_equal(rig.cameras.projection(), again.cameras.projection())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["convert", "{anipose}", "out.txt", "--to", "maya"], 2, "--to"),
        (["convert", "{anipose}", "{anipose}/rig.yaml", "--unit", "mm"], 1, "cannot be written"),
        (
            ["convert", "{anipose}", "{anipose}", "--unit", "mm", "--to", "colmap"],
            1,
            "written as cameras.txt and images.txt and points3D.txt: name a folder for them",
        ),
        (["convert", "{anipose}"], 2, "Missing argument"),
    ],
)
def test_failures_say_one_thing(refusal, arguments, code, said):
    assert said in refusal(arguments, code)
