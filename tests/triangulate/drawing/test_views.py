from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.drawing.bones import project
from triangulate.drawing.canvas import BACKGROUND, DROPPED, MISSING, USED, Box, Canvas
from triangulate.drawing.views import Tiles, draw_views, lay_out, used_observations
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

PICTURE = (700, 500)


def tiles_of(rig: Rig, poses: Poses3D, frame: int) -> tuple[Tiles, np.ndarray]:
    sizes = np.array(rig.sizes)
    content = project(rig.cameras, poses.positions_m[frame]).reshape(len(rig), -1, 2)
    return lay_out(rig, sizes, content, Box(10, 20, 680, 470)), sizes


@pytest.mark.parametrize("count", range(1, 10))
def test_tiles_fill_their_box_and_do_not_overlap(count: int) -> None:
    rig = ring_rig(seeded(0), count)
    content = np.full((count, 4, 2), np.nan)
    tiles = lay_out(rig, np.array(rig.sizes), content, Box(10, 20, 680, 470))
    taken = np.zeros((500, 700), int)
    for box in tiles.boxes:
        taken[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert taken.max() == 1
    assert taken[:20].sum() == taken[490:].sum() == taken[:, :10].sum() == taken[:, 690:].sum() == 0
    assert taken.sum() > 0.6 * 680 * 470
    # Without points, a tile shows the whole image.
    assert (tiles.crops_px[:, :2] <= 1e-9).all()
    assert (tiles.crops_px[:, :2] + tiles.crops_px[:, 2:] >= np.array(rig.sizes) - 1e-9).all()


def test_tile_cameras_and_tile_pixels_agree_with_the_lens(rig: Rig, some_poses: Poses3D) -> None:
    tiles, _ = tiles_of(rig, some_poses, 3)
    points = torch.from_numpy(some_poses.positions_m[3, 0])
    in_image = rig.cameras.project(points)[0].numpy()
    in_tile = tiles.cameras.project(points)[0].numpy()
    homogeneous = np.concatenate([in_image, np.ones_like(in_image[..., :1])], axis=-1)
    mapped = homogeneous @ tiles.tile_from_image.mT
    np.testing.assert_allclose(mapped[..., :2], in_tile, atol=1e-9)
    size = np.array([[box.width, box.height] for box in tiles.boxes])[:, None]
    assert ((in_tile >= 0) & (in_tile < size)).all()
    zoom = tiles.tile_from_image[:, [0, 1], [0, 1]]
    np.testing.assert_allclose(zoom[:, 0], zoom[:, 1])


def test_marks_say_what_became_of_each_observation(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    tiles, sizes = tiles_of(rig, some_poses, 5)
    canvas = Canvas.blank(*PICTURE, BACKGROUND)
    draw_views(canvas, tiles, sizes, some_poses, keypoints, rig, 5)
    picture = canvas.finished().astype(int)
    joints = project(tiles.cameras, some_poses.positions_m[5, 0])  # V J 2

    def at(view: int, point: np.ndarray) -> np.ndarray:
        box = tiles.boxes[view]
        x, y = np.rint(point).astype(int)
        return picture[box.y + y, box.x + x]

    apart = np.linalg.norm(joints[:, :, None] - joints[:, None], axis=-1) + 1e3 * np.eye(17)
    alone = apart.min(-1) > 14
    alone[1, [3, 5]] = False
    assert alone.sum() > 20
    for view, joint in zip(*np.nonzero(alone), strict=True):
        assert np.abs(at(view, joints[view, joint]) - USED).max() < 12
    shift = 30 * tiles.tile_from_image[1, 0, 0]
    assert np.abs(at(1, joints[1, 5] + [shift, 0]) - DROPPED).max() < 40
    box = tiles.boxes[1]
    x, y = np.rint(joints[1, 3]).astype(int)
    around = picture[box.y + y - 4 : box.y + y + 5, box.x + x - 4 : box.x + x + 5]
    assert np.abs(around - MISSING).max(-1).min() < 40


def test_an_observation_is_known_again_in_whatever_order_a_view_lists_people(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    """Two people, listed the other way round by the third camera."""
    moved = some_poses.positions_m + np.array([0.6, 0.5, 0])
    positions = np.concatenate([some_poses.positions_m, moved], axis=1)
    projected = np.moveaxis(project(rig.cameras, positions), 0, 1)  # T V P J 2
    rng = np.random.default_rng(0)
    observed = projected + rng.normal(0, 2, projected.shape)
    reprojection = np.moveaxis(np.linalg.norm(observed - projected, axis=-1), 1, 2)
    used = rng.random(reprojection.shape) < 0.7  # T P V J
    observed[:, 2] = observed[:, 2, ::-1]
    poses = Poses3D(
        positions_m=positions,
        covariance_m2=np.zeros((*positions.shape, 3)),
        reprojection_px=reprojection,
        views_used=used,
        reason=np.zeros(positions.shape[:3], np.uint8),
        sides_swapped=np.zeros((12, 2, 4), bool),
        skeleton=some_poses.skeleton,
        names=rig.names,
    )
    found = used_observations(observed[4], projected[4], poses, 4)
    expected = np.moveaxis(used[4], 1, 0)
    expected[2] = expected[2, ::-1]
    assert (found == expected).mean() > 0.99


def test_exchanged_sides_are_known_again(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    """The first camera swaps left and right, and the poses say that this was undone."""
    flip = some_poses.skeleton.flip_permutation()
    swapped = some_poses.sides_swapped.copy()
    swapped[:, :, 0] = True
    poses = replace(some_poses, sides_swapped=swapped)
    observed = keypoints.points_px[6].astype(float)
    observed[0] = observed[0][:, flip]
    projected = project(rig.cameras, poses.positions_m[6])
    expected = np.moveaxis(some_poses.views_used[6], 1, 0)
    assert expected[0].all()
    np.testing.assert_array_equal(used_observations(observed, projected, poses, 6), expected)
    confused = used_observations(observed, projected, some_poses, 6)
    assert confused[0].sum() == 17 - 2 * len(some_poses.skeleton.flip_pairs)


def test_images_lie_below_the_drawing(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    tiles, sizes = tiles_of(rig, some_poses, 0)
    images = [np.full((h, w, 3), 40 + 50 * v, np.uint8) for v, (w, h) in enumerate(sizes)]
    nobody = replace(some_poses, positions_m=np.full_like(some_poses.positions_m, np.nan))
    canvas = Canvas.blank(*PICTURE, BACKGROUND)
    draw_views(canvas, tiles, sizes, nobody, keypoints, rig, 0, images)
    picture = canvas.finished()
    for v, box in enumerate(tiles.boxes):
        middle = picture[box.y + box.height // 2, box.x + 5]
        assert np.abs(middle.astype(int) - 0.6 * (40 + 50 * v)).max() < 2
