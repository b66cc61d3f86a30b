"""What holds for every format: recognising, choosing, refusing, writing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

import triangulate
from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


@pytest.fixture
def rig_file(anipose_file, tmp_path):
    save_rig(load_rig(anipose_file, unit="mm"), tmp_path / "rig" / "rig.yaml")
    return tmp_path / "rig" / "rig.yaml"


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as refused:
        load_rig(path, **options)
    message = str(refused.value)
    assert message.startswith(f"{path}"), message
    assert "\n" not in message
    return message


def test_is_the_public_name():
    assert triangulate.load_rig is load_rig


def test_the_name_of_the_file_does_not_matter(truth, anipose_file, rig_file, tmp_path):
    anipose_file.rename(tmp_path / "cameras.txt")
    truth.check(load_rig(tmp_path / "cameras.txt", unit="mm"))
    rig_file.rename(tmp_path / "cameras.dat")
    truth.check(load_rig(str(tmp_path / "cameras.dat")))


# --- Choosing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cameras", [["cam.3", "left"], "cam.3, left"])
def test_cameras_are_chosen_by_name_and_ordered(anipose_file, rig_file, cameras):
    for path, unit in ((anipose_file, "mm"), (rig_file, None)):
        rig = load_rig(path, unit=unit, cameras=cameras)
        assert rig.names == ("cam.3", "left")
        whole = load_rig(path, unit=unit)
        np.testing.assert_array_equal(rig.cameras.K, whole.cameras.K[[2, 0]])
        assert rig.sizes == ((640, 480), (640, 480))


def test_a_broken_camera_is_named_and_can_be_left_out(anipose_file, rig_file):
    anipose_file.write_text(anipose_file.read_text().replace("610.25", "nan"))
    rig_file.write_text(rig_file.read_text().replace("610.25", ".nan"))
    for path, unit, key in ((anipose_file, "mm", "'matrix'"), (rig_file, None, "K")):
        said = refusal(path, unit=unit)
        assert f"camera 'left': {key} holds NaN or infinity: calibrate it again" in said
        assert len(load_rig(path, unit=unit, cameras="top cam,cam.3")) == 2


@pytest.mark.parametrize("cameras", [["right"], "left,right", [], "left,left"])
def test_cameras_that_are_not_there(anipose_file, rig_file, cameras):
    for path, unit in ((anipose_file, "mm"), (rig_file, None)):
        said = refusal(path, unit=unit, cameras=cameras)
        assert (
            "it has left, top cam, cam.3" in said or "'left' is asked for twice (--cameras)" in said
        )


def test_many_names_are_not_all_listed(truth, tmp_path):
    camera = {"K": np.eye(3).tolist(), "distCoef": [0], "R": np.eye(3).tolist(), "t": [0, 0, 0]}
    names = [f"{panel:02d}_{node:02d}" for panel in range(20) for node in range(24)]
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"cameras": [camera | {"name": name} for name in names]}))
    assert refusal(path, cameras="1_1").endswith("00_19, ... (480 in all)")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((1000, 1002), ((1000, 1002),) * 3),
        ({"left": (650, 490)}, ((650, 490), (1080, 1920), (640, 480))),
        (np.array([700, 520]), ((700, 520),) * 3),
    ],
)
def test_sizes_told_go_before_the_files(anipose_file, rig_file, sizes, expected):
    for path, unit in ((anipose_file, "mm"), (rig_file, None)):
        assert load_rig(path, unit=unit, sizes=sizes).sizes == expected
    notes = load_rig(anipose_file, unit="mm", sizes=sizes).notes
    assert "size of 'left' as told; the file has 640 x 480" in notes[0]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"right": (640, 480)}, "no camera 'right' (--size); it has left"),
        (640, "a size must be (width, height) (--size), not 640"),
        ((640, 480, 3), "a size must be (width, height) (--size)"),
        ((640.5, 480), "camera 'left': size must be two whole numbers"),
        ({"left": ("wide", 480)}, "camera 'left': size must be (width, height)"),
        ({"top cam": (1920, 1080)}, "camera 'top cam': size 1920 x 1080 looks swapped"),
    ],
)
def test_sizes_that_cannot_be(anipose_file, sizes, said):
    assert said in refusal(anipose_file, unit="mm", sizes=sizes)


def test_a_swapped_size_in_the_file_can_be_mended(anipose_file):
    anipose_file.write_text(anipose_file.read_text().replace("[ 1080, 1920,]", "[ 1920, 1080,]"))
    assert "camera 'top cam': size 1920 x 1080 looks swapped" in refusal(anipose_file, unit="mm")
    rig = load_rig(anipose_file, unit="mm", sizes={"top cam": (1080, 1920)})
    assert rig.sizes[1] == (1080, 1920)


def test_units_that_cannot_be(anipose_file, rig_file):
    assert "unit must be mm, cm, m (--unit), not 'inch'" in refusal(anipose_file, unit="inch")
    assert "a rig.yaml is in metres: leave unit= (--unit) out" in refusal(rig_file, unit="mm")
    assert len(load_rig(rig_file, unit="m")) == 3


# --- Refusing -------------------------------------------------------------------------------------


def test_missing_files(anipose_file, tmp_path):
    assert "no such file" in refusal(tmp_path / "nothing" / "rig.yaml")
    assert f"did you mean {anipose_file}?" in refusal(tmp_path / "calibratoin.toml")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rig.yaml", b"", "is empty"),
        ("calibration.toml", b" \n\n", "is empty"),
        ("labels.npy", b"\0" * 50, "is empty"),
        ("rig.yaml", b"\x80\x04\xff\x00junk\xfe", "is no text, and no calibration"),
        ("video.mp4", b"\0\0\0\x18ftypmp42\0\0", "is no text, and no calibration"),
        ("c.toml", b'[cam_0]\nname = "left"\nsize = [ 64', "is no valid TOML"),
        ("c.toml", b'[a]\nmatrix = 1\n[a]\nname = "b"', "is no valid TOML"),
        ("c.json", b'{"cameras": [{"name": "00_00", "K": [[16', "is no valid JSON"),
        ("c.json", b"[" * 100_000, "is no valid JSON: nested too deep"),
        ("c.yaml", b"format: triangulate-rig\ncameras: {left: [1, 2", "is no valid YAML"),
        ("c.xml", b"<?xml version='1.0'?>\n<calibration><cam", "is no valid XML"),
        ("c.yml", b"%YAML:1.0\n---\nKs: [ 1., ", "is no valid OpenCV file"),
        ("notes.txt", b"the cameras stand in the hall", "no calibration this program knows"),
        ("c.json", b'{"version": 1.3, "people": []}', "no calibration this program knows"),
        ("c.json", b'{"cameras": []}', "no calibration this program knows"),
        ("c.json", b'{"cameras": [3]}', "no calibration this program knows"),
        ("c.json", b"[1, 2]", "no calibration this program knows"),
        ("c.toml", b"board_x = 8\nboard_y = 11", "no calibration this program knows"),
        ("c.xml", b"<svg><cameras/></svg>", "no calibration this program knows"),
        ("c.yaml", b"cam0: 3\ncamera: {K: 1}", "no calibration this program knows"),
        ("c.yaml", b"- 1\n- 2", "no calibration this program knows"),
        ("c.npy", b"\x93NUMPY\x05\x00rest", "no readable npy file"),
    ],
)
def test_files_that_are_no_calibration(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert said in message
    if "this program knows" in said:
        assert "rig.yaml, anipose / Pose2Sim" in message
        assert "VoxelPose json, Label3D / DANNCE .mat" in message


def test_every_truncation_of_a_file_is_refused_in_one_line(anipose_file, rig_file):
    for path, unit in ((anipose_file, "mm"), (rig_file, None)):
        content = path.read_bytes()
        cut = 0
        for length in range(0, len(content), 53):
            path.write_bytes(content[:length])
            try:
                rig = load_rig(path, unit=unit)
            except InputError as error:
                cut += 1
                assert str(error).startswith(f"{path}: ")
                assert "\n" not in str(error)
            else:
                assert len(rig) < 3 or "translation" not in content[length:].decode()
        assert cut > 10


def test_a_file_that_may_not_be_read(anipose_file, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(anipose_file), "read_bytes", refuse)
    assert "cannot be read (Permission denied)" in refusal(anipose_file)


def test_two_cameras_of_one_name(anipose_file, rig_file):
    anipose_file.write_text(anipose_file.read_text().replace('"cam.3"', '"left"'))
    assert "camera name 'left' is given twice: rename one" in refusal(anipose_file, unit="mm")
    rig_file.write_text(rig_file.read_text().replace("cam.3:", "left:"))
    assert "'left' is given twice (lines " in refusal(rig_file)


def test_two_cameras_at_one_place(anipose_file, rig_file):
    rig = load_rig(rig_file)
    arrays = rig.to_arrays()
    for key in ("rotation", "translation_m"):
        arrays[key][2] = arrays[key][0]
    type(rig).from_arrays(**arrays).save(rig_file)
    said = refusal(rig_file)
    assert "cameras 'left' and 'cam.3' stand at the same place: a copied entry?" in said
    assert "(--cameras 'top cam,cam.3')" in said
    assert len(load_rig(rig_file, cameras="top cam,cam.3")) == 2


def test_matrices_that_are_no_rotations(rig_file):
    document = yaml.safe_load(rig_file.read_text())
    for change, said in (
        ([[1, 0, 0], [0, 1, 0], [0, 0, -1]], "is mirrored (determinant -1.000)"),
        ([[2, 0, 0], [0, 1, 0], [0, 0, 1]], "no rotation matrix"),
        ([[1, 0], [0, 1]], "'rotation' must have shape (3, 3)"),
        ("north", "'rotation' must hold numbers"),
        (None, "has no 'rotation'"),
    ):
        document["cameras"]["left"]["rotation"] = change
        rig_file.write_text(yaml.safe_dump(document))
        message = refusal(rig_file)
        assert "camera 'left'" in message
        assert said in message


# --- Folders --------------------------------------------------------------------------------------


def test_a_folder_with_one_calibration(truth, anipose_file, rig_file, tmp_path):
    (tmp_path / "board.toml").write_text("board_x = 8\n")
    (tmp_path / "poses.json").write_text('{"people": []}')
    (tmp_path / "broken.json").write_text("{")
    truth.check(load_rig(tmp_path, unit="mm"))
    truth.check(load_rig(rig_file.parent))


def test_a_folder_with_several_or_none(anipose_file, rig_file, tmp_path):
    (tmp_path / "old.toml").write_text(anipose_file.read_text())
    said = refusal(tmp_path, unit="mm")
    assert "holds several calibrations (calibration.toml, old.toml): name one of them" in said
    (tmp_path / "rig.yaml").write_text(rig_file.read_text())
    assert len(load_rig(tmp_path)) == 3  # rig.yaml goes first
    (tmp_path / "empty").mkdir()
    assert "no calibration in this folder" in refusal(tmp_path / "empty")
