"""Hulls of made-up people, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.cloud.hull import (
    Hull,
    about_joints,
    bones_of,
    hull_cloud,
    middle_of,
    visual_hull,
)
from triangulate.errors import InputError
from triangulate.geometry.voxels import VoxelGrid
from triangulate.pose2d.silhouettes import Silhouettes
from triangulate.skeleton import Skeleton
from triangulate.synthetic import random_crowd, random_pose, ring_rig, take_pictures
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded

VIEWS, SIZE = 6, (256, 144)


@pytest.fixture(scope="module")
def scene():
    """A made-up person: silhouettes, images, cameras, joints (J, 3)."""
    rig = ring_rig(seeded(0), VIEWS, size=SIZE)
    dice = Dice([seeded(1)])
    joints = torch.from_numpy(random_pose(seeded(2), lying=0.0))
    cameras = rig.cameras.map(lambda tensor: tensor[None])
    crowd = random_crowd(dice, joints, cameras)
    flat = crowd.map(lambda tensor: tensor[0])
    pictures = take_pictures(flat, SIZE)
    shown = torch.ones_like(pictures.person)
    views, on_mask = shown.new_ones(VIEWS), torch.ones(VIEWS)
    found = Silhouettes(pictures.person.float(), shown, rig.cameras, views, on_mask)
    images = [image.permute(1, 2, 0).numpy() for image in pictures.images]
    return found, images, rig.cameras, joints[0].numpy()


def carved(scene, size: int, found: Silhouettes | None = None) -> Hull:
    hull = visual_hull(found or scene[0], scene[3], h36m17(), size=size)
    assert hull is not None
    return hull


def test_the_hull_holds_the_person(scene) -> None:
    found, images, cameras, joints = scene
    hull = carved(scene, 64)
    assert hull.joints_inside == 1
    assert 0.04 < hull.volume_m3 < 0.2
    assert (hull.overlap > 0.7).all()
    cloud = hull_cloud(hull, images, cameras, found)
    assert cloud.colours.dtype == np.uint8
    assert cloud.points_m.shape == cloud.colours.shape == cloud.normals.shape
    np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=-1), 1, atol=1e-6)
    middle = np.median(joints, axis=0)
    outwards = ((cloud.points_m - middle) * cloud.normals).sum(-1)
    assert (outwards > 0).mean() > 0.7


def test_the_volume_converges_with_the_size(scene) -> None:
    volumes = [carved(scene, size).volume_m3 for size in (48, 96, 128)]
    assert abs(volumes[1] - volumes[2]) < 0.06 * volumes[2]
    assert abs(volumes[0] - volumes[2]) < 0.2 * volumes[2]


def test_a_mask_that_fails_does_not_take_part(scene) -> None:
    found = scene[0]
    views = found.views.clone()
    views[1] = False
    broken = found.probability.clone()
    broken[1] = 0
    hull = carved(scene, 48, replace(found, probability=broken, views=views))
    whole = carved(scene, 48)
    assert hull.volume_m3 > whole.volume_m3
    assert hull.grid.step_m == whole.grid.step_m
    at = hull.grid.index(whole.grid.points(whole.held.nonzero()))
    assert hull.held[at.unbind(-1)].double().mean() > 0.99  # but for cells that only it left bare
    assert np.isnan(hull.overlap[1])
    assert np.isfinite(np.delete(hull.overlap, 1)).all()


def test_nothing_to_carve(scene) -> None:
    found, _, _, joints = scene
    nobody = replace(found, probability=torch.zeros_like(found.probability))
    assert visual_hull(nobody, joints, h36m17(), size=16) is None
    blind = replace(found, views=torch.zeros(VIEWS, dtype=torch.bool))
    assert visual_hull(blind, joints, h36m17(), size=16) is None
    assert visual_hull(found, np.full_like(joints, np.nan), h36m17(), size=16) is None


@pytest.mark.parametrize(("size", "says"), [(100, "a multiple of 8"), (8, "16 to 512")])
def test_sizes_that_cannot_be(scene, size: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        visual_hull(scene[0], scene[3], h36m17(), size=size)


def test_parts_that_float_about_go() -> None:
    grid = VoxelGrid.cube(torch.zeros(3, dtype=torch.float64), 1.5, 16)
    held = torch.zeros(16, 16, 16, dtype=torch.bool)
    held[2:4, 2:4, 2:4] = held[8:10, 8:10, 8:10] = held[13, 13, 13] = True
    # Inside, beside, far from any, and beyond the box.
    joints = grid.points(torch.tensor([[2, 2, 2], [8, 7, 8], [15, 0, 15], [40, 2, 2]]))
    kept, inside = about_joints(held, joints, grid)
    assert kept.sum() == 16
    assert not kept[13, 13, 13]
    assert inside == pytest.approx(2 / 4)


def test_bones_with_both_ends() -> None:
    skeleton = Skeleton(("a", "b", "c"), ((0, 1), (1, 2)))
    joints = np.array([[0.0, 0, 0], [1, 0, 0], [np.nan, 0, 0]])
    assert bones_of(joints, skeleton).tolist() == [[[0, 0, 0], [1, 0, 0]]]
    assert bones_of(joints, Skeleton.anonymous(3)).shape == (0, 2, 3)


def test_the_cube_holds_the_feet() -> None:
    """Most joints are of the face and the hands; one that is metres away does not count."""
    upper = torch.tensor([[0.0, 0, 1.6]]).repeat(20, 1) + torch.linspace(0, 0.1, 20)[:, None]
    joints = torch.cat([upper, torch.tensor([[0.4, 0.0, 0.0], [0, 0, 9.0]])]).double()
    torch.testing.assert_close(middle_of(joints, 2.5), torch.tensor([0.2, 0.05, 0.85]).double())
