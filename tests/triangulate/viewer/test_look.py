from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.drawing.bones import joint_colours
from triangulate.drawing.canvas import LEFT, MIDDLE, MISSING, RIGHT
from triangulate.errors import InputError
from triangulate.options import ColourBy, Layer
from triangulate.poses import Poses3D
from triangulate.viewer.contents import Motion
from triangulate.viewer.look import (
    PEOPLE,
    SHOWN,
    Look,
    colour_scale,
    default_colours,
    deviation_mm,
    error_px,
    joint_colours_at,
    parse_layers,
)


def test_layers_are_those_named_or_the_usual_ones_changed() -> None:
    assert parse_layers("") == SHOWN == Look().layers == set(Layer) - {Layer.ellipsoids}
    assert parse_layers("skeletons, floor") == {Layer.skeletons, Layer.floor}
    assert parse_layers("-images,-trails") == SHOWN - {Layer.images, Layer.trails}
    assert parse_layers("+ellipsoids,-floor") == (SHOWN | {Layer.ellipsoids}) - {Layer.floor}
    assert parse_layers("floor,+axes,-axes") == {Layer.floor}


@pytest.mark.parametrize("text", ["bones", "-bones", "floor,", "--images", "+-floor", "-", "Floor"])
def test_names_that_no_layer_has_are_refused(text: str) -> None:
    if text == "floor,":
        assert parse_layers(text) == {Layer.floor}
        return
    with pytest.raises(InputError, match=r"no layer is called.*skeletons, ellipsoids") as refused:
        parse_layers(text)
    assert text in str(refused.value) and "\n" not in str(refused.value)


def test_several_people_are_told_apart_unless_told_otherwise(poses: Poses3D) -> None:
    several = Motion.of(poses)
    one = replace(several, positions_m=several.positions_m[:, :1])
    assert default_colours(several) == ColourBy.person
    assert default_colours(one) == default_colours(None) == ColourBy.side


def test_errors_are_the_means_over_views_used_and_deviations_roots_of_mean_variances(
    poses: Poses3D,
) -> None:
    errors = error_px(poses, [5, 6])
    assert errors.shape == (2, 2, 17)
    assert errors[0, 0, 3] == 3.0  # 1, 2 and 6 px
    assert errors[0, 0, 7] == 1.0  # one used, one not, one not seen
    assert np.isnan(errors[0, 0, 4]) and np.isfinite(errors).sum() == errors.size - 1
    deviations = deviation_mm(poses, [5, 6])
    np.testing.assert_allclose(deviations[1, 0], np.linspace(1, 9, 17))
    assert np.isnan(deviations[0, 0, 4])
    table = poses.to_dataframe()  # the same figures, counted by other code
    np.testing.assert_allclose(
        deviation_mm(poses, np.arange(30)).ravel(), 1e3 * table["sigma_m"], rtol=1e-9
    )
    np.testing.assert_allclose(error_px(poses, np.arange(30)).ravel(), table["reprojection_px"])


def test_scales_are_of_the_whole_recording(poses: Poses3D) -> None:
    motion = Motion.of(poses)
    assert colour_scale(motion, ColourBy.side) is None
    assert colour_scale(motion, ColourBy.person) is None
    errors, deviations = (colour_scale(motion, by) for by in (ColourBy.error, ColourBy.deviation))
    assert errors is not None and (errors.top, errors.unit) == (5.0, "px")
    assert deviations is not None and (deviations.top, deviations.unit) == (10.0, "mm")
    with pytest.raises(InputError, match=r"colours by error need poses.*poses\.npz"):
        colour_scale(replace(motion, poses=None), ColourBy.error)


def test_colours_say_side_person_error_or_deviation(poses: Poses3D) -> None:
    motion = Motion.of(poses)
    names = motion.skeleton.joint_names
    sides = joint_colours_at(motion, 5, ColourBy.side, None)
    assert sides.shape == (2, 17, 3) and sides.dtype == np.uint8
    for person in range(2):
        assert tuple(sides[person, names.index("left_knee")]) == LEFT
        assert tuple(sides[person, names.index("right_knee")]) == RIGHT
    assert (sides == MIDDLE).all(-1).any()
    persons = joint_colours_at(motion, 5, ColourBy.person, None)
    assert (persons[0] == PEOPLE[0]).all() and (persons[1] == PEOPLE[1]).all()
    for by in (ColourBy.error, ColourBy.deviation):
        scale = colour_scale(motion, by)
        assert scale is not None
        colours = joint_colours_at(motion, 5, by, scale)
        assert colours.shape == (2, 17, 3) and colours.dtype == np.uint8
        assert tuple(colours[0, 4]) == MISSING and tuple(colours[1, 4]) != MISSING
        value = 3.0 if by == ColourBy.error else 1.0
        assert tuple(colours[0, 0]) == scale.colour(value)
        # Trails have no scale: they keep the colours of the sides.
        np.testing.assert_array_equal(joint_colours_at(motion, 5, by, None), sides)
    assert [tuple(colour) for colour in sides[0]] == joint_colours(motion.skeleton)


def test_an_eighth_person_has_a_colour_too(poses: Poses3D) -> None:
    motion = replace(Motion.of(poses), positions_m=np.zeros((1, 9, 17, 3)))
    colours = joint_colours_at(motion, 0, ColourBy.person, None)
    np.testing.assert_array_equal(colours[7], colours[0])
    assert len({tuple(colour) for colour in colours[:, 0]}) == len(PEOPLE)
