from __future__ import annotations

import numpy as np

from triangulate.people.tracking import LOST_S, follow

FPS = 50.0


def walkers(num_frames: int, *starts_m: float) -> np.ndarray:
    """People who walk side by side at 1 m/s, (T, H, 3)."""
    places = np.zeros((num_frames, len(starts_m), 3))
    places[..., 0] = np.array(starts_m)
    places[..., 1] = np.arange(num_frames)[:, None] / FPS
    return places


def followed(score: np.ndarray, places_m: np.ndarray) -> list[int]:
    return follow(score, places_m, 0.4, np.arange(len(score)) / FPS).tolist()


def test_the_one_who_is_seen_better_on_the_whole() -> None:
    score = np.full((30, 2), [8.0, 10.0])
    score[:10] = [10, 8]
    assert followed(score, walkers(30, 0, 2)) == [1] * 30


def test_no_change_for_a_while_of_worse_views() -> None:
    score = np.full((300, 2), [10.0, 5.0])
    score[100:130] = [3, 10]
    assert followed(score, walkers(300, 0, 2)) == [0] * 300


def test_a_change_where_one_leaves_and_the_other_stays() -> None:
    score = np.full((400, 2), [10.0, 0.0])
    score[200:] = [0, 10]
    assert followed(score, walkers(400, 0, 2)) == [0] * 200 + [1] * 200


def test_out_of_sight_for_a_moment() -> None:
    gap = int(LOST_S * FPS) - 1
    score = np.full((200, 2), [10.0, 2.0])
    score[20 : 20 + gap, 0] = 0
    assert followed(score, walkers(200, 0, 2)) == [0] * 20 + [-1] * gap + [0] * (180 - gap)


def test_hypotheses_change_places_in_the_list() -> None:
    places, score = walkers(40, 0, 2), np.full((40, 2), [10.0, 9.0])
    turned = np.random.default_rng(0).random(40) < 0.5
    places[turned], score[turned] = places[turned][:, ::-1], score[turned][:, ::-1]
    assert followed(score, places) == turned.astype(int).tolist()


def test_people_who_pass_each_other() -> None:
    """Nothing but the places tells them apart when they meet."""
    places = walkers(100, -1, 1)
    places[:, :, 1] = [0, 0.15]
    places[:, 0, 0] += np.arange(100) / FPS
    places[:, 1, 0] -= np.arange(100) / FPS
    score = np.full((100, 2), 9.0) + np.random.default_rng(0).random((100, 2))
    assert len(set(followed(score, places))) == 1


def test_nobody() -> None:
    assert followed(np.zeros((3, 2)), walkers(3, 0, 2)) == [-1, -1, -1]
    assert followed(np.array([[-1.0, 0.5]]), walkers(1, 0, 2)) == [1]


def test_sizes_not_metres_count() -> None:
    """Two mice ten centimetres apart are two, as people two metres apart are."""
    score = np.full((300, 2), [10.0, 5.0])
    score[100:120] = [0, 10]
    places = walkers(300, 0, 2) / 20
    path = follow(score, places, 0.4 / 20, np.arange(300) / FPS)
    assert path.tolist() == [0] * 100 + [-1] * 20 + [0] * 180


def test_a_person_seen_in_every_third_frame_is_kept() -> None:
    rng = np.random.default_rng(0)
    time_s = np.arange(300) / 30
    score = np.where(np.arange(300)[:, None] % 3 == 0, rng.normal([5.0, 4.8], 0.5, (300, 2)), 0.0)
    places_m = np.broadcast_to(np.array([[0.0, 0, 0], [3, 0, 0]]), (300, 2, 3))
    followed = follow(score, places_m, 0.5, time_s)
    assert set(followed[::3]) == {0}
    assert set(np.delete(followed, np.s_[::3])) == {-1}
