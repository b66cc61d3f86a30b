from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from triangulate import detection
from triangulate.config.models import AlgebraicConfig, UNetConfig, ViewWeightsConfig
from triangulate.detection import detect_recording, find_lost
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.models.build import build_model
from triangulate.models.weights import save
from triangulate.pose2d import network
from triangulate.pose2d.regions import Region, overlap, region_from_body
from triangulate.pose2d.source import FramePoses
from triangulate.pose2d.tracker import ViewState
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import render_recording, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.video.writing import VideoWriter

BALANCING = "pose2sim_balancing"
NUM_FRAMES = 11
STRETCH = 4  # a number of frames that does not end where a look for lost people is due


@pytest.fixture(scope="module")
def rig(shared) -> Rig:
    return load_rig(shared / BALANCING / "calibration" / "Calib.qca.txt")


@pytest.fixture
def recording(shared, rig, own_cache) -> Recording:
    return Recording.open(shared / BALANCING / "videos_a948c205", rig, frames=f":{NUM_FRAMES}")


@pytest.fixture(scope="module")
def keypoints(shared, rig, blazepose_networks) -> Keypoints2D:
    """Three frames of two views with and two views without a bystander."""
    videos = shared / BALANCING / "videos_a948c205"
    return detect_recording(Recording.open(videos, rig, frames=":3"), cache=False)


def short(recording: Recording, count: int = 2) -> Recording:
    return replace(
        recording,
        video_frames=recording.video_frames[:count],
        frame_numbers=recording.frame_numbers[:count],
        times_s=recording.times_s[:count],
    )


def stretches(cache: Path) -> list[Path]:
    return sorted((cache / "detections").rglob("*.npz"))


class Told:
    """Counts the frames that the networks look at; stops them after `stop`."""

    def __init__(self, stop: int | None = None) -> None:
        self.frames: list[int] = []
        self.stop = stop

    def __call__(self, done: int, count: int) -> None:
        assert done <= count
        self.frames.append(done)
        if done == self.stop:
            raise KeyboardInterrupt


def assert_same(first: Keypoints2D, second: Keypoints2D) -> None:
    np.testing.assert_array_equal(first.points_px, second.points_px)
    np.testing.assert_array_equal(first.confidence, second.confidence)
    np.testing.assert_array_equal(first.frames, second.frames)
    for name in ("names", "skeleton", "fps", "sizes", "source"):
        assert getattr(first, name) == getattr(second, name)


# --- The cache ------------------------------------------------------------------------------------


def test_a_second_run_looks_at_nothing(recording, own_cache: Path) -> None:
    two = short(recording)
    first, second = Told(), Told()
    found = detect_recording(two, progress=first)
    assert found.points_px.shape == (2, 4, 2, 33, 2)
    assert found.names == recording.names
    assert found.sizes == recording.sizes
    assert found.skeleton.name == "mediapipe33"
    assert (found.confidence > 0.5).any((2, 3)).all()
    assert first.frames == [1, 2]
    assert len(stretches(own_cache)) == 1
    assert_same(detect_recording(two, progress=second), found)
    assert second.frames == []


def test_the_content_counts_and_not_the_name(shared, rig, own_cache: Path, tmp_path: Path) -> None:
    folder = shared / BALANCING / "videos_a948c205"
    renamed = {name: tmp_path / f"GX0{v}.mp4" for v, name in enumerate(rig.names)}
    for name, path in renamed.items():
        path.symlink_to(folder / f"{name}.mp4")
    found = detect_recording(Recording.open(folder, rig, frames=":2"))
    told = Told()
    again = detect_recording(Recording.open(renamed, rig, frames=":2"), progress=told)
    assert told.frames == []
    assert_same(again, found)


def test_anything_that_matters_makes_it_look_again(
    shared, rig, own_cache: Path, tmp_path: Path
) -> None:
    folder = shared / BALANCING / "videos_a948c205"
    pair = ["cam03", "cam04"]
    files = {name: folder / f"{name}.mp4" for name in pair}
    longer = tmp_path / "cam04.mp4"
    longer.write_bytes(files["cam04"].read_bytes() + b"\0")
    arrays = rig.select(pair).to_arrays()
    moved = arrays | {"translation_m": arrays["translation_m"] + 0.001}
    assert not arrays["dist"][:, 4].any()
    bent = arrays | {"lens": ["radtan", "fisheye"]}  # with the same numbers
    for number, (files_of, rig_of, frames) in enumerate(
        [
            (files, rig.select(pair), ":1"),
            (files, rig.select(pair), "1:2"),
            (files, Rig.from_arrays(**moved), ":1"),
            (files, Rig.from_arrays(**bent), ":1"),
            (files | {"cam04": longer}, rig.select(pair), ":1"),
            (dict(zip(reversed(pair), files.values(), strict=True)), rig.select(pair), ":1"),
        ],
        start=1,
    ):
        told = Told()
        detect_recording(Recording.open(files_of, rig_of, frames=frames), progress=told)
        assert told.frames == [1]
        assert len(stretches(own_cache)) == number


def test_without_the_cache_nothing_is_written_or_read(recording, own_cache: Path) -> None:
    one = short(recording, 1)
    detect_recording(one, cache=False)
    assert [path.name for path in own_cache.iterdir()] == ["models"]
    detect_recording(one)
    told = Told()
    detect_recording(one, cache=False, progress=told)
    assert told.frames == [1]


def test_what_was_stopped_goes_on_and_ends_as_if_it_had_not(
    recording, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "STRETCH_FRAMES", STRETCH)
    whole = detect_recording(recording)
    assert len(stretches(own_cache)) == 3
    other = tmp_path / "other"
    other.mkdir()
    (other / "models").symlink_to((own_cache / "models").resolve())
    monkeypatch.setenv("TRIANGULATE_CACHE", str(other))
    for stop, first, kept in ((2, 1, 0), (7, 1, 1), (8, 5, 2)):
        told = Told(stop)
        with pytest.raises(KeyboardInterrupt):
            detect_recording(recording, progress=told)
        assert told.frames == list(range(first, stop + 1))
        assert len(stretches(other)) == kept
    assert not list((other / "detections").rglob("*.part*"))
    told = Told()
    resumed = detect_recording(recording, progress=told)
    assert told.frames == [9, 10, 11]
    assert_same(resumed, whole)


class MadeUpDetector:
    """Without networks: what it finds hangs on all frames and hints that it was ever given."""

    skeleton = Skeleton.named("mediapipe33")
    cache_key = "made up"

    def __init__(self) -> None:
        self.state: tuple[ViewState, ...] = ()

    def __call__(self, images, hints=None) -> FramePoses:
        before = [view.frames_since_detection for view in self.state] or [1] * len(images)
        numbers = [
            (31 * number + image[::16, ::16].astype(int).sum() + (hints is not None)) % 99991
            for number, image in zip(before, images, strict=True)
        ]
        self.state = tuple(
            ViewState((Region((n / 7, 0.1), 3.0, 0.3), None), int(n)) for n in numbers
        )
        shape = (len(images), 2, 33)
        points_px = np.broadcast_to(np.array(numbers, np.float32)[:, None, None, None], (*shape, 2))
        return FramePoses(points_px.copy(), np.full(shape, 0.5, np.float32))

    def region_around(self, points_px) -> None:
        return None

    def close(self) -> None:
        pass


@pytest.mark.parametrize("stop", [5, 9])
def test_resuming_where_a_hint_was_due(
    shared, rig, own_cache: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    """Stretches end in the frame of a hint, which the next frame does not get: nor if resumed."""
    monkeypatch.setattr(detection, "STRETCH_FRAMES", 5)
    monkeypatch.setattr(detection, "_HINT_EVERY", 1)
    monkeypatch.setattr(detection, "BlazePoseDetector", MadeUpDetector)
    monkeypatch.setattr(detection, "find_lost", lambda points_px, *_: [None] * len(points_px))
    pair = ["cam03", "cam04"]
    videos = shared / BALANCING / "videos_a948c205"
    recording = Recording.open(videos, rig, cameras=pair, frames=f":{NUM_FRAMES}")
    with pytest.raises(KeyboardInterrupt):
        detect_recording(recording, progress=Told(stop))
    resumed = detect_recording(recording)
    for path in stretches(own_cache):
        path.unlink()
    assert_same(detect_recording(recording), resumed)
    assert len(np.unique(resumed.points_px)) == 2 * NUM_FRAMES


@pytest.mark.parametrize("damage", ["cut", "spoilt", "empty", "text", "other", "stateless"])
def test_a_damaged_stretch_is_done_again(recording, own_cache: Path, damage: str) -> None:
    one = short(recording, 1)
    found = detect_recording(one)
    (path,) = stretches(own_cache)
    content = path.read_bytes()
    spoilt = bytearray(content)
    spoilt[len(content) // 2] ^= 0xFF
    match damage:
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "spoilt":
            path.write_bytes(spoilt)
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("no archive")
        case "other":
            with path.open("wb") as stream:
                np.save(stream, np.zeros(3))
        case "stateless":
            with np.load(path) as archive:
                kept = {name: archive[name] for name in ("points_px", "confidence")}
            np.savez(path, **kept, state=np.array(json.dumps([{"regions": 3}])))
    told = Told()
    assert_same(detect_recording(one, progress=told), found)
    assert told.frames == [1]
    told = Told()
    detect_recording(one, progress=told)
    assert told.frames == []


def test_a_cache_that_cannot_be_written_is_named(recording, own_cache: Path) -> None:
    (own_cache / "detections").write_text("a file where a folder belongs")
    with pytest.raises(InputError, match=r"detections.*name another .* in \$TRIANGULATE_CACHE$"):
        detect_recording(short(recording, 1))


def test_a_view_without_a_frame_is_empty_there(recording) -> None:
    video_frames = recording.video_frames[:2].copy()
    video_frames[1, 2] = -1
    gap = replace(short(recording), video_frames=video_frames)
    found = detect_recording(gap, cache=False)
    assert np.isnan(found.points_px[1, 2]).all()
    assert (found.confidence[1, [0, 1, 3]] > 0.5).any((1, 2)).all()


def test_a_detector_that_is_none(recording) -> None:
    with pytest.raises(InputError, match="no detector 'best'; there are blazepose"):
        detect_recording(recording, "best")


# --- Networks of one's own ------------------------------------------------------------------------


def write_weights(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    backbone = UNetConfig(channels=[8, 8, 8, 12])
    config = AlgebraicConfig(joints=17, backbone=backbone, learned_confidences=False)
    save(build_model(config), path, skeleton=Skeleton.named("h36m17"))
    return path


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Six frames of a rendered walk."""
    folder, size = tmp_path_factory.mktemp("filmed"), (320, 180)
    made_up = ring_rig(seeded(0), 3, size=size)
    with ExitStack() as stack:
        files = [folder / f"{name}.mp4" for name in made_up.names]
        videos = [stack.enter_context(VideoWriter(file, size, fps=10)) for file in files]
        for images in render_recording(seeded(1), walk(seeded(0), 6, fps=10.0), made_up):
            for video, image in zip(videos, images, strict=True):
                video.write(image)
    return Recording.open(folder, made_up)


def test_weights_are_a_detector_too(
    filmed: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(network, "MIN_SURENESS", 0.0)
    monkeypatch.setattr(network, "_SURE_JOINT", 0.0)
    weights = write_weights(tmp_path / "net.safetensors", seed=0)
    first, again, other = Told(), Told(), Told()
    found = detect_recording(filmed, weights, progress=first)
    assert found.points_px.shape == (6, 3, 1, 17, 2)
    assert found.skeleton == Skeleton.named("h36m17")
    assert found.source == str(weights)
    assert (found.confidence > 0).any((2, 3)).all()
    assert len(first.frames) == 6
    renamed = weights.rename(tmp_path / "renamed.safetensors")
    same = detect_recording(filmed, renamed, progress=again)
    np.testing.assert_array_equal(same.points_px, found.points_px)
    assert again.frames == []
    write_weights(renamed, seed=1)  # the content counts, and not the name
    assert not np.array_equal(
        detect_recording(filmed, renamed, progress=other).points_px, found.points_px
    )
    assert len(other.frames) == 6


def test_what_a_network_remembers_outlives_a_stop(
    filmed: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(network, "MIN_SURENESS", 0.0)
    monkeypatch.setattr(network, "_SURE_JOINT", 0.0)
    monkeypatch.setattr(detection, "STRETCH_FRAMES", 2)
    weights = write_weights(tmp_path / "net.safetensors", seed=0)
    whole = detect_recording(filmed, weights, cache=False)
    with pytest.raises(KeyboardInterrupt):
        detect_recording(filmed, weights, progress=Told(3))
    assert_same(detect_recording(filmed, weights), whole)


def test_networks_that_find_nobody_see_nobody(filmed: Recording, tmp_path: Path) -> None:
    found = detect_recording(filmed, write_weights(tmp_path / "a.safetensors", 0), cache=False)
    assert np.isnan(found.points_px).all()
    assert not found.confidence.any()


def test_weights_that_are_no_detector(filmed: Recording, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        detect_recording(filmed, tmp_path / "none.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"abc")
    with pytest.raises(InputError, match="cut short"):
        detect_recording(filmed, tmp_path / "cut.safetensors")
    view_weights = tmp_path / "views.safetensors"
    save(build_model(ViewWeightsConfig()), view_weights)
    with pytest.raises(InputError, match="finds no joints in single images"):
        detect_recording(filmed, view_weights)


# --- Lost people ----------------------------------------------------------------------------------


def frame_of(keypoints: Keypoints2D) -> tuple[np.ndarray, np.ndarray]:
    return keypoints.points_px[-1].copy(), keypoints.confidence[-1].copy()


def fitted(rig: Rig, keypoints: Keypoints2D) -> Rig:
    return replace(rig, sizes=keypoints.sizes)


@pytest.mark.parametrize("view", range(4))
def test_a_view_that_lost_the_person_is_told_where_to_look(keypoints, rig, view: int) -> None:
    points_px, confidence = frame_of(keypoints)
    true = [region_from_body(person) for person in points_px[view] if np.isfinite(person).all()]
    points_px[view], confidence[view] = np.nan, 0
    regions = find_lost(points_px, confidence, fitted(rig, keypoints))
    assert [region is not None for region in regions] == [v == view for v in range(4)]
    assert max(overlap(regions[view], region) for region in true) > 0.6


def test_nobody_is_lost_where_all_see_the_person(keypoints, rig) -> None:
    assert find_lost(*frame_of(keypoints), fitted(rig, keypoints)) == [None] * 4


def test_one_view_cannot_tell_the_others(keypoints, rig) -> None:
    points_px, confidence = frame_of(keypoints)
    points_px[1:], confidence[1:] = np.nan, 0
    assert find_lost(points_px, confidence, fitted(rig, keypoints)) == [None] * 4
    points_px[:], confidence[:] = np.nan, 0
    assert find_lost(points_px, confidence, fitted(rig, keypoints)) == [None] * 4


def test_who_sees_the_person_badly_is_told_too(keypoints, rig) -> None:
    points_px, confidence = frame_of(keypoints)
    confidence[2] *= 0.3
    regions = find_lost(points_px, confidence, fitted(rig, keypoints))
    assert [region is not None for region in regions] == [False, False, True, False]


def test_a_person_outside_a_picture_is_not_looked_for_there(keypoints, rig) -> None:
    points_px, confidence = frame_of(keypoints)
    points_px[2], confidence[2] = np.nan, 0
    there = fitted(rig, keypoints)
    assert find_lost(points_px, confidence, there)[2] is not None
    small = replace(there, sizes=(*there.sizes[:2], (300, 300), there.sizes[3]))
    assert find_lost(points_px, confidence, small) == [None] * 4
    unknown = replace(there, sizes=(*there.sizes[:2], None, there.sizes[3]))
    assert find_lost(points_px, confidence, unknown) == [None] * 4


def test_any_joints_tell_where_to_look(filmed: Recording) -> None:
    positions_m = torch.from_numpy(walk(seeded(0), 1).positions_m)
    projected, _ = filmed.rig.cameras.project(positions_m.expand(3, -1, -1))
    truth = projected[1].numpy().copy()
    points_px, confidence = projected.numpy()[:, None], np.full((3, 1, 17), 0.9)
    points_px[1], confidence[1] = np.nan, 0
    regions = find_lost(points_px, confidence, filmed.rig, network.region_around)
    assert [region is not None for region in regions] == [False, True, False]
    expected = network.region_around(truth)
    assert overlap(regions[1], expected) > 0.99


def test_it_does_not_depend_on_where_the_world_begins(keypoints, rig) -> None:
    points_px, confidence = frame_of(keypoints)
    points_px[1], confidence[1] = np.nan, 0
    here = fitted(rig, keypoints)
    arrays = here.to_arrays()
    arrays["translation_m"] = arrays["translation_m"] + arrays["rotation"] @ [800.0, -300, 40]
    there = Rig.from_arrays(**arrays)
    near, far = (find_lost(points_px, confidence, rig)[1] for rig in (here, there))
    assert overlap(near, far) > 0.9999
