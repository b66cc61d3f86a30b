from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.world import (
    from_floor_board,
    from_floor_points,
    from_known_points,
    from_points,
    from_reference_camera,
    from_up,
    in_world,
    scaled,
)
from triangulate.errors import InputError
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.rig import Rig
from triangulate.synthetic import board_grid, ring_rig
from triangulate.synthetic.draws import seeded

BOARD = board_grid()
FACE_UP = np.diag([1.0, -1.0, -1.0])  # x stays, z into the floor


def rigid(vector, translation) -> Rigid:
    return Rigid(
        rotation_from_vector(torch.tensor(vector, dtype=torch.float64)),
        torch.tensor(translation, dtype=torch.float64),
    )


def hidden_world(seed: int = 0) -> tuple[Rig, Rig, Rigid]:
    """A rig with the floor at z = 0, the same in some other world, and other_from_true."""
    rig = ring_rig(seeded(seed), 4, lens="mixed")
    other_from_true = rigid([0.7, -1.1, 2.0], [3.0, -2.0, 5.0])
    return rig, in_world(rig, other_from_true, up_axis=None, note="hidden"), other_from_true


def relative(rig: Rig) -> torch.Tensor:
    """Poses of the cameras in the first one's frame, which no choice of world may change."""
    pose = rig.cameras.cam_from_world
    return (pose @ pose[0].inverse()).matrix()


def assert_same_cameras(first: Rig, second: Rig) -> None:
    a, b = first.cameras.cam_from_world.matrix(), second.cameras.cam_from_world.matrix()
    torch.testing.assert_close(a, b, atol=1e-9, rtol=0)


def lying(other_from_true: Rigid, x: float, y: float, turn: float, up: bool = True):
    """The pose, in the other world, of a board on the true floor."""
    true_from_board = Rigid(
        rotation_from_vector(torch.tensor([0, 0, turn], dtype=torch.float64))
        @ torch.from_numpy(FACE_UP if up else np.eye(3)),
        torch.tensor([x, y, 0.0], dtype=torch.float64),
    )
    pose = other_from_true @ true_from_board
    return pose.rotation.numpy(), pose.translation.numpy()


# --- Another world --------------------------------------------------------------------------------


def test_points_project_the_same_after_the_world_has_changed() -> None:
    true, other, other_from_true = hidden_world()
    points = torch.randn(20, 3, generator=seeded(3), dtype=torch.float64)
    before, _ = true.cameras.project(points)
    after, _ = other.cameras.project(other_from_true.apply(points))
    torch.testing.assert_close(before, after, atol=1e-8, rtol=0)
    assert other.up_axis is None
    assert other.notes[-1] == "world: hidden"


def test_an_earlier_choice_leaves_no_note() -> None:
    _, other, _ = hidden_world()
    again = from_up(from_reference_camera(other, "cam1"), [0, 1, 0])
    assert [note for note in again.notes if note.startswith("world: ")] == [again.notes[-1]]
    assert again.notes[:-1] == other.notes[:-1]


# --- A reference camera ---------------------------------------------------------------------------


def test_the_reference_camera_is_the_world() -> None:
    true, other, _ = hidden_world()
    for rig in (true, other):
        moved = from_reference_camera(rig, "cam3")
        pose = moved.cameras.cam_from_world[2]
        torch.testing.assert_close(pose.matrix(), torch.eye(3, 4).double(), atol=1e-12, rtol=0)
        torch.testing.assert_close(relative(moved), relative(rig), atol=1e-12, rtol=0)
    assert from_reference_camera(true, "cam3").up_axis == "-y"
    assert from_reference_camera(other, "cam3").up_axis is None
    assert "camera 'cam3'" in moved.notes[-1]


def test_a_camera_that_looks_half_down_has_no_axis_up() -> None:
    rig = Rig.from_arrays(
        K=np.array([[[300, 0, 320], [0, 300, 240], [0, 0, 1.0]]]),
        dist=None,
        rotation=rotation_from_vector(torch.tensor([[-np.pi / 4, 0, 0]])).numpy(),
        translation_m=np.zeros((1, 3)),
        names=["a"],
        up_axis="-y",
    )
    moved = from_reference_camera(rig, "a")
    assert moved.up_axis is None
    assert "none of its axes" in moved.notes[-1]


# --- A board on the floor -------------------------------------------------------------------------


@pytest.mark.parametrize("print_up", [True, False])
def test_a_floor_board_gives_origin_x_and_up(print_up: bool) -> None:
    true, other, other_from_true = hidden_world()
    found = from_floor_board(other, *lying(other_from_true, 0.4, -0.2, 0.9, print_up), BOARD)
    new_from_true = rigid([0, 0, -0.9], [0, 0, 0]) @ rigid([0, 0, 0], [-0.4, 0.2, 0])
    assert_same_cameras(found, in_world(true, new_from_true, up_axis="z", note=""))
    assert found.up_axis == "z"
    assert (found.cameras.centre_world[:, 2] > 1).all()


def test_the_print_lies_above_the_floor_by_its_thickness() -> None:
    _, other, other_from_true = hidden_world()
    pose = lying(other_from_true, 0, 0, 0)
    flat, thick = (from_floor_board(other, *pose, BOARD, thickness_m=t) for t in (0, 0.008))
    rise = thick.cameras.centre_world - flat.cameras.centre_world
    expected = torch.tensor([0, 0, 0.008], dtype=torch.float64).expand(4, 3)
    torch.testing.assert_close(rise, expected, atol=1e-12, rtol=0)
    assert "8 mm above the floor" in thick.notes[-1]


def test_several_boards_share_the_tilt_of_one() -> None:
    true, other, other_from_true = hidden_world()
    first, second = (lying(other_from_true, *p) for p in ((0, 0, 0), (1.5, 1.0, 2.0)))
    tilt = rotation_from_vector(torch.tensor([0.01, 0, 0], dtype=torch.float64)).numpy()
    tilted = first[0] @ tilt
    alone = from_floor_board(other, tilted, first[1], BOARD)
    both = from_floor_board(
        other, np.stack([tilted, second[0]]), np.stack([first[1], second[1]]), BOARD
    )

    def lean(rig: Rig) -> float:
        rotation = rig.cameras.cam_from_world.rotation[0].numpy()
        up_true = true.cameras.cam_from_world.rotation[0].numpy()[:, 2]
        return float(np.arccos(np.clip(rotation[:, 2] @ up_true, -1, 1)))

    assert lean(alone) == pytest.approx(0.01, rel=1e-6)
    assert lean(both) < 0.003


def test_a_board_that_hangs_among_the_cameras_is_no_floor() -> None:
    true, _, _ = hidden_world()
    upright = rotation_from_vector(torch.tensor([np.pi / 2, 0, 0])).numpy()
    with pytest.raises(InputError, match=r"frame 12: cameras stand on both sides of it .*cam"):
        from_floor_board(true, upright, np.array([0, 0, 1.0]), BOARD, what="frame 12")


def test_a_board_nobody_placed_and_boards_on_two_floors_are_refused() -> None:
    _, other, other_from_true = hidden_world()
    first, second = (lying(other_from_true, *p) for p in ((0, 0, 0), (1.5, 1.0, 2.0)))
    with pytest.raises(InputError, match="too few cameras saw it"):
        from_floor_board(other, np.full((3, 3), np.nan), np.zeros(3), BOARD)
    up = other_from_true.rotation.numpy()[:, 2]
    translations = np.stack([first[1], second[1] + 0.4 * up])
    rotations = np.stack([first[0], second[0]])
    with pytest.raises(InputError, match=r"do not lie in one plane \(up to 0\.\d+ m off\)"):
        from_floor_board(other, rotations, translations, BOARD)


# --- Points ---------------------------------------------------------------------------------------


def named(other_from_true: Rigid, places: dict[str, list[float]]) -> dict[str, np.ndarray]:
    moved = other_from_true.apply(torch.tensor(list(places.values()), dtype=torch.float64))
    return dict(zip(places, moved.numpy(), strict=True))


@pytest.mark.parametrize("third", ["left", "right"])  # z is up whichever side it is on
def test_named_points_make_a_floor_with_an_origin_and_x(third: str) -> None:
    true, other, other_from_true = hidden_world()
    places = {"o": [1.0, 0, 0], "door": [1.0, 2.0, 0], "left": [0, 0.5, 0], "right": [2.0, 0.5, 0]}
    found = from_points(other, named(other_from_true, places), "o", "door", [third])
    new_from_true = rigid([0, 0, -np.pi / 2], [0, 1.0, 0])
    assert_same_cameras(found, in_world(true, new_from_true, up_axis="z", note=""))
    assert "origin at o, x to door" in found.notes[-1]


def test_floor_points_turn_z_up_and_keep_x() -> None:
    true, _, _ = hidden_world()
    tilted_from_true = rigid([0.05, 0.0, 0], [0, 0, -0.3])
    tilted = in_world(true, tilted_from_true, up_axis="z", note="")
    floor = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, -2, 0.0]])
    points = tilted_from_true.apply(torch.from_numpy(floor)).numpy()
    found = from_floor_points(tilted, points, origin=points[0] + [0, 0, 0.0])
    assert_same_cameras(found, true)
    # Without an origin, the middle of the points; a point above it is taken down.
    middle = from_floor_points(tilted, points)
    shift = (middle.cameras.centre_world - found.cameras.centre_world).numpy()
    np.testing.assert_allclose(shift, np.tile([0, 0.25, 0], (4, 1)), atol=1e-12)


def test_known_points_are_met_with_and_without_scale() -> None:
    true, other, other_from_true = hidden_world()
    places = {"a": [0.0, 0, 0], "b": [2.0, 0, 0], "c": [0, 1.5, 0], "d": [0, 0, 1.2]}
    points = named(other_from_true, places)
    world = {name: np.array(place) for name, place in places.items()}
    assert_same_cameras(from_known_points(other, points, world), true)

    half = scaled(other, ("cam1", "cam2"), 0.5 * distance(other, 0, 1))
    smaller = {name: 0.5 * point for name, point in points.items()}
    found = from_known_points(half, smaller, world, with_scale=True)
    assert_same_cameras(found, true)
    assert "times 2" in next(note for note in found.notes if note.startswith("scale: "))
    assert "0.0 mm" in found.notes[-1]


def distance(rig: Rig, a: int, b: int) -> float:
    centres = rig.cameras.centre_world
    return float((centres[a] - centres[b]).norm())


def test_a_direction_turns_z_up() -> None:
    true, other, other_from_true = hidden_world()
    found = from_up(other, 3 * other_from_true.rotation.numpy()[:, 2])
    np.testing.assert_allclose(
        np.diff(found.cameras.centre_world[:, 2]), np.diff(true.cameras.centre_world[:, 2])
    )
    # Already up: nothing turns. The old x up: something else must be x.
    assert_same_cameras(from_up(true, [0, 0, 2.0]), true)
    assert from_up(true, [1.0, 0, 0]).cameras.centre_world[:, 2].numpy() == pytest.approx(
        true.cameras.centre_world[:, 0].numpy()
    )


# --- Scale ----------------------------------------------------------------------------------------


def test_a_known_distance_scales_everything_and_no_pixel_moves() -> None:
    true, _, _ = hidden_world()
    found = scaled(true, ("cam1", "cam3"), 3.2)
    assert distance(found, 0, 2) == pytest.approx(3.2, abs=1e-12)
    factor = 3.2 / distance(true, 0, 2)
    assert distance(found, 1, 3) == pytest.approx(factor * distance(true, 1, 3))
    points = torch.rand(10, 3, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(
        found.cameras.project(factor * points)[0], true.cameras.project(points)[0]
    )
    assert f"times {factor:.6g}" in found.notes[-1]
    by_points = scaled(true, ("p", "q"), 1.0, {"p": np.zeros(3), "q": np.array([0, 4.0, 0])})
    assert distance(by_points, 0, 2) == pytest.approx(0.25 * distance(true, 0, 2))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda rig: from_reference_camera(rig, "cam9"),
            "no camera 'cam9' in the rig; it has cam1",
        ),
        (lambda rig: scaled(rig, ("cam1", "cam9"), 1.0), "no camera or point 'cam9'"),
        (lambda rig: scaled(rig, ("cam1", "cam1"), 1.0), "in the same place"),
        (lambda rig: scaled(rig, ("cam1", "cam2"), 0.0), "must be positive"),
        (lambda rig: scaled(rig, ("cam1", "cam2"), float("nan")), "must be positive"),
        (lambda rig: from_up(rig, [0, 0, 0]), "has no length"),
        (lambda rig: from_floor_points(rig, np.arange(9.0).reshape(3, 3)), "not lie in a line"),
        (lambda rig: from_floor_points(rig, np.eye(3)[:2]), "three points"),
        (lambda rig: from_points(rig, POINTS, "a", "b", ["nowhere"]), "no point 'nowhere'"),
        (lambda rig: from_points(rig, POINTS, "a", "b", ["b"]), "three points"),
        (lambda rig: from_points(rig, POINTS, "a", "twin", ["b", "c"]), "in the same place"),
        (
            lambda rig: from_known_points(rig, POINTS, {n: POINTS[n] for n in "ab"}),
            "three that do not lie in a line",
        ),
        (
            lambda rig: from_known_points(
                rig, POINTS, {"a": POINTS["c"], "b": 9 * POINTS["a"], "c": POINTS["b"]}
            ),
            r"\d m off where it should be",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(ask, said) -> None:
    with pytest.raises(InputError, match=said) as caught:
        ask(ring_rig(seeded(0), 3))
    assert "\n" not in str(caught.value)


POINTS = {
    "a": np.array([0.0, 0, 0]),
    "twin": np.array([0.0, 0, 0]),
    "b": np.array([1.0, 0, 0]),
    "c": np.array([0, 2.0, 0]),
}
