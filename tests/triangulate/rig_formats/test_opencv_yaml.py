from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


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
    path = write_storage(tmp_path / "pose.yml", names=["01"], H=np.eye(3))
    with pytest.raises(InputError, match=r"without the keys of a rig .*names, H"):
        load_rig(path)


def test_broken_storages(truth, tmp_path):
    path = write_storage(tmp_path / "c.yml", **sample_values(truth) | {"cam_ids": "a,b"})
    with pytest.raises(InputError, match="'cam_ids' names 2 cameras, 'Ks' has 3"):
        load_rig(path)
    path.write_text(path.read_text()[:700])
    with pytest.raises(InputError, match=r"c\.yml: "):
        load_rig(path)


# --- Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dist", "is_fisheye"),
    [
        ([-0.21, 0.05, 1e-3, -2e-3, 0.01], False),
        ([-0.2, 0.05, 1e-3, -2e-3, 0.01, 0.02, -0.01, 0.004], False),
        ([0.08, -0.03, 0.01, -0.002], True),
    ],
)
def test_writes_what_it_and_opencv_read(truth, tmp_path, dist, is_fisheye):
    truth = truth.with_lens(dist, is_fisheye=is_fisheye).named("left", "top cam", "ünï.3")
    save_rig(truth.rig(), tmp_path / "cameras.yml", format="opencv")
    rig = load_rig(tmp_path / "cameras.yml")
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.notes == ()  # the file tells its unit
    storage = cv2.FileStorage(str(tmp_path / "cameras.yml"), cv2.FILE_STORAGE_READ)
    for key, expected in sample_values(truth).items():
        if key in ("cam_ids", "pattern_points", "image_names"):
            continue
        found = storage.getNode(key).mat().reshape(3, -1)
        np.testing.assert_allclose(found, np.reshape(expected, (3, -1)), rtol=1e-12, atol=1e-12)
    assert storage.getNode("cam_ids").string() == "left,top cam,ünï.3"


def test_mixed_lenses_survive(truth, tmp_path):
    fisheye = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
    dist = truth.dist.copy()
    dist[1] = [*fisheye.dist[1], 0]
    rig = truth.rig(dist=dist, lens=["radtan", "fisheye", "radtan"])
    save_rig(rig, tmp_path / "c.yml", format="opencv")
    again = load_rig(tmp_path / "c.yml")
    assert again.lens_names == ["radtan", "fisheye", "radtan"]
    np.testing.assert_array_equal(again.cameras.lens.coefficients, rig.cameras.lens.coefficients)


@pytest.mark.parametrize("name", ["a,b", " a", "a\tb"])
def test_names_that_the_text_of_names_cannot_hold(truth, tmp_path, name):
    with pytest.raises(InputError, match=r"camera .*commas"):
        save_rig(truth.named(name, "b", "c").rig(), tmp_path / "c.yml", format="opencv")
    assert not (tmp_path / "c.yml").exists()
