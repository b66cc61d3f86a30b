from __future__ import annotations

import threading

import numpy as np
import pytest

from calib import scanning
from calib.detectors import Sighting
from calib.detectors.looks import Look
from calib.scanning import FrameCount, Search, search_videos
from calib.targets import Chessboard
from triangulate.video import probe

TARGET = Chessboard(3, 3, 0.03)
EITHER_SIDE = (Look(), Look(mirrored=True))


@pytest.fixture
def video(write_video, tmp_path):
    def flat(number, width, height):
        return np.full((height, width, 3), 5 * number, dtype=np.uint8)

    return probe(write_video(tmp_path / "cam.mp4", 40, picture=flat, options={"crf": "0"}))


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """What is looked at, instead of looking; bright frames show the board, dark ones mirrored."""
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    looked = []

    def see(grey, target, look):
        number = round(float(grey.mean()) / 5)
        looked.append((number, look))
        if look.mirrored != (number < 20) or number % 10 == 0:
            return None
        count = 4 if look == Look(True, True) else 9
        spread = np.where(np.arange(9) < count, 1.0 + number, np.nan)
        points_px = np.full((9, 2), number + 0.25)
        return Sighting(np.where(np.isfinite(spread)[:, None], points_px, np.nan), spread)

    monkeypatch.setattr(scanning, "see", see)
    return looked


def search(video, frames, looks=EITHER_SIDE, **options):
    told = []
    count = FrameCount(lambda done, total: told.append((done, total)), len(frames))
    searches = [Search(video, np.asarray(frames), looks)]
    (found,) = search_videos(searches, TARGET, count, **options)
    return found, told


def test_each_frame_is_looked_at_until_it_shows_the_board(video, seen):
    found, told = search(video, range(40), workers=2)
    assert sorted(found) == [n for n in range(40) if n % 10]
    assert found[7].look == Look(mirrored=True) and found[33].look == Look()
    assert found[33].sighting.points_px[0].tolist() == [33.25, 33.25]
    assert found[33].sighting.spread[0] == 34
    assert sum(number == 33 for number, _ in seen) == 1
    assert told[-1] == (40, 40) and len(told) == 40


def test_a_look_that_shows_little_is_not_the_last(video, seen):
    found, _ = search(video, [5], (Look(True, True), Look(mirrored=True)))
    assert found[5].look == Look(mirrored=True)


def test_what_was_found_is_remembered(video, seen):
    first, _ = search(video, range(0, 40, 3))
    looked = len(seen)
    again, told = search(video, range(0, 40, 3))
    assert len(seen) == looked
    assert told[-1] == (14, 14)
    assert sorted(again) == sorted(first)
    for number, item in first.items():
        assert again[number].look == item.look
        assert np.array_equal(again[number].sighting.points_px, item.sighting.points_px)
    search(video, range(0, 40, 3), cache=False)
    assert len(seen) == 2 * looked
    search(video, range(0, 40, 3), (Look(),))
    assert len(seen) > 2 * looked


def test_a_damaged_memory_is_made_anew(video, seen, tmp_path):
    first, _ = search(video, [3, 4])
    (kept,) = (tmp_path / "cache" / "boards").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    again, _ = search(video, [3, 4])
    assert sorted(again) == sorted(first) and len(seen) > 3


def test_an_error_ends_all_threads(video, seen, monkeypatch):
    def fail(grey, target, look):
        raise RuntimeError("broken")

    monkeypatch.setattr(scanning, "see", fail)
    with pytest.raises(RuntimeError, match="broken"):
        search(video, range(40), workers=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("board")]


def test_stopping_keeps_what_is_finished(video, seen, monkeypatch):
    def stop(done, total):
        if done == scanning.STRETCH_FRAMES + 2:
            raise KeyboardInterrupt

    count = FrameCount(stop, 40)
    with pytest.raises(KeyboardInterrupt):
        search_videos([Search(video, np.arange(40), (Look(),))], TARGET, count, workers=1)
    looked = len(seen)
    search(video, range(40), (Look(),))
    assert len(seen) - looked == 40 - scanning.STRETCH_FRAMES
