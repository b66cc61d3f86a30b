"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from triangulate.errors import DISK_FULL, InputError

ELSEWHERE = "choose another place with --out"


@contextmanager
def atomic_path(path: str | Path, remedy: str = ELSEWHERE) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    The suffix is kept, for libraries that choose a format by it. Missing parent folders are made.

    Args:
        path: the file to write.
        remedy: what the user can do where it cannot be written.

    Raises:
        InputError: where the file cannot be written or the disk is full; nothing is left behind.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        with _told(target, temporary, remedy):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, target)
    finally:
        with suppress(OSError):  # not there, or in a place that cannot be written at all
            temporary.unlink()


@contextmanager
def _told(target: Path, temporary: Path, remedy: str) -> Iterator[None]:
    """Turn what the system says of a file that cannot be written into words."""
    try:
        yield
    except OSError as error:
        if not _is_about(error, target, temporary):
            raise
        if error.errno in DISK_FULL:
            raise InputError(
                f"{target}: the disk is full; free some space and try again"
            ) from error
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{target}: cannot be written ({reason}); {remedy}") from error


def write_text(path: str | Path, text: str, remedy: str = ELSEWHERE) -> None:
    """Write a UTF-8 text file atomically (see `atomic_path`)."""
    with atomic_path(path, remedy) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_texts(texts: Mapping[Path, str], remedy: str = ELSEWHERE) -> None:
    """Write several UTF-8 text files: all of them, or none and those of before stay.

    Args:
        texts: small files and their content.
        remedy: what the user can do where one cannot be written.
    """
    before = {path: path.read_bytes() if path.is_file() else None for path in texts}
    try:
        with ExitStack() as stack:
            for path, text in texts.items():
                temporary = stack.enter_context(atomic_path(path, remedy))
                temporary.write_text(text, encoding="utf-8", newline="\n")
    except BaseException:
        for path, content in before.items():
            with suppress(OSError):
                if content is None:
                    path.unlink()
                elif path.read_bytes() != content:
                    path.write_bytes(content)
        raise


@contextmanager
def together(folder: str | Path) -> Iterator[Path]:
    """A place inside `folder` whose files and folders move up when the block ends without an error.

    All of them take their places, and those of before with the same names go; or none does, and
    those of before stay, also where a move fails or is interrupted.

    Raises:
        InputError: where one of them cannot be written; the message names its place in `folder`.
    """
    folder = Path(folder)
    workplace = folder / f".{os.getpid()}.part"
    staging = workplace / "new"
    with without_empty_folders(folder):
        try:
            yield staging
            _move_up(folder, staging, workplace / "kept")
        except InputError as error:
            raise InputError(str(error).replace(str(staging), str(folder))) from error
        finally:
            shutil.rmtree(workplace, ignore_errors=True)


def _move_up(folder: Path, staging: Path, kept: Path) -> None:
    """Move all from `staging` to `folder`, and what is in the way to `kept` meanwhile."""
    names = sorted(part.name for part in staging.iterdir())
    for name in names:
        in_the_way = folder / name
        if in_the_way.exists() and in_the_way.is_dir() != (staging / name).is_dir():
            kind = "folder" if in_the_way.is_dir() else "file"
            raise InputError(
                f"{in_the_way}: cannot be written (a {kind} is in its place); move it away, or "
                f"{ELSEWHERE}"
            )
    kept.mkdir()
    try:
        for name in names:
            with _told(folder / name, staging / name, ELSEWHERE):
                with suppress(FileNotFoundError):
                    os.replace(folder / name, kept / name)
                os.replace(staging / name, folder / name)
    except BaseException:  # Ctrl-C too
        for name in names:
            has_moved = not (staging / name).exists()
            if has_moved or (kept / name).exists():
                _put_back(kept / name, folder / name)
        raise


def _put_back(kept: Path, place: Path) -> None:
    """Take what is new in its place away, and give the place to what was kept, if anything was."""
    if place.is_dir():
        shutil.rmtree(place)
    if kept.exists():
        os.replace(kept, place)
    else:
        place.unlink(missing_ok=True)


@contextmanager
def without_empty_folders(folder: Path) -> Iterator[None]:
    """Take the folders that come into being on the way to `folder` away again if nothing is in."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    finally:
        for place in missing:
            with suppress(OSError):  # never made, or in use
                place.rmdir()


def cache_folder() -> Path:
    """Where the program keeps what it can get again.

    `$TRIANGULATE_CACHE`; else `triangulate` in `$XDG_CACHE_HOME`; else the place that the system
    has for caches: `~/.cache`, `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
    """
    if own := os.environ.get("TRIANGULATE_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "triangulate"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "triangulate"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "triangulate" / "Cache"
    return Path.home() / ".cache" / "triangulate"


def _is_about(error: OSError, target: Path, temporary: Path) -> bool:
    """Whether an error inside the block concerns this file, and not another that it reads."""
    if error.filename is None:
        return True
    try:
        file = Path(os.fsdecode(error.filename))
    except TypeError:  # a file descriptor
        return True
    return file in (temporary, target, *target.parents)
