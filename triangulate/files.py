"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def _is_about(error: OSError, target: Path, temporary: Path) -> bool:
    """Whether an error inside the block concerns this file, and not another that it reads."""
    if error.filename is None:
        return True
    try:
        file = Path(os.fsdecode(error.filename))
    except TypeError:  # a file descriptor
        return True
    return file in (temporary, target, *target.parents)
