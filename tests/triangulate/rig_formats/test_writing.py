"""What holds for every format that is written."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig
from triangulate.rig_formats.writing import WrittenFormat

FORMATS = get_args(WrittenFormat)
FISHEYE = {"rig", "anipose", "opencv", "kalibr", "colmap"}
RATIONAL = {"rig", "opencv", "colmap"}
THIRD_RADIAL = set(FORMATS) - {"pose2sim", "kalibr"}
SKEW = {"rig", "panoptic"}
NO_SIZE = {"rig"}
MIXED = ["radtan", "rational", "radtan"]
PAIRS = {"easymocap", "colmap"}


@pytest.fixture
def truth(truth):
    """Under names that all formats hold, without a third radial coefficient."""
    return truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).named("left", "top_cam", "cam-3")


@pytest.mark.parametrize("format", FORMATS)
def test_a_round_trip_projects_the_same_points(truth, tmp_path, format):
    place = tmp_path / ("deep" if format in PAIRS else "deep/rig.dat")
    save_rig(truth.rig(), place, format)
    again = load_rig(place)
    truth.check(again, tolerance_px=1e-6)
    assert again.sizes == ((640, 480), (1080, 1920), (640, 480))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("held", "change", "said"),
    [
        (NO_SIZE, {"sizes": [(640, 480), None, (640, 480)]}, "no image size: pass sizes= (--size)"),
        (FISHEYE, {"lens": ["radtan", "fisheye", "radtan"]}, "has a fisheye lens"),
        (
            RATIONAL,
            {"dist": [[0] * 8, [0] * 7 + [0.1], [0] * 8], "lens": MIXED},
            "has a rational lens",
        ),
        (THIRD_RADIAL, {"dist": [[0] * 5, [0.1, 0, 0, 0, 0.2], [0] * 5]}, "a third radial"),
        (SKEW, {"skew": 0.3}, "has skew in K"),
    ],
    ids=["size", "fisheye", "rational", "k3", "skew"],
)
def test_what_a_format_cannot_hold_is_refused(truth, tmp_path, format, held, change, said):
    change = dict(change)
    if "skew" in change:
        K = truth.K.copy()
        K[1, 0, 1] = change.pop("skew")
        change["K"] = K
    rig = truth.rig(**change)
    place = tmp_path / ("out" if format in PAIRS else "rig.dat")
    if format not in held:
        with pytest.raises(InputError) as refused:
            save_rig(rig, place, format)
        message = str(refused.value)
        assert message.startswith(f"{place}: camera 'top_cam'") and "\n" not in message
        assert said in message
        assert list(tmp_path.iterdir()) == []
        return
    save_rig(rig, place, format)
    again = load_rig(place)
    assert again.lens_names == rig.lens_names
    np.testing.assert_allclose(again.cameras.K, rig.cameras.K, rtol=1e-14)
    np.testing.assert_array_equal(again.cameras.lens.coefficients, rig.cameras.lens.coefficients)


@pytest.mark.parametrize("format", sorted({"rig", "anipose", "pose2sim", "kalibr", "panoptic"}))
def test_any_name_survives_where_the_format_lets_it(truth, tmp_path, format):
    names = ('a"b', "tab\tend, dot.", "ünïcode 摄影机")
    save_rig(truth.named(*names).rig(), tmp_path / "names", format)
    assert load_rig(tmp_path / "names").names == names


# --- Places ---------------------------------------------------------------------------------------


def test_the_format_follows_the_name_where_it_can(truth, tmp_path):
    rig = truth.rig()
    save_rig(rig, tmp_path / "deep" / "new.yml")
    assert load_rig(tmp_path / "deep" / "new.yml").names == rig.names
    for path, format, said in (
        ("new.toml", None, "say format= (--to rig|anipose|pose2sim|opencv|easymocap|kalibr|"),
        ("new.toml", "maya", "format must be rig, anipose, pose2sim, opencv, easymocap, kalibr,"),
        (".", None, "is a folder: name the file"),
        (".", "kalibr", "is a folder: name the file"),
        ("new.yml", "easymocap", "written as intri.yml and extri.yml: name a folder"),
        ("deep/new.yml", "colmap", "written as cameras.txt and images.txt and points3D.txt: name"),
    ):
        with pytest.raises(InputError) as refused:
            save_rig(rig, tmp_path / path, format)
        assert str(refused.value).startswith(f"{tmp_path / path}: ")
        assert said in str(refused.value)
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "new.yml"}


@pytest.mark.parametrize(
    ("format", "names"),
    [
        ("easymocap", ["extri.yml", "intri.yml"]),
        ("colmap", ["cameras.txt", "images.txt", "points3D.txt"]),
    ],
)
def test_several_files_by_their_folder_or_one_of_them(truth, tmp_path, format, names):
    rig = truth.rig()
    save_rig(rig, tmp_path / "new", format)
    save_rig(rig, tmp_path / "new", format)  # over the first
    save_rig(rig, tmp_path / "named" / names[0], format)
    for folder in ("new", "named"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == names


def test_all_files_of_a_format_or_none(truth, tmp_path):
    (tmp_path / "images.txt").mkdir()
    with pytest.raises(InputError, match=r"images\.txt: cannot be written"):
        save_rig(truth.rig(), tmp_path, "colmap")
    assert [path.name for path in tmp_path.iterdir()] == ["images.txt"]
