from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.drawing.sinks import check_target, picture_sink
from triangulate.errors import InputError
from triangulate.video import probe, read_frames, read_image

SIZE = (96, 64)


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((SIZE[1], SIZE[0], 3), 30 + 40 * n, np.uint8) for n in range(count)]


def fill(path: Path, count: int, fps: float | None = 25) -> None:
    with picture_sink(path, SIZE, fps, range(7, 7 + count)) as write:
        for picture in pictures(count):
            write(picture)


def test_a_video(tmp_path: Path) -> None:
    fill(tmp_path / "new" / "a.mp4", 4)
    info = probe(tmp_path / "new" / "a.mp4")
    assert (info.num_frames, info.fps, info.size, info.codec) == (4, 25, SIZE, "h264")
    for frame, picture in zip(read_frames(info), pictures(4), strict=True):
        assert np.abs(frame.image_rgb.astype(int) - picture).max() <= 2


def test_one_picture(tmp_path: Path) -> None:
    fill(tmp_path / "a.png", 1, fps=None)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pictures(1)[0])


def test_a_folder_of_pictures_named_after_their_frames(tmp_path: Path) -> None:
    fill(tmp_path / "shots", 3, fps=None)
    names = sorted(path.name for path in (tmp_path / "shots").iterdir())
    assert names == ["frame_000007.png", "frame_000008.png", "frame_000009.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "shots" / names[2]), pictures(3)[2])


def test_an_error_leaves_no_half_video(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        picture_sink(tmp_path / "a.mp4", SIZE, 25, range(3)) as write,
    ):
        write(pictures(1)[0])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--out a\.gif: name a video"):
        check_target("a.gif", 1)
    with pytest.raises(InputError, match=r"is one picture, and 3 frames.*--frames"):
        check_target(tmp_path / "a.png", 3)
    (tmp_path / "d.mp4").mkdir()
    with pytest.raises(InputError, match="is a folder: name the file"):
        check_target(tmp_path / "d.mp4", 3)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file, not a folder"):
        check_target(tmp_path / "file", 3)
    with pytest.raises(InputError, match="--fps"):
        fill(tmp_path / "a.mp4", 2, fps=None)
