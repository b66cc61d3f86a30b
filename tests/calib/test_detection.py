from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

import calib
from calib import scanning
from calib.targets import Charuco, Chessboard, save_target
from triangulate.errors import InputError
from triangulate.rig_formats import load_rig

BOARD = Charuco(4, 6, 0.03, 0.022, "DICT_4X4_50")
CHESSBOARD = Chessboard(6, 4, 0.03)
SIZE = (360, 300)
PLACES = [((0.2 * n, 0.3 - 0.1 * n, 0.1 * n), 0.42 + 0.02 * n) for n in range(4)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def recorded(shoot, tmp_path_factory):
    """Three cameras, four pictures each: the board's front, its back, and a wall."""
    folder = tmp_path_factory.mktemp("board")
    truth_px = {}
    for name, is_behind in (("front", False), ("back", True)):
        shots = [
            shoot(BOARD, turns, distance, SIZE, focal_px=500, from_behind=is_behind)
            for turns, distance in PLACES
        ]
        write(folder / "images" / name, [shot.developed() for shot in shots])
        truth_px[name] = np.stack([shot.truth_px for shot in shots])
    write(folder / "images" / "wall", [np.full(SIZE[::-1], 120, dtype=np.uint8)] * len(PLACES))
    return folder, truth_px


@pytest.fixture(scope="module")
def stills(shoot, tmp_path_factory):
    """One camera's pictures of a plain chessboard."""
    folder = tmp_path_factory.mktemp("stills") / "cam"
    shots = [shoot(CHESSBOARD, *place, SIZE, focal_px=500) for place in PLACES[:3]]
    write(folder, [shot.developed() for shot in shots])
    return folder


def write(folder, pictures):
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture)


def test_a_board_is_found_from_both_sides_and_what_is_unexpected_told(recorded):
    folder, truth_px = recorded
    told = []
    found = calib.detect(folder, BOARD, progress=lambda *done: told.append(done))
    assert found.names == ("back", "front", "wall")
    assert found.sizes == (SIZE,) * 3
    assert found.frames.tolist() == [0, 1, 2, 3]
    assert found.times_s is None
    assert found.seen.sum((1, 2)).tolist() == [60, 60, 0]
    for view, name in enumerate(("back", "front")):
        assert np.abs(found.points_px[view] - truth_px[name]).max() < 0.1
    assert (found.spread[found.seen] >= 1).all()
    assert found.notes == (
        "back sees the board mirrored, from behind",
        "wall never sees the board: 0 of 4 frames: is it in view of this camera, sharp and lit? If "
        "it never was, leave the camera out with --cameras",
    )
    assert max(told) == (12, 12)


def test_a_description_in_a_file_and_frames_that_are_asked_for(recorded, tmp_path):
    folder, truth_px = recorded
    save_target(BOARD, tmp_path / "board.yaml")
    found = calib.detect(
        folder, tmp_path / "board.yaml", frames="1:", every=2, cameras=["front"], workers=1
    )
    assert found.frames.tolist() == [1, 3]
    assert np.abs(found.points_px[0] - truth_px["front"][[1, 3]]).max() < 0.1
    assert found.notes == ()


def test_a_negative_is_found_and_said(recorded):
    found = calib.detect(recorded[0], replace(BOARD, inverted=True), cameras=["front"])
    assert found.seen.sum() == 60
    assert found.notes == (
        "found on the inverted image: the board is printed black on white (inverted: false in "
        "board.yaml)",
    )


def test_a_board_at_rest_is_taken_once(recorded, tmp_path):
    picture = cv2.imread(str(recorded[0] / "images" / "front" / "0.png"), cv2.IMREAD_GRAYSCALE)
    write(tmp_path / "cam", [picture, picture, np.roll(picture, 9, axis=1)])
    assert calib.detect(tmp_path / "cam", BOARD).frames.tolist() == [0, 1, 2]
    assert calib.detect(tmp_path / "cam", BOARD, frames="auto").frames.tolist() == [0, 2]


def test_what_was_found_is_not_looked_for_again(recorded, monkeypatch):
    first = calib.detect(recorded[0], BOARD)
    monkeypatch.setattr(scanning, "see", None)  # cannot be called
    again = calib.detect(recorded[0], BOARD)
    assert np.array_equal(first.points_px, again.points_px, equal_nan=True)
    assert first.notes == again.notes


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (replace(BOARD, columns=6, rows=4), "swap columns and rows"),
        (replace(BOARD, columns=7), "the board has 4 columns, and board.yaml says 7 x 6 squares"),
        (replace(BOARD, dictionary="DICT_5X5_50"), "the markers are of DICT_4X4_50"),
        (replace(BOARD, legacy=True), "write legacy: false"),
        (replace(BOARD, rows=3), "ids reach 11: 4 x 3 squares hold 6 markers, 0 to 5"),
        (replace(BOARD, marker_size_m=0.015), "its markers are 0.7. of a square.*says 0.50"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_right(recorded, described, said):
    with pytest.raises(InputError) as refused:
        calib.detect(recorded[0], described, cameras=["front"], cache=False)
    message = str(refused.value)
    assert "\n" not in message
    assert re.search(said, message), message


def test_a_board_that_nobody_sees(recorded):
    with pytest.raises(InputError, match=r"^wall: the board is found in 0 of 4 frames: no board"):
        calib.detect(recorded[0], BOARD, cameras=["wall"])


def test_counted_squares(stills):
    said = "6 x 4 inner corners is seen, and board.yaml says 7 x 5: count inner corners, not"
    with pytest.raises(InputError, match=said):
        calib.detect(stills, Chessboard(7, 5, 0.03), cache=False)


def test_a_chessboard_is_found(stills):
    found = calib.detect(stills, CHESSBOARD)
    assert found.seen.sum() == 3 * 24
    assert found.names == ("cam",)


def test_a_print_that_is_smaller_than_described(recorded):
    found = calib.detect(recorded[0], replace(BOARD, rows=8), cameras=["front"])
    assert found.seen.sum() == 60
    assert "6 of the board's 21 points are never seen by any camera" in found.notes[-1]


def test_points_alone_describe_no_board(recorded):
    with pytest.raises(InputError, match="what the board looks like"):
        calib.detect(recorded[0], BOARD.points_m)


# --- Real recordings ------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_inverted_board_seen_from_behind_by_one_of_four_cameras(shared):
    folder = shared / "caliscope_4_cam_recording"
    board = Charuco(4, 5, 0.054, 0.0405, "DICT_4X4_1000", inverted=True)
    found = calib.detect(folder / "calibration" / "extrinsic", board, every=6)
    assert found.notes == ("cam_1 sees the board mirrored, from behind",)
    assert (found.seen.sum((1, 2)) >= [86, 94, 92, 36]).all()  # of 96; cam_3 sees half
    stored = np.genfromtxt(
        folder / "calibration" / "extrinsic" / "xy.csv", delimiter=",", names=True
    )
    first = stored["sync_index"].min()
    for view in (0, 2, 3):
        own = stored[stored["cam_id"] == view]
        frames = (own["sync_index"] - first).astype(int)
        known = np.isin(frames, found.frames)
        place = np.searchsorted(found.frames, frames[known])
        theirs = np.stack([own["img_loc_x"], own["img_loc_y"]], axis=-1)[known]
        ours = found.points_px[view, place, own["keypoint_id"][known].astype(int)]
        off = np.linalg.norm(ours - theirs, axis=-1)
        assert np.nanmedian(off) < 0.6
        assert np.isfinite(off).mean() > 0.97  # nearly all of theirs, and more


@pytest.mark.slow
def test_nearly_every_corner_of_the_mouse_boards_is_found(shared):
    session = shared / "sleap_anipose_mouse" / "minimal_session"
    names = ("back", "side")
    board = Charuco(8, 11, 0.024, 0.01875, "DICT_4X4_1000")
    found = calib.detect([session / name / "calibration_images" for name in names], board, every=10)
    assert found.names == names
    assert found.frames.tolist() == [0, 10, 20]
    assert (found.seen.sum((1, 2)) >= 208).all()  # of 210
    # Without the lenses' distortion, the board is a plane's picture.
    rig = load_rig(shared / "sleap_anipose_mouse" / "calibration_fd57457_CORRECT.toml", "mm")
    for view, name in enumerate(names):
        camera = rig.cameras[rig.names.index(name)]
        flat, _ = camera.undistort(torch.from_numpy(found.points_px[view]))
        for points_px in flat.numpy():
            seen = np.isfinite(points_px[:, 0])
            points_m = board.points_m[seen, :2]
            plane, _ = cv2.findHomography(points_m, points_px[seen], cv2.RANSAC, 2.0)
            off = points_px[seen] - cv2.perspectiveTransform(points_m[None], plane)[0]
            distance = np.linalg.norm(off, axis=-1)
            assert np.median(distance) < 0.6  # near the edge, that lens model is off


def test_chessboard_stills(shared):
    folder = shared / "pose2sim_balancing" / "calibration" / "intrinsics"
    found = calib.detect(folder / "int_cam01_img", Chessboard(4, 7, 0.06))
    assert found.seen.sum() >= 7 * 28 - 2
    points_px = [p[np.isfinite(p[:, 0])].astype(np.float32) for p in found.points_px[0]]
    points_m = [
        Chessboard(4, 7, 0.06).points_m[np.isfinite(p[:, 0])].astype(np.float32)
        for p in found.points_px[0]
    ]
    rms_px, K, *_ = cv2.calibrateCamera(points_m, points_px, (1088, 1920), None, None)
    assert rms_px < 0.2  # OpenCV's own corners leave 0.32
    assert K[0, 0] == pytest.approx(1681, rel=0.01)  # by the marker system
