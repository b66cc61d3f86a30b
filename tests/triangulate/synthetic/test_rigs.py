from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.rig import Rig
from triangulate.synthetic import corridor_rig, islands_rig, moved_camera, ring_rig
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.rigs import looking_at


def corners(size: tuple[int, int]) -> torch.Tensor:
    w, h = size
    return torch.tensor([[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]], dtype=torch.float64)


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
@pytest.mark.parametrize("size", [(1280, 720), (640, 800)])
def test_every_camera_sees_the_volume_and_inverts_its_lens(
    lens: str, size: tuple[int, int]
) -> None:
    for seed in range(5):
        rig = ring_rig(seeded(seed), 5, size=size, lens=lens)
        volume = np.random.default_rng(seed).uniform([-0.8, -0.8, 0], [0.8, 0.8, 1.8], (200, 3))
        pixels, in_front = rig.cameras.project(torch.from_numpy(volume))
        assert in_front.all()
        assert ((pixels >= 0) & (pixels < torch.tensor(size))).all(-1).double().mean() > 0.97
        assert rig.cameras.undistort(corners(size).expand(5, -1, -1))[1].all()


def test_cameras_are_named_upright_and_no_two_alike() -> None:
    rig = ring_rig(seeded(0), num_cameras=6, radius_m=4.0, height_m=2.0, lens="mixed")
    assert rig.names == ("cam1", "cam2", "cam3", "cam4", "cam5", "cam6")
    assert rig.lens_names == ["radtan", "rational", "fisheye"] * 2
    assert rig.up_axis == "z"
    centres = rig.cameras.centre_world.numpy()
    np.testing.assert_allclose(np.linalg.norm(centres[:, :2], axis=-1), 4.0, rtol=0.15)
    np.testing.assert_allclose(centres[:, 2], 2.0, atol=0.26)
    assert rig.coincident_cameras(0.5) == []
    assert (rig.cameras.cam_from_world.rotation[:, 1, 2] < -0.8).all()  # image y points down
    for tensor in (rig.cameras.K[:, 0, 0], rig.cameras.lens.coefficients[:, 0]):
        assert len(np.unique(tensor.numpy())) == 6
    assert (rig.cameras.lens.coefficients[:, :4].abs() > 0).all()


def test_the_same_seed_gives_the_same_rig_and_it_survives_its_file(tmp_path) -> None:
    first, second = ring_rig(seeded(1)), ring_rig(seeded(1))
    first.save(tmp_path / "rig.yaml")
    read = Rig.load(tmp_path / "rig.yaml")
    for other in (second, read):
        assert torch.equal(first.cameras.K, other.cameras.K)
    assert not torch.equal(first.cameras.K, ring_rig(seeded(2)).cameras.K)


def test_looking_at_puts_the_target_on_the_axis_and_up_above() -> None:
    rotation = looking_at(
        np.array([[3.0, 0, 1]]), np.array([[0.0, 0, 1]]), roll_rad=np.array([0.0])
    )
    # Seen from +x, the world's y runs to the right and z upward, that is to negative image y.
    np.testing.assert_allclose(rotation[0] @ [-1, 0, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation[0] @ [0, 1, 0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation[0] @ [0, 0, 1], [0, -1, 0], atol=1e-12)


def test_a_wrong_number_of_lenses_is_refused() -> None:
    with pytest.raises(ValueError, match="4 names"):
        ring_rig(seeded(0), 4, lens=["radtan", "fisheye"])


def test_a_moved_camera_moves_and_turns_the_way_it_is_told_and_the_others_stay() -> None:
    rig = ring_rig(seeded(0), 3)
    moved = moved_camera(rig, "cam2", shift_m=(0.01, -0.02, 0.03), turn_deg=(2.0, 0, 0))
    shift = moved.cameras.centre_world - rig.cameras.centre_world
    expected = torch.tensor([[0, 0, 0], [0.01, -0.02, 0.03], [0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(shift, expected, atol=1e-12, rtol=0)
    before, after = (r.cameras.cam_from_world.rotation[1] for r in (rig, moved))
    # About x the axis rises by 2 degrees towards the image's upper edge, that is -y.
    axis = before @ after[2]
    angle = np.deg2rad(2.0)
    np.testing.assert_allclose(axis.numpy(), [0, -np.sin(angle), np.cos(angle)], atol=1e-12)
    for other in (0, 2):
        assert torch.equal(
            rig.cameras.cam_from_world.rotation[other], moved.cameras.cam_from_world.rotation[other]
        )
    right = moved_camera(rig, "cam2", turn_deg=(0, 2.0, 0)).cameras.cam_from_world.rotation[1]
    np.testing.assert_allclose(
        (before @ right[2]).numpy(), [np.sin(angle), 0, np.cos(angle)], atol=1e-12
    )


def test_a_corridor_stands_along_its_wall_and_islands_apart() -> None:
    centres = corridor_rig(seeded(0), 5, spacing_m=2.0, width_m=4.0).cameras.centre_world.numpy()
    np.testing.assert_allclose(centres[:, 0], 2.0 * np.arange(5), atol=0.2)
    np.testing.assert_allclose(centres[:, 1], -2.0, atol=0.2)
    islands = islands_rig(seeded(0), 6, apart_m=9.0, lens="mixed")
    assert islands.names == ("cam1", "cam2", "cam3", "cam4", "cam5", "cam6")
    assert islands.lens_names == ["radtan", "rational", "fisheye"] * 2
    centres = islands.cameras.centre_world.numpy()
    np.testing.assert_allclose(centres[:, 2], [2.2] * 3 + [11.2] * 3, atol=0.26)
    for v in (0, 3):
        aim = islands.cameras[v].project(torch.tensor([[0, 0, 0.95 + 9.0 * (v > 2)]]).double())[0]
        assert ((aim > 200) & (aim < 1000)).all()
    with pytest.raises(ValueError, match="at least 4"):
        islands_rig(seeded(0), 3)
