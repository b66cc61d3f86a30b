from __future__ import annotations

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


@pytest.fixture
def truth(truth):
    return truth.named("01", "02", "top cam")


def matrix(key, values):
    """As EasyMocap writes it: six decimals, and lines that end as on Windows."""
    values = np.atleast_2d(values)
    data = ", ".join(f"{value:.6f}" for value in values.ravel())
    rows, cols = values.shape
    lines = [f"{key}: !!opencv-matrix", f"  rows: {rows}", f"  cols: {cols}", "  dt: d"]
    return [*lines, f"  data: [{data}]"]


@pytest.fixture
def write(truth, tmp_path):
    def to_files(*, with_sizes=True, leave_out=(), folder=tmp_path):
        names = ["names:", *(f'  - "{name}"' for name in truth.names)]
        lenses, poses = ["%YAML:1.0", "---", *names], ["%YAML:1.0", "---", *names]
        for v, name in enumerate(truth.names):
            lenses += matrix(f"K_{name}", truth.K[v]) + matrix(f"dist_{name}", truth.dist[v])
            if with_sizes:
                lenses += [f"H_{name}: {truth.sizes[v][1]}", f"W_{name}: {truth.sizes[v][0]}"]
            for key, values in (
                ("R", truth.rvec[v][:, None]),
                ("Rot", truth.rotation[v]),
                ("T", truth.t[v][:, None]),
            ):
                if key not in leave_out:
                    poses += matrix(f"{key}_{name}", values)
        folder.mkdir(exist_ok=True)
        (folder / "intri.yml").write_bytes("\r\n".join([*lenses, ""]).encode())
        (folder / "extri.yml").write_bytes("\r\n".join([*poses, ""]).encode())
        return folder

    return to_files


@pytest.mark.parametrize("name", ["", "intri.yml", "extri.yml"])
def test_reads_six_decimals_from_the_folder_or_either_file(truth, write, name):
    rig = load_rig(write() / name)
    truth.check(rig, tolerance_px=1e-2)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.up_axis is None
    assert rig.notes[0].startswith("translations read as m")


@pytest.mark.parametrize("leave_out", [("R",), ("Rot",)])
def test_the_rotation_in_either_way(truth, write, leave_out):
    truth.check(load_rig(write(leave_out=leave_out)), tolerance_px=1e-2)


def test_missing_sizes_can_be_told(truth, write):
    folder = write(with_sizes=False)
    assert load_rig(folder).sizes == (None, None, None)
    rig = load_rig(folder, sizes={"01": (640, 480), "02": (1080, 1920)})
    assert rig.sizes == ((640, 480), (1080, 1920), None)
    text = (folder / "intri.yml").read_text() + "H_01: -1\nW_01: -1\n"  # which is none there
    (folder / "intri.yml").write_text(text)
    assert load_rig(folder).sizes == (None, None, None)


def test_the_user_tells_another_unit(truth, write):
    in_m, in_mm = load_rig(write()), load_rig(write(), unit="mm")
    centres = [rig.cameras.centre_world.numpy() for rig in (in_m, in_mm)]
    np.testing.assert_allclose(centres[0], 1000 * centres[1], rtol=1e-12)


def test_names_with_a_dot_have_keys_without(truth, write):
    folder = write()
    for name in ("intri.yml", "extri.yml"):
        text = (folder / name).read_text().replace('"01"', '"01.mp4"')
        (folder / name).write_text(text.replace('  - "02"', "  - 2").replace("_02:", "_2:"))
    rig = load_rig(folder)
    truth.named("01", "2", "top cam").check(rig, tolerance_px=1e-2)


def test_one_file_may_hold_both_halves(truth, write, tmp_path):
    folder = write()
    poses = (folder / "extri.yml").read_text().split('"top cam"\n')[1]
    both = tmp_path / "cameras.yml"
    both.write_text((folder / "intri.yml").read_text() + poses)
    truth.check(load_rig(both), tolerance_px=1e-2)


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("intri.yml", "put extri.yml, with the places of the cameras, beside it"),
        ("extri.yml", "put intri.yml, with the lenses, beside it"),
    ],
)
def test_half_a_pair(write, left, said):
    folder = write()
    for path in folder.iterdir():
        if path.name != left:
            path.unlink()
    for place in (folder, folder / left):
        with pytest.raises(InputError) as refused:
            load_rig(place)
        assert str(refused.value).startswith(f"{folder / left}: is one half of an EasyMocap cal")
        assert said in str(refused.value)


def test_an_other_half_that_is_broken(write):
    folder = write()
    (folder / "extri.yml").write_text((folder / "extri.yml").read_text()[:300])
    with pytest.raises(InputError) as refused:
        load_rig(folder / "intri.yml")
    said = f"{folder / 'intri.yml'}: its other half, extri.yml: is no valid OpenCV file; is it cut"
    assert str(refused.value).startswith(said)
    (folder / "extri.yml").write_text((folder / "intri.yml").read_text())
    with pytest.raises(InputError, match=r"its other half, extri\.yml, holds no extri of an Easy"):
        load_rig(folder / "intri.yml")


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("intri.yml", ("K_02:", "K_03:"), "camera '02': 'K_02' is missing: leave it out"),
        ("intri.yml", ("dist_01:", "dust_01:"), "camera '01': 'dist_01' is missing"),
        ("extri.yml", ("T_01:", "S_01:"), "camera '01': 'T_01' is missing"),
        ("extri.yml", ('- "02"', '- "02"\n  - "05"'), "camera '05': 'K_05' is missing"),
        ("intri.yml", ("W_01: 640", "W_01: wide"), "camera '01': 'W_01' must hold 1 numbers"),
        ("intri.yml", ('"02"', '"01"'), "camera name '01' is given twice: rename one"),
        ("intri.yml", ("610.250000", ".nan"), "camera '01': 'K_01' holds NaN or infinity"),
    ],
)
def test_broken_cameras(write, file, change, said):
    folder = write()
    text = (folder / file).read_text()
    assert change[0] in text
    (folder / file).write_text(text.replace(*change, 1))
    with pytest.raises(InputError) as refused:
        load_rig(folder)
    assert said in str(refused.value) and "\n" not in str(refused.value)


# --- Writing --------------------------------------------------------------------------------------


def test_writes_what_it_reads(truth, tmp_path):
    save_rig(truth.rig(), tmp_path / "pair", format="easymocap")
    rig = load_rig(tmp_path / "pair")
    truth.check(rig)  # all digits
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.notes == ()  # the file tells its unit


def test_opencv_reads_what_easymocap_asks_for(truth, tmp_path):
    save_rig(truth.rig(), tmp_path, format="easymocap")
    lenses, poses = (
        cv2.FileStorage(str(tmp_path / name), cv2.FILE_STORAGE_READ)
        for name in ("intri.yml", "extri.yml")
    )
    for storage in (lenses, poses):
        node = storage.getNode("names")
        assert tuple(node.at(i).string() for i in range(node.size())) == truth.names
    pixels = []
    for v, name in enumerate(truth.names):
        K, dist = (lenses.getNode(f"{key}_{name}").mat() for key in ("K", "dist"))
        rvec, t = (poses.getNode(f"{key}_{name}").mat() for key in ("R", "T"))
        assert (K.shape, dist.shape, rvec.shape, t.shape) == ((3, 3), (1, 5), (3, 1), (3, 1))
        sides = [int(lenses.getNode(f"{side}_{name}").real()) for side in "WH"]
        assert sides == truth.sizes[v].tolist()
        np.testing.assert_allclose(poses.getNode(f"Rot_{name}").mat(), truth.rotation[v])
        pixels.append(cv2.projectPoints(truth.points, rvec, t, K, dist)[0][:, 0])
    np.testing.assert_allclose(np.stack(pixels), truth.pixels(), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "said"),
    [("cam.3", "has a dot in its name"), ("a:b", "letters without accents"), ("ü", "letters with")],
)
def test_names_that_keys_cannot_hold(truth, tmp_path, name, said):
    with pytest.raises(InputError) as refused:
        save_rig(truth.named(name, "b", "c").rig(), tmp_path / "pair", format="easymocap")
    assert str(refused.value).startswith(f"{tmp_path / 'pair'}: camera '{name}'")
    assert said in str(refused.value)
    assert list(tmp_path.iterdir()) == []
