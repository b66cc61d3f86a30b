from __future__ import annotations

import numpy as np
import pytest

from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk, walk_seen_late
from triangulate.synthetic.draws import seeded


def test_a_late_camera_sees_what_comes_later() -> None:
    rig = ring_rig(seeded(0), 3)
    late_s = [0.0, 3 / 50, -1.5 / 50]
    seen, motion = walk_seen_late(seeded(1), rig, late_s, 20, 50.0, DetectorNoise.none())
    truth, _ = observe(motion.positions_m, rig, motion.skeleton, seeded(2), DetectorNoise.none())
    assert seen.names == rig.names and seen.sizes == rig.sizes and seen.fps == 50
    np.testing.assert_allclose(seen.points_px[:, 0], truth.points_px[:, 0], atol=1e-9)
    # the second camera's frame t is what was to be seen three frames later
    np.testing.assert_allclose(seen.points_px[:-3, 1], truth.points_px[3:, 1], atol=1e-6)
    assert np.nanmax(np.abs(seen.points_px[:, 2] - truth.points_px[:, 2])) > 1


def test_the_walk_is_the_same_whenever_it_starts() -> None:
    whole = walk(seeded(3), 40, 20.0).positions_m
    later = walk(seeded(3), 30, 20.0, start_s=0.5).positions_m
    np.testing.assert_allclose(later, whole[10:], atol=1e-9)
    with pytest.raises(ValueError, match="zip"):
        walk_seen_late(seeded(0), ring_rig(seeded(0), 3), [0, 1], 2)
