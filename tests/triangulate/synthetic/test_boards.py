from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.geometry.camera import Camera
from triangulate.synthetic import (
    BoardScene,
    board_grid,
    board_scene,
    corridor_rig,
    corridor_volume,
    islands_rig,
    ring_rig,
)
from triangulate.synthetic.boards import bowed
from triangulate.synthetic.draws import seeded

BOARD = board_grid()


def seen(scene: BoardScene) -> np.ndarray:
    return ~np.isnan(scene.clean_px[..., 0])


def projected(rig, scene: BoardScene) -> np.ndarray:
    """(V, F, N, 2): the board where the truth says it is."""
    points = np.einsum("fij,nj->fni", scene.world_from_board_rotation, scene.bowed_target_m)
    points += scene.world_from_board_translation_m[:, None]
    pixels, _ = rig.cameras.project(torch.from_numpy(points.reshape(-1, 3)))
    return pixels.numpy().reshape(scene.clean_px.shape)


def test_the_grid_and_its_bow_have_the_heights_worked_out_by_hand() -> None:
    grid = board_grid(3, 2, 0.1)
    assert grid.tolist() == [[x, y, 0] for y in (0.0, 0.1) for x in (0.0, 0.1, 0.2)]
    bent = bowed(board_grid(3, 3, 0.1), 0.008)
    # The corners lie on the circle of half the diagonal, the middles of the sides at 1 / sqrt(2).
    np.testing.assert_allclose(
        bent[:, 2], [0, 0.004, 0, 0.004, 0.008, 0.004, 0, 0.004, 0], atol=1e-15
    )
    np.testing.assert_array_equal(bent[:, :2], board_grid(3, 3, 0.1)[:, :2])


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
def test_clean_pixels_are_the_truth_through_the_rigs_lenses(lens: str) -> None:
    rig = ring_rig(seeded(0), 5, lens=lens)
    scene = board_scene(seeded(1), rig, BOARD, 30, bow_m=0.004)
    there = seen(scene)
    assert there.any((0, 2)).all()  # every frame is seen by somebody
    assert there.any((1, 2)).all()
    np.testing.assert_allclose(scene.clean_px[there], projected(rig, scene)[there], atol=1e-9)
    assert (there.all(-1) == there.any(-1)).all()  # whole boards
    np.testing.assert_array_equal(np.isnan(scene.points_px), np.isnan(scene.clean_px))


def test_noise_and_outliers_are_what_was_asked_for() -> None:
    rig = ring_rig(seeded(0), 4)
    scene = board_scene(seeded(2), rig, BOARD, 60, noise_px=0.3, outliers=0.05)
    error = (scene.points_px - scene.clean_px)[seen(scene)]
    wild = scene.outlier[seen(scene)]
    assert not scene.outlier[~seen(scene)].any()
    assert wild.mean() == pytest.approx(0.05, abs=0.01)
    assert error[~wild].std() == pytest.approx(0.3, abs=0.01)
    distance = np.linalg.norm(error[wild], axis=-1)
    assert 3.5 < distance.min() < 12
    assert 45 < distance.max() < 51.5


def test_nothing_is_drawn_where_nothing_is_wanted() -> None:
    rig = ring_rig(seeded(0), 3)
    scene = board_scene(seeded(0), rig, BOARD, 5, noise_px=0, outliers=0)
    np.testing.assert_array_equal(scene.points_px, scene.clean_px)
    assert not scene.outlier.any()
    np.testing.assert_array_equal(scene.bowed_target_m, BOARD)


def test_a_board_is_seen_from_the_front_and_not_too_slantingly() -> None:
    rig = ring_rig(seeded(0), 6)
    scene = board_scene(seeded(3), rig, BOARD, 80, max_tilt_deg=50, from_behind=["cam2"])
    middle = np.einsum("fij,j->fi", scene.world_from_board_rotation, BOARD.mean(0))
    middle += scene.world_from_board_translation_m
    sight = middle - rig.cameras.centre_world.numpy()[:, None]
    cosine = (sight * scene.world_from_board_rotation[..., 2]).sum(-1)
    cosine /= np.linalg.norm(sight, axis=-1)
    there = seen(scene).any(-1)
    front = np.arange(6) != 1
    assert cosine[front][there[front]].min() >= np.cos(np.deg2rad(50))
    assert cosine[1][there[1]].min() < -0.7
    # Read from the front, the columns' x and the rows' y turn clockwise in the image, as printed.
    first, right, below = (
        scene.clean_px[..., 0, :],
        scene.clean_px[..., 8, :],
        scene.clean_px[..., 45, :],
    )
    x, y = right - first, below - first
    clockwise = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0] > 0
    assert clockwise[there & (cosine > 0)].all()
    assert not clockwise[there & (cosine < 0)].any()


def test_hidden_parts_are_contiguous_and_of_the_size_asked_for() -> None:
    rig = ring_rig(seeded(0), 4)
    whole = board_scene(seeded(4), rig, BOARD, 60, missing_views=0)
    scene = board_scene(seeded(4), rig, BOARD, 60, hidden=0.3, missing_views=0)
    counts = seen(scene).sum(-1)
    share = counts[counts > 0] / len(BOARD)
    assert share.mean() == pytest.approx(0.7, abs=0.06)
    assert share.min() < 0.5
    assert seen(whole).any(-1).mean() < (counts > 0).mean()
    # A half plane covers: the centroids of what is seen and what is not are apart.
    view, frame = np.argwhere((counts > 15) & (counts < 40))[0]
    there = seen(scene)[view, frame]
    direction = BOARD[~there].mean(0) - BOARD[there].mean(0)
    along = BOARD @ direction
    assert np.linalg.norm(direction) > 0.1
    assert (along[there].max() - along[~there].min()) < 0.13


def test_views_go_missing_as_a_whole() -> None:
    rig = ring_rig(seeded(0), 4)
    all_seen, some = (
        board_scene(seeded(5), rig, BOARD, 600, missing_views=part, motion="smooth")
        for part in (0, 0.4)
    )
    ratio = seen(some).any(-1).sum() / seen(all_seen).any(-1).sum()
    assert ratio == pytest.approx(0.6, abs=0.06)


def test_a_waved_board_moves_smoothly_and_late_cameras_see_it_later() -> None:
    rig = ring_rig(seeded(0), 4)
    late = np.array([0.0, 0.02, -0.03, 0.5])
    scene = board_scene(
        seeded(6), rig, BOARD, 300, motion="smooth", late_s=late, fps=30, noise_px=0, outliers=0
    )
    assert scene.times_s[30] == pytest.approx(1.0)
    step = np.linalg.norm(np.diff(scene.world_from_board_translation_m, axis=0), axis=-1)
    assert step.max() < 3 / 30  # metres a frame
    assert step.mean() > 0.2 / 30
    truth, there = projected(rig, scene), seen(scene)
    np.testing.assert_allclose(scene.clean_px[0][there[0]], truth[0][there[0]], atol=1e-9)
    assert np.linalg.norm(scene.clean_px[1] - truth[1], axis=-1)[there[1]].max() > 1
    # Half a second is 15 frames: the last camera sees in frame f what is true at f + 15.
    both = there[3][:-15]
    np.testing.assert_allclose(scene.clean_px[3, :-15][both], truth[3, 15:][both], atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.det(scene.world_from_board_rotation), np.ones(300), atol=1e-12
    )
    assert 0.2 < there.any((0, 2)).mean()


def test_a_corridor_chains_neighbours_and_nothing_else() -> None:
    rig = corridor_rig(seeded(0), 6, lens="mixed")
    scene = board_scene(seeded(1), rig, BOARD, 150, volume=corridor_volume(6))
    views = seen(scene).any(-1).astype(int)
    shared = views @ views.T
    assert (np.diag(shared, 1) >= 3).all()
    assert max(np.diag(shared, k).max() for k in (3, 4, 5)) == 0
    assert (np.diag(shared) > 0).all()


def test_islands_share_nothing() -> None:
    rig = islands_rig(seeded(0), 7, lens="mixed")
    middles = [(0, 0, 1.1), (0, 0, 7.1)]
    scene = board_scene(seeded(1), rig, BOARD, 120, volume=(middles, (0.8, 0.8, 0.5)))
    views = seen(scene).any(-1).astype(int)
    shared = views @ views.T
    assert shared[:3, 3:].max() == 0
    assert (np.diag(shared) > 5).all()
    assert shared[0, 1:3].max() > 0


def test_the_same_seed_gives_the_same_scene() -> None:
    rig = ring_rig(seeded(0), 3)
    first, second, other = (board_scene(seeded(s), rig, BOARD, 10, hidden=0.2) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.points_px, second.points_px)
    assert not np.array_equal(first.clean_px, other.clean_px, equal_nan=True)


def test_a_big_scene_is_made_at_once(monkeypatch) -> None:
    """Few projections of many points, and not many more points than are wanted."""
    rig = ring_rig(seeded(0), 16, size=(1920, 1080))
    counts = []

    def project(cameras: Camera, points_world: torch.Tensor):
        counts.append(points_world.shape[:-1].numel())
        return whole(cameras, points_world)

    whole = Camera.project
    monkeypatch.setattr(Camera, "project", project)
    scene = board_scene(seeded(0), rig, BOARD, 400)
    assert scene.points_px.shape == (16, 400, 54, 2)
    assert len(counts) <= 4
    assert sum(counts) <= 4 * 16 * 400 * 54


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"motion": "spin"}, "motion must be"),
        ({"late_s": [0.0, 0.0, 0.0]}, "needs motion='smooth'"),
        ({"late_s": [0.0], "motion": "smooth"}, "for each of 3"),
        ({"hidden": 0.7}, "hidden must lie"),
        ({"volume": ((0, 0, 900.0), (1, 1, 1))}, "no camera of the rig"),
    ],
)
def test_what_cannot_be_is_refused(options, said) -> None:
    with pytest.raises(ValueError, match=said):
        board_scene(seeded(0), ring_rig(seeded(0), 3), BOARD, 5, **options)
