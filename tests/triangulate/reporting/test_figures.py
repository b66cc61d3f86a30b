from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("plotly")

from triangulate.poses import Reason
from triangulate.reporting.curves import columns_of
from triangulate.reporting.measures import measure
from triangulate.reporting.over_time import (
    REASONS,
    bones_over_time,
    errors_over_time,
    gaps_over_time,
    sigma_over_time,
    speed_over_time,
    views_over_time,
)
from triangulate.reporting.quantities import errors_by_camera, sigma_by_joint, views_by_joint


def repeated(poses, times):
    """A longer recording."""
    names = "positions_m covariance_m2 reprojection_px views_used reason sides_swapped".split()
    tiled = {
        name: np.tile(getattr(poses, name), (times, *[1] * (getattr(poses, name).ndim - 1)))
        for name in names
    }
    return replace(poses, **tiled, frames=np.arange(times * len(poses.positions_m)))


def test_boxes_are_the_quantiles(walked) -> None:
    (boxes,) = errors_by_camera(walked.poses).data
    assert list(boxes.y) == list(walked.poses.names)
    for v in range(4):
        errors = walked.poses.reprojection_px[:, :, v]
        found = boxes.lowerfence[v], boxes.q1[v], boxes.median[v], boxes.q3[v], boxes.upperfence[v]
        expected = np.nanquantile(errors, (0.05, 0.25, 0.5, 0.75, 0.95))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sigma_is_in_millimetres(perfect) -> None:
    (boxes,) = sigma_by_joint(perfect, measure(perfect)).data
    np.testing.assert_allclose(boxes.median, 2.0, rtol=1e-5)
    median = sigma_over_time(perfect, measure(perfect)).data[1]
    np.testing.assert_allclose(median.y, 2.0, rtol=1e-5)


def test_views_are_shares_of_what_was_found(perfect, without) -> None:
    used = perfect.views_used.copy()
    used[:15, 0, 1, 3] = False
    poses = without(replace(perfect, views_used=used), (slice(30, None), 0, 3), Reason.high_error)
    shares = np.array(views_by_joint(poses).data[0].z)
    np.testing.assert_allclose(shares[3], [100, 50, 100, 100])
    over_time = np.array(views_over_time(poses, measure(poses)).data[0].z)
    np.testing.assert_allclose(over_time[1], [100 * 16 / 17] * 15 + [100] * 45, rtol=1e-5)


def test_each_gap_has_the_colour_of_its_reason(perfect, without) -> None:
    poses = without(perfect, (slice(5, 8), 0, 4), Reason.narrow_rays)
    poses = without(poses, (40, 0, 4), Reason.too_few_views)
    bands = gaps_over_time(poses, measure(poses), 0).data[0]
    z = np.array(bands.z)
    assert np.flatnonzero(z.any(0)).tolist() == [5, 6, 7, 40]
    assert np.flatnonzero(z.any(1)).tolist() == [4]
    assert bands.text[4][5] == "narrow_rays, 100 %" and bands.text[4][0] == ""
    scale = dict(bands.colorscale)
    r, g, b = (int(REASONS[Reason.narrow_rays][i : i + 2], 16) for i in (1, 3, 5))
    assert scale[z[4, 5] / bands.zmax] == f"rgb({r}, {g}, {b})"
    assert scale[0.0] == "#ffffff"


def test_a_single_missing_frame_shows_in_a_long_recording(perfect, without) -> None:
    poses = without(repeated(perfect, 50), (1234, 0, 4), Reason.high_error)
    bands = gaps_over_time(poses, measure(poses), 0).data[0]
    assert np.array(bands.z).shape == (17, 600)
    assert np.count_nonzero(bands.z) == 1 and bands.text[4][246] == "high_error, 20 %"


@pytest.mark.parametrize(("rows", "columns"), [(4, 600), (25, 600), (133, 112), (400, 60)])
def test_maps_keep_their_size(rows, columns) -> None:
    assert columns_of(rows) == columns


def test_curves_of_long_recordings_are_thin(perfect) -> None:
    poses = repeated(perfect, 40)
    found = measure(poses)
    errors = errors_over_time(poses, found)
    assert [trace.name for trace in errors.data] == ["95 % of all", *poses.names]
    assert all(len(trace.x) == 1000 for trace in errors.data)
    assert errors.data[0].x[-1] == pytest.approx(2399 / 50, abs=0.1)
    figure, drawn = bones_over_time(poses, found)
    assert drawn == len(poses.skeleton.edges)
    assert max(len(trace.x) for trace in figure.data) <= 600  # there and back


def test_bones_are_curves_of_their_lengths(perfect) -> None:
    figure, drawn = bones_over_time(perfect, measure(perfect))
    assert drawn == len(figure.data) == len(perfect.skeleton.edges)
    lengths = 1e3 * measure(perfect).lengths_m[:, 0]
    for b, trace in enumerate(figure.data):
        np.testing.assert_allclose(trace.y, lengths[:, b], rtol=1e-5)
    assert figure.layout.annotations[0].text.endswith(f": {np.median(lengths[:, 0]):.0f} mm")


def test_speeds_keep_their_peak(perfect) -> None:
    poses = repeated(perfect, 40)
    positions = poses.positions_m.copy()
    positions[777, 0, 5] += 9
    poses = replace(poses, positions_m=positions)
    z = np.array(speed_over_time(poses, measure(poses), 0).data[0].z)
    assert z[5].max() > 400
    assert z[5].argmax() == 777 * 600 // 2400


def test_many_cameras_are_one_curve(perfect) -> None:
    many = replace(
        perfect,
        names=tuple(f"c{v}" for v in range(16)),
        reprojection_px=np.tile(perfect.reprojection_px, (1, 1, 4, 1)),
        views_used=np.tile(perfect.views_used, (1, 1, 4, 1)),
        sides_swapped=np.tile(perfect.sides_swapped, (1, 1, 4)),
    )
    assert len(errors_over_time(many, measure(many)).data) == 2
