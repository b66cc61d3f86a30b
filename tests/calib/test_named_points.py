from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.named_points import load_named_points, triangulate_clicks
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

PLACES = {"corner": [0.0, 0, 0], "door": [1.0, 0.2, 0], "lamp": [-0.3, 0.5, 1.5]}


@pytest.fixture
def rig() -> Rig:
    return ring_rig(seeded(0), 4, lens="mixed")


def clicked(rig: Rig) -> dict[str, dict[str, list[float]]]:
    """Perfect clicks: the lamp in two cameras, the others in all."""
    pixels = rig.cameras.project(torch.tensor(list(PLACES.values()), dtype=torch.float64))[0]
    clicks = {
        name: {camera: pixels[v, n].tolist() for v, camera in enumerate(rig.names)}
        for n, name in enumerate(PLACES)
    }
    clicks["lamp"] = {camera: clicks["lamp"][camera] for camera in ("cam2", "cam3")}
    return clicks


def test_clicks_through_the_lenses_give_the_points_back(rig) -> None:
    found = triangulate_clicks(rig, clicked(rig))
    assert list(found) == list(PLACES)
    for name, place in PLACES.items():
        np.testing.assert_allclose(found[name], place, atol=1e-9)
    assert triangulate_clicks(rig, {}) == {}


def test_a_click_off_by_a_pixel_moves_the_point_a_little(rig) -> None:
    clicks = clicked(rig)
    clicks["corner"]["cam1"][0] += 1.0
    found = triangulate_clicks(rig, clicks)
    assert 1e-4 < np.linalg.norm(found["corner"]) < 5e-3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: c["door"].update(cam9=[1, 2]), "point 'door': no camera 'cam9' in the rig"),
        (lambda c: c["lamp"].pop("cam2"), "point 'lamp': click it in at least two cameras"),
        (lambda c: c["door"].update(cam3=[10.0, 700.0]), "point 'door': its clicks do not meet"),
    ],
)
def test_clicks_that_cannot_be_are_named(rig, spoil, said) -> None:
    clicks = clicked(rig)
    spoil(clicks)
    with pytest.raises(InputError, match=said):
        triangulate_clicks(rig, clicks)


POINTS = "points:\n  a: {cam1: [1, 2.5], cam2: [3, 4]}\n  '01': {cam1: [5, 6], cam2: [7, 8]}\n"


def test_the_file_is_read(tmp_path) -> None:
    path = tmp_path / "points.yaml"
    path.write_text(POINTS + "origin: a\nx: '01'\nfloor: [b]\n")
    found = load_named_points(path)
    assert found.clicks["a"] == {"cam1": (1.0, 2.5), "cam2": (3.0, 4.0)}
    assert (found.origin, found.x, found.floor, found.world_m) == ("a", "01", ("b",), {})
    assert found.settles_world
    path.write_text(POINTS)
    assert not load_named_points(path).settles_world
    path.write_text(POINTS + "world:\n  a: [0, 0, 1]\n")
    assert load_named_points(path).world_m == {"a": (0.0, 0.0, 1.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("origin: a\n", "'points' must hold"),
        ("points: [1]\n", "'points' must hold"),
        ("points:\n  a: [1, 2]\n", "point 'a' must be"),
        ("points:\n  a: {cam1: [1]}\n", "point 'a', camera 'cam1': 2 numbers are needed"),
        ("points:\n  a: {cam1: [1, .nan]}\n", "2 numbers are needed"),
        (POINTS + "orgin: a\n", "unknown key 'orgin'; did you mean 'origin'"),
        (POINTS + "origin: a\n", "'floor' is missing"),
        (POINTS + "floor: [a]\nx: a\n", "'x' needs an 'origin'"),
        (POINTS + "origin: a\nx: b\nfloor: 3\n", "'floor' must be a list"),
        (POINTS + "world: {a: [1, 2]}\n", "world of 'a': 3 numbers"),
        (POINTS + "world: [1]\n", "'world' must hold"),
        (POINTS + "world: {a: [1, 2, 3]}\norigin: a\n", "not both"),
        ("points: {", "is no valid YAML"),
    ],
)
def test_mistakes_are_one_line_that_names_the_file(tmp_path, text, said) -> None:
    path = tmp_path / "points.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        load_named_points(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: cannot be read"):
        load_named_points(tmp_path / "gone.yaml")
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text file"):
        load_named_points(tmp_path / "picture")
