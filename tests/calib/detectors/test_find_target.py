"""Every kind of target, in pictures with exact truth."""

from __future__ import annotations

import numpy as np
import pytest

from calib.detectors import find_target
from calib.detectors.looks import Look, looks_at, see
from calib.detectors.sighting import FLOOR_PX, NOISE_GREY
from calib.targets import AprilGrid, Charuco, Chessboard, CircleGrid

TARGETS = [
    Charuco(5, 7, 0.03, 0.022, "DICT_4X4_50"),
    Charuco(5, 6, 0.03, 0.022, "DICT_5X5_50", legacy=True),
    Chessboard(7, 4, 0.03),
    Chessboard(5, 5, 0.03),
    AprilGrid(4, 3, 0.04, 0.3),
    AprilGrid(4, 3, 0.04, 0.3, border_bits=1),
    CircleGrid(4, 9, 0.02),
    CircleGrid(4, 8, 0.02),
]
PLACES = [((0.03, 0.02, 0.05), 0.45), ((0.5, 0.3, 0.4), 0.5), ((-0.4, 0.6, 2.5), 0.5)]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.type}-{target.rows}")
@pytest.mark.parametrize(("turns", "distance_m"), PLACES)
def test_all_points_are_found_without_bias(target, turns, distance_m, shoot):
    shot = shoot(target, turns, distance_m)
    sighting = find_target(shot.developed(), target)
    assert sighting is not None
    assert sighting.count == len(target.points_m)
    error = shot.error_px(sighting.points_px)
    assert np.abs(error.mean(0)).max() < 0.01  # half a pixel off would be 0.5
    assert np.sqrt((error**2).mean()) < 0.015


@pytest.mark.parametrize("target", TARGETS[:6:2], ids=lambda target: target.type)
def test_a_board_is_told_apart_from_its_turns(target, shoot):
    """Numbers stay with the points while the board turns, as far as colours and markers tell."""
    for roll in (0.2, 1.7, 3.6):
        shot = shoot(target, (0.2, 0.2, roll))
        sighting = find_target(shot.developed(), target)
        assert np.nanmax(np.abs(sighting.points_px - shot.truth_px)) < 0.1


def test_points_beside_the_picture_are_missing_alone(shoot):
    target = TARGETS[0]
    shot = shoot(target, aside_m=(0.17, 0.0))
    to_edge_px = np.minimum(shot.truth_px, np.array([479, 399]) - shot.truth_px).min(-1)
    sighting = find_target(shot.developed(), target)
    seen = np.isfinite(sighting.spread)
    assert 8 < (to_edge_px > 5).sum() < 22
    assert seen[to_edge_px > 5].all() and not seen[to_edge_px < 0].any()
    assert np.abs(sighting.points_px - shot.truth_px)[seen].max() < 0.1


def test_hidden_corners_are_not_made_up(shoot):
    target = TARGETS[0]
    shot = shoot(target)
    grey = shot.developed()
    x, y = shot.truth_px[9].round().astype(int)
    grey[y - 45 : y + 45, x - 45 : x + 45] = 90
    sighting = find_target(grey, target)
    assert np.isnan(sighting.points_px[9]).all()
    assert sighting.count >= 14
    seen = np.isfinite(sighting.spread)
    assert np.abs(sighting.points_px - shot.truth_px)[seen].max() < 0.1


def test_another_board_is_not_taken_for_this_one(shoot):
    shot = shoot(Charuco(5, 7, 0.03, 0.022, "DICT_4X4_50"))
    for wrong in (
        Charuco(7, 5, 0.03, 0.022, "DICT_4X4_50"),
        Charuco(4, 7, 0.03, 0.022, "DICT_4X4_50"),
        Charuco(5, 7, 0.03, 0.022, "DICT_5X5_50"),
    ):
        assert find_target(shot.developed(), wrong) is None


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.type}-{target.rows}")
def test_nothing_is_found_in_noise(target):
    generator = np.random.default_rng(0)
    assert find_target(generator.integers(0, 256, (150, 200), dtype=np.uint8), target) is None


@pytest.mark.parametrize("target", [TARGETS[0], TARGETS[4]], ids=lambda target: target.type)
def test_a_board_seen_through_its_back(target, shoot):
    shot = shoot(target, (0.2, -0.3, 0.2), from_behind=True)
    grey = shot.developed()
    assert see(grey, target, Look()) is None
    sighting = see(grey, target, Look(mirrored=True))
    assert sighting.count == len(target.points_m)
    assert np.abs(sighting.points_px - shot.truth_px).max() < 0.05


def test_a_negative(shoot):
    target = TARGETS[0]
    shot = shoot(target)
    negative = 255 - shot.developed()
    assert see(negative, target, Look()) is None
    assert see(negative, target, Look(inverted=True)).count == 24
    described = Charuco(5, 7, 0.03, 0.022, "DICT_4X4_50", inverted=True)
    assert see(negative, described, Look()).count == 24
    assert see(shot.developed(), described, Look(inverted=True)).count == 24


def test_an_inverted_print_is_a_negative(shoot):
    target = Charuco(5, 7, 0.03, 0.022, "DICT_4X4_50", inverted=True)
    shot = shoot(target)
    sighting = see(shot.developed(), target, Look())
    assert np.abs(sighting.points_px - shot.truth_px).max() < 0.05


def test_markers_are_looked_at_in_four_ways_and_chessboards_in_one():
    assert len(looks_at(TARGETS[0])) == 4
    assert looks_at(TARGETS[2]) == (Look(),)


BLURS = {
    "sharp": {"defocus_px": 0.5},
    "out of focus": {"defocus_px": 1.6},
    "moving": {"defocus_px": 0.5, "motion_px": (5.0, 2.0)},
    "dark": {"defocus_px": 0.5, "levels": (40.0, 80.0)},
}


@pytest.mark.parametrize("target", [TARGETS[0], TARGETS[2]], ids=lambda target: target.type)
def test_the_spread_tells_how_far_blurred_points_are_off(target, shoot, record_property):
    """Predicted against true error: within 40 %, over blur that makes it five times as large."""
    true, predicted = {}, {}
    for name, blur in BLURS.items():
        shot = shoot(target, (0.3, 0.2, 0.2), 0.45, (400, 340), **blur)
        sightings = [find_target(shot.developed(seed, NOISE_GREY), target) for seed in range(6)]
        errors = np.stack([shot.error_px(one.points_px) for one in sightings])
        spread = np.stack([one.spread for one in sightings])
        true[name] = float(np.sqrt(np.nanmean(errors**2)))
        predicted[name] = float(FLOOR_PX * np.sqrt(np.nanmean(spread**2 - 1)))
        record_property(f"true through predicted, {name}", true[name] / predicted[name])
    ratios = {name: true[name] / predicted[name] for name in true}
    assert all(0.6 < ratio < 1.4 for ratio in ratios.values()), ratios
    assert max(true.values()) > 3 * true["sharp"]
    assert predicted["sharp"] < FLOOR_PX / 4  # 1 is sharp
