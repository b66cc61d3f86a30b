from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from triangulate.synthetic import ring_rig, walk
from triangulate.synthetic.board_films import PrintedSheet, render_board
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.films import Room, empty_room
from triangulate.synthetic.rigs import looking_at

SIZE = (960, 540)
RIG = ring_rig(seeded(0), num_cameras=3, radius_m=2.4, size=SIZE, lens="mixed")
SQUARE_M, PAPER_M, PIXELS_PER_M = 0.12, 0.03, 1000
OPENCV = cv2.aruco.CharucoBoard(
    (5, 4), SQUARE_M, 0.09, cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
)


@pytest.fixture(scope="module")
def room() -> Room:
    return empty_room(seeded(2), walk(seeded(1), 2), RIG)


@pytest.fixture(scope="module")
def sheet() -> PrintedSheet:
    """OpenCV's own picture of its board."""
    margin = round(PAPER_M * PIXELS_PER_M)
    size = [round(n * SQUARE_M * PIXELS_PER_M) + 2 * margin for n in (5, 4)]
    grey = OPENCV.generateImage(size, marginSize=margin)
    return PrintedSheet(grey, PIXELS_PER_M, np.array([PAPER_M, PAPER_M]))


def shown_to(view: int, turn_deg: tuple[float, float, float], away: float = 0.6):
    """A board before a camera, turned: world-from-board."""
    centre = RIG.cameras.centre_world[view].numpy()
    middle = centre + away * (np.array([0, 0, 1.0]) - centre)
    facing = looking_at(centre, middle, np.zeros(())).T
    rotation = facing @ Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    return rotation, middle - rotation @ np.array([2.5 * SQUARE_M, 2 * SQUARE_M, 0])


def test_corners_are_found_where_the_rig_projects_them(room: Room, sheet: PrintedSheet) -> None:
    turns = [(0, 0, 0), (35, 0, 10), (0, -40, -30), (-20, 25, 160)]
    poses = [(v, *shown_to(v, turn)) for v in range(3) for turn in turns]
    rotation, translation = (np.stack([pose[k] for pose in poses]) for k in (1, 2))
    corners_m = np.asarray(OPENCV.getChessboardCorners(), dtype=np.float64)
    detector = cv2.aruco.CharucoDetector(OPENCV)
    errors: list[np.ndarray] = []
    for (view, turned, moved), images in zip(
        poses, render_board(room, sheet, rotation, translation), strict=True
    ):
        found_px, ids, _, _ = detector.detectBoard(images[view][..., ::-1])
        assert ids is not None
        world = torch.from_numpy(corners_m @ turned.T + moved)
        true_px = RIG.cameras[view].project(world)[0].numpy()
        errors.append(np.reshape(found_px, (-1, 2)) - true_px[np.ravel(ids)])
    error_px = np.concatenate(errors)
    assert len(error_px) > 0.9 * len(poses) * len(corners_m)
    assert np.median(np.linalg.norm(error_px, axis=-1)) < 0.1
    assert np.quantile(np.linalg.norm(error_px, axis=-1), 0.95) < 0.3
    assert np.abs(error_px.mean(0)).max() < 0.03  # half a pixel somewhere would be seen


def test_only_the_board_changes_and_its_back_is_plain(room: Room, sheet: PrintedSheet) -> None:
    rotation, translation = shown_to(0, (0, 0, 0))
    (images,) = render_board(room, sheet, rotation[None], translation[None])
    changed = (images != room.empty.numpy()).any(-1)
    outline = torch.from_numpy(sheet.corners_m @ rotation.T + translation)
    for v in range(3):
        outline_px = RIG.cameras[v].project(outline)[0].numpy()
        mask = np.zeros(SIZE[::-1], np.uint8)
        cv2.fillConvexPoly(mask, np.rint(outline_px).astype(np.int32), 1)
        near = cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0
        assert not changed[v][~near].any()
        assert changed[v][mask > 0].mean() > 0.95
    inside = np.zeros(SIZE[::-1], np.uint8)
    shrunk = outline.mean(0) + 0.8 * (outline - outline.mean(0))
    for v, is_print in ((0, True), (1, False), (2, False)):
        corners_px = np.rint(RIG.cameras[v].project(shrunk)[0].numpy()).astype(np.int32)
        inside[:] = 0
        cv2.fillConvexPoly(inside, corners_px, 1)
        assert (images[v].mean(-1)[inside > 0].std() > 20) == is_print


def test_a_board_on_the_floor_leaves_a_shadow(room: Room, sheet: PrintedSheet) -> None:
    flat = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    low, high = np.array([-0.3, 0.24, 0.02]), np.array([-0.3, 0.24, 1.3])
    on_floor, _ = render_board(room, sheet, np.stack([flat] * 2), np.stack([low, high]))
    beside = torch.tensor([[0.45, 0.0, 0.0]], dtype=torch.float64)
    darker = 0
    for v in range(3):
        (x, y), *_ = RIG.cameras[v].project(beside)[0].round().int().tolist()
        before = room.empty[v, y - 1 : y + 2, x - 1 : x + 2].float().mean()
        darker += float(on_floor[v, y - 1 : y + 2, x - 1 : x + 2].mean()) < float(before) - 0.5
    assert darker == 3


def test_a_board_out_of_sight_is_not_drawn(room: Room, sheet: PrintedSheet) -> None:
    rotation, _ = shown_to(0, (0, 0, 0))
    centres = RIG.cameras.centre_world.numpy()
    behind = 1.6 * centres[0] - rotation @ np.array([2.5 * SQUARE_M, 2 * SQUARE_M, 0])
    (images,) = render_board(room, sheet, rotation[None], behind[None])
    assert np.array_equal(images[0], room.empty[0].numpy())
