from __future__ import annotations

import errno
from pathlib import Path

import pytest

from triangulate.errors import InputError
from triangulate.files import atomic_path, write_text, write_texts


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "table.csv"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".csv"
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    write_text(path, "second\n")
    assert path.read_bytes() == b"second\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), InputError("gone")])
def test_nothing_is_left_where_writing_fails(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full; free some space"),
        (OSError(errno.EIO, "Input/output error"), "cannot be written (input/output error); "),
    ],
)
def test_the_message_names_the_file_and_the_remedy(
    tmp_path: Path, error: OSError, said: str
) -> None:
    path = tmp_path / "poses.npz"
    with pytest.raises(InputError) as refused, atomic_path(path, "try another") as temporary:
        error.filename = str(temporary)
        temporary.write_bytes(b"half")
        raise error
    assert str(refused.value).startswith(f"{path}: {said}")
    assert str(refused.value).endswith("try another" if "cannot" in said else "try again")
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_another_file_passes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "copy.txt") as temporary:
        temporary.write_text((tmp_path / "source.txt").read_text())


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for path in (tmp_path / "file" / "a.txt", tmp_path / "folder"):
        with pytest.raises(InputError, match=r"cannot be written .* with --out"):
            write_text(path, "text")
    assert (tmp_path / "file").read_text() == "mine"
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder"}


def test_several_texts_are_there_together(tmp_path: Path) -> None:
    first, second = tmp_path / "new" / "a.txt", tmp_path / "new" / "b.txt"
    write_texts({first: "one", second: "two"})
    write_texts({first: "1", second: "2"})
    assert (first.read_text(), second.read_text()) == ("1", "2")
    assert sorted(first.parent.iterdir()) == [first, second]


@pytest.mark.parametrize("blocked", ["a.txt", "b.txt"])
def test_several_texts_or_none_of_them(tmp_path: Path, blocked: str) -> None:
    paths = {name: tmp_path / name for name in ("a.txt", "b.txt", "c.txt")}
    paths["c.txt"].write_text("old")
    paths[blocked].mkdir()
    with pytest.raises(InputError, match=rf"{blocked}: cannot be written .* choose another"):
        write_texts({path: "new" for path in paths.values()}, "choose another")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([blocked, "c.txt"])
    assert paths["c.txt"].read_text() == "old"
