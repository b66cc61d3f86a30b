from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from triangulate.pose2d.regions import (
    BODY_RADIUS,
    REGION_SCALE,
    Region,
    apply_affine,
    cut_out,
    overlap,
    region_from_axis,
    region_from_body,
)

TILTED = Region(center_px=(300.0, 200.0), size_px=120.0, angle_rad=math.pi / 6)


def test_the_affine_of_an_upright_region_by_hand() -> None:
    # 8 pixels in 4: each crop pixel is the middle of two, the crop's edge at the region's.
    affine = Region(center_px=(10.5, 20.5), size_px=8).image_from_crop(4)
    np.testing.assert_allclose(affine, [[2, 0, 7.5], [0, 2, 17.5], [0, 0, 1]])


def test_corners_turn_clockwise_on_the_screen() -> None:
    square = Region(center_px=(100, 50), size_px=20, angle_rad=math.pi / 2)
    # The crop's top left is the image's top right after a quarter turn.
    np.testing.assert_allclose(square.corners_px(), [[110, 40], [110, 60], [90, 60], [90, 40]])


def test_the_corners_are_half_a_pixel_outside_the_crop() -> None:
    crop = np.array([[-0.5, -0.5], [255.5, -0.5], [255.5, 255.5], [-0.5, 255.5]])
    np.testing.assert_allclose(
        apply_affine(TILTED.image_from_crop(256), crop), TILTED.corners_px(), atol=1e-10
    )


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_points_go_to_the_crop_and_back(batch: tuple[int, ...]) -> None:
    points_px = np.random.default_rng(0).uniform(-500, 2000, (*batch, 5, 2))
    image_from_crop = TILTED.image_from_crop(256)
    points_crop = apply_affine(np.linalg.inv(image_from_crop), points_px)
    np.testing.assert_allclose(apply_affine(image_from_crop, points_crop), points_px, atol=1e-9)


def test_nan_stays_nan() -> None:
    points = np.array([[1.0, 2.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(
        np.isnan(apply_affine(TILTED.image_from_crop(256), points)), np.isnan(points)
    )


@pytest.mark.parametrize(
    ("top", "angle"),
    [((50, 0), 0), ((100, 50), math.pi / 2), ((0, 50), -math.pi / 2), ((50, 100), math.pi)],
)
def test_the_region_of_an_axis(top: tuple[int, int], angle: float) -> None:
    region = region_from_axis(np.array([50.0, 50.0]), np.array(top, float))
    assert region.center_px == (50, 50)
    assert region.size_px == pytest.approx(2 * 1.25 * 50)
    assert region.angle_rad == pytest.approx(angle)
    # In the crop, the second point is straight above the middle.
    crop_from_image = np.linalg.inv(region.image_from_crop(256))
    point = apply_affine(crop_from_image, np.array(top, float))
    np.testing.assert_allclose(point, [127.5, 127.5 - 256 / 2.5], atol=1e-9)


def body(angle_rad: float = 0.0) -> np.ndarray:
    """33 joints: hips at the origin, shoulders 50 above, ankles 100 below, turned."""
    joints = np.zeros((33, 2))
    joints[[11, 12]] = (-20, -50), (20, -50)
    joints[[23, 24]] = (-10, 0), (10, 0)
    joints[[27, 28]] = (0, 100), (0, 100)
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return joints @ np.array([[cos, sin], [-sin, cos]])


@pytest.mark.parametrize("angle", [-2.0, 0.0, 0.7])
def test_the_region_of_a_body_turns_and_moves_with_it(angle: float) -> None:
    region = region_from_body(body(angle) + np.array([400, 300]))
    assert region is not None
    np.testing.assert_allclose(region.center_px, (400, 300), atol=1e-9)
    assert region.angle_rad == pytest.approx(angle)
    assert region.size_px == pytest.approx(2 * REGION_SCALE * BODY_RADIUS * 100)


def test_a_body_without_hips_gets_an_upright_region_around_its_joints() -> None:
    joints = np.full((33, 2), np.nan)
    joints[[15, 27]] = (100, 100), (160, 180)
    region = region_from_body(joints)
    assert region == Region((130, 140), 2 * REGION_SCALE * BODY_RADIUS * 50)


def test_a_body_without_joints_has_no_region() -> None:
    assert region_from_body(np.full((33, 2), np.nan)) is None
    assert region_from_body(np.zeros((33, 2))) is None


def test_overlap_by_hand() -> None:
    first = Region((0, 0), 4)
    assert overlap(first, first) == 1
    assert overlap(first, Region((2, 0), 4)) == pytest.approx(8 / 24)
    assert overlap(first, Region((0, 0), 2)) == pytest.approx(4 / 16)
    assert overlap(first, Region((5, 0), 4)) == 0
    assert overlap(first, replace(first, angle_rad=1)) == 1


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.6, 2.9, 4.2, 8.6])
@pytest.mark.parametrize("angle", [0.0, 0.4, -2.5])
def test_a_spot_in_the_crop_is_where_the_affine_says(scale: float, angle: float) -> None:
    spot_px, sigma = np.array([311.3, 207.8]), 4 * scale
    y, x = np.mgrid[:480, :640]
    blob = np.exp(-((x - spot_px[0]) ** 2 + (y - spot_px[1]) ** 2) / (2 * sigma**2))
    image = np.repeat((255 * blob)[:, :, None], 3, axis=2).astype(np.uint8)
    region = Region((307.0, 212.0), 64 * scale, angle)

    crop = cut_out(image, region, 64)[:, :, 0].astype(float)

    rows, columns = np.mgrid[:64, :64]
    found_crop = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    found_px = apply_affine(region.image_from_crop(64), found_crop)
    np.testing.assert_allclose(found_px, spot_px, atol=0.06 * scale)


def test_a_turned_image_gives_the_same_crop() -> None:
    random = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    image = cv2.GaussianBlur(random, (0, 0), 8)
    turned = np.ascontiguousarray(np.rot90(image, -1))  # (x, y) goes to (299 - y, x)
    region = Region((190.0, 140.0), 200.0, 0.3)
    moved = Region((299 - 140.0, 190.0), 200.0, 0.3 + math.pi / 2)
    first, second = cut_out(image, region, 128), cut_out(turned, moved, 128)
    assert np.abs(first.astype(int) - second).max() <= 3


def test_shrinking_averages_pixels() -> None:
    checkers = np.indices((512, 512)).sum(0) % 2 * 255
    image = np.repeat(checkers[:, :, None], 3, axis=2).astype(np.uint8)
    crop = cut_out(image, Region((255.5, 255.5), 400), 100)
    assert np.abs(crop.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("center", [(-900.0, 100.0), (100.0, 5000.0)])
@pytest.mark.parametrize("size", [50.0, 700.0])
def test_outside_the_image_is_black(center: tuple[float, float], size: float) -> None:
    image = np.full((120, 200, 3), 200, np.uint8)
    assert not cut_out(image, Region(center, size), 64).any()
