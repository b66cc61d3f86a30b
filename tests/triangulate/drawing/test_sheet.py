from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triangulate.drawing.overlay import draw_overlay, resized_views
from triangulate.drawing.sheet import (
    draw_sheet,
    keypoints_at,
    lay_out_sheet,
    overlay_pictures,
    rate_of,
    with_poses,
)
from triangulate.drawing.views import GAP_PX
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded
from triangulate.video.writing import VideoWriter

NUM_FRAMES = 14
SMALL = (192, 108)


@pytest.fixture
def small_rig(rig: Rig) -> Rig:
    return resized_views([None] * 4, rig, [SMALL] * 4)[1]


@pytest.fixture
def filmed(small_rig: Rig, tmp_path: Path) -> Recording:
    """Videos of 14 frames, each of one grey that tells the frame."""
    for name in small_rig.names:
        with VideoWriter(tmp_path / "videos" / f"{name}.mp4", SMALL, fps=50) as video:
            for number in range(NUM_FRAMES):
                video.write(np.full((SMALL[1], SMALL[0], 3), 40 + 10 * number, np.uint8))
    return Recording.open(tmp_path, small_rig)


def frames_of(poses: Poses3D, numbers: list[int]) -> Poses3D:
    """Some rows of the poses, called by these numbers."""
    index = np.arange(len(numbers))
    per_frame = ("positions_m", "covariance_m2", "reprojection_px", "views_used", "reason")
    kept = {name: getattr(poses, name)[index] for name in (*per_frame, "sides_swapped")}
    return replace(poses, **kept, frames=np.array(numbers))


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("size", [None, (1280, 720), (640, 640), (500, 1000)])
@pytest.mark.parametrize("image", [(1920, 1080), (1080, 1920), (160, 120)])
def test_views_keep_their_aspect_and_do_not_overlap(
    count: int, size: tuple[int, int] | None, image: tuple[int, int]
) -> None:
    sheet = lay_out_sheet([image] * count, size)
    width, height = sheet.size
    assert width % 2 == height % 2 == 0
    assert sheet.size == size or (size is None and width <= 1920 and height <= 1080)
    taken = np.zeros((height, width), int)
    for box in (*sheet.boxes, sheet.strip):
        assert min(box.x, box.y) >= 0 and box.width > 0 and box.height > 0
        assert box.x + box.width <= width and box.y + box.height <= height
        taken[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert taken.max() == 1
    for box in sheet.boxes:
        assert box.width / image[0] == pytest.approx(box.height / image[1], abs=1 / min(image))
    if size is None and image != (160, 120):
        assert taken.mean() > 0.6


def test_four_upright_cameras_stand_in_a_row() -> None:
    sheet = lay_out_sheet([(1088, 1920)] * 4)
    assert len({box.y for box in sheet.boxes}) == 1
    assert sheet.size[0] > 1900


def test_views_stay_together_in_the_middle_of_a_wide_sheet() -> None:
    left, right = lay_out_sheet([(1080, 1920)] * 2, (1280, 720)).boxes
    assert right.x - (left.x + left.width) == GAP_PX
    assert left.x == pytest.approx(1280 - (right.x + right.width), abs=1)


def test_views_of_different_sizes_share_one_zoom() -> None:
    sheet = lay_out_sheet([(1920, 1080), (960, 540), (1080, 1920)])
    zooms = [box.width / width for box, width in zip(sheet.boxes, (1920, 960, 1080), strict=True)]
    np.testing.assert_allclose(zooms, zooms[0], rtol=0.01)


@pytest.mark.parametrize("size", [(1281, 720), (1280, 721), (32, 32), (64, 64)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"--size {size[0]}x{size[1]}"):
        lay_out_sheet([(1280, 720)] * 60, size)


def test_a_sheet_holds_each_overlay_and_below_it_the_moment(rig: Rig, some_poses: Poses3D) -> None:
    images = [np.full((720, 1280, 3), 60 + 30 * v, np.uint8) for v in range(4)]
    sheet = lay_out_sheet(rig.sizes)  # type: ignore[arg-type]
    picture = draw_sheet(images, some_poses, rig, 3, sheet, time_s=0.06)
    assert picture.shape == (sheet.size[1], sheet.size[0], 3)
    small, small_rig = resized_views(images, rig, [(box.width, box.height) for box in sheet.boxes])
    expected = draw_overlay(small, some_poses, small_rig, 3)
    for box, view in zip(sheet.boxes, expected, strict=True):
        part = picture[box.y : box.y + box.height, box.x : box.x + box.width]
        np.testing.assert_array_equal(part, view)
    other = draw_sheet(images, some_poses, rig, 4, sheet, time_s=0.08)
    strips = [p[sheet.strip.y :].astype(int) for p in (picture, other)]
    differing = np.flatnonzero((strips[0] != strips[1]).any((0, 2)))
    assert 0 < len(differing) and differing.max() < 0.2 * sheet.size[0]  # the legend stays


def test_frames_are_shown_with_their_own_poses(filmed: Recording, some_poses: Poses3D) -> None:
    """Poses of every third frame from the second; each is drawn on the picture of its number."""
    poses = frames_of(some_poses, [1, 4, 7, 10, 13])
    chosen, rows = with_poses(filmed, poses)
    assert chosen.frame_numbers.tolist() == [1, 4, 7, 10, 13]
    assert rows.tolist() == [0, 1, 2, 3, 4]
    assert rate_of(chosen, poses) == pytest.approx(50 / 3)
    sheet = lay_out_sheet(chosen.sizes)
    for number, row, picture in zip(
        chosen.frame_numbers, rows, overlay_pictures(chosen, poses, rows, sheet), strict=True
    ):
        grey = np.full((SMALL[1], SMALL[0], 3), 40 + 10 * number, np.uint8)
        box = sheet.boxes[2]
        part = picture[box.y : box.y + box.height, box.x : box.x + box.width]
        expected = draw_sheet([grey] * 4, poses, chosen.rig, int(row), sheet)
        expected = expected[box.y : box.y + box.height, box.x : box.x + box.width]
        assert np.abs(part.astype(int) - expected).max() <= 3  # the video's coding
    every, rows = with_poses(filmed, poses, 2)
    assert (every.frame_numbers.tolist(), rows.tolist()) == ([1, 7, 13], [0, 2, 4])


def test_a_part_of_a_recording_takes_its_part_of_the_poses(
    filmed: Recording, some_poses: Poses3D
) -> None:
    part = filmed.select_frames(np.arange(5, 9))
    chosen, rows = with_poses(part, some_poses)
    assert (chosen.frame_numbers.tolist(), rows.tolist()) == ([5, 6, 7, 8], [5, 6, 7, 8])
    assert [moment.index for moment in chosen.frames()] == [5, 6, 7, 8]


def test_poses_of_something_else_are_refused(filmed: Recording, some_poses: Poses3D) -> None:
    strangers = replace(some_poses, names=("a", "b", "c", "d"))
    with pytest.raises(InputError, match=r"x: poses of other cameras \(a, b, c, d\).*--poses"):
        with_poses(filmed, strangers, source="x")
    with pytest.raises(InputError, match=r"up to frame 90, and the recording ends with frame 13"):
        with_poses(filmed, frames_of(some_poses, [3, 90]))
    with pytest.raises(InputError, match=r"holds frames 0 to 11, and none.*--frames"):
        with_poses(filmed.select_frames(np.array([12, 13])), some_poses)
    with pytest.raises(InputError, match="holds no frames"):
        with_poses(filmed, frames_of(some_poses, []))


def test_keypoints_stand_beside_the_poses_of_their_frames(
    filmed: Recording, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    poses = frames_of(some_poses, [2, 4, 13])
    seen = replace(keypoints, frames=np.arange(12) + 1)
    known = keypoints_at(seen, filmed, poses)
    assert np.asarray(known.frames).tolist() == [2, 4, 13]
    np.testing.assert_array_equal(known.points_px[:2], keypoints.points_px[[1, 3]])
    assert np.isnan(known.points_px[2]).all()


def test_rates_come_from_what_is_known(filmed: Recording, some_poses: Poses3D) -> None:
    assert rate_of(filmed, some_poses) == 50
    assert rate_of(replace(filmed, fps=None), some_poses) == 50
    unknown = replace(some_poses, fps=None)
    assert rate_of(replace(filmed, fps=None), unknown) == pytest.approx(50)
    timeless = replace(filmed, fps=None, times_s=np.full(NUM_FRAMES, np.nan))
    assert rate_of(timeless, unknown) is None
    assert rate_of(filmed.select_frames(np.array([3])), some_poses) == 50


def test_leaving_early_closes_the_videos(filmed: Recording, some_poses: Poses3D) -> None:
    chosen, rows = with_poses(filmed, some_poses)
    pictures = overlay_pictures(chosen, some_poses, rows, lay_out_sheet(chosen.sizes))
    assert len(list(itertools.islice(pictures, 2))) == 2
    pictures.close()


def test_many_cameras_fit(rig: Rig) -> None:
    many = ring_rig(seeded(0), 16)
    sheet = lay_out_sheet(many.sizes)  # type: ignore[arg-type]
    assert len(sheet.boxes) == 16 and min(box.width for box in sheet.boxes) > 300
