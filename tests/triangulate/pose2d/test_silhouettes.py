"""Masks brought back into the image: made-up ones, whose place is known, and real ones."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from triangulate.pose2d.blazepose import CROP_PX, Landmarks, apply_affine
from triangulate.pose2d.regions import Region
from triangulate.pose2d.silhouettes import (
    MAP_PX,
    Silhouettes,
    find_silhouettes,
    map_cameras,
    map_sizes,
    region_of,
)
from triangulate.skeleton import Skeleton
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

SIZES = [(1280, 720), (640, 480), (400, 900)]
SKELETON = Skeleton(("left_hip", "right_hip", "left_shoulder", "right_shoulder", "head"), ())
SHARPNESS = 0.3  # logits a pixel of the image


@dataclass
class Ellipses:
    """In place of the network: a person is an ellipse about the middle of its region."""

    radii_px: tuple[float, float] = (60.0, 90.0)
    pose_flag: float = 1.0
    moved_px: tuple[float, float] = (0.0, 0.0)

    def landmarks(self, image: np.ndarray, region: Region, *, mask: bool = False) -> Landmarks:
        assert mask
        image_from_crop = region.image_from_crop(CROP_PX)
        rows, columns = np.mgrid[:CROP_PX, :CROP_PX]
        at = apply_affine(image_from_crop, np.stack([columns, rows], -1).reshape(-1, 2))
        depth = self.depth_px(at, np.array(region.center_px) + self.moved_px)
        made = SimpleNamespace(
            mask_logits=(SHARPNESS * depth).reshape(CROP_PX, CROP_PX).astype(np.float32),
            image_from_crop=image_from_crop,
            pose_flag=self.pose_flag,
        )
        return made  # type: ignore[return-value]

    def depth_px(self, points_px: np.ndarray, middle_px: np.ndarray) -> np.ndarray:
        relative = (points_px - middle_px) / self.radii_px
        return (1 - np.linalg.norm(relative, axis=-1)) * min(self.radii_px)


def people(*middles: tuple[float, float] | None) -> np.ndarray:
    """(V, 5, 2) upright people about their hips, NaN for None."""
    body = np.array([[-20.0, 0], [20, 0], [-20, -60], [20, -60], [0, -80]])
    return np.stack([body + ((np.nan, np.nan) if at is None else at) for at in middles])


def looked_at(person_px: np.ndarray, network: Ellipses, sizes=SIZES) -> Silhouettes:
    images = [None if s is None else np.zeros((s[1], s[0], 3), np.uint8) for s in sizes]
    cameras = ring_rig(seeded(0), len(sizes)).cameras
    return find_silhouettes(images, person_px, SKELETON, cameras, network)  # type: ignore[arg-type]


MIDDLES = ((700.3, 400.0), (200.0, 250.7), (180.0, 500.0))


def test_a_mask_lies_where_the_person_is_in_the_image() -> None:
    """Half a pixel of the map, which is 0.9 to 1.25 of the images', would be seen."""
    network = Ellipses()
    found = looked_at(people(*MIDDLES), network)
    assert found.views.all()
    assert (found.on_mask == 1).all()
    assert found.probability.shape == found.shown.shape == (3, MAP_PX, MAP_PX)
    for v, ((width, height), middle) in enumerate(zip(SIZES, MIDDLES, strict=True)):
        (w, h), scale = map_sizes([(width, height)])[0], MAP_PX / max(width, height)
        assert found.shown[v].sum() == w * h
        assert found.shown[v, :h, :w].all()
        area = network.radii_px[0] * network.radii_px[1] * np.pi * scale**2
        mask = found.masks[v]
        assert float(mask.sum()) == pytest.approx(area, rel=0.01)
        centroid = mask.nonzero().double().mean(0).flip(0).numpy()
        # Image edges are on map edges: x' + 0.5 = scale (x + 0.5).
        factor = np.array([w / width, h / height])
        np.testing.assert_allclose(centroid, factor * (np.array(middle) + 0.5) - 0.5, atol=0.1)


def test_the_map_s_cameras_see_points_where_the_map_has_them() -> None:
    cameras = ring_rig(seeded(0), 3).cameras
    points = torch.tensor([[0.1, -0.2, 1.0], [0.0, 0.3, 0.2]], dtype=torch.float64)
    in_images, in_maps = cameras.project(points)[0], map_cameras(cameras, SIZES).project(points)[0]
    for v, (size, small) in enumerate(zip(SIZES, map_sizes(SIZES), strict=True)):
        factor = torch.tensor(small) / torch.tensor(size, dtype=torch.float64)
        torch.testing.assert_close(in_maps[v], factor * (in_images[v] + 0.5) - 0.5)


def test_beside_the_crop_is_beside_the_person_and_beside_the_image_unseen() -> None:
    found = looked_at(people((10.0, 300.0), *MIDDLES[1:]), Ellipses())
    assert found.views[0]
    w, h = map_sizes(SIZES)[0]
    assert found.probability[0, :, w // 2 :].max() == 0
    assert found.masks[0, :, 0].any()  # cut off by the image's edge
    assert found.shown[0, :h].all()
    assert not found.shown[0, h:].any()


def test_views_that_tell_nothing() -> None:
    sizes = [SIZES[0], None, SIZES[2]]
    found = looked_at(people(None, *MIDDLES[1:]), Ellipses(), sizes)
    assert found.views.tolist() == [False, False, True]
    assert found.on_mask.isnan().tolist() == [True, True, False]
    assert not found.shown[:2].any()
    assert not looked_at(people(*MIDDLES), Ellipses(pose_flag=0.1)).views.any()


def test_a_mask_beside_the_joints_fails() -> None:
    found = looked_at(people(*MIDDLES), Ellipses(moved_px=(70.0, 0.0)))
    assert not found.views.any()
    assert (found.on_mask < 0.6).all()
    assert found.probability.amax((1, 2)).min() > 0.5  # though it is kept
    assert not found.masks.any()
    outside = looked_at(people((-500.0, 300.0), *MIDDLES[1:]), Ellipses())
    assert outside.views.tolist() == [False, True, True]


def test_a_region_needs_no_hips() -> None:
    points = people((100.0, 200.0))[0]
    whole = region_of(points, SKELETON)
    assert whole is not None
    assert whole.center_px == (100, 200)
    other = region_of(points, Skeleton.anonymous(5))
    assert other is not None
    assert other.center_px == (100, 160)
    assert region_of(np.full((5, 2), np.nan), SKELETON) is None


def test_real_masks_hold_the_joints(network, frames) -> None:
    images = frames[0]
    person_px = np.full((4, 33, 2), np.nan)
    for v, image in enumerate(images):
        region = network.detect(image)[0].region
        person_px[v] = network.landmarks(image, region).keypoints()[0][:33]
    cameras = ring_rig(seeded(0), 4).cameras
    found = find_silhouettes(images, person_px, Skeleton.named("mediapipe33"), cameras, network)
    assert found.views.all()
    assert found.on_mask.min() > 0.8
    share = found.masks.sum((1, 2)) / found.shown.sum((1, 2))
    assert (share > 0.03).all()
    assert (share < 0.25).all()
    # A mirrored view has the mirrored mask: pixels of the crop are pixels of the mask.
    mirrored = np.stack([images[0].shape[1] - 1, 0]) + person_px * [-1, 1]
    flipped = np.ascontiguousarray(images[0][:, ::-1])
    again = find_silhouettes(
        [flipped], mirrored[:1], Skeleton.named("mediapipe33"), cameras[:1], network
    )
    there, back = found.masks[0, :, : again.masks.shape[2]], again.masks[0].flip(-1)
    shift = (there.nonzero().double().mean(0) - back.nonzero().double().mean(0)).abs()
    assert shift.max() < 1
    assert (there & back).sum() / (there | back).sum() > 0.95
