from __future__ import annotations

import pytest
import torch

from calib.choices import labels_of, lens_of, solver_settings
from triangulate.errors import InputError
from triangulate.geometry.lens import LENS_MODELS

NAMES = ("a", "b", "c")
MODELS = torch.tensor([LENS_MODELS.index(name) for name in ("radtan", "fisheye", "radtan")])
NONE = torch.zeros(3, dtype=torch.bool)


def test_what_a_lens_has_is_refined() -> None:
    labels = labels_of(NAMES, MODELS, None, None, NONE)
    assert (labels >= 0).sum(-1).tolist() == [9, 8, 9]
    assert len(labels[labels >= 0].unique()) == 26


def test_known_lenses_are_held_unless_told_otherwise() -> None:
    known = torch.tensor([True, False, True])
    held = labels_of(NAMES, MODELS, None, None, known)
    assert (held >= 0).sum(-1).tolist() == [0, 8, 0]
    told = labels_of(NAMES, MODELS, None, "k3", known)
    assert (told >= 0).sum(-1).tolist() == [8, 7, 8]


def test_words_name_their_columns() -> None:
    for words, columns in [
        (["focal"], [0]),
        (["principal_point", "p2"], [2, 3, 7]),
        (["distortion"], list(range(4, 9))),
        (["k3"], [8]),  # OpenCV has it after p1 and p2
    ]:
        labels = labels_of(NAMES, MODELS, None, {"a": words}, NONE)
        fixed = [i for i in range(9) if labels[0, i] < 0]
        assert fixed == columns
        assert bool((labels[2, :9] >= 0).all())


def test_shared_cameras_have_equal_numbers() -> None:
    labels = labels_of(NAMES, MODELS, [["a", "c"]], None, NONE)
    assert torch.equal(labels[0], labels[2])
    with pytest.raises(InputError, match="a, b have different lens models"):
        labels_of(NAMES, MODELS, [["a", "b"]], None, NONE)
    with pytest.raises(InputError, match="no camera 'z'"):
        labels_of(NAMES, MODELS, [["a", "z"]], None, NONE)
    with pytest.raises(InputError, match="'c' is named twice"):
        labels_of(NAMES, MODELS, [["a", "c"], ["c", "b"]], None, NONE)
    with pytest.raises(InputError, match="fix must name all of them"):
        labels_of(NAMES, MODELS, [["a", "c"]], {"a": "k3"}, NONE)
    with pytest.raises(InputError, match="groups of camera names"):
        labels_of(NAMES, MODELS, ["a", "c"], None, NONE)


def test_lenses_by_name() -> None:
    assert lens_of("fisheye", "a", NAMES) == "fisheye"
    assert lens_of({"b": "fisheye"}, "a", NAMES) is None
    assert lens_of(None, "a", NAMES) is None
    assert lens_of({"b": "fisheye"}, "b", NAMES) == "fisheye"


def test_settings_survive_json() -> None:
    import json

    settings = solver_settings(
        lens={"a": "fisheye"},
        share=(("a", "c"),),
        fix={"a": ("k3",)},
        bow=True,
        clocks=False,
        seed=3,
    )
    assert json.loads(json.dumps(settings)) == settings
