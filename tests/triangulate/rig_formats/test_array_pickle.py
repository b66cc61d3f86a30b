from __future__ import annotations

import io
import os
import pickle
import random

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats.array_pickle import load_npy


def npy(content: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, content)
    return stream.getvalue()


def pickled(content: object, protocol: int) -> bytes:
    header = npy({})
    header = header[: header.index(b"\n") + 1]
    return header + pickle.dumps(np.array(content, dtype=object), protocol=protocol)


RECORD = np.dtype([("R", "<f4", (3, 3)), ("id", "i1"), ("name", "U5")], align=True)
ARRAYS = [
    np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    np.arange(6.0).reshape(2, 3).T,
    np.array([1, -2], dtype=">i2"),
    np.array([True, False]),
    np.array(["left", "ünï"]),
    np.array([b"ab", b"c"]),
    np.zeros((0, 3)),
    np.array([1 + 2j]),
    np.zeros((2, 2), dtype=RECORD),
    np.array(3.5),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype)[:12])
def test_arrays_in_a_dictionary_come_back(array, protocol):
    content = {"array": array, "texts": ["S9", ("S11",)], "number": np.float64(0.1), 5: None}
    back = load_npy(pickled(content, protocol))
    assert back.keys() == content.keys()
    assert back["array"].dtype == array.dtype
    np.testing.assert_array_equal(back["array"], array)
    assert (back["texts"], back["number"], back[5]) == (["S9", ["S11"]], 0.1, None)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype)[:12])
def test_arrays_that_need_no_pickle_come_back(array):
    np.testing.assert_array_equal(load_npy(npy(array)), array)


def test_names_of_numpy_1_are_known():
    content = pickled({"a": np.arange(3)}, protocol=2)
    old = content.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert old != content
    assert load_npy(old)["a"].tolist() == [0, 1, 2]


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_what_runs_a_program_is_not_opened(tmp_path):
    with pytest.raises(InputError, match=r"asks to run '(posix|nt)\.mkdir', which no array needs"):
        load_npy(npy({"a": Planted(tmp_path / "planted")}))
    assert not (tmp_path / "planted").exists()
    for harmless in (print, np.load, dict.fromkeys):
        with pytest.raises(InputError, match="asks to run"):
            load_npy(npy({"a": harmless}))


def test_damage_is_told_and_never_crashes():
    """NumPy's own way of restoring arrays crashes on some of these."""
    whole = npy({"a": np.zeros((2, 3), dtype=RECORD), "names": ["S1", "S5"], "b": np.arange(9.0)})
    damage = random.Random(0)
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(damage.randint(1, 3)):
            content[damage.randrange(128, len(content))] = damage.randrange(256)
        if damage.random() < 0.2:
            del content[damage.randrange(len(content)) :]
        try:
            load_npy(bytes(content))
        except InputError as error:
            assert "\n" not in str(error)
