from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig


def write_storage(path, **values):
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for key, value in values.items():
        storage.write(key, value)
    storage.release()
    return path


def sample_values(truth):
    """As OpenCV's multi-camera sample writes them."""
    return {
        "rvecs": truth.rvec[:, :, None],
        "distortions": truth.dist[:, None, :],
        "Ks": truth.K,
        "Ts": truth.t[:, :, None],
        "is_fisheye": np.array([truth.is_fisheye] * 3, dtype=np.int32),
        "image_sizes": truth.sizes.astype(np.int32),
        "pattern_points": np.zeros((35, 3), np.float32),
        "image_names": ["a.png", "b.png"],
        "cam_ids": ",".join(truth.names),
    }


@pytest.mark.parametrize("suffix", ["yaml", "xml", "json"])
def test_reads_the_multi_camera_sample(truth, tmp_path, suffix):
    path = write_storage(tmp_path / f"cameras.{suffix}", **sample_values(truth))
    rig = load_rig(path)
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert "m" in rig.notes[0]


def test_reads_its_fisheye_and_rational_lenses(truth, tmp_path):
    fisheye = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
    fisheye.check(load_rig(write_storage(tmp_path / "f.yml", **sample_values(fisheye))))
    rational = truth.with_lens([-0.2, 0.05, 1e-3, -2e-3, 0.01, 0.02, -0.01, 0.004])
    padded = replace(rational, dist=np.pad(rational.dist, ((0, 0), (0, 6))))
    rational.check(load_rig(write_storage(tmp_path / "r.yml", **sample_values(padded))))


@pytest.mark.parametrize("term", [8, 12])  # s1, taux
def test_refuses_lens_terms_it_does_not_model(truth, tmp_path, term):
    dist = np.pad(truth.dist, ((0, 0), (0, 9)))
    dist[1, term] = 0.01
    path = write_storage(tmp_path / "c.yml", **sample_values(replace(truth, dist=dist)))
    with pytest.raises(InputError, match=r"camera 'top cam': .*thin-prism or tilt"):
        load_rig(path)


MATRIX = """!!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 600., 0., 320., 0., 600., 240., 0., 0., 1. ]
"""


@pytest.mark.parametrize(
    "text",
    [
        f"image_width: 640\nimage_height: 480\ncamera_matrix: {MATRIX}",
        f"cameraResolution: [ 640, 480 ]\ncameraMatrix: {MATRIX}",
    ],
)
def test_the_lens_of_one_camera_is_no_rig(tmp_path, text):
    path = tmp_path / "cam.yml"
    path.write_text(f"%YAML:1.0\n---\n{text}")
    with pytest.raises(InputError, match="lens of one camera, but not where it stands"):
        load_rig(path)


def test_other_storages_are_refused_with_what_they_hold(tmp_path):
    path = write_storage(tmp_path / "intri.yml", names=["01"], K_01=np.eye(3))
    with pytest.raises(InputError, match=r"without the keys of a rig .*names, K_01"):
        load_rig(path)


def test_broken_storages(truth, tmp_path):
    path = write_storage(tmp_path / "c.yml", **sample_values(truth) | {"cam_ids": "a,b"})
    with pytest.raises(InputError, match="'cam_ids' names 2 cameras, 'Ks' has 3"):
        load_rig(path)
    path.write_text(path.read_text()[:700])
    with pytest.raises(InputError, match=r"c\.yml: "):
        load_rig(path)
