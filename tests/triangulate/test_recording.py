from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.recording import Recording, pair_by_time, read_ahead
from triangulate.rig import Rig

WIDTH, HEIGHT = 160, 120
NAMES = ("cam1", "cam2", "cam10")
WriteVideo = Callable[..., Path]


def make_rig(names: tuple[str, ...] = NAMES, sizes: Any = (WIDTH, HEIGHT)) -> Rig:
    """Cameras side by side, the principal point near the middle of each one's picture."""
    count = len(names)
    known = [sizes] * count if isinstance(sizes, tuple) else list(sizes)
    K = np.tile(np.array([[150.0, 0, 0], [0, 151, 0], [0, 0, 1]]), (count, 1, 1))
    K[:, :2, 2] = [np.array(size or (WIDTH, HEIGHT)) / 2 + (-2, 1) for size in known]
    return Rig.from_arrays(
        K=K,
        dist=None,
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        translation_m=np.arange(count)[:, None] * np.array([1.0, 0, 0]),
        names=names,
        sizes=known,
    )


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Grey as bright as its number; a little texture, so that it weighs something."""
    image = np.full((height, width, 3), 20 + 7 * (number % 32), dtype=np.uint8)
    image[height // 2 :, : width // 2] = np.arange(width // 2)[None, :, None] % 7 * 30
    return image


def number_in(image: np.ndarray) -> int:
    rows, columns = slice(image.shape[0] // 4, image.shape[0] // 3), slice(-60, -20)
    return round((float(image[rows, columns].mean()) - 20) / 7)


@pytest.fixture(scope="session")
def write_video(write_video: WriteVideo) -> WriteVideo:
    return partial(write_video, count=30, picture=picture, faststart=True)


@pytest.fixture(scope="session")
def one_video(write_video: WriteVideo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4")


@pytest.fixture
def folder(tmp_path: Path, one_video: Path) -> Path:
    """Three cameras, 30 frames each."""
    for name in NAMES:
        shutil.copy(one_video, tmp_path / f"{name}.mp4")
    return tmp_path


def numbers_seen(recording: Recording, **options: Any) -> list[list[int | None]]:
    return [
        [None if image is None else number_in(image) for image in frame_set.images]
        for frame_set in recording.frames(**options)
    ]


def cut(path: Path, part: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])


# --- Binding --------------------------------------------------------------------------------------


def test_videos_belong_to_cameras_by_name_never_by_order(folder: Path) -> None:
    recording = Recording.open(folder, make_rig(("cam10", "cam1", "cam2")))
    assert recording.names == ("cam10", "cam1", "cam2")
    assert [video.path.stem for video in recording.videos] == ["cam10", "cam1", "cam2"]
    assert recording.notes == ()
    assert recording.sizes == ((WIDTH, HEIGHT),) * 3
    assert (len(recording), recording.fps) == (30, 30)


def test_a_source_may_be_a_project_folder_a_list_or_a_mapping(folder: Path) -> None:
    files = [folder / f"{name}.mp4" for name in NAMES]
    nested = folder / "walk" / "videos"
    nested.mkdir(parents=True)
    for file in files:
        shutil.copy(file, nested)
    rig = make_rig()
    for source in (folder / "walk", str(nested), files[::-1]):
        assert Recording.open(source, rig).names == NAMES
    swapped = Recording.open({"cam2": files[0], "cam1": files[1]}, rig)
    assert [video.path for video in swapped.videos] == [files[1], files[0]]
    with pytest.raises(InputError, match="no camera 'left' in the rig; it has cam1, cam2, cam10"):
        Recording.open({"left": files[0], "cam1": files[1]}, rig)


def test_images_are_folders_named_for_cameras(tmp_path: Path) -> None:
    for name, number in itertools.product(NAMES, range(12)):
        (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / name / f"{number}.png"), picture(number))
    recording = Recording.open(tmp_path, make_rig(), frames="9:")
    assert recording.fps is None and np.isnan(recording.times_s).all()
    assert numbers_seen(recording) == [[n] * 3 for n in (9, 10, 11)]
    timed = Recording.open(tmp_path, make_rig(), fps=50, every=2)
    assert timed.fps == 50
    key = timed.content_key("cam1")
    assert key == timed.content_key("cam2")
    cv2.imwrite(str(tmp_path / "images" / "cam1" / "4.png"), picture(5))
    assert timed.content_key("cam1") != key
    np.testing.assert_allclose(timed.times_s, np.arange(6) * 0.04)


def test_a_name_may_stand_in_a_longer_one_and_is_told(tmp_path: Path, one_video: Path) -> None:
    for name in ("walk_cam1.mp4", "CAM2.mp4", "cam10-walk.mp4"):
        shutil.copy(one_video, tmp_path / name)
    recording = Recording.open(tmp_path, make_rig())
    assert [video.path.name for video in recording.videos] == [
        "walk_cam1.mp4",
        "CAM2.mp4",
        "cam10-walk.mp4",
    ]
    assert "walk_cam1.mp4: taken as camera 'cam1', by its name" in recording.notes


def test_files_named_otherwise_are_bound_by_hand(folder: Path) -> None:
    (folder / "cam1.mp4").rename(folder / "GX010023.MP4")
    rig = make_rig()
    with pytest.raises(
        InputError, match=r"GX010023\.MP4: belongs to no camera .*--camera GX010023\.MP4=NAME"
    ):
        Recording.open(folder, rig)
    for key in ("GX010023.MP4", "GX010023", str(folder / "GX010023.MP4")):
        recording = Recording.open(folder, rig, bind={key: "cam1"})
        assert recording.videos[0].path.name == "GX010023.MP4"
    with pytest.raises(InputError, match=r"there is no file 'GX\.MP4'"):
        Recording.open(folder, rig, bind={"GX.MP4": "cam1"})
    with pytest.raises(InputError, match="no camera 'cam7' in the rig"):
        Recording.open(folder, rig, bind={"GX010023": "cam7"})
    # What is bound by hand wins over a name.
    recording = Recording.open(folder, rig, bind={"GX010023": "cam2"})
    assert recording.names == ("cam2", "cam10")
    assert "cam2.mp4: left out, cam2 has another file by --camera" in recording.notes


def test_cameras_without_a_video_are_left_out_while_two_remain(folder: Path) -> None:
    rig = make_rig((*NAMES, "top"))
    recording = Recording.open(folder, rig)
    assert recording.names == NAMES
    assert recording.rig.names == NAMES
    assert "top: the recording has no video of this camera" in recording.notes
    with pytest.raises(InputError, match="camera 'top' has no video"):
        Recording.open(folder, rig, cameras=["cam1", "top"])
    with pytest.raises(InputError, match="only 'cam1'"):
        Recording.open(folder, rig, cameras=["cam1"])
    with pytest.raises(InputError, match="only 'cam1'; no video for top"):
        Recording.open([folder / "cam1.mp4"], make_rig(("cam1", "top")))


def test_chosen_cameras_leave_the_other_files_alone(folder: Path) -> None:
    (folder / "drone.mp4").write_bytes(b"no video")
    recording = Recording.open(folder, make_rig(), cameras=["cam10", "cam1"])
    assert recording.names == ("cam1", "cam10")
    assert "left out, being of none of the cameras cam1, cam2, cam10: drone.mp4" in recording.notes


def test_two_videos_of_one_camera_are_refused(folder: Path) -> None:
    shutil.copy(folder / "cam1.mp4", folder / "cam1_again.mp4")
    with pytest.raises(InputError, match=r"cam1\.mp4 and cam1_again\.mp4 are both named for it"):
        Recording.open(folder, make_rig())


def test_folders_without_videos_say_what_was_expected(tmp_path: Path) -> None:
    rig = make_rig()
    with pytest.raises(InputError, match="does not exist"):
        Recording.open(tmp_path / "nothing", rig)
    with pytest.raises(InputError, match=r"no videos here; expected <camera>\.mp4"):
        Recording.open(tmp_path, rig)
    (tmp_path / "recordings" / "walk").mkdir(parents=True)
    with pytest.raises(InputError, match="is a project; name one of its recordings: walk"):
        Recording.open(tmp_path, rig)
    cv2.imwrite(str(tmp_path / "recordings" / "walk" / "0.png"), picture(0))
    with pytest.raises(InputError, match="holds the images of one camera"):
        Recording.open(tmp_path / "recordings" / "walk", rig)
    with pytest.raises(InputError, match="is a file, and one camera is not enough"):
        Recording.open(tmp_path / "recordings" / "walk" / "0.png", rig)
    (tmp_path / "seen" / "pose2d").mkdir(parents=True)
    (tmp_path / "seen" / "pose2d" / "keypoints.npz").touch()
    told = "triangulate reconstruct and triangulate sync take them with --keypoints "
    with pytest.raises(InputError, match=f"no videos here, but 2D keypoints: {told}.*/pose2d"):
        Recording.open(tmp_path / "seen", rig)


# --- Frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "every", "expected"),
    [
        (None, 1, range(30)),
        ("10:20", 1, range(10, 20)),
        ("25:", 1, range(25, 30)),
        (":5", 1, range(5)),
        ("3:20", 5, [3, 8, 13, 18]),
        (range(4, 9, 2), 1, [4, 6, 8]),
        ([1, 2, 29], 1, [1, 2, 29]),
        (slice(5, 8), 1, [5, 6, 7]),
    ],
)
def test_frames_select(folder: Path, frames: Any, every: int, expected: Any) -> None:
    recording = Recording.open(folder, make_rig(), frames=frames, every=every)
    assert recording.frame_numbers.tolist() == list(expected)
    sets = list(recording.frames())
    assert [frame_set.index for frame_set in sets] == list(expected)
    np.testing.assert_allclose([s.time_s for s in sets], np.array(expected) / 30, atol=1e-6)
    for frame_set in sets:
        assert [number_in(i) for i in frame_set.images if i is not None] == [frame_set.index] * 3


@pytest.mark.parametrize(
    ("frames", "every"),
    [
        ("30:", 1),
        ("20:31", 1),
        ("5:5", 1),
        ("a:b", 1),
        ("7", 1),
        ([-1, 2], 1),
        ([3, 3], 1),
        (None, 0),
    ],
)
def test_frames_outside_the_recording_are_refused(folder: Path, frames: Any, every: int) -> None:
    with pytest.raises(InputError, match=r"--frames|--every"):
        Recording.open(folder, make_rig(), frames=frames, every=every)


@pytest.mark.parametrize(("frames", "every"), [(None, 3), ([0, 2, 4], 1), ([0, 1, 5], 1)])
def test_the_rate_is_that_of_the_recording_whatever_is_chosen(
    folder: Path, frames: Any, every: int
) -> None:
    recording = Recording.open(folder, make_rig(), frames=frames, every=every)
    assert recording.fps == 30
    np.testing.assert_allclose(recording.times_s, recording.frame_numbers / 30, atol=1e-9)


def test_the_shortest_video_sets_the_length(write_video: WriteVideo, folder: Path) -> None:
    write_video(folder / "cam2.mp4", count=25)
    recording = Recording.open(folder, make_rig())
    assert len(recording) == 25
    assert "the cameras differ in frames (cam1 30, cam2 25, cam10 30); the first 25 are taken" in (
        recording.notes
    )


# --- Pairing --------------------------------------------------------------------------------------


def test_pair_by_time_leaves_holes_where_a_camera_dropped_frames() -> None:
    clock = np.arange(6) * 0.1
    dropped = np.array([0, 0.101, 0.302, 0.398, 0.5])
    ticks, frames, period = pair_by_time([clock, dropped], 0)
    np.testing.assert_allclose(ticks, clock)
    assert period == pytest.approx(0.1)
    assert frames.tolist() == [[0, 0], [1, 1], [2, -1], [3, 2], [4, 3], [5, 4]]


def test_pair_by_time_fills_holes_of_the_clock_and_uses_a_frame_once() -> None:
    clock = np.array([0, 0.1, 0.4, 0.5])
    fast = np.arange(0, 0.62, 0.05)
    ticks, frames, _ = pair_by_time([clock, fast], 0)
    np.testing.assert_allclose(ticks, np.arange(6) * 0.1)
    assert frames[:, 0].tolist() == [0, 1, -1, -1, 2, 3]
    assert frames[:, 1].tolist() == [0, 2, 4, 6, 8, 10]
    _, frames, _ = pair_by_time([fast, clock], 0)
    used = frames[frames[:, 1] >= 0, 1]
    assert used.tolist() == [0, 1, 2, 3]


def test_pair_by_time_ends_with_the_shortest() -> None:
    ticks, frames, _ = pair_by_time([np.arange(10) * 0.1, np.arange(4) * 0.1], 0)
    assert len(ticks) == 4
    assert frames.tolist() == [[i, i] for i in range(4)]


def test_variable_rates_are_paired_by_timestamps(write_video: WriteVideo, folder: Path) -> None:
    kept = [n for n in range(30) if n not in (7, 8, 20)]
    rng = np.random.default_rng(0)
    times = [max(0, round(n * 1000 / 30 + rng.normal(0, 3))) for n in kept]
    write_video(
        folder / "cam2.mp4",
        count=len(kept),
        times=times,
        time_base=Fraction(1, 1000),
        picture=lambda n, *size: picture(kept[n], *size),
    )
    recording = Recording.open(folder, make_rig())
    assert any("cam2 varies" in n and "of 30, cam2 lacks 3" in n for n in recording.notes)
    seen = numbers_seen(recording)
    assert [row[0] for row in seen] == list(range(30))
    assert [row[1] for row in seen] == [n if n in kept else None for n in range(30)]
    some = Recording.open(folder, make_rig(), frames="6:22", every=2)
    assert [row[1] for row in numbers_seen(some)] == [6, None, 10, 12, 14, 16, 18, None]
    forced = Recording.open(folder, make_rig(), match="number")
    assert len(forced) == 27 and any("paired by number" in note for note in forced.notes)


def test_different_rates_need_a_word(write_video: WriteVideo, folder: Path) -> None:
    write_video(folder / "cam2.mp4", count=60, fps=60)
    with pytest.raises(InputError, match=r"cam2 runs at 60 .* cam1 at 30: say --match time"):
        Recording.open(folder, make_rig())
    timed = Recording.open(folder, make_rig(), match="time", frames="5:8")
    assert timed.fps == pytest.approx(30)
    assert numbers_seen(timed) == [[n, 2 * n, n] for n in (5, 6, 7)]
    numbered = Recording.open(folder, make_rig(), match="number", frames="5:8")
    assert numbers_seen(numbered) == [[n, n, n] for n in (5, 6, 7)]


# --- Sizes ----------------------------------------------------------------------------------------


def open_at(folder: Path, calibrated: Any, mode: str = "crop") -> Recording:
    sizes = [(WIDTH, HEIGHT), calibrated, (WIDTH, HEIGHT)]
    return Recording.open(folder, make_rig(sizes=sizes), on_size_mismatch=mode)


def test_an_edge_cut_or_padded_leaves_the_cameras_alone(folder: Path) -> None:
    for calibrated, told in (
        (
            (162, 120),
            "cam2: the video is 160 x 120, the calibration 162 x 120: taken as cut at the "
            "right edge",
        ),
        (
            (160, 118),
            "cam2: the video is 160 x 120, the calibration 160 x 118: taken as padded at "
            "the lower edge",
        ),
    ):
        recording = open_at(folder, calibrated)
        assert recording.notes == (told,)
        expected = make_rig(sizes=[(WIDTH, HEIGHT), calibrated, (WIDTH, HEIGHT)]).cameras.K
        np.testing.assert_allclose(recording.rig.cameras.K.numpy(), expected.numpy())
        assert recording.rig.sizes[1] == (WIDTH, HEIGHT)


def test_an_unknown_size_is_taken_from_the_video(folder: Path) -> None:
    recording = open_at(folder, None)
    assert recording.rig.sizes == ((WIDTH, HEIGHT),) * 3
    assert "tells no image size" in recording.notes[0]


def test_a_resized_video_needs_the_word_scale(folder: Path) -> None:
    with pytest.raises(InputError, match=r"looks resized by 0\.500.*--on-size-mismatch scale"):
        open_at(folder, (320, 240))
    recording = open_at(folder, (320, 240), "scale")
    # x' + 0.5 = (x + 0.5) / 2 for the principal point (158, 121).
    np.testing.assert_allclose(
        recording.rig.cameras.K.numpy()[1], [[75, 0, 78.75], [0, 75.5, 60.25], [0, 0, 1]]
    )
    np.testing.assert_allclose(recording.rig.cameras.K.numpy()[0], make_rig().cameras.K.numpy()[0])
    assert "taken as resized" in recording.notes[0]


def test_other_sizes_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"cam2\.mp4: .*neither a cut edge nor"):
        open_at(folder, (160, 90))
    with pytest.raises(InputError, match="--on-size-mismatch crop or scale"):
        open_at(folder, (162, 120), "error")
    with pytest.raises(InputError, match="on_size_mismatch is one of"):
        open_at(folder, (162, 120), "guess")
    for mode in ("crop", "scale"):
        with pytest.raises(InputError, match="turned by 90 degrees"):
            open_at(folder, (120, 160), mode)


def in_bars(number: int, width: int, height: int) -> np.ndarray:
    """A picture of 160 x 108 centred in a frame of 160 x 120."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[6:-6] = picture(number + 20, width, height - 12)
    return image


def test_black_bars_tell_how_a_picture_was_fitted_into_the_frame(
    write_video: WriteVideo, folder: Path
) -> None:
    write_video(folder / "cam2.mp4", picture=in_bars)
    with pytest.raises(InputError, match="fitted between black bars"):
        open_at(folder, (320, 216))
    recording = open_at(folder, (320, 216), "scale")
    assert "black bars above and below" in recording.notes[0]
    # x' + 0.5 = (x + 0.5) / 2, and y the same but 6 pixels lower, for (158, 109).
    np.testing.assert_allclose(
        recording.rig.cameras.K.numpy()[1], [[75, 0, 78.75], [0, 75.5, 60.25], [0, 0, 1]]
    )


def test_bars_are_not_seen_where_there_are_none(folder: Path) -> None:
    recording = open_at(folder, (320, 216), "scale")
    assert "taken as resized, not evenly" in recording.notes[0]


def test_the_real_recording_was_fitted_between_bars(shared: Any) -> None:
    """1088 x 1920 came as 1080 x 1920 with 7 black rows above and below, in two of four videos."""
    names = ("cam01", "cam02", "cam03", "cam04")
    recording = Recording.open(
        shared / "pose2sim_balancing/videos_a948c205", make_rig(names, (1088, 1920)), frames=":2"
    )
    assert [note.split(":")[0] for note in recording.notes] == ["cam01", "cam02"]
    assert all("black bars above and below" in note for note in recording.notes)
    K = recording.rig.cameras.K.numpy()
    factor = 1080 / 1088
    np.testing.assert_allclose(K[0, 0, 0], 150 * factor)
    np.testing.assert_allclose(K[0, 1, 2], (961 + 0.5) * factor - 0.5 + (1 - factor) * 960)
    np.testing.assert_allclose(K[2], [[150, 0, 542], [0, 151, 961], [0, 0, 1]])
    assert recording.sizes == ((1080, 1920), (1080, 1920), (1088, 1920), (1088, 1920))
    for frame_set in recording.frames():
        shapes = [image.shape for image in frame_set.images if image is not None]
        assert shapes == [(1920, w, 3) for w in (1080, 1080, 1088, 1088)]


# --- Damage ---------------------------------------------------------------------------------------


def test_unreadable_files_are_named(folder: Path) -> None:
    (folder / "cam2.mp4").write_bytes(b"")
    with pytest.raises(InputError, match=r"cam2\.mp4: .*the file is empty.*--cameras"):
        Recording.open(folder, make_rig())


def test_a_video_that_breaks_off_is_told_before_computing(folder: Path) -> None:
    cut(folder / "cam2.mp4", 0.7)
    with pytest.raises(InputError, match=r"cam2\.mp4: breaks off after frame (\d+) of 30") as told:
        Recording.open(folder, make_rig())
    remedy = str(told.value).split("--frames ")[1]
    recording = Recording.open(folder, make_rig(), frames=remedy)
    assert 5 < len(recording) < 30
    assert numbers_seen(recording) == [[n] * 3 for n in range(len(recording))]


def test_errors_while_decoding_reach_the_consumer(folder: Path) -> None:
    recording = Recording.open(folder, make_rig())
    cut(folder / "cam10.mp4", 0.6)
    with pytest.raises(InputError, match=r"cam10\.mp4: breaks off after frame \d+ of 30"):
        list(recording.frames())
    assert not _readers()


def test_damaged_frames_are_none(folder: Path) -> None:
    content = bytearray((folder / "cam2.mp4").read_bytes())
    for at in np.random.default_rng(1).integers(len(content) * 0.5, len(content) * 0.6, 200):
        content[at] ^= 0xFF
    (folder / "cam2.mp4").write_bytes(content)
    seen = numbers_seen(Recording.open(folder, make_rig()))
    assert [row[0] for row in seen] == list(range(30))
    assert any(row[1] is None for row in seen)
    assert seen[0] == [0] * 3 and seen[-1] == [29] * 3


# --- Reading ahead --------------------------------------------------------------------------------


def _readers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_leaving_the_loop_early_ends_the_threads(folder: Path) -> None:
    recording = Recording.open(folder, make_rig())
    for frame_set in recording.frames():
        if frame_set.index == 2:
            break
    assert not _readers()
    with pytest.raises(RuntimeError):
        for _ in recording.frames(prefetch=1, decode_threads=1):
            raise RuntimeError
    assert not _readers()


def test_read_ahead_is_zip() -> None:
    assert list(read_ahead([iter("abc"), iter([1, 2, 3])])) == [["a", 1], ["b", 2], ["c", 3]]
    assert list(read_ahead([iter("abc"), iter([1])], threads=1, depth=1)) == [["a", 1]]
    assert not _readers()


def test_read_ahead_is_bounded_in_items_and_in_threads() -> None:
    drawn = [0, 0, 0]
    at_work: set[int] = set()
    most = []

    def source(n: int) -> Iterator[int]:
        for item in range(50):
            at_work.add(n)
            most.append(len(at_work))
            time.sleep(0.001)
            at_work.discard(n)
            drawn[n] += 1
            yield item

    ahead = []
    for number, items in enumerate(read_ahead([source(n) for n in range(3)], threads=2, depth=3)):
        assert items == [number] * 3
        time.sleep(0.002)
        ahead.append(max(drawn) - number)
    assert max(ahead) <= 3 + 2  # in the queue, in the hand of the thread, in that of the consumer
    assert max(most) == 2


def test_read_ahead_raises_what_a_source_raises() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise InputError("cam1: gone")

    items = read_ahead([failing(), itertools.count()])
    assert next(items) == [1, 0]
    with pytest.raises(InputError, match="cam1: gone"):
        next(items)
    assert not _readers()


def test_memory_does_not_grow_with_the_length(write_video: WriteVideo, tmp_path: Path) -> None:
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    write_video(
        tmp_path / "cam1.mp4", count=150, size=(640, 360), picture=lambda n, *s: picture(n % 99, *s)
    )
    shutil.copy(tmp_path / "cam1.mp4", tmp_path / "cam2.mp4")
    recording = Recording.open(tmp_path, make_rig(("cam1", "cam2"), (640, 360)))
    after = {s.index: resident_mb() for s in recording.frames() if s.index in (40, 149)}
    assert after[149] - after[40] < 30  # 110 frames of two cameras are 152 MB


# --- The key of the detection cache ---------------------------------------------------------------


def test_content_key_follows_the_content_alone(
    write_video: WriteVideo, folder: Path, tmp_path: Path
) -> None:
    rig = make_rig()
    key = Recording.open(folder, rig).content_key("cam1")
    os.utime(folder / "cam1.mp4", (0, 0))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(folder / "cam1.mp4", elsewhere / "GX01.mp4")
    shutil.copy(folder / "cam2.mp4", elsewhere)
    moved = Recording.open(elsewhere, rig, bind={"GX01": "cam1"}, frames="3:9")
    assert moved.content_key("cam1") == key
    write_video(folder / "cam1.mp4", count=31)
    changed = Recording.open(folder, rig)
    assert changed.content_key("cam1") != key
    assert changed.content_key("cam2") == key
    assert changed.content_key() != moved.content_key()
    with pytest.raises(ValueError, match="no camera 'cam7'"):
        changed.content_key("cam7")
