from __future__ import annotations

import pytest

from triangulate.options import Layer
from triangulate.viewer.keys import KEYS, MOUSE, Action, key_list


def test_every_action_has_a_key_and_stands_in_the_list_once() -> None:
    assert set(KEYS.values()) == set(Action)
    lines = key_list()
    told = [what for _, what in lines]
    assert len(told) == len(set(told)) and set(told) >= {action.value for action in Action}
    assert ("Q, Escape", "quit") in lines and ("Space", "play or pause") in lines
    assert len(MOUSE) == 4


def test_the_digits_are_as_many_as_the_layers() -> None:
    assert key_list()[-1][0] == f"1 ... {len(Layer)}"


def test_keys_are_called_as_open3d_calls_them() -> None:
    gui = pytest.importorskip("open3d.visualization").gui
    assert all(hasattr(gui.KeyName, name) for name in KEYS)
