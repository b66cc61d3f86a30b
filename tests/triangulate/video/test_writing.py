from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.video import probe, read_frames, writing
from triangulate.video.writing import VideoWriter

SIZE = (160, 96)
COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [240, 240, 240], [16, 16, 16]])


def picture(number: int) -> np.ndarray:
    image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    image[:] = COLOURS[number % len(COLOURS)]
    image[:48, :80] = COLOURS[(number + 1) % len(COLOURS)]
    return image


def test_frames_come_back_with_their_colours_and_times(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cam1.mp4"
    with VideoWriter(path, SIZE, fps=25) as video:
        for number in range(7):
            video.write(picture(number))
    info = probe(path)
    assert (info.size, info.num_frames, info.fps) == (SIZE, 7, 25)
    frames = list(read_frames(info, range(7)))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(7) / 25, atol=1e-6)
    for number, frame in enumerate(frames):
        apart = np.abs(frame.image_rgb.astype(int) - picture(number))
        assert np.median(apart) <= 3
        assert np.quantile(apart, 0.9) <= 6  # but for the edge between the colours


def test_rates_that_are_no_whole_numbers(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", SIZE, fps=30000 / 1001) as video:
        for number in range(3):
            video.write(picture(number))
    assert probe(tmp_path / "a.mp4").fps == pytest.approx(30000 / 1001)


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, SIZE, fps=25) as video:
        video.write(picture(0))
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        VideoWriter(tmp_path / "a.mp4", (161, 96), fps=25)
    with pytest.raises(ValueError, match="positive"):
        VideoWriter(tmp_path / "a.mp4", SIZE, fps=0)
    with (
        pytest.raises(ValueError, match=r"uint8 image \(96, 160, 3\), got float64"),
        VideoWriter(tmp_path / "a.mp4", SIZE, fps=25) as video,
    ):
        video.write(np.zeros((96, 160, 3)))


def test_without_h264_it_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: writing.ENCODERS["mpeg4"] for name in ("no_such_encoder", "mpeg4")}
    monkeypatch.setattr(writing, "ENCODERS", known)
    for fps in (25, 30000 / 1001, 120000 / 1001):
        with VideoWriter(tmp_path / "a.mp4", SIZE, fps=fps) as video:
            for number in range(5):
                video.write(picture(number))
        info = probe(tmp_path / "a.mp4")
        assert (info.codec, info.size, info.num_frames) == ("mpeg4", SIZE, 5)
        assert info.fps == pytest.approx(fps, rel=1e-5)
        for number, frame in enumerate(read_frames(info)):
            assert np.median(np.abs(frame.image_rgb.astype(int) - picture(number))) <= 6


def test_without_an_encoder_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ENCODERS", {"no_such_encoder": ({}, None)})
    with pytest.raises(InputError, match=r"a\.mp4: .*no encoder.*pip install.*--out FOLDER"):
        VideoWriter(tmp_path / "a.mp4", SIZE, fps=25)
