from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from triangulate.errors import InputError
from triangulate.files import atomic_path, together, write_text, write_texts


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


def test_files_and_folders_are_there_together(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    for content in ("one", "two"):  # the second time in place of the first
        with together(out) as staging:
            write_text(staging / "a.txt", content)
            write_text(staging / "frames" / f"{content}.txt", content)
            assert (out / "a.txt").exists() == (content == "two")
    assert (out / "a.txt").read_text() == "two"
    assert sorted(path.name for path in out.iterdir()) == ["a.txt", "frames"]
    assert [path.name for path in (out / "frames").iterdir()] == ["two.txt"]


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), InputError("gone")])
def test_where_one_fails_none_is_there(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "new" / "out"
    with pytest.raises(type(error)), together(out) as staging:
        write_text(staging / "a.txt", "half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", range(1, 7))
def test_those_of_before_stay_where_a_move_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    for name in ("a.txt", "frames/1.txt", "mine.txt"):
        write_text(tmp_path / name, "old")
    moves = 0
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        nonlocal moves
        moves += 1
        if moves == failing:
            raise OSError(errno.EACCES, "Permission denied", str(source))
        replace(source, target)

    with pytest.raises(InputError), together(tmp_path) as staging:
        for name in ("a.txt", "b.txt", "frames/2.txt"):
            write_text(staging / name, "new")
        monkeypatch.setattr(os, "replace", fail)
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "frames", "mine.txt"}
    assert [path.name for path in (tmp_path / "frames").iterdir()] == ["1.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(("name", "kind"), [("a.txt", "folder"), ("frames", "file")])
def test_a_folder_does_not_take_the_place_of_a_file(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "folder":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("mine")
    with (
        pytest.raises(InputError, match=rf"{name}: cannot be written \(a {kind} is in its place"),
        together(tmp_path) as staging,
    ):
        write_text(staging / "a.txt", "new")
        write_text(staging / "frames" / "1.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == [name]
