from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

import calib
from calib.assessment import Remedy
from triangulate.errors import InputError


def assert_same(a, b):
    """Dataclasses with arrays, field by field."""
    for field in fields(a):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if hasattr(one, "__dataclass_fields__"):
            assert_same(one, other)
        elif isinstance(one, tuple):
            assert len(one) == len(other)
            for first, second in zip(one, other, strict=True):
                if hasattr(first, "__dataclass_fields__"):
                    assert_same(first, second)
                else:
                    np.testing.assert_array_equal(first, second)
        else:
            np.testing.assert_array_equal(one, other)


def test_what_is_saved_is_read_back(bumped, tmp_path):
    unseen = bumped.trust.predicted_m.copy()
    unseen[5] = np.nan
    trust = replace(
        bumped.trust,
        predicted_m=unseen,
        remedies=(Remedy("clock", unseen, np.zeros(5)),),
        notes=("nothing to add",),
    )
    calib.save_trust(trust, tmp_path)
    assert_same(calib.load_trust(tmp_path), trust)


def test_a_rig_without_checks_is_read_back(faultless, tmp_path):
    bare = replace(faultless.trust, splits=(), held_out=None)
    calib.save_trust(bare, tmp_path)
    again = calib.load_trust(tmp_path)
    assert again.held_out is None
    assert np.isnan(again.ratio)
    assert again.factor == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no triangulate-trust file"),
        ("[]", "is no triangulate-trust file"),
        ('{"format": "triangulate-trust", "version": 7}', "version 7, which is not known"),
        ('{"format": "triangulate-trust", "version": 1}', "is a broken triangulate-trust file"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path, content, said):
    (tmp_path / "trust.json").write_text(content)
    with pytest.raises(InputError, match=said) as refused:
        calib.load_trust(tmp_path)
    assert str(tmp_path / "trust.json") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"trust.json: cannot be read"):
        calib.load_trust(tmp_path)


def test_json_has_no_nan(faultless, tmp_path):
    calib.save_trust(faultless.trust, tmp_path)
    json.loads((tmp_path / "trust.json").read_text(), parse_constant=pytest.fail)
