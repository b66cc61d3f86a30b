from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("plotly")

from calib.reporting.images import coverage_figure, histogram_figure, residual_figure
from calib.reporting.maps import board_figure, error_figure
from calib.reporting.matrices import overlap_figure, time_figure
from calib.reporting.scene import rig_figure
from calib.solution import Finding
from triangulate.pages.style import AMBER


def traces(figure, kind):
    return [trace for trace in figure.data if trace.type == kind]


def test_the_rig_is_drawn_where_it_is(faultless):
    figure = rig_figure(faultless.solution, faultless.trust)
    volume = next(trace for trace in figure.data if trace.name == "expected error")
    np.testing.assert_allclose(volume.marker.color, 1e3 * faultless.trust.error_m, atol=1e-4)
    points = np.column_stack([volume.x, volume.y, volume.z])
    np.testing.assert_allclose(points, faultless.trust.volume.points_world, atol=1e-4)
    text = next(trace for trace in figure.data if trace.mode == "text")
    assert [name.strip() for name in text.text] == list(faultless.solution.rig.names)
    centres = np.column_stack([text.x, text.y, text.z])
    expected = faultless.solution.rig.cameras.centre_world.numpy()
    np.testing.assert_allclose(centres, expected, atol=1e-4)


def test_frusta_open_towards_what_the_camera_sees(faultless):
    figure = rig_figure(faultless.solution, faultless.trust)
    lines = next(trace for trace in figure.data if trace.name == "cameras")
    corners = np.column_stack([lines.x, lines.y, lines.z]).reshape(5, -1, 3)[:, :4]
    middle = corners.mean(1) - faultless.solution.rig.cameras.centre_world.numpy()
    forward = faultless.solution.rig.cameras.cam_from_world.rotation[:, 2].numpy()
    cosine = (middle * forward).sum(-1) / np.linalg.norm(middle, axis=-1)
    assert (cosine > 0.99).all()


def test_cameras_with_findings_stand_out(faultless):
    finding = Finding("clock", "camera 'cam3' is late", "cam3")
    figure = rig_figure(replace(faultless.solution, findings=(finding,)), faultless.trust)
    flagged = [trace for trace in figure.data if trace.mode == "text"][1]
    assert (flagged.text[0].strip(), flagged.textfont.color) == ("cam3", AMBER)


def test_so_does_a_camera_that_moved(bumped):
    texts = [t for t in rig_figure(bumped.solution, bumped.trust).data if t.mode == "text"]
    assert [name.strip() for name in texts[1].text] == ["cam2"]


def test_slices_show_the_error_at_their_height(faultless):
    figure = error_figure(faultless.trust)
    heights = [float(note.text.split()[1]) for note in figure.layout.annotations]
    assert heights == sorted(heights)
    volume = faultless.trust.volume
    grid_mm = 1e3 * volume.spread(faultless.trust.error_m)
    for trace, height in zip(traces(figure, "heatmap"), heights, strict=True):
        level = int(np.abs(volume.ticks_m[2] - height).argmin())
        np.testing.assert_allclose(trace.z, grid_mm[:, :, level].T, atol=1e-4)


def test_images_show_what_fits_and_what_does_not(faultless):
    solution = faultless.solution
    figure = coverage_figure(solution)
    drawn = traces(figure, "scatter")
    assert len(drawn) == 2 * 5
    assert len(drawn[0].x) == min(400, solution.inliers[0].sum())
    outliers = solution.observations.points_px[0][solution.outliers[0]]
    found = np.column_stack([drawn[1].x, drawn[1].y])
    order = np.lexsort(outliers.T), np.lexsort(found.T)
    np.testing.assert_allclose(found[order[1]], outliers[order[0]], atol=0.051)
    assert figure.layout.yaxis.range == (719.5, -0.5)  # y points down


def test_a_shifted_camera_has_residuals_in_a_pattern(faultless):
    shifted = faultless.solution.residuals_px.copy()
    shifted[1] += [0.4, 0.0]
    figure, factor = residual_figure(replace(faultless.solution, residuals_px=shifted))
    arrows = [trace for trace in figure.data if trace.mode == "lines"][1]
    ends = np.column_stack([arrows.x, arrows.y]).astype(float).reshape(-1, 3, 2)
    mean = (ends[:, 1] - ends[:, 0]) / factor
    np.testing.assert_allclose(np.median(mean, axis=0), [0.4, 0.0], atol=0.05)


def test_histograms_are_beside_the_curve_of_their_sigma(faultless):
    figure = histogram_figure(faultless.solution)
    bars, curves = traces(figure, "bar"), traces(figure, "scatter")
    assert len(bars) == len(curves) == 5
    for bar, curve in zip(bars, curves, strict=True):
        width = bar.x[1] - bar.x[0]
        assert np.sum(curve.y) * width == pytest.approx(1, abs=0.01)
        assert np.sum(bar.y) * width == pytest.approx(0.97, abs=0.03)  # outliers lie beyond
        assert np.abs(np.array(bar.y) - curve.y).max() < 0.25 * max(curve.y)


def test_the_weakest_link_is_framed(faultless):
    figure = overlap_figure(faultless.solution)
    shared = np.array(traces(figure, "heatmap")[0].z)
    np.testing.assert_array_equal(shared, shared.T)
    assert len(figure.layout.shapes) == 2
    a, b = (round((shape.x0 + shape.x1) / 2) for shape in figure.layout.shapes)
    assert a != b and 0 < shared[a, b] <= np.sort(shared[a])[-2]


def test_a_camera_that_moves_lights_up_in_time(bumped):
    figure = time_figure(bumped.solution)
    spread = np.array(traces(figure, "heatmap")[0].z, dtype=float)
    assert spread.shape == (5, 64)
    halves = np.nanmedian(spread[:, :32], axis=1), np.nanmedian(spread[:, 32:], axis=1)
    apart = np.maximum(halves[0] / halves[1], halves[1] / halves[0])
    assert apart.argmax() == 1


def test_frames_that_nobody_saw_stay_empty(faultless):
    residuals_px = faultless.solution.residuals_px.copy()
    residuals_px[:, 7] = np.nan
    figure = time_figure(replace(faultless.solution, residuals_px=residuals_px))
    spread = np.array(traces(figure, "heatmap")[0].z, dtype=float)
    assert np.isnan(spread[:, 7]).all()
    assert np.isfinite(spread[:, 8]).any()


def test_long_recordings_are_drawn_in_stretches(faultless):
    solution = faultless.solution
    many = {
        "residuals_px": np.tile(solution.residuals_px, (1, 8, 1, 1)),
        "observations": replace(
            solution.observations,
            points_px=np.tile(solution.observations.points_px, (1, 8, 1, 1)),
            frames=np.arange(512),
        ),
    }
    figure = time_figure(replace(solution, **many))
    assert np.array(traces(figure, "heatmap")[0].z).shape == (5, 240)


def test_the_bent_board_shows_its_bow(bent):
    figure = board_figure(bent.solution, bent.trust)
    (corners,) = figure.data
    off_mm = np.array(corners.marker.color)
    centre = np.hypot(corners.x - np.mean(corners.x), corners.y - np.mean(corners.y))
    assert abs(np.corrcoef(off_mm, centre)[0, 1]) > 0.8
    assert off_mm.max() - off_mm.min() > 2.0
