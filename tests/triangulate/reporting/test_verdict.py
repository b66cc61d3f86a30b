"""Poses that are known to be good, or to have a fault, are called so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.pages.verdicts import CARE, GOOD, REFUSED
from triangulate.pipeline import reconstruct_files, reconstruct_keypoints
from triangulate.poses import Reason
from triangulate.reporting.findings import Found
from triangulate.synthetic import observe
from triangulate.synthetic.draws import seeded


def seen_by(walked):
    generator = seeded(5)
    motion = walked.motion
    return observe(motion.positions_m, walked.rig, motion.skeleton, generator, fps=motion.fps)[0]


def said(found: Found, text: str) -> str:
    """The level of the reason that holds a text."""
    levels = [reason.level for reason in found.verdict.reasons if text in reason.text]
    assert len(levels) == 1, found.verdict.sentences
    return levels[0]


def test_a_walk_is_good_and_its_sentences_hold_its_numbers(walked, found) -> None:
    assert found.verdict.level == GOOD
    share = (walked.poses.reason == 0).mean()
    assert f"{100 * share:.1f} % of the joints have a position" in found.verdict.headline
    assert said(found, "length of a bone varies") == GOOD
    assert found.verdict.advice == ()


def test_exchanged_cameras_are_refused(walked) -> None:
    seen = seen_by(walked)
    a, b, *rest = seen.names
    found = Found.of(reconstruct_keypoints(replace(seen, names=(b, a, *rest)), walked.rig))
    assert found.verdict.level == REFUSED
    assert said(found, "these are not the bones of a body") == REFUSED
    assert "--camera" in found.verdict.advice[0]


def test_a_late_camera_is_named(walked) -> None:
    seen = seen_by(walked)
    points = seen.points_px.copy()
    points[10:, 1] = seen.points_px[:-10, 1]
    found = Found.of(reconstruct_keypoints(replace(seen, points_px=points), walked.rig))
    assert found.verdict.level == CARE
    assert said(found, "of what cam2 saw is contradicted") == CARE
    assert any("cam2" in text and "triangulate sync" in text for text in found.verdict.advice)


def test_gaps_count_by_their_share_and_seldom_joints_are_named(perfect, without) -> None:
    assert said(Found.of(perfect), "of the joints were found") == GOOD
    ankle = perfect.skeleton.index("left_ankle")
    found = Found.of(without(perfect, (slice(10, None), 0, ankle), Reason.too_few_views))
    assert said(found, "most of the others because of too_few_views") == GOOD  # 95.1 %
    assert said(found, "Seldom found: left_ankle (17 %)") == CARE
    gone = without(perfect, (slice(0, 50), 0, slice(0, 16)), Reason.high_error)
    assert Found.of(gone).verdict.level == REFUSED


def test_a_person_who_comes_late_is_no_gap(perfect, without) -> None:
    late = Found.of(without(perfect, (slice(0, 40),), Reason.too_few_views))
    assert said(late, "100 % of the joints were found") == GOOD


def test_leaps_two_views_and_turned_sides_ask_for_care(perfect) -> None:
    positions = perfect.positions_m.copy()
    positions[::7, 0, 2] += 0.6
    assert said(Found.of(replace(perfect, positions_m=positions)), "leap away") == CARE
    used = perfect.views_used.copy()
    used[:, :, 2:] = False
    found = Found.of(replace(perfect, views_used=used))
    assert said(found, "100 % of the joints rest on two alone") == CARE
    turned = np.ones_like(perfect.sides_swapped)
    assert said(Found.of(replace(perfect, sides_swapped=turned)), "left and right") == CARE


@pytest.mark.parametrize(("sigma_m", "level"), [(0.002, GOOD), (0.03, CARE), (0.09, REFUSED)])
def test_uncertainty_counts_by_the_size_of_the_body(perfect, sigma_m, level) -> None:
    covariance = np.broadcast_to(sigma_m**2 * np.eye(3), perfect.covariance_m2.shape)
    assert said(Found.of(replace(perfect, covariance_m2=covariance)), "standard dev") == level
    small = Found.of(
        replace(perfect, positions_m=perfect.positions_m / 20, covariance_m2=covariance / 400)
    )
    assert said(small, "standard dev") == level  # a mouse


def test_a_camera_that_saw_nothing_is_named(perfect) -> None:
    errors, used = perfect.reprojection_px.copy(), perfect.views_used.copy()
    errors[:, :, 3], used[:, :, 3] = np.nan, False
    found = Found.of(replace(perfect, reprojection_px=errors, views_used=used))
    assert said(found, "cam4 took part in nothing") == CARE


def test_a_real_recording_is_called_what_it_is(shared) -> None:
    """A camera fits four times as badly as the others, and the face is guessed from behind."""
    folder = shared / "pose2sim_balancing"
    rig = folder / "calibration" / "Calib.qca.txt"
    found = Found.of(reconstruct_files(folder / "pose_openpose_body25b", rig, fps=60))
    assert found.verdict.level == CARE
    assert said(found, "cam03 fits worse than the others") == CARE
    assert said(found, "more than noise of good detections") == CARE
    assert said(found, "of the joints were found") == GOOD
    assert found.measures.size_m[0] == pytest.approx(1.9, abs=0.2)  # arms and a leg stretched out
