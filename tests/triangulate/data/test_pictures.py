from __future__ import annotations

import numpy as np
import pytest

from triangulate.data.pictures import VideoCrops
from triangulate.errors import InputError
from triangulate.video import probe

SIZE, CROP = (96, 64), (32, 24)


def grey(number: int, width: int, height: int) -> np.ndarray:
    """A picture whose brightness tells its number, but for a dark right half."""
    image = np.full((height, width, 3), 20 + 8 * number, np.uint8)
    image[:, width // 2 :] = 16
    return image


@pytest.fixture
def videos(tmp_path, monkeypatch, write_video):
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    paths = [tmp_path / f"cam{view}.mp4" for view in (1, 2)]
    return [probe(write_video(path, 20, picture=grey, size=SIZE)) for path in paths]


FRAMES = np.array([[17, 3], [3, -1], [3, 4], [0, 5]])
LEFT, RIGHT = (0, 0, 48, 36), (48, 20, 48, 36)
WINDOWS = np.array([[LEFT, LEFT], [LEFT, LEFT], [RIGHT, (0, 0, 0, 0)], [LEFT, LEFT]])


def test_any_moment_in_any_order(videos):
    crops = VideoCrops.of(videos, FRAMES, WINDOWS, CROP)
    for moment, view in ((3, 1), (0, 0), (1, 0), (0, 1), (3, 0)):
        crop = crops.crop(moment, view)
        assert crop is not None
        assert crop.shape == (24, 32, 3)
        assert abs(crop[:, :28].mean() - 20 - 8 * FRAMES[moment, view]) < 4
    dark = crops.crop(2, 0)  # another window of the same frame
    assert dark is not None
    assert dark.mean() < 22
    assert crops.crop(1, 1) is None  # no frame
    assert crops.crop(2, 1) is None  # no window


def test_what_was_stopped_is_cut_again(videos, tmp_path):
    frames = np.where(WINDOWS[..., 2] > 0, FRAMES, -1)
    total = sum(len(np.unique(column[column >= 0])) for column in frames.T)
    assert total == 5  # 0, 3, 17 of the first; 3, 5 of the second, whose 4 has no window

    def stop_at_two(done: int, told: int) -> None:
        assert told == total
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VideoCrops.of(videos, FRAMES, WINDOWS, CROP, stop_at_two)
    cache = tmp_path / "cache" / "crops"
    assert not [file for file in cache.iterdir() if "part" in file.name]
    assert VideoCrops.of(videos, FRAMES, WINDOWS, CROP).crop(0, 0) is not None


def test_another_choice_is_another_file(videos, tmp_path):
    VideoCrops.of(videos, FRAMES, WINDOWS, CROP)
    count = len(list((tmp_path / "cache" / "crops").iterdir()))
    VideoCrops.of(videos, FRAMES, WINDOWS, CROP)
    assert len(list((tmp_path / "cache" / "crops").iterdir())) == count
    VideoCrops.of(videos, FRAMES, WINDOWS + np.array([1, 0, 0, 0]), CROP)
    VideoCrops.of(videos, FRAMES, WINDOWS, (24, 24))
    assert len(list((tmp_path / "cache" / "crops").iterdir())) == 3 * count


def test_damaged_places(videos, tmp_path):
    VideoCrops.of(videos, FRAMES, WINDOWS, CROP)
    for file in (tmp_path / "cache" / "crops").glob("*.npy"):
        file.write_bytes(b"nothing")
    with pytest.raises(InputError, match="is damaged; remove it and start again"):
        VideoCrops.of(videos, FRAMES, WINDOWS, CROP)
