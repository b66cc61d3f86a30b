"""`sync.yaml`, and how a recording's frames are paired by it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.recording import Recording, TimeOffsets, load_offsets
from triangulate.rig import Rig

NAMES = ("cam1", "cam2", "cam10")
COUNT, FPS = 30, 30
WriteVideo = Callable[..., Path]


def make_rig(names: tuple[str, ...] = NAMES) -> Rig:
    count = len(names)
    return Rig.from_arrays(
        K=np.tile(np.array([[150.0, 0, 78], [0, 150, 61], [0, 0, 1]]), (count, 1, 1)),
        dist=None,
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        translation_m=np.arange(count)[:, None] * np.array([1.0, 0, 0]),
        names=names,
        sizes=[(160, 120)] * count,
    )


def picture(number: int, width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 20 + 7 * number, dtype=np.uint8)


def numbers_seen(recording: Recording) -> list[list[int | None]]:
    return [
        [None if image is None else round((float(image.mean()) - 20) / 7) for image in one.images]
        for one in recording.frames()
    ]


def write_offsets(path: Path, late_s: dict[str, float], reference: str = "cam1") -> Path:
    names = tuple(late_s)
    sigma_s = np.full(len(names), 0.001)
    TimeOffsets(names, np.array(list(late_s.values())), reference, sigma_s, "made up").save(path)
    return path


@pytest.fixture(scope="session")
def one_video(write_video: WriteVideo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    return partial(write_video, picture=picture, fps=FPS)(path, COUNT)


@pytest.fixture
def folder(tmp_path: Path, one_video: Path) -> Path:
    """Three cameras, 30 frames each; all show the same numbers."""
    (tmp_path / "videos").mkdir()
    for name in NAMES:
        shutil.copy(one_video, tmp_path / "videos" / f"{name}.mp4")
    return tmp_path


# --- The file -------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    late_s, sigma_s = np.array([0.0, 0.0103217, -2.5]), np.array([0.0, 0.0004, math.nan])
    TimeOffsets(NAMES, late_s, "cam1", sigma_s, "by hand").save(tmp_path / "sync.yaml")
    text = (tmp_path / "sync.yaml").read_text()
    assert text.startswith("# What a camera calls time t was seen at t + late_s on the clock")
    assert "cam2: {late_s: 0.0103217, sigma_s: 0.0004}" in text and "nan" not in text
    read = load_offsets(tmp_path / "sync.yaml")
    assert (read.names, read.reference, read.found) == (NAMES, "cam1", "by hand")
    np.testing.assert_array_equal(read.late_s, late_s)
    np.testing.assert_array_equal(read.sigma_s, sigma_s)


def test_a_file_by_hand_needs_only_the_offsets(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "format: triangulate-sync\nversion: 1\nreference: cam2\ncameras:\n"
        "  cam2: {late_s: 0}\n  cam1:\n    late_s: -3\n"
    )
    read = load_offsets(path)
    assert read.late_s.tolist() == [0, -3] and np.isnan(read.sigma_s).all()
    late_s, reference = read.select(["cam1", "cam2"], NAMES)
    assert (late_s.tolist(), reference) == ([-3, 0], "cam2")


def test_without_the_reference_another_takes_its_place() -> None:
    offsets = TimeOffsets(NAMES, np.array([0, 0.5, 0.75]), "cam1", np.zeros(3))
    late_s, reference = offsets.select(["cam10", "cam2"], NAMES)
    assert (late_s.tolist(), reference) == ([0, -0.25], "cam10")


HEAD = "format: triangulate-sync\nversion: 1\nreference: cam1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no 'format: triangulate-sync' in it; run `triangulate sync`"),
        ("format: triangulate-rig\n", "no 'format: triangulate-sync'"),
        ("format: triangulate-sync\nversion: 2\n", "version 2 is not known; this program reads 1"),
        (HEAD, "'cameras' must hold a name and its late_s"),
        (HEAD + "cameras: {}\n", "'cameras' must hold"),
        (HEAD + "cameras: {cam1: 0.1}\n", "camera 'cam1': late_s must be a number of seconds"),
        (HEAD + "cameras: {cam1: {late_s: soon}}\n", "number of seconds, not 'soon'"),
        (HEAD + "cameras: {cam1: {late_s: true}}\n", "number of seconds, not True"),
        (HEAD + "cameras: {cam1: {late_s: .nan}}\n", "camera 'cam1': late_s must be a number"),
        (HEAD + "cameras: {cam1: {late_s: 1}}\n", "the reference 'cam1' must be 0 late"),
        (HEAD + "cameras: {cam2: {late_s: 0}}\n", "the reference 'cam1' is none of cam2"),
        (HEAD + "cameras: {cam1: {late_s: 0", "is no valid YAML"),
        (HEAD + "cameras:\n  a: {late_s: 0}\n  a: {late_s: 1}\n", "'a' is given twice"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sync.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_offsets(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sync.yaml: cannot be read \(no such file"):
        load_offsets(tmp_path / "sync.yaml")
    (tmp_path / "sync.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="is no text file"):
        load_offsets(tmp_path / "sync.yaml")


# --- Pairing by number ----------------------------------------------------------------------------


def test_whole_frames_are_paired_and_the_rest_is_kept(folder: Path) -> None:
    late_s = {"cam1": 0.0, "cam2": 4 / FPS + 0.010, "cam10": -3 / FPS - 0.002}
    path = write_offsets(folder / "sync.yaml", late_s)
    recording = Recording.open(folder, make_rig())
    # cam2 starts four frames after cam1, cam10 three before; cam10 ends first
    assert len(recording) == COUNT - 3
    expected = [[i, i - 4 if i >= 4 else None, i + 3] for i in range(COUNT - 3)]
    assert numbers_seen(recording) == expected
    assert recording.late_s is not None and recording.offsets_s is not None
    np.testing.assert_allclose(recording.late_s, [[0, 0.010, -0.002]] * (COUNT - 3), atol=1e-6)
    np.testing.assert_allclose(recording.offsets_s, list(late_s.values()), atol=1e-6)
    np.testing.assert_allclose(recording.times_s, np.arange(COUNT - 3) / FPS)
    says = f"{path}: late against cam1: cam2 +143.3 ms, cam10 -102.0 ms; frames are paired"
    assert any(note.startswith(says) for note in recording.notes)


def test_parts_of_a_recording_keep_their_numbers(folder: Path) -> None:
    write_offsets(folder / "sync.yaml", {"cam1": 0, "cam2": 0.2, "cam10": 0.01})
    recording = Recording.open(folder, make_rig(), frames="10:20", every=3)
    assert recording.frame_numbers.tolist() == [10, 13, 16, 19]
    assert numbers_seen(recording) == [[i, i - 6, i] for i in (10, 13, 16, 19)]
    assert recording.late_s is not None and recording.late_s.shape == (4, 3)


def test_parts_of_a_frame_leave_the_pairs_as_they_are(folder: Path) -> None:
    plain = Recording.open(folder, make_rig())
    write_offsets(folder / "sync.yaml", {"cam1": 0, "cam2": 0.01, "cam10": -0.016})
    recording = Recording.open(folder, make_rig())
    np.testing.assert_array_equal(recording.video_frames, plain.video_frames)
    assert plain.late_s is None and plain.offsets_s is None


def test_another_file_or_none(folder: Path, tmp_path: Path) -> None:
    write_offsets(folder / "sync.yaml", {"cam1": 0, "cam2": 0.2, "cam10": 0})
    other = write_offsets(folder / "other.yaml", {"cam1": 0, "cam2": 0.1, "cam10": 0})
    assert numbers_seen(Recording.open(folder, make_rig(), sync=other))[5] == [5, 2, 5]
    assert numbers_seen(Recording.open(folder, make_rig(), sync="none"))[5] == [5, 5, 5]
    with pytest.raises(InputError, match=r"missing.yaml: cannot be read"):
        Recording.open(folder, make_rig(), sync=folder / "missing.yaml")


def test_the_file_beside_named_videos_counts(folder: Path) -> None:
    videos = folder / "videos"
    write_offsets(videos / "sync.yaml", {"cam1": 0, "cam2": 0.2, "cam10": 0})
    files = [videos / f"{name}.mp4" for name in NAMES]
    for source in (videos, files, dict(zip(NAMES, files, strict=True))):
        assert numbers_seen(Recording.open(source, make_rig()))[7] == [7, 1, 7]


def test_fewer_cameras_and_no_reference(folder: Path) -> None:
    write_offsets(folder / "sync.yaml", {"cam1": 0, "cam2": 0.2, "cam10": 0.1})
    recording = Recording.open(folder, make_rig(), cameras=["cam2", "cam10"])
    assert numbers_seen(recording)[4] == [4, 7]  # frames are those of cam2 now
    assert recording.offsets_s is not None
    np.testing.assert_allclose(recording.offsets_s, [0, -0.1])


@pytest.mark.parametrize(
    ("late_s", "said"),
    [
        (
            {"cam1": 0, "cam2": 0, "cam9": 0},
            "no camera 'cam9' in the rig; it has cam1, cam2, cam10",
        ),
        ({"cam1": 0, "cam2": 0}, "has no offset for camera 'cam10': run `triangulate sync` again"),
        ({"cam1": 0, "cam2": 9, "cam10": 0}, "'cam2' is +9.000 s late .* --sync none"),
        ({"cam1": 0, "cam2": 0, "cam10": -1.0}, "'cam10' is -1.000 s late .* no frame together"),
        (
            {"cam1": 0, "cam2": 0.6, "cam10": -0.6},
            "s late by its offset, and has no frame together",
        ),
    ],
)
def test_offsets_that_do_not_fit(folder: Path, late_s: dict[str, float], said: str) -> None:
    write_offsets(folder / "sync.yaml", late_s)
    with pytest.raises(InputError, match=said.replace("+", r"\+")):
        Recording.open(folder, make_rig())


def test_images_need_a_rate(tmp_path: Path) -> None:
    import cv2

    for name in NAMES:
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(12):
            image = picture(number, 160, 120)
            cv2.imwrite(str(tmp_path / "images" / name / f"{number:02}.png"), image)
    write_offsets(tmp_path / "sync.yaml", {"cam1": 0, "cam2": 0.1, "cam10": 0})
    with pytest.raises(InputError, match=r"have no times, .* give --fps"):
        Recording.open(tmp_path, make_rig())
    recording = Recording.open(tmp_path, make_rig(), fps=20)
    assert numbers_seen(recording)[3] == [3, 1, 3]


def test_a_file_that_breaks_off_is_still_noticed(folder: Path, one_video: Path) -> None:
    write_offsets(folder / "sync.yaml", {"cam1": 0, "cam2": 0.1, "cam10": 0})
    recording = Recording.open(folder, make_rig(), frames=":25")
    assert len(recording) == 25
    with pytest.raises(InputError, match="the recording has the frames 0 to 29"):
        Recording.open(folder, make_rig(), frames="20:40")


# --- Pairing by time ------------------------------------------------------------------------------


def test_frames_go_to_the_nearest_corrected_time(tmp_path: Path, write_video: WriteVideo) -> None:
    """Two steady cameras, the second three quarters of a frame late, and one that drops frames."""
    write = partial(write_video, picture=picture, fps=FPS, time_base=Fraction(1, 300))
    steady = [10 * i for i in range(COUNT)]
    write(tmp_path / "cam1.mp4", COUNT, times=steady)
    write(tmp_path / "cam2.mp4", COUNT, times=steady)
    dropped = [10 * i for i in range(COUNT) if i not in (12, 13)]
    write(tmp_path / "cam10.mp4", len(dropped), times=dropped)
    write_offsets(tmp_path / "sync.yaml", {"cam1": 0, "cam2": 0.025, "cam10": 0.0})
    recording = Recording.open(tmp_path, make_rig())
    seen = numbers_seen(recording)
    assert seen[5] == [5, 4, 5] and seen[12] == [12, 11, None]
    assert recording.late_s is not None
    np.testing.assert_allclose(recording.late_s[5], [0, 0.025 - 1 / FPS, 0], atol=1e-6)
    assert recording.late_s[12, 2] == 0  # no picture is not late
    assert np.abs(recording.late_s).max() <= 0.5 / FPS + 1e-6


def test_times_that_do_not_meet(tmp_path: Path, write_video: Any) -> None:
    write = partial(write_video, picture=picture, fps=FPS, time_base=Fraction(1, 300))
    for name, step in zip(NAMES, (10, 10, 11), strict=True):
        write(tmp_path / f"{name}.mp4", COUNT, times=[step * i + i % 2 for i in range(COUNT)])
    write_offsets(tmp_path / "sync.yaml", {"cam1": 0, "cam2": 4.0, "cam10": 0})
    with pytest.raises(InputError, match=r"'cam2' is \+4.000 s late .* no frame together"):
        Recording.open(tmp_path, make_rig(), match="time")
