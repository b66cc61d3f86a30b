from __future__ import annotations

import json
from dataclasses import replace

import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig


@pytest.fixture
def document(truth):
    return {
        str(v): {
            "R": truth.rotation[v].tolist(),
            "T": (1000 * truth.centre[v])[:, None].tolist(),
            "fx": [truth.K[v, 0, 0]],
            "fy": truth.K[v, 1, 1],
            "cx": truth.K[v, 0, 2],
            "cy": truth.K[v, 1, 2],
            "k": truth.dist[v, [[0], [1], [4]]].tolist(),
            "p": truth.dist[v, [[2], [3]]].tolist(),
        }
        for v in range(3)
    }


def test_reads_the_truth_from_centres_in_millimetres(truth, document, tmp_path):
    path = tmp_path / "calibration_shelf.json"
    path.write_text(json.dumps(document))
    rig = load_rig(path, sizes=(1032, 1020))
    replace(truth, names=("0", "1", "2")).check(rig)
    assert rig.sizes == ((1032, 1020),) * 3
    assert load_rig(path).sizes == (None,) * 3


def test_a_doubled_camera_is_seen_before_the_parser_drops_it(document, tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(document).replace('"1": {', '"0": {'))
    with pytest.raises(InputError, match="'0' is given twice: rename one"):
        load_rig(path)


def test_a_missing_number_names_its_camera(document, tmp_path):
    del document["1"]["p"]
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="camera '1': 'p' is missing"):
        load_rig(path)
