from __future__ import annotations

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig


@pytest.fixture
def camera_tables(truth, toml_table):
    """The tables of current files: the lens has four coefficients and a zero."""

    def text(size_key: str = "size", **more: object) -> str:
        return "".join(
            toml_table(
                f'"{name}"',
                id=name,
                index=v,
                name=name,
                **{size_key: truth.sizes[v]},
                matrix=truth.K[v],
                distortions=[*truth.dist[v, :4].tolist(), 0.0],
                rotation=truth.rvec[v],
                translation=truth.t_mm[v],
                **more,
            )
            for v, name in enumerate(truth.names)
        )

    return text


BOARD = "[metadata.board]\nsquares_x = 7\nsquares_y = 5\nsquare_length_mm = 58.0\n"


@pytest.mark.parametrize("size_key", ["size", "image_size"])
def test_a_board_in_mm_gives_the_unit(truth, camera_tables, tmp_path, size_key):
    path = tmp_path / "session_camera_calibration.toml"
    path.write_text(camera_tables(size_key) + "[metadata]\nerror = 0.4\n" + BOARD)
    rig = load_rig(path)
    truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.notes == ()


def test_world_positions_give_the_unit_and_a_note(truth, camera_tables, tmp_path):
    path = tmp_path / "calibration.toml"
    where = {"world_position": [0.0, 0.0, 0.0], "world_orientation": np.eye(3)}
    path.write_text(camera_tables(**where))
    rig = load_rig(path)
    truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).check(rig)
    assert "mm" in rig.notes[0]


def test_an_early_file_tells_the_square_but_not_its_unit(camera_tables, tmp_path):
    path = tmp_path / "calibration.toml"
    path.write_text(camera_tables() + "[metadata]\ncharuco_square_size = 58.0\n")
    with pytest.raises(InputError, match=r"--unit.*squares were given as 58.0"):
        load_rig(path)
