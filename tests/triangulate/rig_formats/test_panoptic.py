from __future__ import annotations

import json

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


@pytest.fixture
def document(truth):
    return {
        "calibDataSource": "160422_calib",
        "cameras": [
            {
                "name": name,
                "type": "hd",
                "resolution": truth.sizes[v].tolist(),
                "panel": 0,
                "node": v,
                "K": truth.K[v].tolist(),
                "distCoef": truth.dist[v].tolist(),
                "R": truth.rotation[v].tolist(),
                "t": (100 * truth.t[v])[:, None].tolist(),
            }
            for v, name in enumerate(truth.names)
        ],
    }


def test_reads_the_truth_in_centimetres(truth, document, tmp_path):
    path = tmp_path / "calibration_160422.json"
    path.write_text(json.dumps(document))
    rig = load_rig(path)
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.up_axis == "-y"


def test_a_unit_told_goes_before_the_usual_one_with_a_note(truth, document, tmp_path):
    for v, camera in enumerate(document["cameras"]):
        camera["t"] = truth.t[v].tolist()
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(document))
    rig = load_rig(path, unit="m")
    truth.check(rig)
    assert "read as m, as told; this format has cm" in rig.notes[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cameras: cameras[1].update(name="left"), "'left' is given twice"),
        (lambda cameras: cameras[1].pop("name"), "camera number 2 has no name"),
        (lambda cameras: cameras[2].pop("t"), "camera 'cam.3': 't' is missing"),
        (lambda cameras: cameras[0].update(K="wide"), "camera 'left': 'K' must hold 3 x 3"),
        (lambda cameras: cameras[0].update(R=[[1, 0], [0, 1]]), "'R' must hold 3 x 3 numbers"),
        (lambda cameras: cameras[0].update(resolution=[640]), "'resolution' must hold 2"),
    ],
)
def test_broken_cameras(document, tmp_path, change, said):
    change(document["cameras"])
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as refused:
        load_rig(path)
    assert said in str(refused.value)


# --- Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("up_axis", ["-y", "z", None])
def test_writes_what_it_reads(truth, tmp_path, up_axis):
    rig = truth.rig(up_axis=up_axis)
    save_rig(rig, tmp_path / "calibration.json", format="panoptic")
    again = load_rig(tmp_path / "calibration.json")
    truth.check(again)
    assert (again.sizes, again.up_axis, again.notes) == (rig.sizes, up_axis, ())


def test_writes_centimetres_in_the_layout_that_others_read(truth, document, tmp_path):
    path = tmp_path / "calibration.json"
    save_rig(truth.named("00_03", "00_16", "17_02").rig(), path, format="panoptic")
    written = json.loads(path.read_text())["cameras"]
    assert [(camera["panel"], camera["node"]) for camera in written] == [(0, 3), (0, 16), (17, 2)]
    for found, expected in zip(written, document["cameras"], strict=True):
        assert found.keys() == expected.keys()
        for key in ("K", "R", "t", "distCoef"):
            assert np.shape(found[key]) == np.shape(expected[key])
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-12)
    save_rig(truth.named("00_03", "00_03b", "c").rig(), path, format="panoptic")
    assert [camera["node"] for camera in json.loads(path.read_text())["cameras"]] == [1, 2, 3]


def test_an_up_axis_that_is_none(document, tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(document | {"up_axis": "north"}))
    with pytest.raises(InputError, match="up axis must be one of"):
        load_rig(path)
