"""What the page's player is given; what it does with it is in test_browser.py."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from triangulate.poses import Reason
from triangulate.reporting.player import MOST_FRAMES, make_scene, player_html


def shown(scene) -> np.ndarray:
    """(T, P, J, 3) metres, NaN where missing."""
    points = [
        [[point or [np.nan] * 3 for point in joints] for joints in people]
        for people in scene.data["points"]
    ]
    return np.array(points) / 1000


def test_distances_are_those_of_the_poses(perfect) -> None:
    points = shown(make_scene(perfect))[:, 0]
    true = perfect.positions_m[:, 0]
    np.testing.assert_allclose(
        np.linalg.norm(points[:, :-1] - points[:, 1:], axis=-1),
        np.linalg.norm(true[:, :-1] - true[:, 1:], axis=-1),
        atol=2e-3,
    )


@pytest.mark.parametrize("up_axis", ["x", "-x", "y", "-y", "z", "-z"])
def test_the_head_is_up_whatever_the_world_and_nothing_is_mirrored(perfect, up_axis) -> None:
    axis = "xyz".index(up_axis[-1])
    sign = -1 if up_axis[0] == "-" else 1
    # A turn that takes the walk's z to the axis: its columns are a right-handed frame.
    up = sign * np.eye(3)[axis]
    first = np.eye(3)[(axis + 1) % 3]
    turn = np.stack([first, np.cross(up, first), up], axis=1)
    poses = replace(perfect, positions_m=perfect.positions_m @ turn.T, up_axis=up_axis)
    scene = make_scene(poses)
    points = shown(scene)[0, 0]
    names = poses.skeleton.joint_names
    head, ankle, left, right = (
        points[names.index(name)] for name in ("head", "left_ankle", "left_hip", "right_hip")
    )
    assert head[2] - ankle[2] > 1 and scene.has_up
    true = perfect.positions_m[0, 0]
    triple = [names.index(name) for name in ("head", "left_hip", "right_ankle")]
    assert np.sign(np.linalg.det(points[triple] - points[0])) == np.sign(
        np.linalg.det(true[triple] - true[0])
    )
    assert np.linalg.norm(left - right) > 0.1


def test_long_recordings_are_thinned_evenly(perfect) -> None:
    names = "positions_m covariance_m2 reprojection_px views_used reason sides_swapped".split()
    tiled = {n: np.tile(getattr(perfect, n), (30, *[1] * (getattr(perfect, n).ndim - 1)))
             for n in names}  # fmt: skip
    scene = make_scene(replace(perfect, **tiled, frames=np.arange(1800)))
    assert scene.every == 6
    assert scene.data["frames"] == list(range(0, 1800, 6))
    assert len(scene.data["points"]) == MOST_FRAMES
    assert scene.data["seconds"][1] == 0.12


def test_missing_points_and_unknown_directions(perfect, without, walked) -> None:
    poses = without(perfect, (3, 0, 5), Reason.high_error)
    poses = replace(poses, up_axis=None, fps=None)
    scene = make_scene(poses)
    assert scene.data["points"][3][0][5] is None
    assert not scene.has_up and scene.data["seconds"] is None
    assert make_scene(poses, walked.rig).has_up  # the rig says it


def test_cameras_stand_where_the_rig_has_them(perfect, walked) -> None:
    cameras = make_scene(perfect, walked.rig).data["cameras"]
    assert [camera["name"] for camera in cameras] == list(walked.rig.names)
    centres = np.array([camera["points"][0] for camera in cameras]) / 1000
    true = walked.rig.cameras.centre_world.numpy()
    np.testing.assert_allclose(
        np.linalg.norm(centres[0] - centres[1:], axis=-1),
        np.linalg.norm(true[0] - true[1:], axis=-1),
        atol=2e-3,
    )


def test_names_cannot_leave_the_script(perfect) -> None:
    evil = "</script><script>alert(1)</script>"
    names = (evil, *perfect.skeleton.joint_names[1:])
    html = player_html(
        make_scene(replace(perfect, skeleton=replace(perfect.skeleton, joint_names=names)))
    )
    assert evil not in html
    data = html.partition('id="scene">')[2].partition("</script>")[0]
    assert json.loads(data)["joints"][0] == evil
