from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triangulate.drawing.bones import project
from triangulate.options import ColourBy, Layer
from triangulate.poses import Poses3D
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.look import Look, colour_scale, deviation_mm
from triangulate.viewer.opening import cloud_sequence, open_models
from triangulate.viewer.scene import Scene, moment_text
from triangulate.viewer.shapes import CHI_95, Dots, Instances, Lines, Raster

EVERYTHING = frozenset(Layer)


def only(*layers: Layer) -> Look:
    return Look(layers=frozenset(layers))


def centres_of(shape: object) -> np.ndarray:
    """(N, 3) of balls."""
    assert isinstance(shape, Instances)
    return shape.world_from_template[:, :3, 3]


def sees_all(scene: Scene) -> None:
    pixels = project(scene.start.camera((1280, 720)), scene.shown_m)
    assert np.isfinite(pixels).all()
    assert (pixels >= -0.5).all() and (pixels <= [1279.5, 719.5]).all()


def test_people_alone(poses: Poses3D) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses)))
    np.testing.assert_array_equal(scene.ground.up, [0, 0, 1])
    assert scene.ground.origin[2] == pytest.approx(0, abs=1e-9)
    sees_all(scene)
    seen = poses.positions_m[np.isfinite(poses.positions_m).all(-1)]
    away = np.abs((seen - scene.ground.origin)[:, :2]).max()
    assert 0.9 * away < scene.reach_m <= away + 1e-9
    a, b = np.array(poses.skeleton.edges).T
    bones = np.linalg.norm(poses.positions_m[:, :, a] - poses.positions_m[:, :, b], axis=-1)
    assert scene.joint_m == pytest.approx(0.075 * np.nanmedian(bones))
    assert set(scene.still(Look())) == {"floor", "axes"}
    assert [label.text[0] for label in scene.labels(Look())] == ["x", "y", "z"]


def test_a_rig_alone(rig: Rig) -> None:
    scene = Scene.of(Contents("walk", None, rig))
    sees_all(scene)
    still = scene.still(Look())
    assert set(still) == {"floor", "axes", "cameras"} and scene.moving(Look(), 0) == {}
    assert [label.text for label in scene.labels(only(Layer.cameras))] == list(rig.names)
    cameras = still["cameras"]
    assert isinstance(cameras, Lines) and len(cameras.ends_m) == 3 * (4 + 4 + 1 + 1)
    centres = rig.cameras.centre_world.numpy()
    np.testing.assert_allclose(cameras.ends_m[:12, 0], centres.repeat(4, axis=0))
    depths = rig.cameras.cam_from_world.rotation.numpy()[:, 2]
    ahead = (cameras.ends_m[:12, 1] - cameras.ends_m[:12, 0]).reshape(3, 4, 3) @ depths[..., None]
    np.testing.assert_allclose(ahead, scene.depth_m)
    upper = cameras.ends_m[24:27]  # after 12 spokes and 12 edges
    assert (upper.mean(axis=(1,))[:, 2] > cameras.ends_m[:12, 1, 2].reshape(3, 4).mean(1)).all()
    np.testing.assert_allclose(
        (cameras.ends_m[27:, 1] - scene.ground.origin) @ [0, 0, 1], 0, atol=1e-9
    )


def test_a_cloud_alone(cloud_file: Path) -> None:
    models = open_models([cloud_file])
    scene = Scene.of(Contents("cube", still=models))
    sees_all(scene)
    assert scene.reach_m == pytest.approx(1)
    assert scene.still(only(Layer.clouds)) == {f"still {cloud_file}": models[str(cloud_file)]}
    assert scene.still(only()) == {}
    np.testing.assert_allclose(scene.people_m, models[str(cloud_file)].points_m)


def test_a_cloud_a_frame_alone(cloud_file: Path) -> None:
    scene = Scene.of(Contents("clouds", sequence=cloud_sequence(cloud_file.parent)))
    sees_all(scene)
    assert scene.reach_m == pytest.approx(1)


@pytest.mark.parametrize("axis", ["x", "-x", "y", "-y", "z", "-z"])
def test_up_is_what_is_said_then_the_motions_then_the_rigs(
    axis: str, poses: Poses3D, rig: Rig
) -> None:
    direction = np.eye(3)["xyz".index(axis[-1])] * (-1 if axis[0] == "-" else 1)
    motion = replace(Motion.of(poses), up_axis=axis)
    for contents in (
        Contents("walk", motion),
        Contents("walk", motion, rig),
        Contents("walk", Motion.of(poses), rig, up_axis=axis),
        Contents("walk", replace(motion, up_axis=None), replace(rig, up_axis=axis)),
    ):
        scene = Scene.of(contents)
        np.testing.assert_array_equal(scene.ground.up, direction)
        sees_all(scene)
        camera = scene.start.camera((640, 360))
        ends = np.stack([scene.start.target_m, scene.start.target_m + 0.1 * direction])
        low, high = project(camera, ends)
        assert high[1] < low[1] and high[0] == pytest.approx(low[0])


def test_a_frame_shows_what_is_there(poses: Poses3D) -> None:
    motion = Motion.of(poses)
    scene = Scene.of(Contents("walk", motion))
    look = only(Layer.skeletons)
    whole, lacking = scene.moving(look, 6), scene.moving(look, 5)
    assert set(whole) == {"joints", "bones"}
    np.testing.assert_allclose(
        centres_of(whole["joints"]), poses.positions_m[6].reshape(-1, 3), atol=1e-9
    )
    kept = np.delete(poses.positions_m[5].reshape(-1, 3), 4, axis=0)
    np.testing.assert_allclose(centres_of(lacking["joints"]), kept, atol=1e-9)
    at_missing = sum(4 in edge for edge in poses.skeleton.edges)
    sticks = {n: len(shapes["bones"].colours) // 2 for n, shapes in ((5, lacking), (6, whole))}
    assert sticks == {
        5: 2 * len(poses.skeleton.edges) - at_missing,
        6: 2 * len(poses.skeleton.edges),
    }
    assert at_missing > 0


def test_one_person_alone(poses: Poses3D) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses)))
    look = replace(Look(layers=EVERYTHING), person=1, colour_by=ColourBy.person)
    shapes = scene.moving(look, 6)
    np.testing.assert_allclose(centres_of(shapes["joints"]), poses.positions_m[6, 1], atol=1e-9)
    nobody = scene.moving(replace(look, person=0), 6)
    assert (shapes["joints"].colours != nobody["joints"].colours).any()
    assert len(shapes["ellipsoids"].ends_m) == 17 * 3 * 24
    trail = shapes["trails"].ends_m.reshape(-1, 3)
    assert trail[:, 0].min() > poses.positions_m[:, 1, :, 0].min() - 1e-9


def test_a_frame_without_anybody_shows_nothing(poses: Poses3D) -> None:
    positions = poses.positions_m.copy()
    positions[6] = np.nan
    motion = replace(Motion.of(poses), positions_m=positions)
    look = Look(layers=EVERYTHING, trail_s=0)
    assert Scene.of(Contents("walk", motion)).moving(look, 6) == {}


def test_points_without_bones_and_without_covariance(poses: Poses3D) -> None:
    dots = replace(Motion.of(poses), skeleton=Skeleton.anonymous(17), poses=None)
    scene = Scene.of(Contents("walk", dots))
    assert scene.joint_m == pytest.approx(0.006 * scene.reach_m)
    assert set(scene.moving(Look(layers=EVERYTHING), 6)) == {"joints", "trails"}


def test_trails_are_as_long_as_told_and_end_at_the_skeletons_ends(poses: Poses3D) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses)))
    edges = [joint for edge in poses.skeleton.edges for joint in edge]
    ends = [joint for joint in range(17) if edges.count(joint) == 1]
    assert len(ends) == 5  # head, hands and feet
    trail = scene.moving(Look(layers=frozenset({Layer.trails}), trail_s=0.4), 29)["trails"]
    assert isinstance(trail, Lines) and len(trail.ends_m) == 10 * 2 * len(ends)
    np.testing.assert_array_equal(trail.ends_m[:5, 0], poses.positions_m[19, 0, ends])
    np.testing.assert_array_equal(trail.ends_m[-5:, 1], poses.positions_m[29, 1, ends])
    assert trail.colours[-1].astype(int).sum() != trail.colours[4].astype(int).sum()
    assert "trails" not in scene.moving(only(Layer.trails), 0)
    early = scene.moving(only(Layer.trails), 3)["trails"]
    assert len(early.ends_m) == 3 * 2 * len(ends)
    fifth = Contents("walk", Motion.of(replace(poses, frames=np.arange(30) * 5)))  # 5 a second
    long = Scene.of(fifth).moving(only(Layer.trails), 29)["trails"]
    assert len(long.ends_m) == 5 * 2 * len(ends)


def test_trails_have_gaps_where_points_are_missing(poses: Poses3D) -> None:
    positions = poses.positions_m.copy()
    end = poses.skeleton.joint_names.index("left_ankle")
    positions[10, 0, end] = np.nan
    scene = Scene.of(Contents("walk", replace(Motion.of(poses), positions_m=positions)))
    trail = scene.moving(replace(only(Layer.trails), person=0), 12)["trails"]
    assert len(trail.ends_m) == 12 * 5 - 2 and np.isfinite(trail.ends_m).all()


def test_ellipsoids_are_of_the_covariance_and_can_be_magnified(poses: Poses3D) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses)))
    for magnified in (1.0, 10.0):
        look = replace(only(Layer.ellipsoids), magnified=magnified, person=0)
        lines = scene.moving(look, 6)["ellipsoids"]
        away = lines.ends_m.reshape(17, -1, 3) - poses.positions_m[6, 0][:, None]
        expected = CHI_95 * magnified * np.linspace(1e-3, 9e-3, 17)
        np.testing.assert_allclose(
            np.linalg.norm(away, axis=-1), expected[:, None].repeat(144, 1), rtol=1e-6
        )
    assert len(scene.moving(look, 5)["ellipsoids"].ends_m) == 16 * 72


def test_a_covariance_that_is_not_known_draws_no_ellipsoid(poses: Poses3D) -> None:
    covariance = poses.covariance_m2.copy()
    covariance[6, 0, 2] = np.nan
    scene = Scene.of(Contents("walk", Motion.of(replace(poses, covariance_m2=covariance))))
    shapes = scene.moving(only(Layer.ellipsoids, Layer.skeletons), 6)
    assert len(shapes["ellipsoids"].ends_m) == 33 * 72
    assert len(centres_of(shapes["joints"])) == 34


def test_colours_follow_the_scale(poses: Poses3D) -> None:
    motion = Motion.of(poses)
    scene, scale = Scene.of(Contents("walk", motion)), colour_scale(motion, ColourBy.deviation)
    look = replace(only(Layer.skeletons), colour_by=ColourBy.deviation)
    plain, scaled = (scene.moving(look, 6, scale=s)["joints"].colours for s in (None, scale))
    assert (plain != scaled).any()
    assert scale is not None
    deviation = deviation_mm(poses, [6])[0, 0, 16]
    np.testing.assert_array_equal(scaled.reshape(2, 17, 3)[0, 16], scale.colour(deviation))


def test_images_lie_on_the_planes_of_their_cameras(rig: Rig, poses: Poses3D) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses), rig))
    image = np.zeros((18, 24, 3), np.uint8)
    shapes = scene.moving(only(Layer.images), 6, [image, None, image])
    assert set(shapes) == {"image cam1", "image cam3"}
    raster = shapes["image cam1"]
    assert isinstance(raster, Raster) and raster.colours is image
    pixels, _ = rig.cameras[0].project(_tensor(raster.points_m[0, 0]))
    width, height = rig.sizes[0]
    expected = [width / 24 / 2 - 0.5, height / 18 / 2 - 0.5]  # the middle of the first pixel
    np.testing.assert_allclose(pixels[0], expected, atol=1e-6)
    again = scene.moving(only(Layer.images), 7, [image, None, image])["image cam1"]
    assert again.points_m is raster.points_m
    assert scene.moving(only(Layer.images), 6) == scene.moving(only(), 6, [image] * 3) == {}
    assert scene.moving(only(Layer.images), 6, [None] * 3) == {}


def _tensor(point: np.ndarray):
    import torch

    return torch.from_numpy(point[None])


def test_a_frames_cloud_is_shown_where_clouds_are(poses: Poses3D) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses)))
    cloud = Dots(np.zeros((1, 3)), np.zeros((1, 3), np.uint8))
    assert scene.moving(only(Layer.clouds), 6, cloud=cloud) == {"cloud": cloud}
    assert scene.moving(only(), 6, cloud=cloud) == {}


def test_frames_have_numbers_and_times(poses: Poses3D, rig: Rig) -> None:
    late = replace(poses, frames=np.arange(30) + 100)
    assert moment_text(Contents("walk", Motion.of(late)), 5) == "frame 105   4.20 s"
    assert moment_text(Contents("walk", None, rig), 0) == "frame 0"


def test_strays_do_not_shrink_the_scene(poses: Poses3D) -> None:
    positions = poses.positions_m.copy()
    positions[3, 1, 2] = 1e4
    scene = Scene.of(Contents("walk", replace(Motion.of(poses), positions_m=positions)))
    assert scene.reach_m < 5


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what is held")
def test_an_hour_is_scrubbed_without_being_held(poses: Poses3D, tmp_path: Path) -> None:
    """216,000 frames are more than 250 MB; what they leave in memory is a few."""
    count, joints = 216_000, 17
    positions = np.resize(poses.positions_m[:, :1], (count, 1, joints, 3))
    Poses3D(
        positions_m=positions,
        covariance_m2=np.broadcast_to(
            np.float32(1e-6) * np.eye(3, dtype="f4"), (count, 1, joints, 3, 3)
        ),
        reprojection_px=np.ones((count, 1, 2, joints), np.float32),
        views_used=np.ones((count, 1, 2, joints), bool),
        reason=np.zeros((count, 1, joints), np.uint8),
        sides_swapped=np.zeros((count, 1, 2), bool),
        skeleton=poses.skeleton,
        names=("a", "b"),
        fps=60.0,
        up_axis="z",
    ).save(tmp_path / "hour.npz")
    assert (tmp_path / "hour.npz").stat().st_size > 250e6
    code = _SCRUBBING.format(path=str(tmp_path / "hour.npz"))
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (tmp_path / "hour.npz").unlink()  # pytest would keep it
    grown_mb, looked_at = map(float, found.stdout.split())
    assert looked_at == 500 and grown_mb < 60


_SCRUBBING = """
import re
from pathlib import Path
import numpy as np
from triangulate.options import ColourBy, Layer
from triangulate.poses import load_poses
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.look import Look, colour_scale
from triangulate.viewer.scene import Scene

def held_mb():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

before, most, count = held_mb(), 0, 0
contents = Contents("hour", Motion.of(load_poses({path!r}, mapped=True)))
scene = Scene.of(contents)
scale = colour_scale(contents.motion, ColourBy.deviation)
look = Look(ColourBy.deviation, frozenset(Layer))
for index in np.random.default_rng(0).integers(0, len(contents.frames), 500):
    count += "ellipsoids" in scene.moving(look, int(index), scale=scale)
    most = max(most, held_mb())
print(most - before, count)
"""
