from __future__ import annotations

import numpy as np
import pytest

from triangulate.reporting.stretches import Stretches, quantiles


@pytest.mark.parametrize(("frames", "most"), [(1, 5), (5, 5), (7, 3), (1000, 7), (216_000, 1000)])
def test_stretches_cover_every_frame_once(frames: int, most: int) -> None:
    stretches = Stretches.of(frames, most)
    assert len(stretches.starts) == min(frames, most)
    assert stretches.lengths.sum() == frames and stretches.lengths.min() >= 1
    assert np.ptp(stretches.lengths) <= 1
    assert stretches.are_frames == (frames <= most)


def test_values_by_hand() -> None:
    stretches = Stretches.of(5, 2)  # frames 0 1 and 2 3 4
    values = np.array([1.0, np.nan, 2.0, 6.0, 4.0])
    np.testing.assert_allclose(stretches.mean(values), [1, 4])
    np.testing.assert_allclose(stretches.lowest(values), [1, 2])
    np.testing.assert_allclose(stretches.highest(values), [1, 6])
    np.testing.assert_allclose(stretches.middles(np.arange(5)), [1, 3])
    np.testing.assert_allclose(stretches.share(values > 3), [0, 2 / 3])
    np.testing.assert_allclose(stretches.quantiles(values[:, None], [0.5, 1]), [[1, 1], [4, 6]])


def test_where_nothing_is_known_there_is_nothing() -> None:
    stretches = Stretches.of(4, 2)
    values = np.array([[np.nan, 1], [np.nan, 3], [5, 5], [5, np.nan]])
    np.testing.assert_allclose(stretches.mean(values), [[np.nan, 2], [5, 5]])
    np.testing.assert_allclose(stretches.highest(values), [[np.nan, 3], [5, 5]])
    assert np.isnan(quantiles(values[:2, 0], (0.1, 0.5))).all()


def test_no_peak_is_lost() -> None:
    values = np.random.default_rng(0).normal(size=12_345)
    stretches = Stretches.of(len(values), 1000)
    assert stretches.highest(values).max() == values.max()
    assert stretches.lowest(values).min() == values.min()
