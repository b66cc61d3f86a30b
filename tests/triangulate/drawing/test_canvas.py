from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from triangulate.drawing.canvas import Box, Canvas, faded, save_picture, text_width
from triangulate.errors import InputError

RED, GREY = (250, 10, 20), (40, 41, 42)


def test_shapes_are_centred_on_the_pixel_named() -> None:
    canvas = Canvas.blank(60, 40, GREY)
    canvas.dot(np.array([[20.0, 10.0]]), RED, 3)
    canvas.line(np.array([[5.0, 30.0], [55.0, 30.0]]), RED, 3)
    picture = canvas.finished()
    assert picture.shape == (40, 60, 3)
    assert picture[10, 20].tolist() == list(RED)
    red = picture[..., 0].astype(float) - 40
    y, x = np.indices(red.shape)
    dot = red * (y < 20)
    assert (dot * x).sum() / dot.sum() == pytest.approx(20, abs=0.05)
    assert (dot * y).sum() / dot.sum() == pytest.approx(10, abs=0.05)
    line = red * (y > 20)
    assert (line * y).sum() / line.sum() == pytest.approx(30, abs=0.3)
    assert picture[10, 30].tolist() == list(GREY)


def test_what_is_missing_or_absurdly_far_is_not_drawn() -> None:
    canvas = Canvas.blank(30, 20, GREY)
    points = np.array([[np.nan, 3.0], [1e12, 5.0], [-np.inf, 2.0]])
    canvas.dot(points, RED, 3)
    canvas.line(points, RED, 3)
    canvas.cross(points, RED, 3, 1)
    assert (canvas.finished() == GREY).all()
    canvas.line(np.array([[2.0, 4.0], [9.0, 4.0], [np.nan, 4.0], [15.0, 4.0], [25.0, 4.0]]), RED, 2)
    row = canvas.finished()[4, :, 0]
    assert row[5] > 200
    assert row[20] > 200
    assert row[12] == 40


def test_a_part_cuts_off_what_leaves_it() -> None:
    canvas = Canvas.blank(60, 40, GREY)
    part = canvas.part(Box(10, 5, 20, 30))
    part.fill((0, 0, 0))
    part.dot(np.array([[19.0, 10.0]]), RED, 6)
    picture = canvas.finished()
    assert picture[15, 29].tolist() == list(RED)
    assert picture[15, 30].tolist() == list(GREY)
    assert picture[4, 12].tolist() == list(GREY)


def test_an_image_goes_where_the_affine_map_says() -> None:
    image = np.zeros((30, 50, 3), np.uint8)
    image[20, 40] = 200
    canvas = Canvas.blank(60, 40, GREY)
    canvas.warped(image, np.array([[3.0, 0, -100], [0, 3, -50], [0, 0, 1]]), brightness=0.5)
    picture = canvas.finished()[..., 0].astype(float)
    y, x = np.indices(picture.shape)
    assert picture[10, 20] == pytest.approx(100, abs=25)
    assert (picture * x).sum() / picture.sum() == pytest.approx(20, abs=0.1)
    assert (picture * y).sum() / picture.sum() == pytest.approx(10, abs=0.1)


def test_text_leaves_ink_as_wide_as_it_says() -> None:
    canvas = Canvas.blank(200, 40, (0, 0, 0))
    canvas.text("cam12", (20, 30), (255, 255, 255), 16)
    columns = np.flatnonzero(canvas.finished()[..., 0].max(axis=0) > 100)
    assert 18 <= columns[0] <= 24
    assert np.ptp(columns) == pytest.approx(text_width("cam12", 16), abs=6)


def test_what_is_not_drawn_on_stays_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)
    canvas = Canvas.over(image)
    assert (canvas.width, canvas.height) == (70, 40)
    np.testing.assert_array_equal(canvas.finished(), image)
    canvas.dot(np.array([[35.0, 20.0]]), RED, 4)
    picture = canvas.finished()
    assert picture[20, 35].tolist() == list(RED)
    np.testing.assert_array_equal(picture[:, :28], image[:, :28])


def test_a_rim_makes_texts_readable_on_their_own_colour() -> None:
    canvas = Canvas.blank(120, 40, (250, 250, 250))
    canvas.text("cam1", (20, 30), (250, 250, 250), 16, rim=(0, 0, 0))
    picture = canvas.finished()[..., 0]
    assert (picture < 60).sum() > 100 and picture[:10].min() == 250


def test_fading_mixes() -> None:
    assert faded((200, 100, 0), (0, 0, 0), 0.5) == (100, 50, 0)
    assert faded((200, 100, 0), (9, 9, 9), 0.0) == (9, 9, 9)


def test_a_saved_picture_is_the_picture(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    save_picture(picture, tmp_path / "new" / "a.png")
    read = cv2.cvtColor(cv2.imread(str(tmp_path / "new" / "a.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read, picture)
    with pytest.raises(InputError, match="no picture format"):
        save_picture(picture, tmp_path / "a.gltf")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
