"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from triangulate.errors import InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    The suffix is kept, for libraries that choose a format by it. Missing parent folders are made.

    Raises:
        InputError: where the folder cannot be written or the disk is full; nothing is left behind.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(
                f"{target}: the disk is full; free some space and try again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            reason = os.strerror(error.errno).lower()
            raise InputError(
                f"{target}: cannot be written ({reason}); choose another place with --out"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically (see `atomic_path`)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
