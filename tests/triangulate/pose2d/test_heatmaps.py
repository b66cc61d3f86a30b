from __future__ import annotations

import numpy as np
import pytest
import torch

import triangulate
from triangulate.geometry.heatmap import soft_argmax_2d
from triangulate.keypoints import Keypoints2D
from triangulate.pose2d.blazepose import BlazePose, apply_affine, crop_from_cell
from triangulate.pose2d.heatmaps import (
    Heatmaps2D,
    map_from_image,
    mass_of_logits,
    moment_heatmaps,
    recording_heatmaps,
)
from triangulate.pose2d.regions import Region
from triangulate.recording import Recording
from triangulate.skeleton import Skeleton

BALANCING = "pose2sim_balancing"


def test_a_mass_is_one_and_follows_the_logits() -> None:
    logits = np.full((2, 6, 8), -30.0, np.float32)
    logits[0, 2, 3] = logits[0, 2, 4] = 0.0
    logits[1, 5, 7] = 4.0
    mass = mass_of_logits(logits)
    assert mass.dtype == np.float16
    np.testing.assert_allclose(mass.sum((-2, -1)), 1, atol=1e-3)
    np.testing.assert_allclose(mass[0, 2, 3:5], 0.5, atol=1e-3)
    assert mass[1, 5, 7] == 1


def test_cells_and_pixels_by_hand() -> None:
    # A region of 512 pixels: two pixels a crop pixel, eight a cell.
    image_from_crop = Region((1000.0, 500.0), 512.0).image_from_crop(256)
    to_map = map_from_image(image_from_crop)
    cells = np.array([[0.0, 0.0], [10.25, 63.0]])
    expected = apply_affine(image_from_crop, crop_from_cell(cells))
    np.testing.assert_allclose(apply_affine(to_map, expected), cells, atol=1e-12)
    np.testing.assert_allclose(expected[1] - expected[0], 8 * cells[1])


def test_cameras_of_maps_see_what_the_images_see(shared) -> None:
    rig = triangulate.load_rig(shared / BALANCING / "calibration" / "Calib.qca.txt")
    regions = [
        [Region((500.0 + 9 * v, 800.0 + t), 700.0 + t, 0.1 * v) for v in range(4)] for t in range(3)
    ]
    to_map = np.array(
        [[map_from_image(each.image_from_crop(256)) for each in row] for row in regions]
    )
    maps = Heatmaps2D(
        np.zeros((3, 4, 1, 2, 2), np.float16), to_map, np.zeros((3, 4, 1, 2)), np.ones((3, 4, 1))
    )
    points = torch.tensor([[0.1, -0.2, 1.0], [0.0, 0.3, 0.2]], dtype=torch.float64)
    in_maps, _ = maps.cameras(rig.cameras).project(points)
    in_images, _ = rig.cameras.project(points)
    for t in range(3):
        for v in range(4):
            expected = apply_affine(to_map[t, v], in_images[v].numpy())
            np.testing.assert_allclose(in_maps[t, v], expected, atol=1e-9)


@pytest.fixture
def person_and_recording(shared) -> tuple[Keypoints2D, Recording]:
    """Two frames; a rough place of the person in three of the four views."""
    rig = triangulate.load_rig(shared / BALANCING / "calibration" / "Calib.qca.txt")
    recording = Recording.open(shared / BALANCING / "videos_a948c205", rig, frames=":2")
    network = BlazePose()
    points_px = np.full((2, 4, 1, 33, 2), np.nan)
    confidence = np.zeros((2, 4, 1, 33))
    for t, frame_set in enumerate(recording.frames()):
        for v in (0, 2, 3):
            image = frame_set.images[v]
            assert image is not None
            look = network.landmarks(image, network.detect(image)[0].region)
            found = look.keypoints()
            points_px[t, v, 0], confidence[t, v, 0] = found[0][:33], found[1][:33]
    skeleton = Skeleton.named("mediapipe33")
    return Keypoints2D(points_px, confidence, recording.names, skeleton), recording


def test_maps_of_real_frames(person_and_recording, own_cache, monkeypatch) -> None:
    person, recording = person_and_recording
    reported: list[tuple[int, int]] = []
    maps = recording_heatmaps(recording, person, progress=lambda *at: reported.append(at))
    assert reported == [(1, 2), (2, 2)]
    assert maps.mass.shape == (2, 4, 33, 64, 64)
    assert maps.views.tolist() == [[True, False, True, True]] * 2
    np.testing.assert_allclose(maps.mass[:, [0, 2, 3]].astype(float).sum((-2, -1)), 1, atol=5e-3)
    assert not maps.mass[:, 1].any()
    # The maps' points are the detector's, and lie near those of the first look.
    away = np.linalg.norm(maps.points_px - person.points_px[:, :, 0], axis=-1)
    assert np.nanmedian(away) < 8
    mass = torch.from_numpy(maps.mass[0, 2]).double()
    cells, _ = soft_argmax_2d(mass, "relu", window=3)
    inverse = np.linalg.inv(maps.map_from_image[0, 2])
    off = np.linalg.norm(apply_affine(inverse, cells.numpy()) - maps.points_px[0, 2], axis=-1)
    assert np.median(off) < 6  # half a cell: a sigmoid is wider than a softmax

    monkeypatch.setattr(BlazePose, "landmarks", None)  # so that a second look would fail
    again = recording_heatmaps(recording, person)
    np.testing.assert_array_equal(again.mass, maps.mass)
    np.testing.assert_array_equal(again.points_px, maps.points_px)
    kept = list((own_cache / "heatmaps").iterdir())
    assert len(kept) == 1
    kept[0].write_bytes(b"cut short")
    with pytest.raises(TypeError):  # done again
        recording_heatmaps(recording, person)


def test_maps_of_a_moment(network, frames) -> None:
    """Views without a picture or a person have no maps; the others' points are the network's."""
    images = [*frames[0][:3], None]
    found = [network.detect(image)[0].region for image in frames[0]]
    empty = Region((-3000.0, -3000.0), 200.0)
    maps = moment_heatmaps(images, [found[0], None, empty, found[3]], network)
    assert maps.views.tolist() == [[True, False, False, False]]
    assert maps.mass.shape == (1, 4, 33, 64, 64)
    assert not maps.mass[0, 1:].any()
    assert np.isnan(maps.points_px[0, 1:]).all()
    assert not maps.confidence[0, 1:].any()
    points_px, confidence = network.landmarks(frames[0][0], found[0]).keypoints()
    np.testing.assert_array_equal(maps.points_px[0, 0], points_px[:33])
    np.testing.assert_array_equal(maps.confidence[0, 0], confidence[:33])
    np.testing.assert_allclose(maps.mass[0, 0].astype(float).sum((-2, -1)), 1, atol=5e-3)


def test_some_frames() -> None:
    maps = Heatmaps2D(
        np.zeros((3, 2, 1, 4, 4), np.float16),
        np.tile(np.eye(3), (3, 2, 1, 1)),
        np.arange(12.0).reshape(3, 2, 1, 2),
        np.ones((3, 2, 1)),
    )
    some = maps.select_frames(np.array([2]))
    assert some.points_px[0, 1, 0].tolist() == [10, 11]
    assert some.views.shape == (1, 2)
