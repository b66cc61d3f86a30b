from __future__ import annotations

import pytest
import torch

from triangulate.skeleton import Skeleton
from triangulate.synthetic.detections import Detections, Sides, detect
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.habits import Habits
from triangulate.synthetic.motion import walk
from triangulate.synthetic.viewpoints import random_cameras

BATCH, VIEWS = 60, 5
SKELETON = Skeleton.named("h36m17")


def looked_at(seed: int = 0, **habits: float) -> tuple[Detections, torch.Tensor]:
    """Detections, and the clean pixels over the person's size in the view."""
    points = torch.from_numpy(walk(seeded(seed), BATCH).positions_m)
    cameras = random_cameras(points, VIEWS, seeded(seed))
    found = detect(
        points, cameras, Sides.of(SKELETON), seeded(seed), Habits.constant(BATCH, **habits)
    )
    clean, _ = cameras.project(points[:, None])
    size = (clean.amax(-2) - clean.amin(-2)).amax(-1)[..., None, None]
    return found, (found.points_px - clean) / size


def test_limbs_are_what_bones_connect() -> None:
    sides = Sides.of(SKELETON)
    names = SKELETON.joint_names

    def limb(name: str) -> int:
        return int(sides.limb[names.index(name)])

    assert limb("left_hip") == limb("left_ankle") == limb("right_knee")
    assert limb("left_wrist") == limb("right_shoulder") == limb("left_elbow")
    assert limb("left_hip") != limb("left_wrist")
    assert limb("pelvis") == limb("head") == -1


def test_plain_noise_has_its_sigma() -> None:
    found, off = looked_at(sigma=0.02)
    assert off.std() == pytest.approx(0.02, rel=0.03)
    assert found.observed.all()
    assert ((found.score > 0) & (found.score <= 1)).all()


def test_scores_that_know_fall_with_the_error_and_others_do_not() -> None:
    for known, low, high in ((1.0, -1.0, -0.9), (0.0, -0.1, 0.1)):
        found, off = looked_at(sigma=0.02, known=known)
        ranks = [x.flatten().argsort().argsort().double() for x in (off.norm(dim=-1), found.score)]
        correlation = torch.corrcoef(torch.stack(ranks))[0, 1]
        assert low <= correlation <= high


def test_wrong_joints_lie_within_reach() -> None:
    _, off = looked_at(sigma=0.0, wrong_joints=0.2, reach=0.3)
    length = off.norm(dim=-1)
    wrong = length > 1e-9
    assert wrong.double().mean() == pytest.approx(0.2, abs=0.02)
    assert 0.06 <= length[wrong].min() <= length[wrong].max() <= 0.3 + 1e-9


def test_wrong_views_lose_about_half_a_person() -> None:
    _, off = looked_at(sigma=0.0, wrong_views=0.4, together=1.0)
    wrong = off.norm(dim=-1) > 1e-9
    share = wrong.double().mean(-1)
    assert (share > 0).double().mean() == pytest.approx(0.4, abs=0.06)
    assert share[share > 0].mean() == pytest.approx(0.5, abs=0.05)
    # What moved together moved alike.
    moved = torch.where(wrong[..., None], off, torch.nan)
    spread = moved.amax(2).nan_to_num() - moved.amin(2).nan_to_num()
    assert spread.abs().amax() < 1e-9


def test_swapped_sides_are_the_other_sides_pixels() -> None:
    found, _ = looked_at(sigma=0.0, swapped=1.0)
    clean, _ = found.cameras.project(found.points_world[:, None])
    flip = Sides.of(SKELETON).flip
    torch.testing.assert_close(found.points_px, clean[:, :, flip])


def test_a_doubled_side_is_in_one_place() -> None:
    found, _ = looked_at(sigma=0.0, doubled=1.0)
    left, right = (SKELETON.joint_names.index(f"{side}_knee") for side in ("left", "right"))
    torch.testing.assert_close(found.points_px[:, :, left], found.points_px[:, :, right])


def test_somebody_else_and_rig_errors_move_whole_views() -> None:
    _, off = looked_at(sigma=0.0, other_person=0.3)
    moved = off.norm(dim=-1).amin(-1) > 1e-9
    assert moved.double().mean() == pytest.approx(0.3, abs=0.06)
    found, off = looked_at(sigma=0.0, rig_error=0.02)
    assert off.norm(dim=-1).median() == pytest.approx(0.02 * 1.2, rel=0.3)
    assert (found.score > 0.99).all()  # the scores do not know


def test_what_is_missing_has_no_score() -> None:
    found, _ = looked_at(missing=0.3, missing_views=0.2)
    assert torch.equal(found.score > 0, found.observed)
    assert 0.4 < found.observed.double().mean() < 0.8
    blind = ~found.observed.any(-1)
    assert blind.double().mean() == pytest.approx(0.2, abs=0.06)
    assert torch.isfinite(found.points_px).all()


def test_heatmaps_of_poor_detections_are_wider() -> None:
    found, off = looked_at(sigma=0.02, cell_spread=0.8)
    spread, peak, second = found.map_features.unbind(-1)
    assert (spread > 0).all()
    assert ((peak > 0) & (peak <= 1)).all() and ((second >= 0) & (second < 1)).all()
    length = off.norm(dim=-1)
    poor = length > length.quantile(0.8)
    assert spread[poor].mean() > spread[~poor].mean()
    assert peak[poor].mean() < peak[~poor].mean()
