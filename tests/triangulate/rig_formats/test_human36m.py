from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig

RECORD = [
    ("R", np.float32, (3, 3)),
    ("t", np.float32, (3, 1)),
    ("K", np.float32, (3, 3)),
    ("dist", np.float32, 5),
]


@pytest.fixture
def labels(truth):
    cameras = np.zeros((2, 3), dtype=RECORD)
    for v in range(3):
        for subject in range(2):
            record = cameras[subject, v]
            record["R"], record["K"] = truth.rotation[v], truth.K[v]
            record["t"] = (truth.t_mm[v] + 100 * subject)[:, None]
            record["dist"] = truth.dist[v]
    return {
        "subject_names": ["S9", "S11"],
        "camera_names": list(truth.names),
        "action_names": ["Sitting-1"],
        "cameras": cameras,
        "table": np.zeros(4, dtype=[("subject_idx", np.int8), ("keypoints", np.float32, (17, 3))]),
    }


def test_reads_the_truth_of_the_subject_named(truth, labels, tmp_path):
    np.save(tmp_path / "labels.npy", labels)
    rig = load_rig(tmp_path / "labels.npy", subject="S9", sizes={"left": (640, 480)})
    stored = labels["cameras"][0]
    rounded = replace(truth, K=stored["K"].astype(float), dist=stored["dist"].astype(float))
    rounded.check(rig, tolerance_px=2e-3)  # R and t are stored in float32
    assert rig.sizes == ((640, 480), None, None)
    assert rig.up_axis == "z"
    other = load_rig(tmp_path / "labels.npy", subject="S11")
    moved = (
        other.cameras.cam_from_world.translation - rig.cameras.cam_from_world.translation
    ).abs()
    assert torch.allclose(moved, torch.full_like(moved, 0.1), atol=1e-6)


def test_asks_whose_cameras(labels, tmp_path):
    path = tmp_path / "labels.npy"
    np.save(path, labels)
    with pytest.raises(InputError, match=r"S9, S11: .*\(--subject S11\)"):
        load_rig(path)
    with pytest.raises(InputError, match=r"no subject 'S5' \(--subject\); there are S9, S11"):
        load_rig(path, subject="S5")
    np.save(path, labels | {"subject_names": ["S9"], "cameras": labels["cameras"][:1]})
    assert len(load_rig(path)) == 3


def test_a_subject_means_nothing_elsewhere(anipose_file):
    with pytest.raises(InputError, match=r"no subjects: leave subject= \(--subject\) out"):
        load_rig(anipose_file, unit="mm", subject="S9")


def test_broken_files(labels, tmp_path):
    path = tmp_path / "labels.npy"
    np.save(path, labels)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"no readable npy file .*cut off"):
        load_rig(path)
    np.save(path, np.zeros((4, 3)))
    with pytest.raises(InputError, match="no calibration this program knows"):
        load_rig(path)
    np.save(path, labels | {"cameras": np.zeros((2, 3))})
    with pytest.raises(InputError, match="'cameras' must be an array"):
        load_rig(path, subject="S9")
