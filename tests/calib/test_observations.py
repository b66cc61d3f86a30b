from __future__ import annotations

import numpy as np
import pytest

from calib.observations import Observations, load_observations
from triangulate.errors import InputError


def pixels() -> np.ndarray:
    points = np.random.default_rng(0).uniform(0, 400, (2, 5, 6, 2))
    points[0, 1, 2] = np.nan
    points[1, 3, 4, 1] = np.nan  # half a point is none
    return points


def test_what_is_written_is_read_again(tmp_path) -> None:
    seen = Observations.from_arrays(
        pixels(),
        ["left", "right"],
        [(640, 480), (800, 600)],
        frames=np.arange(5) * 3,
        times_s=np.arange(5) / 30,
        spread=np.full((2, 5, 6), 1.5),
        notes=["found on the inverted image"],
    )
    assert np.isnan(seen.points_px[1, 3, 4]).all()
    assert seen.seen.sum() == 58
    seen.save(tmp_path / "observations.npz")
    again = load_observations(tmp_path / "observations.npz")
    for name in ("points_px", "frames", "times_s", "spread"):
        np.testing.assert_array_equal(getattr(again, name), getattr(seen, name))
    assert (again.names, again.sizes, again.notes) == (seen.names, seen.sizes, seen.notes)


def test_cameras_and_frames_are_selected_together() -> None:
    seen = Observations.from_arrays(pixels(), sizes=(640, 480), spread=np.ones((2, 5, 6)))
    assert seen.names == ("cam1", "cam2")
    part = seen.select(["cam2"]).select_frames(np.array([0, 3]))
    assert part.points_px.shape == (*part.spread.shape, 2) == (1, 2, 6, 2)
    np.testing.assert_array_equal(part.frames, [0, 3])
    with pytest.raises(InputError, match="no observations of camera 'cam7'"):
        seen.select(["cam7"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": ["a", "a"]}, "'a' is given twice"),
        ({"names": ["a"]}, "1 names for 2 cameras"),
        ({"sizes": None}, "sizes= is missing"),
        ({"sizes": [(640, 480)] * 3}, "once or for each of 2 cameras"),
        ({"sizes": "wide"}, "sizes must be"),
        ({"sizes": (64, 48)}, "camera 'cam1': "),
        ({"points_px": pixels()[0]}, "must have shape"),
        ({"frames": np.arange(4)}, "frames must have shape"),
        ({"times_s": np.zeros(5)}, "and grow from frame"),
        ({"times_s": np.array([0, 1, 2, 3, np.inf])}, "times_s must be finite"),
        ({"frames": np.zeros(5)}, "given twice"),
        ({"names": ["../a", "b"]}, "'../a' is no name"),
        ({"names": ["", "b"]}, "is no name"),
        ({"names": [1, 2]}, "1 is no name"),
        ({"names": "ab"}, "1 names for 2 cameras"),
        ({"spread": np.zeros((2, 5, 6))}, "spread must be positive"),
    ],
)
def test_what_does_not_fit_is_refused(change, said) -> None:
    given = {"points_px": pixels(), "sizes": (640, 480)} | change
    with pytest.raises(InputError, match=said) as caught:
        Observations.from_arrays(**given)
    assert "\n" not in str(caught.value)


def test_infinities_are_refused_with_the_camera() -> None:
    points = pixels()
    points[1, 0, 0] = np.inf
    with pytest.raises(InputError, match="camera 'right': 1 points are infinite"):
        Observations.from_arrays(points, ["left", "right"], (640, 480))


def test_a_file_of_something_else_is_refused(tmp_path) -> None:
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"x\.npz"):
        load_observations(tmp_path / "x.npz")
