"""Which cameras saw the target together, what hangs on little, and where images are empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

if TYPE_CHECKING:
    from calib.solution import Solution

CELLS = (8, 6)
"""Columns and rows into which an image is divided to see where the target was."""

PARTS = (
    *("upper left", "top", "upper right"),
    *("left", "middle", "right"),
    *("lower left", "bottom", "lower right"),
)
"""The ninths of an image."""


@dataclass(frozen=True)
class Edge:
    """Two cameras and the frames in which both saw the target."""

    first: int
    second: int
    frames: int


def shared_frames(solution: Solution) -> np.ndarray:
    """(V, V) frames in which both cameras have points that fit; on the diagonal, one camera's."""
    seen = np.asarray(solution.inliers.any(-1), dtype=np.int64)
    return seen @ seen.T


def weakest_edge(shared: np.ndarray) -> Edge | None:
    """The link with the fewest frames among those that hold the rig together best.

    Of all ways to connect the cameras by pairs, the one with the most frames is taken (the maximum
    spanning tree); its weakest pair is what the rig hangs on. None for a single camera.

    Args:
        shared: (V, V), see `shared_frames`.
    """
    if len(shared) < 2:
        return None
    # The tree keeps edges with a cost; pairs without a frame cost most.
    cost = 1.0 / (shared + 0.5)
    np.fill_diagonal(cost, 0.0)
    tree = minimum_spanning_tree(cost).tocoo()
    at = int(tree.data.argmax())
    first, second = sorted((int(tree.row[at]), int(tree.col[at])))
    return Edge(first, second, int(shared[first, second]))


def image_coverage(solution: Solution) -> np.ndarray:
    """(V, 6, 8) how many points that fit lie in each cell of an image."""
    columns, rows = CELLS
    counts = np.zeros((len(solution.rig), rows, columns), dtype=np.int64)
    camera, frame, point = np.nonzero(solution.inliers)
    sizes = np.array(solution.observations.sizes, dtype=np.float64)[camera]
    at = (solution.observations.points_px[camera, frame, point] + 0.5) / sizes
    column, row = (np.clip(at * [columns, rows], 0, [columns - 1, rows - 1])).astype(int).T
    np.add.at(counts, (camera, row, column), 1)
    return counts


def empty_parts(counts: np.ndarray) -> list[str]:
    """The ninths of an image without any point, by name.

    Args:
        counts: (6, 8), one camera's of `image_coverage`.
    """
    rows, columns = (np.array_split(np.arange(size), 3) for size in counts.shape)
    return [
        PARTS[3 * i + j]
        for i, own in enumerate(rows)
        for j, across in enumerate(columns)
        if counts[np.ix_(own, across)].sum() == 0
    ]
