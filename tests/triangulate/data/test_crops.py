from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.data.crops import (
    boxes_of,
    crop_cameras,
    cut,
    is_inside,
    sample_of,
    shown_points,
    windows_around,
)
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid


def camera(K: list[list[float]], distortion: list[float] | None = None) -> Camera:
    """One camera at the origin, looking along z."""
    eye = torch.eye(3, dtype=torch.float64)
    coefficients = torch.tensor(distortion or [0.0], dtype=torch.float64)
    lens = Lens.of("radtan", coefficients)
    return Camera(torch.tensor(K, dtype=torch.float64), lens, Rigid(eye, torch.zeros(3).double()))


# --- Windows --------------------------------------------------------------------------------------


def test_windows_by_hand():
    boxes = np.array([[10.0, 20, 50, 40], [10, 20, 31, 61], [5, 5, 5, 30], [0, 0, 0, 0]])
    windows = windows_around(boxes, (64, 64))
    # 40 wide: y centre 30 - 20; 41 high: x centre floor(20.5) - 20
    assert windows.tolist() == [[10, 10, 40, 40], [0, 20, 41, 41], [0] * 4, [0] * 4]
    assert windows_around(boxes[0], (64, 64), margin=1.5).tolist() == [0, 0, 60, 60]
    assert windows_around(boxes[0], (60, 120)).tolist() == [10, -10, 40, 80]
    assert windows_around(boxes[1], (120, 60)).tolist() == [-21, 20, 82, 41]


def test_a_window_contains_its_box():
    generator = np.random.default_rng(0)
    low = generator.integers(-50, 50, (3, 1, 20, 2))
    boxes = np.concatenate([low, low + generator.integers(1, 90, low.shape)], axis=-1)
    for size in ((64, 64), (48, 80), (100, 30)):
        windows = windows_around(boxes.astype(float), size)
        corner, extent = windows[..., :2], windows[..., 2:]
        assert (corner <= boxes[..., :2]).all()
        assert (corner + extent >= boxes[..., 2:] - 1).all()  # whole numbers cost up to a pixel
        aspect = extent[..., 0] / extent[..., 1]
        assert np.allclose(aspect, size[0] / size[1], atol=4 / extent.min())


def test_boxes_of_points():
    points = np.array([[3.2, 4.0], [8.0, 1.5], [100.0, 100.0]])
    counts = np.array([True, True, False])
    assert boxes_of(points, counts).tolist() == [3, 1, 9, 5]
    assert boxes_of(points, np.zeros(3, bool)).tolist() == [0, 0, 0, 0]
    assert boxes_of(np.zeros((0, 4, 3, 2)), np.zeros((0, 4, 3), bool)).shape == (0, 4, 4)


# --- Pixels and cameras agree ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "size"),
    [
        ((60, 40, 150, 150), (64, 64)),  # shrinks by a factor that is no whole number
        ((60, 40, 160, 160), (80, 80)),
        ((-30, -20, 300, 200), (150, 100)),  # reaches beyond the image
        ((95, 95, 64, 64), (64, 64)),
        ((93, 90, 60, 66), (130, 150)),  # enlarges, another aspect
        ((43, 57, 181, 143), (90, 140)),  # each axis by its own factor, one up and one nearly not
    ],
)
def test_content_and_camera_agree(window, size, dots, centroids):
    """Dots drawn in the image lie in the crop where its camera puts them, to 0.01 px."""
    K = [[300.0, 0, 155.3], [0, 310, 121.7], [0, 0, 1]]
    one = camera(K, [-0.1, 0.02])
    x, y = np.meshgrid(np.arange(30, 310, 46), np.arange(30, 230, 46))
    places = np.stack([x.ravel(), y.ravel()], -1)
    places = places + np.random.default_rng(0).uniform(-1, 1, places.shape)
    _, points, _ = one.rays(torch.from_numpy(places))
    image = dots(places, (320, 240), 4.0)
    crop = cut(image, window, size)
    assert crop.shape == (size[1], size[0], 3)
    there = crop_cameras(one, np.array(window), size).project(points)[0].numpy()
    scale = np.array(size) / window[2:]
    reach = np.ceil(17 * scale).astype(int)
    inside = ((there > reach) & (there < np.array(size) - 1 - reach)).all(-1)
    assert inside.sum() >= 1
    off = centroids(crop.mean(-1), there[inside], tuple(reach)) - there[inside]
    assert np.abs(off).max() < 0.01


def test_cut_pads_with_black_and_keeps_pixels():
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    crop = cut(image, (-2, 1, 6, 6), (6, 6))
    assert (crop[:4, 2:] == image[1:, :4]).all()
    assert not crop[4:].any()
    assert not crop[:, :2].any()
    assert not cut(image, (20, 20, 4, 4), (8, 8)).any()


def test_cut_averages_areas():
    image = np.zeros((4, 8, 3), np.uint8)
    image[:2, :2] = 100
    image[0, 0] = 200
    assert cut(image, (0, 0, 8, 4), (4, 2))[0, 0].tolist() == [125] * 3


def test_crop_cameras_follow_their_batch():
    one = camera([[100.0, 0, 30], [0, 90, 20], [0, 0, 1]])
    several = one.map(lambda tensor: tensor.expand(2, 3, *tensor.shape))
    windows = np.array([[[1, 2, 10, 20], [0, 0, 0, 0], [-5, 7, 40, 40]]] * 2)
    crops = crop_cameras(several, windows, (20, 20))
    assert crops.K.shape == (2, 3, 3, 3)
    # x' = 2 (x - 1) + 0.5, y' = y - 2
    expected = torch.tensor([[200.0, 0, 58.5], [0, 90, 18], [0, 0, 1]], dtype=torch.float64)
    assert torch.allclose(crops.K[0, 0], expected)
    assert torch.isfinite(crops.K).all()


# --- What is seen ---------------------------------------------------------------------------------


def test_inside_is_to_the_edges_of_pixels():
    points = torch.tensor([[-0.5, 0.0], [-0.6, 0.0], [9.5, 4.5], [9.6, 0.0], [0.0, 4.6]])
    assert is_inside(points, torch.tensor([10, 5])).tolist() == [True, False, True, False, False]


def test_points_behind_and_outside_are_not_shown():
    cameras = camera([[100.0, 0, 30], [0, 100, 20], [0, 0, 1]])
    cameras = cameras.map(lambda tensor: tensor[None])
    points = np.array([[[0.0, 0, 1], [0, 0, -1], [0.29, 0, 1], [0.31, 0, 1]]])
    pixels, shown = shown_points(cameras, points, np.array([[60, 40]]))
    assert pixels.shape == (1, 1, 4, 2)
    assert np.isfinite(pixels).all()
    assert shown[0, 0].tolist() == [True, False, True, False]


def test_a_lens_that_folds_over_shows_nothing_twice():
    # r (1 - 0.3 r^2) grows until r = 1.05 and is back at 0 for r = 1.83.
    cameras = camera([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]], [-0.3])
    cameras = cameras.map(lambda tensor: tensor[None])
    points = np.array([[[0.5, 0, 1], [1.7, 0, 1]]])
    pixels, shown = shown_points(cameras, points, np.array([[160, 120]]))
    assert (pixels[0, 0] < 160).all()  # both are projected into the image
    assert shown[0, 0].tolist() == [True, False]


def test_nobody_is_no_error():
    cameras = camera([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]]).map(lambda tensor: tensor[None])
    pixels, shown = shown_points(cameras, np.zeros((0, 5, 3)), np.array([[160, 120]]))
    assert pixels.shape == (0, 1, 5, 2)
    assert shown.shape == (0, 1, 5)


def test_a_sample_says_what_is_missing():
    cameras = camera([[10.0, 0, 4], [0, 10, 2], [0, 0, 1]])
    cameras = cameras.map(lambda tensor: tensor.expand(2, *tensor.shape))
    points = torch.tensor([[0.0, 0, 1], [0, 0, 1], [9, 9, 1]], dtype=torch.float64)
    sample = sample_of(
        [np.full((6, 8, 3), 7, np.uint8), None],
        cameras,
        (8, 6),
        points,
        torch.tensor([True, False, True]),
        torch.ones(2, 3, dtype=torch.bool),
        3,
    )
    assert sample.images.shape == (2, 3, 6, 8)
    assert sample.images[0].unique().tolist() == [7]
    assert not sample.images[1].any()
    assert sample.views.tolist() == [True, False]
    assert sample.visible.tolist() == [[True, False, False], [False] * 3]
    assert int(sample.group) == 3
