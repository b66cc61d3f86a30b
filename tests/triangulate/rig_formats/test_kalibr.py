from __future__ import annotations

import numpy as np
import pytest
import yaml

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


@pytest.fixture
def truth(truth):
    """With four coefficients, under Kalibr's names."""
    return truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).named("cam0", "cam1", "cam2")


def transforms(truth):
    """Camera from world, (V, 4, 4)."""
    matrices = np.tile(np.eye(4), (3, 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = truth.rotation, truth.t
    return matrices


@pytest.fixture
def document(truth):
    """As Kalibr writes it."""
    cam_from_world = transforms(truth)
    found = {}
    for v, name in enumerate(truth.names):
        K = truth.K[v]
        found[name] = {
            "cam_overlaps": [u for u in range(3) if u != v],
            "camera_model": "pinhole",
            "distortion_coeffs": truth.dist[v].tolist(),
            "distortion_model": "radtan",
            "intrinsics": K[[0, 1, 0, 1], [0, 1, 2, 2]].tolist(),
            "resolution": truth.sizes[v].tolist(),
            "rostopic": f"/{name}/image_raw",
        }
        if v:
            step = cam_from_world[v] @ np.linalg.inv(cam_from_world[v - 1])
            found[name]["T_cn_cnm1"] = step.tolist()
    return found


@pytest.fixture
def write(tmp_path):
    def to_file(document, head=""):
        path = tmp_path / "camchain.yaml"
        path.write_text(head + yaml.dump(document, default_flow_style=None))
        return path

    return to_file


def seen_from_the_first(truth):
    """The truth's points in the axes of the first camera, which is Kalibr's world."""
    return truth.points @ truth.rotation[0].T + truth.t[0]


def check(truth, rig):
    found, valid = rig.cameras.project(rig.cameras.K.new_tensor(seen_from_the_first(truth)))
    assert bool(valid.all())
    np.testing.assert_allclose(found.numpy(), truth.pixels(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("head", ["", "%YAML:1.0 # file type at the top\n---\n"])
def test_multiplies_the_chain_from_the_first_camera(truth, document, write, head):
    rig = load_rig(write(document, head))
    check(truth, rig)
    assert rig.names == ("cam0", "cam1", "cam2")
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert (rig.up_axis, rig.notes) == (None, ())
    np.testing.assert_allclose(rig.cameras.cam_from_world.rotation[0], np.eye(3), atol=1e-15)


def test_a_camera_may_be_left_out_of_the_middle_of_the_chain(truth, document, write):
    document["cam1"]["camera_model"] = "omni"
    rig = load_rig(write(document), cameras="cam2,cam0")
    points = rig.cameras.K.new_tensor(seen_from_the_first(truth))
    found = rig.cameras.project(points)[0].numpy()
    np.testing.assert_allclose(found, truth.pixels()[[2, 0]], rtol=0, atol=1e-6)


def test_reads_equidistant_lenses_and_none(truth, document, write):
    fisheye = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
    document["cam1"] |= {"distortion_model": "equidistant"}
    document["cam1"]["distortion_coeffs"] = fisheye.dist[1].tolist()
    document["cam2"] |= {"distortion_model": "none", "distortion_coeffs": []}
    rig = load_rig(write(document))
    assert rig.lens_names == ["radtan", "fisheye", "radtan"]
    found = rig.cameras.project(rig.cameras.K.new_tensor(seen_from_the_first(truth)))[0].numpy()
    none = truth.with_lens([0, 0, 0, 0])
    expected = np.stack([truth.pixels()[0], fisheye.pixels()[1], none.pixels()[2]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_time_shifts_are_noted(document, write):
    document["cam1"]["timeshift_cam_imu"] = 0.0042
    assert "timeshift_cam_imu" in load_rig(write(document)).notes[0]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("cam1", {"camera_model": "omni"}, "its camera model 'omni' is not supported: calibrate"),
        ("cam1", {"camera_model": "eucm"}, "'eucm' is not supported"),
        ("cam1", {"camera_model": "ds"}, "'ds' is not supported"),
        ("cam1", {"distortion_model": "fov"}, "its distortion model 'fov' is not supported"),
        ("cam1", {"distortion_model": [1]}, "its distortion model [1] is not supported"),
        ("cam2", {"distortion_coeffs": [0.1] * 5}, "'distortion_coeffs' must hold 4 numbers"),
        ("cam2", {"intrinsics": [1, 600, 600, 320, 240]}, "'intrinsics' must hold 4 numbers"),
        ("cam0", {"intrinsics": None}, "'intrinsics' is missing"),
        ("cam2", {"resolution": [640]}, "'resolution' must hold 2 numbers"),
        ("cam2", {"T_cn_cnm1": None}, "'T_cn_cnm1' is missing"),
        ("cam2", {"T_cn_cnm1": [[1, 0], [0, 1]]}, "'T_cn_cnm1' must hold 4 x 4 numbers"),
        ("cam2", {"T_cn_cnm1": np.ones((4, 4)).tolist()}, "must end in the row 0 0 0 1"),
        ("cam2", {"T_cn_cnm1": np.diag([1, 1, -1, 1]).tolist()}, "its rotation is mirrored"),
    ],
)
def test_broken_cameras(document, write, name, change, said):
    document[name] |= change
    path = write(document)
    with pytest.raises(InputError) as refused:
        load_rig(path)
    assert str(refused.value).startswith(f"{path}: camera '{name}': ")
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_broken_chain(document, write):
    document["cam1"]["T_cn_cnm1"] = "close by"
    with pytest.raises(InputError, match=r"camera 'cam2': in its chain, cam1: 'T_cn_cnm1' must"):
        load_rig(write(document), cameras="cam2")
    del document["cam1"]
    with pytest.raises(InputError, match=r"camera 'cam2': the chain to it is broken: 'cam1' miss"):
        load_rig(write(document))
    assert load_rig(write(document), cameras="cam0").names == ("cam0",)


def test_two_cameras_at_one_place(document, write):
    document["cam1"]["T_cn_cnm1"] = np.eye(4).tolist()
    with pytest.raises(InputError, match="'cam0' and 'cam1' stand at the same place"):
        load_rig(write(document))


# --- Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_fisheye", [False, True])
def test_writes_what_it_reads_with_names_and_world(truth, tmp_path, is_fisheye):
    truth = truth.named("left", "top cam", "cam.3")
    if is_fisheye:
        truth = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
    save_rig(truth.rig(), tmp_path / "camchain.yaml", format="kalibr")
    rig = load_rig(tmp_path / "camchain.yaml")
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))


def test_another_reader_of_yaml_finds_kalibrs_chain(truth, document, tmp_path):
    save_rig(truth.rig(), tmp_path / "camchain.yaml", format="kalibr")
    written = yaml.safe_load((tmp_path / "camchain.yaml").read_text())
    assert list(written) == ["cam0", "cam1", "cam2"]  # Kalibr counts the keys
    for name, expected in document.items():
        found = written[name]
        for key in ("camera_model", "distortion_model", "resolution", "rostopic"):
            assert found[key] == expected[key]
        for key in ("intrinsics", "distortion_coeffs", "T_cn_cnm1"):
            np.testing.assert_allclose(
                found.get(key, 0), expected.get(key, 0), rtol=1e-12, atol=1e-12
            )
        assert all(isinstance(value, float) for value in found["intrinsics"])  # Kalibr insists
