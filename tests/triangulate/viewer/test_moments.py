from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.drawing.bones import project
from triangulate.errors import InputError
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.viewer import moments
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.moments import IMAGE_PX, Faces, Pictures, cloud_at, read_images
from triangulate.viewer.scene import Images
from triangulate.viewer.shapes import Dots

PATIENCE_S = 20.0


@pytest.fixture
def contents(poses: Poses3D, rig: Rig, recording: Recording) -> Contents:
    return Contents("walk", Motion.of(poses), rig, recording)


def shows(images: Images, number: int) -> None:
    """The grey that the fixture `recording` has in a frame."""
    means = [np.nan if image is None else float(image.mean()) for image in images]
    np.testing.assert_allclose(means, 20 + 6 * number + 3 * np.arange(3), atol=2)


def awaited(pictures: Pictures, index: int) -> Images:
    """What is found for a frame; others may come before it."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = pictures.latest()
        if found is not None and found[0] == index:
            return found[2]
        time.sleep(0.002)
    raise AssertionError(f"no images of {index} within {PATIENCE_S} s ({pictures.failure})")


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_frames_come_in_order(contents: Contents) -> None:
    found = list(read_images(contents, np.arange(30)))
    assert [index for index, _ in found] == list(range(30))
    for index, images in found:
        shows(images, index)
    some = list(read_images(contents, [2, 3, 17]))
    assert [index for index, _ in some] == [2, 3, 17]
    shows(some[2][1], 17)


def test_images_are_made_small(contents: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, images), *_ = read_images(contents, [0])
    assert images[0] is not None and images[0].shape == (180 * IMAGE_PX // 240, IMAGE_PX, 3)
    monkeypatch.setattr(moments, "IMAGE_PX", 80)
    (_, images), *_ = read_images(contents, [0])
    assert images[0] is not None and images[0].shape == (60, 80, 3)


def test_frames_that_the_recording_lacks_have_no_images(
    contents: Contents, poses: Poses3D, recording: Recording
) -> None:
    lacking = replace(contents, recording=recording.select_frames(np.array([3, 4, 8])))
    found = dict(read_images(lacking, np.arange(10)))
    assert [index for index, images in found.items() if len(images)] == [3, 4, 8]
    for index in (3, 4, 8):
        shows(found[index], index)
    later = replace(poses, frames=np.arange(30) + 28)
    ends = dict(read_images(replace(contents, motion=Motion.of(later)), np.arange(4)))
    shows(ends[1], 29)
    assert ends[2] == ends[3] == ()
    far = replace(contents, motion=Motion.of(replace(poses, frames=np.arange(30) + 1000)))
    assert dict(read_images(far, [0, 1])) == {0: (), 1: ()}
    assert dict(read_images(replace(contents, recording=None), [5])) == {5: ()}


def test_reading_that_is_left_leaves_no_threads(contents: Contents) -> None:
    before = threads()
    frames = read_images(contents, np.arange(30))
    next(frames)
    assert threads() != before
    frames.close()
    assert threads() == before


def test_faces_are_made_unrecognisable(
    contents: Contents, poses: Poses3D, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise keeps its grain but where heads are."""
    monkeypatch.setattr(moments, "IMAGE_PX", 240)  # as large as the images are
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (180, 240, 3), dtype=np.uint8) for _ in range(3)]
    frame_set = moments.FrameSet(6, 0.24, list(noise))
    plain = moments._small(frame_set, contents, 6, None, None)
    hidden = moments._small(frame_set, contents, 6, Faces(), None)
    head = poses.skeleton.index("head")
    changed = 0
    for view in range(3):
        assert plain[view] is not None and hidden[view] is not None
        np.testing.assert_array_equal(plain[view], noise[view])
        differ = (hidden[view] != noise[view]).any(-1)
        assert differ.mean() < 0.3
        for x, y in project(rig.cameras[view], poses.positions_m[6, :, head]).tolist():
            if 0 <= x < 239.5 and 0 <= y < 179.5:
                changed += 1
                assert differ[round(y), round(x)]
    assert changed > 2


def test_a_frame_that_is_asked_for_comes_once(contents: Contents) -> None:
    pictures = Pictures(contents)
    assert pictures.latest() is None
    pictures.ask(4)
    shows(awaited(pictures, 4), 4)
    assert pictures.latest() is None
    for index in (5, 6, 9, 2, 1, 25, 25, 29, 0):  # on, back, far and the same again
        pictures.ask(index)
        shows(awaited(pictures, index), index)
    pictures.close()
    assert pictures.failure is None


def test_the_frame_asked_for_last_wins(contents: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is read, twenty are asked for: only the last of them is read."""
    is_reading, may_read, read = threading.Event(), threading.Event(), []
    small = moments._small

    def slow(
        frame_set: Any, contents: Contents, index: int, faces: Faces | None, view: int | None
    ) -> Images:
        read.append(index)
        is_reading.set()
        assert may_read.wait(PATIENCE_S)
        return small(frame_set, contents, index, faces, view)

    monkeypatch.setattr(moments, "_small", slow)
    pictures = Pictures(contents)
    pictures.ask(0)
    assert is_reading.wait(PATIENCE_S)
    for index in range(1, 21):
        pictures.ask(index)
    may_read.set()
    shows(awaited(pictures, 20), 20)
    pictures.close()
    assert read == [0, 20]


def test_frames_a_little_ahead_are_read_on(
    contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def counted(
        contents: Contents, indices: np.ndarray, faces: Faces | None, view: int | None
    ) -> Any:
        begun.append(int(indices[0]))
        return read_images(contents, indices, faces, view)

    monkeypatch.setattr(moments, "read_images", counted)
    pictures = Pictures(contents)
    for index in (0, 1, 4, 12, 29, 3):
        pictures.ask(index)
        shows(awaited(pictures, index), index)
    pictures.close()
    assert begun == [0, 29, 3]


def test_the_image_of_the_camera_looked_through_stays_larger(
    contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "IMAGE_PX", 60)
    monkeypatch.setattr(moments, "BEHIND_PX", 120)
    pictures = Pictures(contents)
    for view in (None, 1, None):  # the same frame, read anew for another view
        pictures.ask(3, view)
        images = awaited(pictures, 3)
        widths = [None if image is None else image.shape[1] for image in images]
        assert widths == [120 if v == view else 60 for v in range(3)]
        shows(images, 3)
    pictures.close()


def test_closing_ends_the_threads(contents: Contents) -> None:
    before = threads()
    for steps in (0, 1, 3):
        pictures = Pictures(contents)
        for index in range(steps):
            pictures.ask(index)
        pictures.close()
        assert threads() == before
        pictures.close()  # twice does no harm
    without = Pictures(replace(contents, recording=None))
    without.ask(3)
    assert without.latest() is None and threads() == before
    without.close()


def test_a_frame_that_is_broken_is_told_and_others_are_read(
    contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise InputError("cam1.mp4: breaks off")
        yield

    monkeypatch.setattr(moments, "read_images", broken)
    pictures = Pictures(contents)
    pictures.ask(3)
    assert awaited(pictures, 3) == ()
    assert pictures.failure == "cam1.mp4: breaks off"
    monkeypatch.undo()
    pictures.ask(4)  # another frame may be whole
    shows(awaited(pictures, 4), 4)
    assert pictures.failure is None
    pictures.close()


def test_the_cloud_of_a_frame(contents: Contents, cloud_file: Path, poses: Poses3D) -> None:
    pytest.importorskip("open3d")
    late = Motion.of(replace(poses, frames=np.arange(30) + 100))
    clouds = replace(contents, motion=late, sequence={105: cloud_file})
    found = cloud_at(clouds, 5)
    assert isinstance(found, Dots) and len(found.points_m) == 8
    assert cloud_at(clouds, 6) is None
    with pytest.raises(InputError, match="there is no such file"):
        cloud_at(replace(clouds, sequence={105: cloud_file.with_name("none.ply")}), 5)
