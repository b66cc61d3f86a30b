from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.npz import read_npz, write_npz

HEADER = {"format": "test-arrays", "version": 1, "note": "ü" * 100}


def some_arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "points": generator.normal(size=(7, 2, 3)),
        "columns": np.asfortranarray(generator.normal(size=(4, 5)).astype(np.float32)),
        "codes": generator.integers(0, 9, (11,), dtype=np.uint8),
        "empty": np.empty((0, 3)),
        "scalar": np.array(2.5),
    }


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("mapped", [True, False])
def test_what_is_written_is_read(tmp_path: Path, compressed: bool, mapped: bool) -> None:
    path, arrays = tmp_path / "a.npz", some_arrays()
    write_npz(path, HEADER, arrays, compressed=compressed)
    found, header = read_npz(path, "test-arrays", 1, mapped=mapped)
    assert header == HEADER
    assert found.keys() == arrays.keys()
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_mapped_arrays_stay_in_the_file_and_cannot_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, HEADER, some_arrays(), compressed=False)
    points = read_npz(path, "test-arrays", 1, mapped=True)[0]["points"]
    assert isinstance(points, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        points[0] = 0


@pytest.mark.parametrize("mapped", [True, False])
def test_a_file_cut_short_is_refused(tmp_path: Path, mapped: bool) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, HEADER, some_arrays(), compressed=False)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match="broken"):
        read_npz(path, "test-arrays", 1, mapped=mapped)


@pytest.mark.parametrize("mapped", [True, False])
def test_objects_are_refused(tmp_path: Path, mapped: bool) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, header=np.array("{}"), points=np.array([None, {}], dtype=object))
    with pytest.raises(InputError, match="broken"):
        read_npz(path, "test-arrays", 1, mapped=mapped)


def test_a_text_is_called_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"\(it is no \.npz archive\)$"):
        read_npz(path, "test-arrays", 1)
