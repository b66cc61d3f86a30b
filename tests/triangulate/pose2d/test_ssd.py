from __future__ import annotations

import numpy as np

from triangulate.pose2d.ssd import Detections, anchor_centers, box_overlap, decode, merge


def test_anchors_by_hand() -> None:
    centers = anchor_centers()
    assert centers.shape == (2254, 2)  # 28 x 28 x 2 + 14 x 14 x 2 + 7 x 7 x 6
    first, second = 0.5 / 28, 1.5 / 28
    np.testing.assert_allclose(centers[:3], [[first, first], [first, first], [second, first]])
    np.testing.assert_allclose(centers[2 * 28], [first, second])  # rows after columns
    np.testing.assert_allclose(centers[1568], [0.5 / 14, 0.5 / 14])
    np.testing.assert_allclose(centers[1568 + 392 : 1568 + 392 + 6], np.full((6, 2), 0.5 / 7))
    np.testing.assert_allclose(centers[-1], [6.5 / 7, 6.5 / 7])


def test_decoding_one_box_by_hand() -> None:
    centers = np.array([[0.25, 0.5], [0.75, 0.5]])
    raw = np.zeros((2, 12), np.float32)
    raw[1] = [22.4, -22.4, 44.8, 67.2, 0, 112, 0, -112, 11.2, 0, 5.6, 0]
    found = decode(raw, np.array([-1.0, 1.0], np.float32), centers, min_score=0.5)
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-1.0))])
    np.testing.assert_allclose(found.boxes, [[0.85, 0.4, 0.2, 0.3]], atol=1e-7)
    expected = [[[0.75, 1.0], [0.75, 0.0], [0.8, 0.5], [0.775, 0.5]]]
    np.testing.assert_allclose(found.points, expected, atol=1e-7)


def test_the_likeliest_come_first_and_huge_logits_are_no_trouble() -> None:
    logits = np.array([1, 500, -500, 2], np.float32)
    found = decode(np.zeros((4, 12), np.float32), logits, np.zeros((4, 2)), min_score=0.1)
    np.testing.assert_allclose(found.scores, [1, 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))])


def test_overlap_of_boxes_by_hand() -> None:
    box = np.array([0, 0, 2, 2.0])
    boxes = np.array([[0, 0, 2, 2], [1, 0, 2, 2], [3, 0, 2, 2], [0, 0, 0, 0]], float)
    np.testing.assert_allclose(box_overlap(box, boxes), [1, 1 / 3, 0, 0])


def test_detections_of_one_person_are_averaged_by_score() -> None:
    boxes = np.array([[0.5, 0.5, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1], [0.52, 0.5, 0.2, 0.2]])
    points = np.arange(3)[:, None, None] * np.ones((3, 4, 2))
    merged = merge(Detections(np.array([0.9, 0.8, 0.3]), boxes, points))
    np.testing.assert_allclose(merged.scores, [0.9, 0.8])
    np.testing.assert_allclose(merged.boxes[0], [0.5 + 0.02 * 0.3 / 1.2, 0.5, 0.2, 0.2])
    np.testing.assert_allclose(merged.points[:, 0, 0], [2 * 0.3 / 1.2, 1])


def test_nobody() -> None:
    nobody = Detections(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4, 2)))
    merged = merge(nobody)
    assert merged.scores.shape == (0,)
    assert merged.points.shape == (0, 4, 2)


def test_an_empty_box_is_a_group_of_its_own() -> None:
    merged = merge(Detections(np.array([0.9]), np.zeros((1, 4)), np.zeros((1, 4, 2))))
    np.testing.assert_allclose(merged.scores, [0.9])
