from __future__ import annotations

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from calib.cli import app
from calib.commands.show import describe
from triangulate.rig import Rig


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


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nothing.yaml"], 1, "error: nothing.yaml: no such file"),
        (["show", "{anipose}"], 1, "(--unit)"),
        (["show", "{anipose}", "--unit", "mm", "--cameras", "a,c"], 1, "no camera 'c' (--cameras)"),
        (["show", "{anipose}", "--unit", "mm", "--subject", "S1"], 1, "--subject"),
        (["show", "{anipose}", "--unit", "mm", "--radial", "none"], 1, "--radial"),
        (["show", "{anipose}", "--radial", "mm"], 2, "--radial"),
        (["show", "{anipose}", "--unit", "inch"], 2, "--unit"),
        (["show", "{anipose}", "--size", "large"], 2, "neither WxH nor NAME=WxH"),
        (["show", "{anipose}", "--size", "9x9", "--size", "a=9x9"], 2, "either one size for all"),
        (["show", "{anipose}", "--size", "a=9x9", "--size", "a=8x8"], 2, "given twice"),
        (["show"], 2, "Missing argument"),
    ],
)
def test_failures_say_one_thing(refusal, arguments, code, said):
    assert said in refusal(arguments, code)
