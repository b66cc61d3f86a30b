from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from triangulate.errors import InputError
from triangulate.video import container as container_room
from triangulate.video import decoder, probe, read_frames

WIDTH, HEIGHT, BITS = 160, 120, 10
MS = Fraction(1, 1000)
WriteVideo = Callable[..., Path]
VARYING_MS = [0, *np.cumsum(np.random.default_rng(0).integers(20, 60, 99)).tolist()]


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture that tells its number in black and white blocks; a red corner at the lower left."""
    image = np.full((height, width, 3), 90, dtype=np.uint8)
    for bit in range(BITS):
        image[: height // 3, bit * 16 : bit * 16 + 16] = 235 * (number >> bit & 1)
    image[-height // 3 :, : width // 4] = (220, 30, 30)
    return image


def number_in(image: np.ndarray) -> int:
    blocks = image[8:32, : BITS * 16].mean(axis=(0, 2)).reshape(BITS, 16).mean(axis=1)
    return int(((blocks > 118) << np.arange(BITS)).sum())


@pytest.fixture(scope="session")
def write_video(write_video: WriteVideo) -> WriteVideo:
    return partial(write_video, picture=picture)


def cut(path: Path, part: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def numbers_read(path: Path, indices: Any = None) -> list[tuple[int, int]]:
    return [(f.index, number_in(f.image_rgb)) for f in read_frames(path, indices)]


# --- What is in a file ----------------------------------------------------------------------------

CONTAINERS = {
    "h264.mp4": {},
    "h264_no_reordering.mp4": {"options": {"bf": "0"}},
    "h264.mov": {},
    "h264.mkv": {},
    "h264.ts": {},
    "h264.avi": {},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg4_reordered.mp4": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg"},
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_once_in_order_with_its_time(
    write_video: WriteVideo, tmp_path: Path, name: str
) -> None:
    path = write_video(tmp_path / name, **CONTAINERS[name])
    info = probe(path)
    assert (info.size, info.num_frames, info.num_announced) == ((WIDTH, HEIGHT), 40, 40)
    assert info.fps == pytest.approx(30) and not info.is_variable_rate
    assert info.duration_s == pytest.approx(40 / 30, abs=2e-3)
    frames = list(read_frames(info))
    assert [frame.index for frame in frames] == list(range(40))
    assert [number_in(frame.image_rgb) for frame in frames] == list(range(40))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(40) / 30, atol=1e-3)
    assert frames[0].image_rgb.shape == (HEIGHT, WIDTH, 3)
    assert frames[0].image_rgb.dtype == np.uint8
    np.testing.assert_allclose(frames[0].image_rgb[-10, 10], (220, 30, 30), atol=12)


@pytest.mark.parametrize("name", CONTAINERS)
def test_chosen_frames_are_those_of_a_whole_reading(
    write_video: WriteVideo, tmp_path: Path, name: str
) -> None:
    path = write_video(tmp_path / name, **CONTAINERS[name])
    info = probe(path)
    for chosen in ([39], [0, 1, 25], [3, 11, 12, 37], range(0, 40, 9), range(20, 30), []):
        expected = [(i, i) for i in chosen]
        got = [(f.index, number_in(f.image_rgb)) for f in read_frames(info, chosen)]
        assert got == expected


def test_jumps_to_key_frames_and_converts_only_what_is_wanted(
    write_video: WriteVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = probe(write_video(tmp_path / "a.mp4", 100))
    count = {"decoded": 0, "converted": 0}
    decoded = container_room.decoded_frames

    def counting(*args: Any) -> Any:
        for frame in decoded(*args):
            count["decoded"] += 1
            yield frame

    convert = decoder._RGBConverter.__call__

    def converting(self: Any, frame: Any) -> Any:
        count["converted"] += 1
        return convert(self, frame)

    monkeypatch.setattr(decoder, "decoded_frames", counting)
    monkeypatch.setattr(decoder._RGBConverter, "__call__", converting)
    list(read_frames(info, [3, 60, 95]))
    assert count["converted"] == 3
    assert count["decoded"] <= 40


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("reordering", ["0", "3"])
def test_variable_rate_times_are_the_timestamps(
    write_video: WriteVideo, tmp_path: Path, suffix: str, reordering: str
) -> None:
    times = VARYING_MS[:40]
    options = {"bf": reordering}
    path = write_video(tmp_path / f"a{suffix}", times=times, time_base=MS, options=options)
    info = probe(path)
    assert info.is_variable_rate
    assert info.fps == pytest.approx(39 / times[-1] * 1000)
    frames = list(read_frames(info))
    assert [number_in(frame.image_rgb) for frame in frames] == list(range(40))
    np.testing.assert_allclose(
        [frame.time_s for frame in frames], np.array(times) / 1000, atol=1e-3
    )
    assert numbers_read(path, [17, 31]) == [(17, 17), (31, 31)]


def test_time_counts_from_the_first_frame_wherever_the_file_begins(
    write_video: WriteVideo, tmp_path: Path
) -> None:
    info = probe(write_video(tmp_path / "a.mp4", times=list(range(700, 740))))
    np.testing.assert_allclose(info.times_s, np.arange(40) / 30, atol=1e-9)
    assert numbers_read(info.path, [30]) == [(30, 30)]


def test_an_edit_list_cuts_the_first_frames_off(write_video: WriteVideo, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12  # version and flags, number of entries; then the entry
    duration, media_time = struct.unpack(">Ii", content[at : at + 8])
    content[at : at + 8] = struct.pack(">Ii", duration, media_time + 5 * 512)
    path.write_bytes(content)
    info = probe(path)
    assert info.num_frames == 35
    assert info.times_s[:2] == pytest.approx([0, 1 / 30])
    assert numbers_read(path) == [(i, i + 5) for i in range(35)]
    assert numbers_read(path, [20, 34]) == [(20, 25), (34, 39)]


# --- Pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_metadata_turn_the_picture_as_players_do(
    write_video: WriteVideo, tmp_path: Path, rotation: int
) -> None:
    path = write_video(tmp_path / "a.mp4", 3, rotation=rotation)
    info = probe(path)
    assert info.size == ((WIDTH, HEIGHT) if rotation == 180 else (HEIGHT, WIDTH))
    image = next(iter(read_frames(info))).image_rgb
    assert image.shape == (info.size[1], info.size[0], 3)
    plain = next(iter(read_frames(write_video(tmp_path / "plain.mp4", 3)))).image_rgb
    np.testing.assert_allclose(image, np.rot90(plain, rotation // 90))
    _, oracle = cv2.VideoCapture(str(path)).read()
    np.testing.assert_allclose(image.astype(int), oracle[..., ::-1], atol=25)


def test_a_mirrored_picture_is_refused(write_video: WriteVideo, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3, mirrored=True)
    with pytest.raises(InputError, match="mirrored"):
        probe(path)


def test_pixels_that_are_not_square_are_noted(write_video: WriteVideo, tmp_path: Path) -> None:
    info = probe(write_video(tmp_path / "a.mp4", 3, aspect=Fraction(4, 3)))
    assert info.size == (WIDTH, HEIGHT)
    assert "1.333 times as wide as high" in info.notes[0]


@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("colorspace", [Colorspace.ITU709, Colorspace.ITU601])
def test_colour_range_and_matrix_are_those_of_the_stream(
    tmp_path: Path, color_range: ColorRange, colorspace: Colorspace
) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    colours = np.array([(0, 0, 0), (255, 255, 255), (230, 40, 40), (30, 160, 60)], dtype=np.uint8)
    for i, colour in enumerate(colours):
        image[:, i * 40 : i * 40 + 40] = colour
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"qp": "5"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.color_range = int(color_range)
        stream.codec_context.colorspace = int(colorspace)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = VideoReformatter().reformat(
            frame, format="yuv420p", dst_colorspace=colorspace, dst_color_range=color_range
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    got = next(iter(read_frames(path))).image_rgb[60, 20::40]
    np.testing.assert_allclose(got.astype(int), colours, atol=4)


def test_several_threads_give_the_same_frames(write_video: WriteVideo, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    frames = [number_in(frame.image_rgb) for frame in read_frames(path, threads=2)]
    assert frames == list(range(40))


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def test_memory_does_not_grow_with_the_length(write_video: WriteVideo, tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.mp4", 300, size=(640, 360), options={"preset": "ultrafast", "g": "50"}
    )
    after = {f.index: resident_mb() for f in read_frames(path) if f.index in (60, 299)}
    assert after[299] - after[60] < 30  # 240 frames are 166 MB


# --- Damage ---------------------------------------------------------------------------------------


def test_files_that_cannot_be_opened_say_why(write_video: WriteVideo, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello\n" * 100)
    cut(write_video(tmp_path / "cut.mp4"), 0.6)
    with wave.open(str(tmp_path / "sound.avi"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    for name, reason in {
        "empty.mp4": "the file is empty",
        "text.mp4": "damaged or no video",
        "cut.mp4": "cut off: the index at its end is missing",
        "sound.avi": "no video stream",
        "missing.mp4": "there is no such file",
    }.items():
        with pytest.raises(InputError, match=reason) as caught:
            probe(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"faststart": True}),
        ("a.mp4", {"faststart": True, "times": VARYING_MS, "time_base": MS}),
        ("a.avi", {}),
        ("a.mkv", {}),
    ],
)
def test_a_file_that_breaks_off_tells_before_and_while_reading(
    write_video: WriteVideo, tmp_path: Path, name: str, options: Any
) -> None:
    path = cut(write_video(tmp_path / name, 100, **options), 0.6)
    info = probe(path)
    assert info.num_announced == pytest.approx(100, abs=1)
    assert 30 < info.num_frames < 90
    whole = range(info.num_frames)
    assert numbers_read(path, whole) == [(i, i) for i in whole]
    assert numbers_read(path, whole[25::4]) == [(i, i) for i in whole[25::4]]
    with pytest.raises(InputError, match=r"breaks off after frame \d+ of \d+.*--frames :\d+"):
        list(read_frames(info, range(info.num_announced)))


def test_a_file_that_shrinks_after_probing_breaks_off(
    write_video: WriteVideo, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", 100, faststart=True)
    info = probe(path)
    cut(path, 0.6)
    with pytest.raises(InputError, match="breaks off after frame"):
        list(read_frames(info))


def test_damaged_frames_are_left_out(write_video: WriteVideo, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100, faststart=True)
    content = bytearray(path.read_bytes())
    for at in np.random.default_rng(0).integers(len(content) * 0.5, len(content) * 0.6, 300):
        content[at] ^= 0xFF
    path.write_bytes(content)
    info = probe(path)
    assert (info.num_frames, info.num_announced) == (100, 100)
    indices = [frame.index for frame in read_frames(info)]
    assert 60 < len(indices) < 100
    assert indices == sorted(set(indices)) and indices[-1] == 99
    assert numbers_read(path, [5, 99]) == [(5, 5), (99, 99)]


def test_a_wrong_choice_of_frames_is_a_broken_contract(
    write_video: WriteVideo, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    for indices in ([10], [-1], [3, 3], [4, 2]):
        with pytest.raises(ValueError, match="indices must"):
            read_frames(path, indices)


# --- Folders of images ----------------------------------------------------------------------------


def write_images(folder: Path, count: int = 12, pattern: str = "image{}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / pattern.format(number)), picture(number)[..., ::-1])
    return folder


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
def test_images_count_in_natural_order(tmp_path: Path, suffix: str) -> None:
    folder = write_images(tmp_path / "cam1", pattern=f"image{{}}.{suffix}")
    (folder / "notes.txt").touch()
    info = probe(folder)
    assert (info.size, info.num_frames, info.fps, info.codec) == (
        (WIDTH, HEIGHT),
        12,
        None,
        "images",
    )
    assert np.isnan(info.times_s).all() and info.duration_s is None
    assert numbers_read(folder) == [(i, i) for i in range(12)]
    assert numbers_read(folder, [2, 10]) == [(2, 2), (10, 10)]
    first = next(iter(read_frames(folder))).image_rgb
    np.testing.assert_allclose(first[-10, 10], (220, 30, 30), atol=3)
    assert probe(folder, fps=50).times_s[5] == pytest.approx(0.1)


def test_grey_and_16_bit_images_become_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 30), 200 << 8, dtype=np.uint16))
    image = next(iter(read_frames(tmp_path))).image_rgb
    assert image.shape == (20, 30, 3) and image.dtype == np.uint8
    assert np.all(image == 200)


def test_exif_orientation_turns_an_image(tmp_path: Path) -> None:
    _, jpeg = cv2.imencode(".jpg", picture(5)[..., ::-1])
    turn_right = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + turn_right
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    content = jpeg.tobytes()
    (tmp_path / "a.jpg").write_bytes(content[:2] + segment + content[2:])
    info = probe(tmp_path)
    assert info.size == (HEIGHT, WIDTH)
    image = next(iter(read_frames(info))).image_rgb
    np.testing.assert_allclose(image[10, 10], (220, 30, 30), atol=5)  # was at the lower left


def test_images_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "cam1", 3)
    (folder / "image1.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"image1\.png: cannot be read"):
        numbers_read(folder)
    cv2.imwrite(str(folder / "image1.png"), np.zeros((10, 20, 3), dtype=np.uint8))
    with pytest.raises(InputError, match=r"image1\.png: 20 x 10 pixels, while the first"):
        numbers_read(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images in this folder"):
        probe(tmp_path / "empty")


def test_a_hole_in_the_numbering_is_noted(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "cam1", 30, pattern="{:04d}.png")
    assert probe(folder).notes == ()
    (folder / "0020.png").unlink()
    (note,) = probe(folder).notes
    assert "between 0019.png and 0021.png" in note


# --- A real recording -----------------------------------------------------------------------------


@pytest.mark.parametrize("camera", ["cam01", "cam02", "cam03"])
def test_a_real_video_as_opencv_reads_it(shared: Any, camera: str) -> None:
    path = shared / f"pose2sim_balancing/videos_a948c205/{camera}.mp4"
    info = probe(path)
    assert (info.num_frames, info.fps) == (100, 60)
    assert info.size == ((1088, 1920) if camera == "cam03" else (1080, 1920))
    (frame,) = read_frames(info, [7])
    capture = cv2.VideoCapture(str(path))
    for _ in range(8):
        _, image_bgr = capture.read()
    difference = np.abs(frame.image_rgb.astype(int) - image_bgr[..., ::-1])
    assert difference.mean() < 2
    assert frame.time_s == pytest.approx(7 / 60)
