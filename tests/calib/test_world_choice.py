from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from calib.named_points import NamedPoints
from calib.observations import Observations
from calib.solution import Solution
from calib.world import in_world, scaled
from calib.world_choice import WorldChoice, carried, settled, settled_rig
from triangulate.errors import InputError
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.rig import Rig
from triangulate.synthetic import board_grid, ring_rig
from triangulate.synthetic.draws import seeded

BOARD = board_grid(5, 4, 0.1)
FRAMES = (10, 12, 14, 16)  # on the floor, held up, nobody knows where, on the floor elsewhere
PLACES = {"corner": [0.0, 0, 0], "door": [1.0, 0, 0], "pillar": [0, 0.8, 0], "head": [0, 0, 1.7]}


def true_solution() -> Solution:
    """Without noise, in a world whose z is up; two parameters stand for all."""
    rig = ring_rig(seeded(0), 3)
    face_up = np.diag([1.0, -1.0, -1.0])
    rotation = np.stack([face_up, np.eye(3), np.full((3, 3), np.nan), face_up])
    translation = np.array([[0.2, 0.1, 0], [0, 0, 1], [np.nan] * 3, [-0.5, 0.3, 0]])
    points_world = BOARD @ np.swapaxes(rotation, -1, -2) + translation[:, None]
    flat = torch.from_numpy(np.nan_to_num(points_world.reshape(-1, 3)))
    pixels = rig.cameras.project(flat)[0].numpy().reshape(3, 4, -1, 2)
    pixels[:, 2] = np.nan
    return Solution(
        rig=rig,
        observations=Observations.from_arrays(pixels, rig.names, (1280, 720), frames=FRAMES),
        target_m=BOARD,
        world_from_target_rotation=rotation,
        world_from_target_translation_m=translation,
        outliers=np.zeros(pixels.shape[:-1], dtype=bool),
        residuals_px=0 * pixels,
        sigma_px=np.ones(3),
        reference="cam1",
        parameters=(("cam1", "fx"), ("cam2", "tx")),
        values=np.array([800.0, 2.0]),
        covariance=np.array([[4.0, 0.5], [0.5, 0.25]]),
        late_s=np.zeros(3),
    )


def clicks(rig: Rig) -> dict:
    pixels = rig.cameras.project(torch.tensor(list(PLACES.values()), dtype=torch.float64))[0]
    return {
        name: {camera: tuple(pixels[v, n].tolist()) for v, camera in enumerate(rig.names)}
        for n, name in enumerate(PLACES)
    }


def projected(solution: Solution) -> np.ndarray:
    """Where the solved target appears in the solved cameras."""
    points = torch.from_numpy(np.nan_to_num(solution.target_points_world.reshape(-1, 3)))
    pixels = solution.rig.cameras.project(points)[0].numpy()
    shape = solution.observations.points_px.shape
    return np.where(np.isnan(solution.observations.points_px), np.nan, pixels.reshape(shape))


def heights(rig: Rig) -> np.ndarray:
    return rig.cameras.centre_world[:, 2].numpy()


# --- Carrying a solution along --------------------------------------------------------------------


def test_the_target_goes_along_with_the_cameras() -> None:
    solution = true_solution()
    moved = in_world(
        solution.rig,
        Rigid(
            rotation_from_vector(torch.tensor([0.3, 2.0, -1.0], dtype=torch.float64)),
            torch.tensor([5.0, -3.0, 1.0], dtype=torch.float64),
        ),
        up_axis=None,
        note="elsewhere",
    )
    for rig, scale in ((moved, 1.0), (scaled(moved, ("cam1", "cam3"), 2.0), None)):
        found = carried(solution, rig)
        seen = solution.observations.points_px
        np.testing.assert_allclose(projected(found), seen, atol=1e-7)
        before, after = (s.rig.cameras.centre_world for s in (solution, found))
        if scale is None:
            scale = float((after[0] - after[1]).norm() / (before[0] - before[1]).norm())
            assert scale != pytest.approx(1, abs=0.1)
        np.testing.assert_allclose(found.target_m, scale * BOARD)
        np.testing.assert_allclose(found.values, [800, 2.0 * scale])
        expected = [[4, 0.5 * scale], [0.5 * scale, 0.25 * scale**2]]
        np.testing.assert_allclose(found.covariance, expected)


# --- The ways -------------------------------------------------------------------------------------


def test_floor_frames_are_numbers_of_the_recording() -> None:
    solution = true_solution()
    found = settled(solution, WorldChoice(floor_frames=(10,), thickness_m=0.01))
    np.testing.assert_allclose(heights(found.rig), heights(solution.rig) + 0.01)
    np.testing.assert_allclose(found.world_from_target_translation_m[0], [0, 0, 0.01], atol=1e-9)
    np.testing.assert_allclose(found.world_from_target_rotation[0][:, 0], [1, 0, 0], atol=1e-9)
    assert "frame 10" in found.rig.notes[-1]
    assert "10 mm above the floor" in found.rig.notes[-1]
    both = settled(solution, WorldChoice(floor_frames=(16, 10)))
    np.testing.assert_allclose(both.world_from_target_translation_m[3], [0, 0, 0], atol=1e-9)
    assert "frames 16, 10" in both.rig.notes[-1]


def test_a_distance_comes_before_the_world() -> None:
    solution = true_solution()
    choice = WorldChoice(floor_frames=(10,), distance=("cam1", "cam2", 3.0))
    found = settled(solution, choice)
    centres = found.rig.cameras.centre_world
    assert float((centres[0] - centres[1]).norm()) == pytest.approx(3.0)
    np.testing.assert_allclose(projected(found), solution.observations.points_px, atol=1e-7)
    assert [note.split(":")[0] for note in found.rig.notes[-2:]] == ["scale", "world"]


def test_points_and_directions_settle_a_rig_alone() -> None:
    rig = true_solution().rig
    points = NamedPoints(clicks(rig))
    choices = {
        "floor": replace(points, origin="corner", x="door", floor=("pillar",)),
        "level": replace(points, origin="corner", floor=("door", "pillar")),
        "known": replace(points, world_m={n: tuple(PLACES[n]) for n in ("corner", "door", "head")}),
    }
    for name, chosen in choices.items():
        found = settled_rig(rig, WorldChoice(points=chosen))
        np.testing.assert_allclose(
            found.cameras.centre_world, rig.cameras.centre_world, atol=1e-7, err_msg=name
        )
    middle = settled_rig(rig, WorldChoice(points=replace(points, floor=tuple(PLACES)[:3])))
    shift = rig.cameras.centre_world - middle.cameras.centre_world
    np.testing.assert_allclose(shift[0], [1 / 3, 0.8 / 3, 0], atol=1e-7)
    for up in ("z", "0,0,2", "corner,head", " corner , head "):
        found = settled_rig(rig, WorldChoice(points=points, up=up))
        np.testing.assert_allclose(heights(found), heights(rig), atol=1e-7)
    down = settled_rig(rig, WorldChoice(up="0, 0,-1e0"))
    np.testing.assert_allclose(heights(down), -heights(rig), atol=1e-9)
    twice = settled_rig(rig, WorldChoice(points=points, distance=("corner", "head", 3.4)))
    np.testing.assert_allclose(heights(twice), 2 * heights(rig), atol=1e-6)


def test_points_are_placed_anew_after_the_rig_was_stretched() -> None:
    rig = true_solution().rig
    small = scaled(rig, ("cam1", "cam2"), 1.0)
    points = NamedPoints(clicks(rig), world_m={n: tuple(p) for n, p in PLACES.items()})
    true_m = float((rig.cameras.centre_world[0] - rig.cameras.centre_world[1]).norm())
    choice = WorldChoice(points=points, distance=("cam1", "cam2", true_m))
    found = settled_rig(small, choice)
    np.testing.assert_allclose(found.cameras.centre_world, rig.cameras.centre_world, atol=1e-6)
    with pytest.raises(InputError, match="or the rig's scale"):
        settled_rig(small, replace(choice, distance=None))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (WorldChoice(floor_frames=(11,)), "there is no frame 11: the frames go from 10 to 16"),
        (WorldChoice(floor_frames=(10, 14)), "frame 14: where the board was is not known"),
        (WorldChoice(floor_frames=(10, 12)), "do not lie in one plane|both sides"),
        (WorldChoice(up="sideways"), "'sideways' is no direction"),
        (WorldChoice(up="1,2"), "'1,2' is no direction"),
        (WorldChoice(up="1,2,."), "'1,2,.' is no direction"),
        (WorldChoice(up="a,b", points=NamedPoints({})), "no point 'a'"),
        (WorldChoice(points=NamedPoints({}, floor=("a", "b", "c"))), "no point 'a'"),
        (WorldChoice(reference="left"), "no camera 'left'"),
    ],
)
def test_what_cannot_be_is_said(choice: WorldChoice, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        settled(true_solution(), choice)
    assert "\n" not in str(caught.value)


def test_a_rig_alone_has_no_frames() -> None:
    with pytest.raises(InputError, match=r"solution\.npz"):
        settled_rig(true_solution().rig, WorldChoice(floor_frames=(10,)))


def test_the_ways_asked_for_are_listed() -> None:
    points = NamedPoints({}, floor=("a",))
    assert WorldChoice(floor_frames=(1,), up="z").ways == ["--floor-frame", "--up"]
    assert WorldChoice(reference="a", points=points).ways == ["--reference", "--points"]
    assert WorldChoice(points=NamedPoints({}), distance=("a", "b", 1)).ways == []
