from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from calib.cli import app
from calib.observations import Observations
from calib.solution import Solution, load_solution
from triangulate.rig import Rig
from triangulate.synthetic import board_grid, ring_rig
from triangulate.synthetic.draws import seeded

BOARD = board_grid(5, 4, 0.1)


@pytest.fixture
def rig():
    return ring_rig(seeded(0), 3)


@pytest.fixture
def rig_file(rig, tmp_path):
    rig.save(tmp_path / "one" / "rig.yaml")
    return tmp_path / "one" / "rig.yaml"


@pytest.fixture
def folder(rig, tmp_path):
    """A solution whose board lies on the floor in frame 7, turned by a quarter."""
    rotation = np.array([[[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]])
    translation = np.array([[0.2, 0.1, 0.0]])
    points = torch.from_numpy(BOARD @ rotation[0].T + translation)
    pixels = rig.cameras.project(points)[0].numpy()[:, None]
    Solution(
        rig=rig,
        observations=Observations.from_arrays(pixels, rig.names, (1280, 720), frames=[7]),
        target_m=BOARD,
        world_from_target_rotation=rotation,
        world_from_target_translation_m=translation,
        outliers=np.zeros(pixels.shape[:-1], dtype=bool),
        residuals_px=0 * pixels,
        sigma_px=np.ones(3),
        reference="cam1",
        parameters=(),
        values=np.zeros(0),
        covariance=np.zeros((0, 0)),
        late_s=np.zeros(3),
    ).save(tmp_path / "calibration")
    return tmp_path / "calibration"


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["world", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_floor_frame_goes_into_the_folder_that_was_given(rig, folder) -> None:
    printed = run(folder, "--floor-frame", 7, "--thickness", 0.002)
    found = load_solution(folder)
    assert found.rig.up_axis == "z"
    assert "frame 7" in found.rig.notes[-1]
    np.testing.assert_allclose(found.world_from_target_translation_m, [[0, 0, 0.002]], atol=1e-9)
    # x ran along the old y, so what was at (x, y) is at (y - 0.1, -(x - 0.2)).
    x, y, z = rig.cameras.centre_world[0].tolist()
    np.testing.assert_allclose(
        found.rig.cameras.centre_world[0], [y - 0.1, 0.2 - x, z + 0.002], atol=1e-9
    )
    assert "note: world: origin and x of the board lying in frame 7" in printed
    assert "z is up" in printed
    assert "cam3" in printed


def test_out_leaves_what_was_read_alone(rig, folder, rig_file, tmp_path) -> None:
    before = {path: path.read_bytes() for path in [*folder.iterdir(), rig_file]}
    run(folder, "--reference", "cam2", "--out", tmp_path / "other")
    run(rig_file, "--reference", "cam2", "--out", tmp_path / "other.yaml")
    assert {path: path.read_bytes() for path in before} == before
    for rig in (load_solution(tmp_path / "other").rig, Rig.load(tmp_path / "other.yaml")):
        np.testing.assert_allclose(rig.cameras.centre_world[1], 0, atol=1e-12)
        assert rig.up_axis == "-y"


def test_a_rig_is_changed_in_place_or_in_its_folder(rig, rig_file) -> None:
    run(rig_file, "--distance", "cam1,cam2=2.5")
    run(rig_file.parent, "--up", "-z")
    found = Rig.load(rig_file)
    centres = found.cameras.centre_world
    assert float((centres[0] - centres[1]).norm()) == pytest.approx(2.5)
    assert (centres[:, 2] < 0).all()
    assert [note.split(":")[0] for note in found.notes[-2:]] == ["scale", "world"]


def test_points_are_read_from_their_file(rig, rig_file, tmp_path) -> None:
    places = {"corner": [0.0, 0, 0], "door": [0, 1.0, 0], "pillar": [-1.0, 0, 0]}
    pixels = rig.cameras.project(torch.tensor(list(places.values()), dtype=torch.float64))[0]
    clicks = {
        name: {camera: pixels[v, n].tolist() for v, camera in enumerate(rig.names)}
        for n, name in enumerate(places)
    }
    file = tmp_path / "points.yaml"
    file.write_text(
        yaml.safe_dump({"points": clicks, "origin": "corner", "x": "door", "floor": ["pillar"]})
    )
    run(rig_file, "--points", file)
    x, y, z = rig.cameras.centre_world[2].tolist()
    found = Rig.load(rig_file).cameras.centre_world[2]
    np.testing.assert_allclose(found, [y, -x, z], atol=1e-7)


def test_json_describes_the_rig(rig_file) -> None:
    described = json.loads(run(rig_file, "--reference", "cam1", "--json"))
    assert described["up_axis"] == "-y"
    assert described["cameras"][0]["position_m"] == pytest.approx([0, 0, 0], abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "what is the world"),
        (["--reference", "cam1", "--up", "z"], 2, "--reference and --up are two worlds"),
        (["--thickness", "0.1", "--up", "z"], 2, "--thickness says how far"),
        (["--distance", "cam1=3"], 2, "is not A,B=METRES"),
        (["--distance", "cam1,cam2=0"], 2, "is not A,B=METRES"),
        (["--distance", "cam1,cam2=inf"], 2, "is not A,B=METRES"),
        (["--distance", "cam1,cam9=3"], 1, "no camera or point 'cam9'"),
        (["--reference", "left"], 1, "no camera 'left'"),
        (["--floor-frame", "3"], 1, "solution.npz"),
        (["--points", "{tmp}/gone.yaml"], 1, "gone.yaml: cannot be read"),
        (["--points", "{tmp}/points.yaml"], 2, "does not say what the world is"),
        (["--up", "z", "--out", "{tmp}"], 2, "is a folder"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    refusal, rig_file, tmp_path, arguments, code, said
) -> None:
    (tmp_path / "points.yaml").write_text("points:\n  a: {cam1: [1, 2], cam2: [3, 4]}\n")
    before = rig_file.read_bytes()
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    assert said in refusal(["world", str(rig_file), *filled], code)
    assert rig_file.read_bytes() == before


def test_places_that_are_none_are_named(refusal, folder, anipose_file, tmp_path) -> None:
    assert "no such file" in refusal(["world", str(tmp_path / "nowhere"), "--up", "z"], 1)
    assert "convert it first" in refusal(["world", "{anipose}", "--up", "z"], 2)
    said = refusal(["world", str(folder), "--up", "z", "--out", str(tmp_path / "x.yaml")], 2)
    assert "name a folder" in said
    assert "no frame 3" in refusal(["world", str(folder), "--floor-frame", "3"], 1)
    said = refusal(["world", str(folder), "--floor-frame", "7", "--up", "z"], 2)
    assert "two worlds" in said
