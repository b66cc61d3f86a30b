from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.options import Layer
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.film import ORBIT, STILL, Film, Shots, shots_of
from triangulate.viewer.look import Look
from triangulate.viewer.scene import Scene
from triangulate.viewer.viewpoint import camera_of_rig

SIZE = (320, 240)


@pytest.fixture
def scene(poses: Poses3D, rig: Rig) -> Scene:
    """Frames 100, 102, ..., 158 at 25 a second: 12.5 of them a second."""
    late = replace(poses, frames=100 + 2 * np.arange(30))
    return Scene.of(Contents("walk", Motion.of(late), rig))


def cameras_of(shots: Shots) -> list[Camera]:
    return [shots.camera_of(place) for place in range(len(shots))]


def test_a_part_goes_on_where_the_one_before_ends(scene: Scene) -> None:
    whole = shots_of(scene, Look(), Film(SIZE))
    part = whole.part(4, 9)
    assert part.numbers.tolist() == whole.numbers[4:9].tolist()
    np.testing.assert_array_equal(part.camera_of(1).centre_world, whole.camera_of(5).centre_world)


def angles_of(shots) -> np.ndarray:
    """(T,) how far the camera was carried about what it looks at, seen from above, degrees."""
    scene = shots.scene
    arms = np.stack([camera.centre_world.numpy() for camera in cameras_of(shots)])
    x, y = (arms - scene.start.target_m)[:, :2].T
    return np.rad2deg(np.unwrap(np.arctan2(y, x)))


@pytest.mark.parametrize(
    ("frames", "every", "numbers"),
    [
        (None, 1, np.arange(100, 160, 2)),
        ("110:117", 1, [110, 112, 114, 116]),
        ("109:117", 2, [110, 114]),
        (":101", 1, [100]),
        ("150:", 3, [150, 156]),
        (None, 29, [100, 158]),
    ],
)
def test_frames_are_chosen_by_their_numbers(
    frames: str | None, every: int, numbers: list[int], scene: Scene
) -> None:
    shots = shots_of(scene, Look(), Film(SIZE, frames=frames, every=every))
    np.testing.assert_array_equal(shots.numbers, numbers)
    np.testing.assert_array_equal(scene.contents.frames[shots.indices], numbers)
    assert len(shots) == len(numbers) == len(cameras_of(shots))
    assert shots.rate == 12.5 / every


@pytest.mark.parametrize("every", [1, 3])
def test_an_orbit_turns_evenly_whatever_the_rate(every: int, scene: Scene) -> None:
    shots = shots_of(scene, Look(), Film(SIZE, turn_deg_s=30.0, every=every))
    steps = np.diff(angles_of(shots))
    np.testing.assert_allclose(steps, 30.0 / (12.5 / every), atol=1e-9)
    start = scene.start.camera(SIZE)
    np.testing.assert_allclose(
        shots.camera_of(0).cam_from_world.matrix(), start.cam_from_world.matrix()
    )
    back = shots_of(scene, Look(), Film(SIZE, turn_deg_s=-30.0, every=every))
    np.testing.assert_allclose(np.diff(angles_of(back)), -steps, atol=1e-9)


def test_what_stands_still_is_turned_about_once(rig: Rig) -> None:
    scene = Scene.of(Contents("walk", None, rig))
    shots = shots_of(scene, Look(), Film(SIZE))
    assert (len(shots), shots.rate) == (300, 25.0)  # 12 s
    steps = np.diff(angles_of(shots))
    np.testing.assert_allclose(steps, 360 / 300)  # and the next would be the first again
    np.testing.assert_array_equal(shots.numbers, np.arange(300))
    assert len(shots_of(scene, Look(), Film(SIZE), turns_about=False)) == 1
    assert len(shots_of(scene, Look(), Film(SIZE, STILL))) == 1
    assert len(shots_of(scene, Look(), Film(SIZE, "cam2"))) == 1


def test_views_are_still_or_those_of_cameras(scene: Scene, rig: Rig) -> None:
    still = shots_of(scene, Look(), Film(SIZE, STILL))
    assert all(camera is still.camera_of(0) for camera in cameras_of(still))
    np.testing.assert_allclose(still.camera_of(0).K, scene.start.camera(SIZE).K)
    seen = shots_of(scene, Look(), Film(SIZE, "cam2"))
    expected = camera_of_rig(rig, 1, SIZE)
    np.testing.assert_array_equal(seen.camera_of(len(seen) - 1).K, expected.K)
    np.testing.assert_array_equal(seen.camera_of(len(seen) - 1).centre_world, expected.centre_world)


def test_what_there_is_not_is_refused(scene: Scene, poses: Poses3D) -> None:
    def refuse(said: str, film: Film, scene: Scene = scene) -> None:
        with pytest.raises(InputError, match=said) as refused:
            shots_of(scene, Look(), film)
        assert "\n" not in str(refused.value)

    refuse(r"--view cam9: there are orbit, still, cam1, cam2, cam3$", Film(SIZE, "cam9"))
    alone = Scene.of(Contents("walk", Motion.of(poses)))
    refuse(r"--view cam1: there are orbit, still$", Film(SIZE, "cam1"), alone)
    refuse(r"--frames 0:50: there are frames 100 to 158", Film(SIZE, frames="0:50"))
    refuse(r"--frames 101:102: there are frames", Film(SIZE, frames="101:102"))
    refuse(r"--frames 150:400", Film(SIZE, frames="150:400"))
    refuse(r"--frames soon: write it as", Film(SIZE, frames="soon"))


@pytest.mark.parametrize("size", [(321, 240), (320, 241), (62, 240), (320, 0)])
def test_sizes_that_no_video_can_have_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"--size {size[0]}x{size[1]}: both sides must be even"):
        Film(size)


def test_steps_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="--every 0: must be 1 or more"):
        Film(SIZE, every=0)


def test_shots_carry_the_cameras_images(poses: Poses3D, rig: Rig, recording: Recording) -> None:
    scene = Scene.of(Contents("walk", Motion.of(poses), rig, recording))
    film = Film(SIZE, ORBIT, frames="3:12", every=4)
    shots = list(shots_of(scene, Look(), film))
    assert [shot.index for shot in shots] == [3, 7, 11]
    for shot in shots:
        assert len(shot.images) == 3
        assert all(image is not None for image in shot.images)
        means = [float(image.mean()) for image in shot.images if image is not None]
        np.testing.assert_allclose(means, 20 + 6 * shot.index + 3 * np.arange(3), atol=2)
    without = replace(Look(), layers=frozenset(Layer) - {Layer.images})
    assert [shot.images for shot in shots_of(scene, without, film)] == [(), (), ()]


def test_a_turn_about_a_single_frame_shows_its_images_all_along(
    poses: Poses3D, rig: Rig, recording: Recording
) -> None:
    one = Motion.of(poses.select_frames(np.array([7])))
    scene = Scene.of(Contents("walk", one, rig, recording))
    shots = list(shots_of(scene, Look(), Film(SIZE)))
    assert len(shots) == 300 and {shot.index for shot in shots} == {0}
    assert len({float(shot.camera.centre_world[0]) for shot in shots}) > 100
    for shot in (shots[0], shots[-1]):
        assert shot.images[0] is not None and shot.images[0].mean() == pytest.approx(62, abs=2)


def test_clouds_make_a_film_too(tmp_path: Path, cloud_file: Path) -> None:
    pytest.importorskip("open3d")
    files = {number: cloud_file for number in (5, 6, 9)}
    shots = shots_of(Scene.of(Contents("clouds", sequence=files)), Look(), Film(SIZE))
    np.testing.assert_array_equal(shots.numbers, [5, 6, 9])
    assert shots.rate == 25.0 and [shot.images for shot in shots] == [()] * 3
