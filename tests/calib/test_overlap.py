from __future__ import annotations

from dataclasses import replace

import numpy as np

from calib.overlap import Edge, empty_parts, image_coverage, shared_frames, weakest_edge


def test_shared_frames_are_counted_by_hand(faultless):
    solution = faultless.solution
    shared = shared_frames(solution)
    seen = solution.inliers.any(-1)
    for a in range(5):
        for b in range(5):
            assert shared[a, b] == sum(map(bool, seen[a] & seen[b]))


def test_outliers_link_nobody(faultless):
    outliers = faultless.solution.outliers.copy()
    outliers[2] = True
    shared = shared_frames(replace(faultless.solution, outliers=outliers))
    assert (shared[2] == 0).all()


def test_the_weakest_edge_is_the_best_chains_weakest():
    # 0-1 and 2-3 belong together, and 1-2 is the stronger of the two bridges between them.
    shared = np.array([[50, 30, 1, 4], [30, 50, 7, 0], [1, 7, 50, 20], [4, 0, 20, 50]])
    assert weakest_edge(shared) == Edge(1, 2, 7)
    assert weakest_edge(shared[:2, :2]) == Edge(0, 1, 30)
    assert weakest_edge(shared[:1, :1]) is None


def test_a_camera_that_shares_nothing_is_the_weakest():
    shared = np.array([[9, 5, 0], [5, 9, 0], [0, 0, 9]])
    edge = weakest_edge(shared)
    assert edge is not None
    assert (edge.second, edge.frames) == (2, 0)


def test_points_are_counted_in_the_cell_where_they_lie(faultless):
    solution = faultless.solution
    points = np.full_like(solution.observations.points_px, np.nan)
    residuals = np.full_like(solution.residuals_px, np.nan)
    points[0, 0, :3] = [[-0.5, -0.5], [1279.4, 719.4], [640.0, 100.0]]  # 160 x 120 px a cell
    residuals[0, 0, :3] = 0.1
    observations = replace(solution.observations, points_px=points)
    solution = replace(
        solution,
        observations=observations,
        residuals_px=residuals,
        outliers=np.zeros_like(solution.outliers),
    )
    counts = image_coverage(solution)
    assert counts.shape == (5, 6, 8)
    assert {(0, 0, 0), (0, 5, 7), (0, 0, 4)} == set(map(tuple, np.argwhere(counts)))


def test_empty_parts_have_names():
    counts = np.ones((6, 8), dtype=int)
    counts[:2, :3] = 0
    counts[4:, 3:6] = 0
    assert empty_parts(counts) == ["upper left", "bottom"]
    assert empty_parts(np.ones((6, 8))) == []
