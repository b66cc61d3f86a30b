from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig

POINTS = "2362.39 248.498 58396 1784.7 268.254 59027 1784.7 268.254 -1"


@pytest.fixture
def truth(truth):
    return truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).named("left", "top", "cam.3")


def image_line(truth, v, camera, name):
    x, y, z, w = Rotation.from_matrix(truth.rotation[v]).as_quat()
    pose = [w, x, y, z, *truth.t[v]]
    return f"{7 + v} {' '.join(repr(float(value)) for value in pose)} {camera} {name}"


@pytest.fixture
def write(truth, tmp_path):
    """As COLMAP writes them: cameras 2, 3 and 5, images 7, 8 and 9, their points between."""

    def to_files(truth=truth, models=("OPENCV",) * 3, params=None, names=None, points=POINTS):
        lines = ["# Camera list with one line of data per camera:", "# Number of cameras: 3"]
        for v, number in enumerate((2, 3, 5)):
            K = truth.K[v]
            values = [K[0, 0], K[1, 1], K[0, 2] + 0.5, K[1, 2] + 0.5, *truth.dist[v]]
            values = params[v] if params else values
            size = " ".join(map(str, truth.sizes[v]))
            lines.append(f"{number} {models[v]} {size} {' '.join(repr(float(p)) for p in values)}")
        (tmp_path / "cameras.txt").write_text("\n".join([*lines, ""]))
        names = names or [f"{name}.JPG" for name in truth.names]
        lines = ["# Image list with two lines of data per image:", "# Number of images: 3, mean"]
        for v, number in enumerate((2, 3, 5)):
            lines += [image_line(truth, v, number, names[v])]
            lines += [] if points is None else [points]
        (tmp_path / "images.txt").write_text("\n".join([*lines, ""]))
        track = "16 6542 15 7345 6 6714"
        points3d = f"63390 0.6 0.3 0.6 115 121 122 1.33 {track}\n"
        (tmp_path / "points3D.txt").write_text(f"# 3D point list\n{points3d}")
        (tmp_path / "rigs.txt").write_text("1 2 CAMERA 1 CAMERA 2 1 -0.9 0 0 0.1 0 0 0\n")
        (tmp_path / "frames.txt").write_text("1 1 1 0 0 0 -5.2 -0.1 0.1 2 CAMERA 1 1 CAMERA 2 2\n")
        return tmp_path

    return to_files


@pytest.mark.parametrize("name", ["", "cameras.txt", "images.txt"])
@pytest.mark.parametrize("points", [POINTS, "", None])
def test_reads_the_folder_or_either_file(truth, write, name, points):
    rig = load_rig(write(points=points) / name, unit="m")
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert (rig.up_axis, rig.notes) == (None, ())


def test_the_first_pixels_centre_is_at_a_half(truth, write):
    rig = load_rig(write(), unit="m")
    np.testing.assert_allclose(rig.cameras.K, truth.K, rtol=1e-14)
    text = (write() / "cameras.txt").read_text()
    assert "322.6 239.2" in text  # 322.1 and 238.7 in the truth


def test_the_scale_is_free_and_must_be_told(truth, write):
    with pytest.raises(InputError, match=r'unit="mm".*COLMAP.s scale is arbitrary') as refused:
        load_rig(write())
    apart = np.linalg.norm(truth.centre[:, None] - truth.centre[None], axis=-1).max()
    assert f"{apart:.4g} of that unit apart" in str(refused.value)
    in_mm = load_rig(write(), unit="mm").cameras.centre_world.numpy()
    np.testing.assert_allclose(1000 * in_mm, truth.centre, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("model", "dist", "is_fisheye", "params"),
    [
        ("SIMPLE_PINHOLE", [0, 0, 0, 0], False, "f cx cy"),
        ("PINHOLE", [0, 0, 0, 0], False, "fx fy cx cy"),
        ("SIMPLE_RADIAL", [0.1, 0, 0, 0], False, "f cx cy 0"),
        ("RADIAL", [0.1, -0.05, 0, 0], False, "f cx cy 0 1"),
        ("OPENCV", [0.1, -0.05, 1e-3, 2e-3], False, "fx fy cx cy 0 1 2 3"),
        (
            "FULL_OPENCV",
            [-0.2, 0.05, 1e-3, -2e-3, 0.01, 0.02, -0.01, 0.004],
            False,
            "fx fy cx cy 0 1 2 3 4 5 6 7",
        ),
        ("SIMPLE_RADIAL_FISHEYE", [0.08, 0, 0, 0], True, "f cx cy 0"),
        ("RADIAL_FISHEYE", [0.08, -0.03, 0, 0], True, "f cx cy 0 1"),
        ("OPENCV_FISHEYE", [0.08, -0.03, 0.01, -0.002], True, "fx fy cx cy 0 1 2 3"),
    ],
)
def test_every_model_that_opencv_has_too(truth, write, model, dist, is_fisheye, params):
    truth = truth.with_lens(dist, is_fisheye=is_fisheye)
    if "fx" not in params:
        K = truth.K.copy()
        K[:, 1, 1] = K[:, 0, 0]
        truth = replace(truth, K=K)
    rows = []
    for v in range(3):
        K = truth.K[v]
        values = {"f": K[0, 0], "fx": K[0, 0], "fy": K[1, 1]}
        values |= {"cx": K[0, 2] + 0.5, "cy": K[1, 2] + 0.5}
        values |= {str(i): truth.dist[v][i] for i in range(len(dist))}
        rows.append([values[key] for key in params.split()])
    truth.check(load_rig(write(truth, (model,) * 3, rows), unit="m"))


def test_images_may_share_a_camera(truth, write):
    folder = write()
    text = (folder / "images.txt").read_text().replace(" 5 cam.3.JPG", " 2 cam.3.JPG")
    (folder / "images.txt").write_text(text)
    rig = load_rig(folder, unit="m")
    np.testing.assert_array_equal(rig.cameras.K[2], rig.cameras.K[0])
    assert len(rig) == 3


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (["left.jpg", "my top.png", "cam.3"], ("left", "my top", "cam.3")),
        (["a/left.jpg", "a/top.png", "a/b/c.tif"], ("left", "top", "c")),
        (["left/0001.jpg", "top/0002.jpg", "all/c/0001.jpg"], ("left", "top", "all/c")),
        (["left\\0001.jpg", "top\\0001.jpg", "c\\0001.jpg"], ("left", "top", "c")),
    ],
)
def test_cameras_are_named_after_their_images(truth, write, images, names):
    truth.named(*names).check(load_rig(write(names=images), unit="m"))


def test_two_images_of_one_camera(write):
    folder = write(names=["a/1.png", "a/2.png", "b/1.png"])
    with pytest.raises(InputError, match=r"images 'a/1\.png' and 'b/1\.png' would both be .*'1'"):
        load_rig(folder, unit="m")


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("cameras.txt", ("2 OPENCV", "2 FOV"), "camera 'left': its model FOV is not supported"),
        ("cameras.txt", ("2 OPENCV", "2 PINHOLE"), "PINHOLE has the 4 parameters fx fy cx cy, and"),
        ("cameras.txt", ("3 OPENCV", "2 OPENCV"), "line 4: camera 2 is given twice: remove one"),
        ("cameras.txt", ("3 OPENCV 1080", "3 OPENCV big"), "line 4 is no camera (ID MODEL WIDTH"),
        ("cameras.txt", ("5 OPENCV", "# 5 OPENCV"), "tells of 3 cameras and has 2: is it cut off"),
        ("images.txt", (" 3 top.JPG", " 4 top.JPG"), "camera 'top': cameras.txt has no camera 4"),
        ("images.txt", (" 3 top.JPG", ""), "line 5 is no image (ID QW QX QY QZ"),
        ("images.txt", ("images: 3", "images: 4"), "tells of 4 images and has 3: is it cut off?"),
    ],
)
def test_broken_files(write, file, change, said):
    folder = write()
    text = (folder / file).read_text()
    assert change[0] in text
    (folder / file).write_text(text.replace(*change))
    other = "images.txt" if file == "cameras.txt" else "cameras.txt"
    for place in (file, other):
        with pytest.raises(InputError) as refused:
            load_rig(folder / place, unit="m")
        message = str(refused.value)
        assert message.startswith(f"{folder / place}: ") and "\n" not in message
        assert said in message
        if place == other and "camera '" not in said and "PINHOLE" not in said:
            assert f"its other half, {file}: " in message


def test_a_missing_half(write):
    folder = write()
    (folder / "images.txt").unlink()
    with pytest.raises(InputError, match=r"cameras\.txt: is one half of a COLMAP calibration: put"):
        load_rig(folder)
    write()
    (folder / "cameras.txt").unlink()
    with pytest.raises(InputError, match=r"images\.txt: .*put cameras\.txt, with the lenses, bes"):
        load_rig(folder / "images.txt")


@pytest.mark.parametrize("name", ["points3D.txt", "rigs.txt", "frames.txt"])
def test_the_models_other_files_are_no_calibration(write, name):
    with pytest.raises(InputError, match="no calibration this program knows"):
        load_rig(write() / name)


def test_a_file_that_is_cut_off_is_refused_in_one_line(write):
    for name in ("cameras.txt", "images.txt"):
        content = (write() / name).read_bytes()
        for length in range(0, len(content) - 60, 37):  # before the last line's last values
            path = write() / name
            path.write_bytes(content[:length])
            with pytest.raises(InputError) as refused:
                load_rig(path, unit="m")
            assert str(refused.value).startswith(f"{path}: ") and "\n" not in str(refused.value)


# --- Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dist", "is_fisheye", "model"),
    [
        ([0, 0, 0, 0], False, "PINHOLE"),
        ([-0.21, 0.05, 1e-3, -2e-3], False, "OPENCV"),
        ([-0.21, 0.05, 1e-3, -2e-3, 0.01], False, "FULL_OPENCV"),
        ([-0.2, 0.05, 1e-3, -2e-3, 0.01, 0.02, -0.01, 0.004], False, "FULL_OPENCV"),
        ([0.08, -0.03, 0.01, -0.002], True, "OPENCV_FISHEYE"),
    ],
)
def test_writes_what_it_reads(truth, tmp_path, dist, is_fisheye, model):
    truth = truth.with_lens(dist, is_fisheye=is_fisheye)
    save_rig(truth.rig(), tmp_path / "model", format="colmap")
    rig = load_rig(tmp_path / "model")  # which tells its unit
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    lines = (tmp_path / "model" / "cameras.txt").read_text().splitlines()
    first = next(line for line in lines if line.startswith("1 ")).split()
    assert first[:4] == ["1", model, "640", "480"]
    assert first[4:8] == ["610.25", "613.75", "322.6", "239.2"]


def test_an_image_has_two_lines(truth, tmp_path):
    save_rig(truth.rig(), tmp_path, format="colmap")
    lines = (tmp_path / "images.txt").read_text().split("\n")
    data = [line for line in lines if not line.startswith("#")]
    assert [line.split()[-2:] for line in data[0:6:2]] == [
        ["1", "left.png"],
        ["2", "top.png"],
        ["3", "cam.3.png"],
    ]
    assert data[1:6:2] == ["", "", ""]
    w, x, y, z = map(float, data[2].split()[1:5])
    np.testing.assert_allclose(Rotation.from_quat([x, y, z, w]).as_matrix(), truth.rotation[1])


@pytest.mark.parametrize("name", ["top cam", "a/b", "a\\b", "tab\t"])
def test_names_that_images_cannot_have(truth, tmp_path, name):
    with pytest.raises(InputError, match="COLMAP cuts the names of images at spaces"):
        save_rig(truth.named("left", name, "c").rig(), tmp_path / "model", format="colmap")
    assert list(tmp_path.iterdir()) == []
