from __future__ import annotations

import cv2
import numpy as np
import pytest

from calib.camera_files import CameraFiles
from triangulate.errors import InputError


@pytest.fixture
def stills(tmp_path):
    """A function that fills a folder with tiny images of given names, in grey of their number."""

    def write(folder, names):
        place = tmp_path / folder
        place.mkdir(parents=True)
        for number, name in enumerate(names):
            cv2.imwrite(str(place / name), np.full((6, 8), 10 * number, dtype=np.uint8))
        return place

    return write


def test_cameras_are_named_after_their_files(stills, tmp_path):
    stills("images/left", ["a1.png"])
    stills("images/right", ["a1.png"])
    files = CameraFiles.open(tmp_path)
    assert files.names == ("left", "right")
    assert [video.size for video in files.videos] == [(8, 6), (8, 6)]


def test_a_folder_of_images_or_one_file_is_one_camera(stills):
    folder = stills("cam7", ["1.png", "2.png"])
    assert CameraFiles.open(folder).names == ("cam7",)
    assert CameraFiles.open([folder]).names == ("cam7",)
    assert CameraFiles.open({"me": folder}).names == ("me",)


def test_folders_of_one_name_are_told_apart_by_what_they_are_in(stills):
    paths = [stills(f"{name}/calibration_images", ["1.png"]) for name in ("back", "top")]
    assert CameraFiles.open(paths).names == ("back", "top")


def test_names_may_be_given_and_chosen(stills, tmp_path):
    stills("GX01", ["1.png"])
    stills("GX02", ["1.png"])
    bound = CameraFiles.open(tmp_path, bind={"GX01": "left", "GX02": "right"})
    assert bound.names == ("left", "right")
    chosen = CameraFiles.open(tmp_path, bind={"GX01": "left"}, cameras=["GX02", "left"])
    assert chosen.names == ("GX02", "left")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bind": {"a": "b"}}, "would both be camera 'b'.*--camera .*=NAME"),
        ({"bind": {"c": "x"}}, "there is no file 'c'; there are a, b"),
        ({"cameras": ["a", "z"]}, "no camera 'z'; there are a, b"),
    ],
)
def test_names_that_cannot_be(options, said, stills, tmp_path):
    stills("a", ["1.png"])
    stills("b", ["1.png"])
    with pytest.raises(InputError, match=said) as refused:
        CameraFiles.open(tmp_path, **options)
    assert "\n" not in str(refused.value)


def test_the_same_file_twice(stills):
    folder = stills("a", ["1.png"])
    with pytest.raises(InputError, match="is given twice"):
        CameraFiles.open([folder, folder])
    with pytest.raises(InputError, match="no videos are given"):
        CameraFiles.open([])


def test_stills_are_paired_by_the_last_number_in_their_names(stills, tmp_path):
    stills("back", [f"back-20220224135{t}-{n}.png" for n, t in enumerate((219, 220, 220, 221))])
    stills("top", [f"top-20220224135{t}-{n}.png" for n, t in ((0, 219), (2, 220), (3, 222))])
    files = CameraFiles.open(tmp_path)
    assert files.frame_numbers.tolist() == [0, 1, 2, 3]
    assert files.video_frames.tolist() == [[0, 0], [1, -1], [2, 1], [3, 2]]
    assert files.notes == (
        "stills are paired by the last number in their names; of 4, top lacks 1",
    )


def test_numbers_that_have_nothing_in_common_are_not_paired(stills, tmp_path):
    stills("a", [f"IMG_{n}.png" for n in (1201, 1202, 1210)])
    stills("b", [f"DSC_{n}.png" for n in (8, 9, 11)])
    files = CameraFiles.open(tmp_path)
    assert files.video_frames.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert files.frame_numbers.tolist() == [0, 1, 2]


def test_names_without_numbers_go_by_order(stills, tmp_path):
    stills("a", ["x.png", "y.png"])
    stills("b", ["x.png", "y.png", "z.png"])
    files = CameraFiles.open(tmp_path)
    assert files.video_frames.tolist() == [[0, 0], [1, 1]]
    assert any("the first 2 are taken" in note for note in files.notes)
