from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.geometry.camera import Camera
from triangulate.keypoints import Keypoints2D
from triangulate.people.association import fundamental_matrices, one_person
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

NOISE = DetectorNoise(sigma_px=(1.0, 3.0), missing=0.1, gross=0.02, swapped=0.0)
APART_M = np.array([1.2, 0.4, 0.0])


def two_people(
    num_frames: int = 40, num_cameras: int = 4, seed: int = 0
) -> tuple[Rig, Keypoints2D]:
    """A walker in slot 0, and another, who walks beside the first one's path, in slot 1."""
    generator = seeded(seed)
    rig = ring_rig(generator, num_cameras, radius_m=6.0)
    first = walk(generator, num_frames, half_length_m=1.0)
    second = walk(generator, num_frames, half_length_m=1.0, height_m=1.6)
    people_m = np.stack([first.positions_m - APART_M, second.positions_m + APART_M], axis=1)
    keypoints, _ = observe(people_m, rig, first.skeleton, generator, NOISE)
    return rig, keypoints


def shuffled(keypoints: Keypoints2D, seed: int = 0) -> tuple[Keypoints2D, np.ndarray]:
    """Slots in an order of their own in every view and frame, and who is in them, (T, V, P)."""
    who = np.random.default_rng(seed).permuted(
        np.broadcast_to(np.arange(keypoints.num_people), keypoints.points_px.shape[:3]), axis=-1
    )
    points_px = np.take_along_axis(keypoints.points_px, who[..., None, None], axis=2)
    confidence = np.take_along_axis(keypoints.confidence, who[..., None], axis=2)
    return replace(keypoints, points_px=points_px, confidence=confidence), who


def without(keypoints: Keypoints2D, views: list[int], person: int) -> Keypoints2D:
    confidence = keypoints.confidence.copy()
    confidence[:, views, person] = 0
    return replace(keypoints, confidence=confidence)


def is_person(chosen: Keypoints2D, keypoints: Keypoints2D, person: int) -> np.ndarray:
    """(T, V) whether a view's choice is this person's detection, NaN for NaN."""
    expected = keypoints.points_px[:, :, person]
    same = (chosen.points_px[:, :, 0] == expected) | np.isnan(expected)
    return same.all((-2, -1)) & np.isfinite(expected).any((-2, -1))


# --- Whom it takes --------------------------------------------------------------------------------


def test_a_single_person_passes_through() -> None:
    rig, keypoints = two_people(5)
    alone = replace(
        keypoints,
        points_px=keypoints.points_px[:, :, :1],
        confidence=keypoints.confidence[:, :, :1],
    )
    assert one_person(alone, rig) is alone


@pytest.mark.parametrize("num_cameras", [3, 4])
def test_one_of_two_is_followed_through_every_view_and_frame(num_cameras: int) -> None:
    rig, keypoints = two_people(num_cameras=num_cameras)
    mixed, _ = shuffled(keypoints)
    chosen = one_person(mixed, rig)
    assert chosen.points_px.shape == (40, num_cameras, 1, 17, 2)
    is_first, is_second = (is_person(chosen, keypoints, person) for person in (0, 1))
    assert is_first.all() or is_second.all()


def test_the_order_of_slots_and_views_does_not_matter() -> None:
    rig, keypoints = two_people()
    first, second = (one_person(shuffled(keypoints, seed)[0], rig) for seed in (1, 2))
    np.testing.assert_array_equal(first.points_px, second.points_px)
    names = [rig.names[v] for v in (2, 0, 3, 1)]
    turned = one_person(keypoints.select_cameras(names), rig.select(names))
    back = turned.select_cameras(rig.names)
    np.testing.assert_array_equal(back.points_px, first.points_px)
    np.testing.assert_array_equal(back.confidence, first.confidence)


@pytest.mark.parametrize("observer", [0, 1])
def test_an_observer_in_two_views_is_never_taken(observer: int) -> None:
    rig, keypoints = two_people()
    keypoints = without(keypoints, [1, 3], observer)
    chosen = one_person(shuffled(keypoints)[0], rig)
    assert is_person(chosen, keypoints, 1 - observer).all()


def test_a_loud_stranger_in_one_view_is_not_taken() -> None:
    rig, keypoints = two_people()
    keypoints = without(keypoints, [0, 1, 3], 1)
    louder = keypoints.confidence.copy()
    louder[:, :, 0] *= 0.4
    louder[:, 2, 1] = np.where(louder[:, 2, 1] > 0, 1.0, 0.0)
    keypoints = replace(keypoints, confidence=louder)
    assert (louder[:, 2, 1].sum(-1) > 2 * louder[:, 2, 0].sum(-1)).all()
    chosen = one_person(shuffled(keypoints)[0], rig)
    assert is_person(chosen, keypoints, 0).all()


def test_a_view_without_the_person_is_nan_though_it_sees_another() -> None:
    rig, keypoints = two_people()
    keypoints = without(without(keypoints, [0, 1, 3], 1), [2], 0)
    chosen = one_person(shuffled(keypoints)[0], rig)
    assert np.isnan(chosen.points_px[:, 2]).all()
    assert not chosen.confidence[:, 2].any()
    assert is_person(chosen, keypoints, 0)[:, [0, 1, 3]].all()


def test_for_a_while_alone_the_other_is_not_taken_for_the_one() -> None:
    """The one who is followed leaves the picture of half of the views for a moment."""
    rig, keypoints = two_people(100)
    keypoints = without(keypoints, [1], 1)
    confidence = keypoints.confidence.copy()
    confidence[15:20, [0, 2], 0] = 0
    keypoints = replace(keypoints, confidence=confidence)
    chosen = one_person(shuffled(keypoints)[0], rig)
    kept = is_person(chosen, keypoints, 0)
    assert kept[:15].all() and kept[20:].all() and kept[15:20][:, [1, 3]].all()
    assert np.isnan(chosen.points_px[15:20][:, [0, 2]]).all()


def test_nobody_is_nobody() -> None:
    rig, keypoints = two_people(4)
    confidence = keypoints.confidence.copy()
    confidence[1] = 0
    confidence[2, 1:] = 0  # in one view only
    chosen = one_person(replace(keypoints, confidence=confidence), rig)
    assert np.isnan(chosen.points_px[1:3]).all()
    assert np.isfinite(chosen.points_px[[0, 3]]).any((-2, -1)).all()


def test_it_does_not_depend_on_where_the_world_begins() -> None:
    rig, keypoints = two_people()
    keypoints = without(keypoints, [2], 1)
    mixed, _ = shuffled(keypoints)
    arrays = rig.to_arrays()
    shift = np.array([900.0, -400.0, 250.0])
    arrays["translation_m"] = arrays["translation_m"] - arrays["rotation"] @ shift
    far = one_person(mixed, Rig.from_arrays(**arrays))
    np.testing.assert_array_equal(far.points_px, one_person(mixed, rig).points_px)


def test_cameras_at_one_place_do_not_vouch_for_each_other() -> None:
    """Between such cameras every two people agree: that must not bring a bystander in."""
    rig, keypoints = two_people()
    order = [0, 0, 0, 1]
    arrays = rig.to_arrays()
    for name in ("K", "dist", "rotation", "translation_m"):
        arrays[name] = arrays[name][order]
    doubled = Rig.from_arrays(**arrays | {"sizes": None})
    keypoints = replace(
        keypoints,
        points_px=keypoints.points_px[:, order],
        confidence=keypoints.confidence[:, order],
        sizes=None,
    )
    keypoints = without(without(keypoints, [0, 3], 1), [1, 2], 0)
    chosen = one_person(shuffled(keypoints)[0], doubled)
    assert is_person(chosen, keypoints, 0)[:, [0, 3]].all()
    assert np.isnan(chosen.points_px[:, [1, 2]]).all()


# --- Epipolar lines -------------------------------------------------------------------------------


def test_a_fundamental_matrix_by_hand() -> None:
    """Two cameras of one orientation, two metres apart along x: lines are rows."""
    rig = Rig.from_arrays(
        K=np.broadcast_to(np.array([[100.0, 0, 50], [0, 200, 30], [0, 0, 1]]), (2, 3, 3)),
        dist=None,
        rotation=np.broadcast_to(np.eye(3), (2, 3, 3)),
        translation_m=np.array([[0.0, 0, 0], [-2, 0, 0]]),
        names=["a", "b"],
    )
    F = fundamental_matrices(rig.cameras)
    # E = [(-1, 0, 0)]x, F = K^-T E K^-1: line (0, 1 / 200, (30 - y) / 200) up to the sign.
    line = F[0, 1] @ torch.tensor([7.0, 110.0, 1.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 1 / 200, -110 / 200], dtype=torch.float64)
    torch.testing.assert_close(line, expected)
    torch.testing.assert_close(F[1, 0], -F[0, 1])
    assert not F[[0, 1], [0, 1]].any()


@pytest.mark.parametrize("num_cameras", [2, 5])
def test_every_point_lies_on_its_epipolar_lines(num_cameras: int) -> None:
    camera: Camera = ring_rig(seeded(0), num_cameras, lens="mixed").cameras
    points = torch.from_numpy(walk(seeded(1), 3).positions_m).flatten(0, 1)
    undistorted, _ = camera.undistort(camera.project(points)[0])
    pixels = torch.cat([undistorted, torch.ones_like(undistorted[..., :1])], dim=-1)  # (V, N, 3)
    lines = torch.einsum("vwij,vnj->vwni", fundamental_matrices(camera), pixels)
    distance_px = torch.einsum("vwni,wni->vwn", lines, pixels).abs()
    distance_px /= lines[..., :2].norm(dim=-1).clamp_min(1e-12)
    assert distance_px.max() < 1e-7
    torch.testing.assert_close(
        fundamental_matrices(camera), fundamental_matrices(camera).permute(1, 0, 3, 2)
    )
