from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from calib.cli import app, describe
from triangulate.console import run_app
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig


@pytest.fixture
def rig():
    """Two cameras that look at each other over 3 m, and one 1.5 m behind the first."""
    turned = np.diag([-1.0, 1.0, -1.0])
    return Rig.from_arrays(
        K=np.array([[[300, 0, 299.5], [0, 400, 199.5], [0, 0, 1]]] * 3),
        dist=None,
        rotation=np.array([np.eye(3), turned, np.eye(3)]),
        translation_m=np.array([[0, 0, 0], [0, 0, 3], [0, 0, 1.5]]),
        names=["front", "back", "[far]"],
        sizes=[(600, 400), (600, 400), None],
        up_axis="-y",
        notes=["made up"],
    )


@pytest.fixture
def rig_file(rig, tmp_path):
    rig.save(tmp_path / "rig.yaml")
    return tmp_path / "rig.yaml"


@pytest.fixture
def anipose_file(tmp_path):
    """Without a unit, in mm."""
    table = (
        '[cam_{v}]\nname = "{name}"\nsize = [640, 480]\nmatrix = [[600.0, 0.0, 320.0], '
        "[0.0, 600.0, 240.0], [0.0, 0.0, 1.0]]\ndistortions = [-0.2, 0.0, 0.0, 0.0, 0.0]\n"
        "rotation = [0.0, 0.1, 0.0]\ntranslation = [{v}.5, 0.0, 0.0]\n"
    )
    path = tmp_path / "calibration.toml"
    path.write_text("".join(table.format(v=v, name=name) for v, name in enumerate("ab")))
    return path


def calib(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "calib", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


# --- What the commands do -------------------------------------------------------------------------


def test_describe_has_angles_places_and_distances(rig):
    description = describe(rig)
    front, back, far = description["cameras"]
    assert front["field_of_view_deg"] == pytest.approx([90.0, 2 * np.rad2deg(np.arctan(0.5))])
    assert far["field_of_view_deg"] is None
    assert far["size"] is None
    assert front["position_m"] == pytest.approx([0, 0, 0])
    assert back["position_m"] == pytest.approx([0, 0, 3])
    assert far["position_m"] == pytest.approx([0, 0, -1.5])
    assert (front["focal_px"], front["principal_point_px"]) == ([300, 400], [299.5, 199.5])
    nearest, farthest = description["baselines_m"]["min"], description["baselines_m"]["max"]
    assert nearest == {"cameras": ["front", "[far]"], "distance_m": pytest.approx(1.5)}
    assert farthest == {"cameras": ["back", "[far]"], "distance_m": pytest.approx(4.5)}
    assert describe(rig.select(["front"]))["baselines_m"] is None


def test_a_lens_that_folds_over_has_no_field_of_view(rig):
    dist = np.array([[-0.8, 0, 0, 0, 0]] * 3)
    folded = Rig.from_arrays(**rig.to_arrays() | {"dist": dist})
    assert describe(folded)["cameras"][0]["field_of_view_deg"][0] is None


def test_show_prints_a_table(rig_file):
    result = CliRunner().invoke(app, ["show", str(rig_file)])
    assert result.exit_code == 0
    row = next(line for line in result.output.splitlines() if "front" in line)
    for cell in ("600 x 400", "radtan", "300.0 400.0", "90.0 x 53.1", "0.000 0.000 0.000"):
        assert cell in row
    assert re.search(r"^\[far\] +not known +radtan", result.stdout, re.MULTILINE)
    assert "up                -y\n" in result.stdout
    assert "closest cameras   1.500 m (front, [far])\n" in result.stdout
    assert result.stderr == "note: made up\n"


def test_show_prints_json(rig, rig_file):
    result = CliRunner().invoke(app, ["show", str(rig_file), "--json", "--cameras", "back,front"])
    assert json.loads(result.stdout) == describe(rig.select(["back", "front"]))
    assert result.stderr == "note: made up\n"


@pytest.mark.parametrize("to", ["rig", "anipose", "pose2sim"])
def test_convert_writes_what_is_asked_for(anipose_file, tmp_path, to):
    out = tmp_path / "out" / "converted.toml"
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


# --- How they end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nothing.yaml"], 1, "error: nothing.yaml: no such file"),
        (["show", "{anipose}"], 1, "(--unit)"),
        (["show", "{anipose}", "--unit", "mm", "--cameras", "a,c"], 1, "no camera 'c' (--cameras)"),
        (["show", "{anipose}", "--unit", "mm", "--subject", "S1"], 1, "--subject"),
        (["show", "{anipose}", "--unit", "inch"], 2, "--unit"),
        (["show", "{anipose}", "--size", "large"], 2, "neither WxH nor NAME=WxH"),
        (["show", "{anipose}", "--size", "9x9", "--size", "a=9x9"], 2, "either one size for all"),
        (["show", "{anipose}", "--size", "a=9x9", "--size", "a=8x8"], 2, "given twice"),
        (["show"], 2, "Missing argument"),
        (["solve"], 2, "No such command"),
        (["convert", "{anipose}", "out.txt", "--to", "kalibr"], 2, "--to"),
        (["convert", "{anipose}", "{anipose}/rig.yaml", "--unit", "mm"], 1, "cannot be written"),
    ],
)
def test_failures_say_one_thing(anipose_file, capsys, monkeypatch, arguments, code, said):
    filled = [argument.format(anipose=anipose_file) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["calib", *filled])
    with pytest.raises(SystemExit) as end:
        run_app(app)
    printed = capsys.readouterr()
    assert end.value.code == code
    assert printed.out == ""
    assert printed.err.startswith("error: ") and len(printed.err.splitlines()) == 1
    assert said in printed.err


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["show", "-h"]])
def test_help_is_quick_and_shows_an_example(arguments):
    calib(*arguments)  # compiles
    before = os.times()
    helped = calib(*arguments)
    after = os.times()
    spent = after.children_user + after.children_system
    assert helped.returncode == 0
    assert "Example: calib " in helped.stdout
    assert spent - before.children_user - before.children_system < 0.5


def test_help_waits_for_no_heavy_import():
    code = "import sys, calib.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not {"torch", "numpy", "cv2", "scipy", "yaml"} & set(loaded.split())
