"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import os
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
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        if not _is_about(error, target, temporary):
            raise
        if error.errno in DISK_FULL:
            raise InputError(
                f"{target}: the disk is full; free some space and try again"
            ) from error
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{target}: cannot be written ({reason}); {remedy}") from error
    finally:
        with suppress(OSError):  # not there, or in a place that cannot be written at all
            temporary.unlink()


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
