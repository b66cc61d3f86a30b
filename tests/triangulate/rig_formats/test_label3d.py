from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.io
import torch

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig


@pytest.fixture
def variables(truth):
    """As Label3D writes them: for row vectors, in cells."""
    params = np.empty((3, 1), dtype=object)
    names = np.empty((1, 3), dtype=object)
    for v, name in enumerate(truth.names):
        params[v, 0] = {
            "K": truth.K[v].T,
            "RDistort": truth.dist[v, [0, 1, 4]],
            "TDistort": truth.dist[v, [2, 3]],
            "r": truth.rotation[v].T,
            "t": truth.t_mm[v],
        }
        names[0, v] = name
    return {"params": params, "camnames": names, "sync": np.zeros((3, 1))}


def test_reads_the_truth(truth, variables, tmp_path):
    path = tmp_path / "label3d_dannce.mat"
    scipy.io.savemat(path, variables)
    rig = load_rig(path)
    truth.check(rig)
    assert rig.sizes == (None,) * 3
    assert "MATLAB counts pixels from 1" in rig.notes[0]


def test_keeps_skew(truth, variables, tmp_path):
    variables["params"][1, 0]["K"][1, 0] = -5.8
    path = tmp_path / "label3d_dannce.mat"
    scipy.io.savemat(path, variables)
    assert load_rig(path).to_arrays()["K"][1, 0, 1] == -5.8


def test_cameras_without_names_are_counted(truth, variables, tmp_path):
    del variables["camnames"]
    path = tmp_path / "label3d_dannce.mat"
    scipy.io.savemat(path, variables)
    rig = load_rig(path)
    replace(truth, names=("Camera1", "Camera2", "Camera3")).check(rig)
    assert "names no cameras" in rig.notes[1]


def test_broken_files(variables, tmp_path):
    path = tmp_path / "label3d_dannce.mat"
    scipy.io.savemat(path, variables | {"camnames": variables["camnames"][:, :2]})
    with pytest.raises(InputError, match="'camnames' has 2 cameras, 'params' 3"):
        load_rig(path)
    del variables["params"][1, 0]["r"]
    scipy.io.savemat(path, variables)
    with pytest.raises(InputError, match="camera 'top cam': 'r' is missing"):
        load_rig(path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(InputError, match=r"no readable MATLAB file .*cut off"):
        load_rig(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    with pytest.raises(InputError, match=r"MATLAB 7\.3 file: save it .*-v7"):
        load_rig(path)


@pytest.mark.parametrize(("mouse", "no_skew_px", "plain_px"), [(1, 0.40, 2.13), (2, 0.42, 2.19)])
def test_real_points_reproject_to_their_labels(shared, mouse, no_skew_px, plain_px):
    """The labels are projections of the stored points, so that every convention must be right."""
    path = shared / "dannce_mouse6cam" / f"markerless_mouse_{mouse}_label3d_dannce.mat"
    rig = load_rig(path)
    assert rig.names == tuple(f"Camera{number}" for number in range(1, 7))
    labels = scipy.io.loadmat(path)["labelData"][:, 0]
    points_world = torch.from_numpy(labels[0]["data_3d"][0, 0].reshape(-1, 3) / 1000)
    pixels = np.stack([label["data_2d"][0, 0].reshape(-1, 2) for label in labels])

    def errors(**change: object) -> np.ndarray:
        changed = Rig.from_arrays(**rig.to_arrays() | change)
        found = changed.cameras.project(points_world)[0].numpy()
        return np.linalg.norm(found - pixels, axis=-1)

    assert np.nanmax(errors()) < 1e-9
    no_skew = rig.to_arrays()["K"] * [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
    assert np.nanmean(errors(K=no_skew)) == pytest.approx(no_skew_px, abs=0.005)
    assert np.nanmean(errors(K=no_skew, dist=None)) == pytest.approx(plain_px, abs=0.01)
