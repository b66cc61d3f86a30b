"""The single-shot detector of BlazePose: from its raw numbers to people.

The network divides its 224 x 224 input into grids and says for every cell's anchor how likely a
person's face is there, and where the face's box and four points of the body are relative to it.
Sizes and options are those of MediaPipe's `pose_detection_cpu.pbtxt`. Coordinates here are
normalised: 0 ... 1 from the input's left (top) edge to its right (bottom) edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INPUT_PX = 224
GRIDS = ((28, 2), (14, 2), (7, 6))
"""Cells a side and anchors a cell: strides 8 and 16 with two each, three layers of stride 32."""


@dataclass(frozen=True)
class Detections:
    """People found in one image, the likeliest first.

    The points are the middle of the hips, a point on the circle around the whole person, the
    middle of the shoulders, and a point on the circle around the upper body.
    """

    scores: np.ndarray  # (N,) in [0, 1]
    boxes: np.ndarray  # (N, 4) of the face: centre x, centre y, width, height
    points: np.ndarray  # (N, 4, 2)

    def __getitem__(self, index: np.ndarray | slice) -> Detections:
        """Some of the detections."""
        return Detections(self.scores[index], self.boxes[index], self.points[index])


def anchor_centers() -> np.ndarray:
    """The centres (2254, 2) of all anchors, in the network's order; all have width and height 1."""
    layers = []
    for cells, anchors_per_cell in GRIDS:
        middles = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(middles, middles, indexing="xy"), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, anchors_per_cell, axis=0))
    return np.concatenate(layers)


def decode(
    raw: np.ndarray, logits: np.ndarray, centers: np.ndarray, *, min_score: float
) -> Detections:
    """Turn the network's output into detections, without merging those of one person.

    Args:
        raw: (A, 12) box (x, y, width, height) and four points, in input pixels from the anchor.
        logits: (A,) of the score.
        centers: (A, 2) the anchors, from `anchor_centers`.
        min_score: leave out what is less likely.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    kept = np.flatnonzero(scores >= min_score)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    pairs = raw[kept].reshape(-1, 6, 2).astype(np.float64) / INPUT_PX  # (N, 6, 2)
    pairs[:, [0, 2, 3, 4, 5]] += centers[kept, None]  # the second pair is the box's size
    return Detections(scores[kept], pairs[:, :2].reshape(-1, 4), pairs[:, 2:])


def merge(detections: Detections, *, min_overlap: float = 0.3) -> Detections:
    """Weighted non-maximum suppression: one detection for each person (Bazarevsky et al. 2019).

    The detections whose box overlaps that of the best one are averaged with it, weighted by their
    scores, and leave; then the same for the best of the rest. A merged detection keeps the score
    of its best.
    """
    scores, boxes, points = [], [], []
    rest = detections
    while len(rest.scores):
        same = box_overlap(rest.boxes[0], rest.boxes) > min_overlap
        same[0] = True  # even where the box is empty
        group = rest[same]
        weights = group.scores / group.scores.sum()
        scores.append(group.scores[0])
        boxes.append(weights @ group.boxes)
        points.append(np.tensordot(weights, group.points, axes=1))
        rest = rest[~same]
    return Detections(
        np.array(scores), np.array(boxes).reshape(-1, 4), np.array(points).reshape(-1, 4, 2)
    )


def box_overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with many (N, 4), each centre and size."""
    low = np.maximum(box[:2] - box[2:] / 2, boxes[:, :2] - boxes[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2)
    shared = np.clip(high - low, 0, None).prod(-1)
    union = box[2:].prod() + boxes[:, 2:].prod(-1) - shared
    return shared / np.maximum(union, np.finfo(np.float64).tiny)
