from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.pose2d.blazepose import FoundRegion, Landmarks
from triangulate.pose2d.regions import Region, apply_affine, overlap, region_from_body
from triangulate.pose2d.source import PoseSource
from triangulate.pose2d.tracker import BlazePoseDetector, ViewState, track_view

IMAGE = np.zeros((480, 640, 3), np.uint8)
LEFT, RIGHT = Region((150, 240), 200), Region((450, 240), 200)
EMPTY = ViewState((None, None))


@dataclass
class MadeUpNetwork:
    """Sees people where they are told to be, and counts how often it is asked."""

    people: list[Region]
    unseen: list[Region] = field(default_factory=list)  # by the detector
    detections: int = 0
    looks: int = 0

    def detect(self, image: np.ndarray) -> list[FoundRegion]:
        self.detections += 1
        return [FoundRegion(region, 0.9) for region in self.people if region not in self.unseen]

    def landmarks(self, image: np.ndarray, region: Region) -> Landmarks:
        self.looks += 1
        near = [person for person in self.people if overlap(person, region) > 0.2]
        seen = max(near, key=lambda person: overlap(person, region), default=region)
        crop_from_image = np.linalg.inv(region.image_from_crop(256))
        logits = np.full((39, 64, 64), -30.0, np.float32)
        x, y = seen.center_px
        axis = np.array([[x, y], [x, y - seen.size_px / 2.5]])
        cells = np.rint((apply_affine(crop_from_image, axis) + 0.5) / 4).astype(int)
        cells = cells.clip(0, 63)
        logits[:34, cells[0, 1], cells[0, 0]] = 2
        logits[34:, cells[1, 1], cells[1, 0]] = 2
        return Landmarks(
            heatmap_logits=logits,
            points_crop=np.zeros((39, 3), np.float32),
            visibility=np.ones(39),
            presence=np.ones(39),
            pose_flag=0.9 if near else 0.1,
            image_from_crop=region.image_from_crop(256),
        )


def places(state: ViewState) -> list[int | None]:
    """The columns that the slots follow, to 50 pixels."""
    return [round(r.center_px[0] / 50) * 50 if r else None for r in state.regions]


def test_the_detector_starts_and_landmarks_follow() -> None:
    network = MadeUpNetwork([LEFT])
    state = EMPTY
    for step in range(5):
        network.people = [replace(LEFT, center_px=(150.0 + 20 * step, 240))]
        people, state = track_view(network, IMAGE, state)
        assert people[0] is not None and people[1] is None
        assert people[0].points_px[0] == pytest.approx((150 + 20 * step, 240), abs=3)
    assert network.detections == 1
    assert network.looks == 5


def test_two_people_get_two_slots_and_keep_them() -> None:
    network = MadeUpNetwork([RIGHT, LEFT])
    _, state = track_view(network, IMAGE, EMPTY)
    assert places(state) == [450, 150]
    network.people = [LEFT, RIGHT]
    _, state = track_view(network, IMAGE, state)
    assert places(state) == [450, 150]


def test_no_more_people_than_slots() -> None:
    network = MadeUpNetwork([LEFT, RIGHT])
    _, state = track_view(network, IMAGE, ViewState((None,)))
    assert places(state) == [150]


def test_a_newcomer_is_found_when_the_detector_is_due() -> None:
    network = MadeUpNetwork([LEFT])
    _, state = track_view(network, IMAGE, EMPTY, detect_every=3)
    network.people = [LEFT, RIGHT]
    seen = []
    for _ in range(3):
        _, state = track_view(network, IMAGE, state, detect_every=3)
        seen.append(places(state))
    assert seen == [[150, None], [150, None], [150, 450]]
    for _ in range(5):  # no room, no search
        track_view(network, IMAGE, state, detect_every=1)
    assert network.detections == 2


def test_after_a_loss_the_detector_looks_at_once() -> None:
    network = MadeUpNetwork([LEFT, RIGHT])
    _, state = track_view(network, IMAGE, EMPTY)
    far = replace(LEFT, center_px=(60, 420))
    network.people = [far, RIGHT]
    _, state = track_view(network, IMAGE, state)
    assert places(state) == [50, 450]


def test_nobody_stays_nobody_and_is_searched_in_every_frame() -> None:
    network = MadeUpNetwork([])
    state = EMPTY
    for _ in range(4):
        people, state = track_view(network, IMAGE, state)
        assert people == [None, None]
    assert network.detections == 4


def test_a_hint_finds_whom_the_detector_misses() -> None:
    network = MadeUpNetwork([RIGHT], unseen=[RIGHT])
    _, state = track_view(network, IMAGE, EMPTY)
    assert places(state) == [None, None]
    _, state = track_view(network, IMAGE, state, hint=replace(RIGHT, size_px=230))
    assert places(state) == [450, None]
    assert network.detections == 1  # somebody is there: no search in the second frame


def test_a_hint_at_somebody_followed_is_no_work() -> None:
    network = MadeUpNetwork([LEFT])
    _, state = track_view(network, IMAGE, EMPTY)
    looks = network.looks
    track_view(network, IMAGE, state, hint=replace(LEFT, size_px=210))
    assert network.looks == looks + 1


def test_a_hint_takes_the_place_of_a_bystander() -> None:
    network = MadeUpNetwork([LEFT, RIGHT], unseen=[RIGHT])
    _, state = track_view(network, IMAGE, ViewState((None,)))
    assert places(state) == [150]
    _, state = track_view(network, IMAGE, state, hint=RIGHT)
    assert places(state) == [450]


def test_two_slots_never_follow_one_person() -> None:
    network = MadeUpNetwork([LEFT])
    near = replace(LEFT, center_px=(190, 240))
    people, state = track_view(network, IMAGE, ViewState((near, LEFT)))
    assert people[0] is None and people[1] is not None  # the one that stayed is kept
    assert places(state) == [None, 150]


# --- The detector of all views --------------------------------------------------------------------


def test_it_is_a_pose_source(files) -> None:
    with BlazePoseDetector() as detector:
        source: PoseSource = detector
        assert (source.skeleton.name, source.num_joints) == ("mediapipe33", 33)


def test_missing_networks_are_said_before_the_first_frame(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="triangulate models fetch blazepose"):
        BlazePoseDetector()


@pytest.mark.parametrize("wrong", [{"max_people": 0}, {"threads": 0}])
def test_wrong_numbers_are_refused(wrong: dict[str, int], files) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be at least 1, got 0"):
        BlazePoseDetector(**wrong)


@pytest.mark.parametrize(
    "image", [np.zeros((20, 30), np.uint8), np.zeros((20, 30, 3)), np.zeros((20, 30, 4), np.uint8)]
)
def test_wrong_images_are_refused(image: np.ndarray, files) -> None:
    with BlazePoseDetector() as detector, pytest.raises(ValueError, match="uint8 image"):
        detector([image])


def test_the_number_of_views_must_stay(files) -> None:
    with BlazePoseDetector() as detector:
        detector([None, None])
        with pytest.raises(ValueError, match="expected 2 views as before, got 3 images"):
            detector([None, None, None])
        detector.reset()
        detector([None, None, None])


def test_a_view_without_a_frame_remembers(network, frames, files) -> None:
    with BlazePoseDetector(max_people=1) as detector:
        detector(frames[0][2:])
        before = detector.state
        points_px, confidence = detector([None, frames[1][3]])
        assert points_px.shape == (2, 1, 33, 2)
        assert np.isnan(points_px[0]).all() and not confidence[0].any()
        assert np.isfinite(points_px[1]).all() and confidence[1].max() > 0.5
        assert detector.state[0] == before[0] and detector.state[1] != before[1]


def test_threads_do_not_change_what_comes_out(network, frames, files) -> None:
    results = []
    for threads in (1, 3):
        with BlazePoseDetector(threads=threads) as detector:
            results.append([detector(images) for images in frames])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one.points_px, other.points_px)
        np.testing.assert_array_equal(one.confidence, other.confidence)
    assert one.points_px.dtype == one.confidence.dtype == np.float32
    # One person a view, in the first slot, in every frame.
    assert np.isfinite(one.points_px[:, 0]).all() and np.isnan(one.points_px[:, 1]).all()


def test_the_state_continues_a_run(network, frames, files) -> None:
    with BlazePoseDetector(max_people=1) as whole, BlazePoseDetector(max_people=1) as resumed:
        expected = [whole(images) for images in frames[:3]][-1]
        for images in frames[:2]:
            resumed(images)
        kept = resumed.state
        resumed.reset()
        resumed.state = kept
        np.testing.assert_array_equal(resumed(frames[2]).points_px, expected.points_px)


def test_a_real_person_lost_is_found_through_a_reprojected_pose(network, frames, files) -> None:
    """The detector does not see the person in a picture shrunk so much; the hint does."""
    image = frames[0][2]
    with BlazePoseDetector(max_people=1) as detector:
        points_px, _ = detector([image])
        hint = region_from_body(points_px[0, 0])
        assert hint is not None
        assert overlap(hint, detector.state[0].regions[0]) > 0.7
        canvas = np.full((8 * image.shape[0], 8 * image.shape[1], 3), 128, np.uint8)
        canvas[: image.shape[0], : image.shape[1]] = image
        detector.reset()
        missed, _ = detector([canvas])
        assert np.isnan(missed).all()
        found, _ = detector([canvas], [hint])
        distances = np.linalg.norm(found[0, 0] - points_px[0, 0], axis=-1)
        assert np.median(distances) < 10
