from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import yaml

from triangulate.errors import InputError
from triangulate.rig import Rig

NAMES = ["left", "mid", "right"]
SIZES = [(640, 480), (1080, 1920), (640, 480)]


def arrays(**change):
    """Three cameras on an arc, one turned upright."""
    angles = np.radians([-40.0, 5.0, 50.0])
    rotation = np.stack(
        [[[c, 0, s], [0, 1, 0], [-s, 0, c]] for c, s in zip(*cos_sin(angles), strict=True)]
    )
    rng = np.random.default_rng(1)
    return {
        "K": np.array([[[600, 0, w / 2 + 4.5], [0, 605, h / 2 - 7], [0, 0, 1]] for w, h in SIZES]),
        "dist": rng.normal(0, 0.01, (3, 5)),
        "rotation": rotation,
        "translation_m": rng.normal([0.0, 0.0, 3.0], 0.2, (3, 3)),
        "names": list(NAMES),
        "sizes": list(SIZES),
    } | change


def cos_sin(angles):
    return np.cos(angles), np.sin(angles)


def equal(a: Rig, b: Rig) -> bool:
    first, second = a.to_arrays(), b.to_arrays()
    numbers = ("K", "dist", "rotation", "translation_m")
    return all(np.array_equal(first.pop(key), second.pop(key)) for key in numbers) and (
        str(first) == str(second)
    )


# --- Arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"dist": None},
        {"sizes": None},
        {"sizes": [None, (1080, 1920), None]},
        {"dist": np.full((3, 8), 0.01), "lens": "rational"},
        {"dist": np.full((3, 4), 0.01), "lens": "fisheye"},
        {"dist": np.full((3, 4), 0.01), "lens": ["fisheye", "radtan", "rational"]},
        {"up_axis": "-y", "notes": ["from a test"]},
    ],
)
def test_arrays_come_back_as_they_went_in(change, tmp_path):
    given = arrays(**change)
    rig = Rig.from_arrays(**given)
    back = rig.to_arrays()
    for key in ("K", "rotation", "translation_m"):
        np.testing.assert_array_equal(back[key], given[key])
    if given["dist"] is not None:
        np.testing.assert_array_equal(back["dist"][:, : given["dist"].shape[1]], given["dist"])
    assert back["names"] == NAMES
    assert back["lens"] == given.get("lens", "radtan")
    assert equal(Rig.from_arrays(**back), rig)
    rig.save(tmp_path / "rig.yaml")
    assert equal(Rig.load(tmp_path / "rig.yaml"), rig)


def test_sizes_come_back_as_an_array_where_all_are_known():
    assert Rig.from_arrays(**arrays()).to_arrays()["sizes"].tolist() == [list(s) for s in SIZES]
    assert Rig.from_arrays(**arrays(sizes=np.array(SIZES, float))).sizes == tuple(SIZES)


def test_the_callers_arrays_are_not_shared():
    given = arrays()
    rig = Rig.from_arrays(**given)
    given["K"][0, 0, 0] = -1
    rig.to_arrays()["K"][0, 0, 0] = -1
    assert rig.cameras.K[0, 0, 0] == 600


def test_a_short_lens_is_padded():
    short = Rig.from_arrays(**arrays(dist=np.full((3, 2), 0.01)))
    assert short.to_arrays()["dist"].tolist() == [[0.01, 0.01, 0, 0, 0]] * 3
    one = {key: value[:1] for key, value in arrays().items()}
    assert Rig.from_arrays(**one | {"dist": np.arange(4) / 100}).to_arrays()["dist"].shape == (1, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": []}, "the rig has no cameras"),
        ({"names": ["left", "mid", "left"]}, "camera name 'left' is given twice: rename one"),
        ({"names": ["left", " ", "right"]}, "camera number 2 has no name: give it"),
        ({"names": ["left", "right"]}, "K must have shape (2, 3, 3)"),
        ({"K": np.eye(3)}, "K must have shape (3, 3, 3)"),
        ({"K": [["a"]]}, "K must hold numbers"),
        ({"translation_m": np.zeros((3, 4))}, "translation_m must have shape (3, 3)"),
        ({"dist": np.zeros(7)}, "dist must hold numbers of shape (3, n)"),
        ({"dist": np.full((3, 6), 0.1)}, "camera 'left': a radtan lens has 5 coefficients"),
        ({"lens": "thin"}, "camera 'left': no lens model 'thin'; there are radtan"),
        ({"lens": ["radtan"]}, "1 lens models for 3 cameras"),
        ({"sizes": [(640, 480)]}, "3 names and 1 sizes"),
        ({"sizes": [(640, 480), 5, None]}, "camera 'mid': size must be (width, height)"),
        ({"sizes": [(640, 480), (0, 5), None]}, "camera 'mid': size must be two whole numbers"),
        ({"sizes": [(640, np.nan), None, None]}, "camera 'left': size must be two whole numbers"),
        ({"sizes": [(480, 640), None, None]}, "camera 'left': size 480 x 640 looks swapped"),
        ({"sizes": [None, (1920, 1080), None]}, "'mid': size 1920 x 1080 looks swapped"),
        ({"up_axis": "up"}, "up axis must be one of x, -x"),
    ],
)
def test_what_from_arrays_refuses(change, said):
    with pytest.raises(InputError) as refused:
        Rig.from_arrays(**arrays(**change))
    assert said in str(refused.value)


@pytest.mark.parametrize("key", ["K", "dist", "rotation", "translation_m"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_name_the_camera(key, bad):
    given = arrays()
    given[key].reshape(3, -1)[2, 0] = bad
    with pytest.raises(InputError, match=r"camera 'right': .* NaN or infinity"):
        Rig.from_arrays(**given)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rotation", np.diag([1.0, 1.0, -1.0]), "is mirrored (determinant -1.000): turn the sign"),
        ("rotation", np.diag([1.0, 1.0, 1.01]), "no rotation matrix"),
        ("rotation", np.zeros((3, 3)), "no rotation matrix"),
        ("K", np.eye(3)[[1, 0, 2]], "K must be [fx s cx; 0 fy cy; 0 0 1]"),
        ("K", np.diag([600.0, -600.0, 1.0]), "K must be"),
        ("K", np.array([[600, 0, 320], [0, 600, 240], [0, 0, 0.0]]), "K must be"),
    ],
)
def test_matrices_that_cannot_be(key, value, said):
    given = arrays()
    given[key] = given[key].astype(float)
    given[key][1] = value
    with pytest.raises(InputError) as refused:
        Rig.from_arrays(**given)
    assert str(refused.value).startswith("camera 'mid': ")
    assert said in str(refused.value)


@pytest.mark.parametrize("size", [(1280, 1024), (640, 480), (1920, 1080), (1152, 1024)])
def test_swapped_sizes_are_told_from_odd_principal_points(size):
    """Any principal point within 7 % of the centre is taken; the centre of the swapped is not."""
    width, height = size

    def rig(cx, cy, size):
        one = {key: value[:1] for key, value in arrays(dist=None).items() if key != "dist"}
        K = [[[600, 0, cx], [0, 600, cy], [0, 0, 1]]]
        return Rig.from_arrays(**one | {"dist": None, "K": K, "sizes": [size]})

    for dx, dy in itertools.product((-0.035, 0, 0.035), repeat=2):
        assert rig(width * (0.5 + dx), height * (0.5 + dy), size).sizes == (size,)
    with pytest.raises(InputError, match="looks swapped"):
        rig((width - 1) / 2, (height - 1) / 2, (height, width))


# --- Selecting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [*itertools.permutations(range(3)), (1,), (2, 0)])
def test_selecting_orders_everything(order):
    rig = Rig.from_arrays(**arrays(up_axis="z", notes=["kept"]))
    names = [NAMES[index] for index in order]
    chosen = rig.select(names)
    assert chosen.names == tuple(names)
    assert chosen.sizes == tuple(SIZES[index] for index in order)
    assert (chosen.up_axis, chosen.notes, len(chosen)) == ("z", ("kept",), len(order))
    points = torch.rand(7, 3, dtype=torch.float64)
    whole, part = rig.cameras.project(points)[0], chosen.cameras.project(points)[0]
    torch.testing.assert_close(part, whole[list(order)], rtol=0, atol=0)


def test_selecting_what_is_not_there():
    rig = Rig.from_arrays(**arrays())
    with pytest.raises(InputError, match="no camera 'top' in the rig; it has left, mid, right"):
        rig.select(["left", "top"])
    with pytest.raises(InputError, match="'left' is given twice"):
        rig.select(["left", "left"])
    with pytest.raises(InputError, match="the rig has no cameras"):
        rig.select([])


def test_cameras_at_one_place():
    given = arrays()
    assert Rig.from_arrays(**given).coincident_cameras() == []
    given["rotation"][2] = given["rotation"][0] @ [[0, -1, 0], [1, 0, 0], [0, 0, 1]]  # turned
    given["translation_m"][2] = (
        given["rotation"][2] @ given["rotation"][0].T @ given["translation_m"][0]
    )
    assert Rig.from_arrays(**given).coincident_cameras() == [("left", "right")]


# --- The file -------------------------------------------------------------------------------------


def test_the_file_is_for_people_too(tmp_path):
    Rig.from_arrays(**arrays(up_axis="z")).save(tmp_path / "rig.yaml")
    text = (tmp_path / "rig.yaml").read_text()
    assert text.startswith("# Cameras in one world, in metres: x_cam = rotation @ x_world")
    document = yaml.safe_load(text)
    assert document["format"] == "triangulate-rig"
    assert document["version"] == 1
    assert document["up_axis"] == "z"
    assert list(document["cameras"]) == NAMES
    assert document["cameras"]["mid"]["size"] == [1080, 1920]
    assert len(document["cameras"]["mid"]["distortion"]) == 5


@pytest.mark.parametrize("names", [["01", "1", "no"], ["1e5", "null", "a: b"], ["~", "é", "#x"]])
def test_names_that_yaml_could_take_for_something_else(names, tmp_path):
    Rig.from_arrays(**arrays(names=names)).save(tmp_path / "rig.yaml")
    assert Rig.load(tmp_path / "rig.yaml").names == tuple(names)


def test_a_rig_that_cannot_be_written_leaves_nothing(tmp_path):
    rig = Rig.from_arrays(**arrays())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"rig\.yaml: cannot be written"):
        rig.save(tmp_path / "file" / "rig.yaml")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "no 'format: triangulate-rig' in it"),
        ({"version": 2}, "version 2 is not known; this program reads 1"),
        ({"cameras": {}}, "the rig has no cameras"),
        ({"cameras": None}, "the rig has no cameras"),
        ({"cameras": ["left"]}, "'cameras' must hold a name and its numbers"),
        ({"cameras": {"left": 5}}, "camera 'left' has no 'K'"),
        ({"up_axis": 3}, "up axis must be one of"),
    ],
)
def test_broken_documents(change, said, tmp_path):
    path = tmp_path / "rig.yaml"
    Rig.from_arrays(**arrays()).save(path)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(InputError) as refused:
        Rig.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("K", None, "camera 'mid' has no 'K'"),
        ("K", [[1, 2], [3]], "camera 'mid': 'K' must hold numbers"),
        ("distortion", 0.3, "camera 'mid': 'distortion' must be a list"),
        ("distortion", ["wide"], "dist must hold numbers"),
        ("translation_m", [1, 2], "camera 'mid': 'translation_m' must have shape (3,)"),
        ("size", "large", "camera 'mid': size must be (width, height)"),
        ("lens", "pinhole", "camera 'mid': no lens model 'pinhole'"),
    ],
)
def test_broken_entries_name_their_camera(key, value, said, tmp_path):
    path = tmp_path / "rig.yaml"
    Rig.from_arrays(**arrays()).save(path)
    document = yaml.safe_load(path.read_text())
    document["cameras"]["mid"][key] = value
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(InputError) as refused:
        Rig.load(path)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"format: triangulate-rig\ncameras: {left", "is no valid YAML"),
        (b"\xff\xfe\x00", "is no text file"),
        (b"left: 1\nleft: 2", "'left' is given twice (lines 1 and 2): rename"),
        (b"? [a, b]\n: 1", "a name is missing"),
        (b"", "no 'format: triangulate-rig' in it"),
    ],
)
def test_files_that_are_no_rig(content, said, tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        Rig.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)
    with pytest.raises(InputError, match="cannot be read"):
        Rig.load(tmp_path / "nothing.yaml")
