from __future__ import annotations

import json

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig


def pose(rotation, translation):
    return {"R": np.asarray(rotation).tolist(), "T": np.asarray(translation).tolist()}


def relative(truth, v, other):
    """Maps points of camera `other` to camera `v`."""
    rotation = truth.rotation[v] @ truth.rotation[other].T
    return pose(rotation, truth.t[v] - rotation @ truth.t[other])


@pytest.fixture
def document(truth):
    """The first camera's own pose is that of the truth, so that the worlds are the same."""
    left, top, third = truth.names
    cameras = {
        name: {
            "model": "standard",
            "image_size": truth.sizes[v].astype(float).tolist(),
            "K": truth.K[v].tolist(),
            "dist": truth.dist[v][None].tolist(),
        }
        for v, name in enumerate(truth.names)
    }
    poses = {
        left: pose(truth.rotation[0], truth.t[0]),
        f"{top}_to_{left}": relative(truth, 1, 0),
        f"{third}_to_{left}": relative(truth, 2, 0),
    }
    return {"cameras": cameras, "camera_poses": poses, "image_sets": {"rgb": []}}


@pytest.fixture
def write(tmp_path):
    def to_file(document):
        path = tmp_path / "calibration.json"
        path.write_text(json.dumps(document))
        return path

    return to_file


def test_relative_poses_map_from_the_camera_that_is_named_last(truth, document, write):
    rig = load_rig(write(document))
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert (rig.up_axis, rig.notes) == (None, ())


def test_poses_one_after_the_other_and_poses_of_their_own(truth, document, write):
    left, top, third = truth.names
    poses = document["camera_poses"]
    del poses[f"{third}_to_{left}"]
    poses[f"{third}_to_{top}"] = relative(truth, 2, 1)
    truth.check(load_rig(write(document)))
    own = {name: pose(truth.rotation[v], truth.t[v]) for v, name in enumerate(truth.names)}
    truth.check(load_rig(write(document | {"camera_poses": own})))


def test_names_with_to_in_them(truth, document, write):
    text = json.dumps(document).replace("cam.3", "a_to_b").replace("left", "b_to_a")
    rig = load_rig(write(json.loads(text)))
    truth.named("b_to_a", "top cam", "a_to_b").check(rig)


def test_four_coefficients_are_a_fisheye_lens_and_noted(truth, document, write):
    fisheye = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
    for v, camera in enumerate(document["cameras"].values()):
        camera["dist"] = fisheye.dist[v][:, None].tolist()
    rig = load_rig(write(document))
    fisheye.check(rig)
    assert "read as a fisheye lens" in rig.notes[0]
    assert rig.notes[0].endswith("left, top cam, cam.3")


def test_four_zeros_are_no_lens(truth, document, write):
    for camera in document["cameras"].values():
        camera["dist"] = [0, 0, 0, 0]
    rig = load_rig(write(document))
    truth.with_lens([0, 0, 0, 0]).check(rig)
    assert rig.notes == ()


def test_a_rational_lens_and_one_that_is_not_supported(truth, document, write):
    rational = truth.with_lens([-0.2, 0.05, 1e-3, -2e-3, 0.01, 0.02, -0.01, 0.004])
    for v, camera in enumerate(document["cameras"].values()):
        camera |= {"model": "rational", "dist": [[*rational.dist[v].tolist(), *[0.0] * 6]]}
    rational.check(load_rig(write(document)))
    document["cameras"]["left"]["dist"][0][8] = 0.01
    with pytest.raises(InputError, match=r"camera 'left': .*thin-prism"):
        load_rig(write(document))


def test_lenses_alone_are_no_rig(document, write):
    del document["camera_poses"]
    with pytest.raises(InputError, match="holds lenses, but no 'camera_poses'"):
        load_rig(write(document))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["camera_poses"].pop("left"), "camera 'left': 'camera_poses' has no 'left'"),
        (lambda d: d["camera_poses"].pop("cam.3_to_left"), "camera 'cam.3': 'camera_poses' has no"),
        (
            lambda d: d["camera_poses"].update({"left": None, "left_to_left": None}),
            "camera 'left': 'left' of 'camera_poses': it is no set of numbers",
        ),
        (
            lambda d: d["camera_poses"]["top cam_to_left"].pop("T"),
            "camera 'top cam': 'top cam_to_left' of 'camera_poses': 'T' is missing",
        ),
        (lambda d: d["cameras"]["left"].update(K=[1, 2]), "camera 'left': 'K' must hold 3 x 3"),
        (lambda d: d["cameras"]["left"].pop("dist"), "camera 'left': 'dist' is missing"),
        (lambda d: d["cameras"]["left"].update(image_size=[9]), "'image_size' must hold 2 numbers"),
        (
            lambda d: d["camera_poses"].update({"top cam": d["camera_poses"]["left"]}),
            "'left' and 'top cam' stand at the same place",
        ),
    ],
)
def test_broken_cameras(document, write, change, said):
    change(document)
    path = write(document)
    with pytest.raises(InputError) as refused:
        load_rig(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_poses_that_go_in_a_circle(document, write):
    poses = document["camera_poses"]
    poses["left_to_top cam"] = poses.pop("left")
    with pytest.raises(InputError, match="nothing that ties it to a camera whose place is known"):
        load_rig(write(document))
