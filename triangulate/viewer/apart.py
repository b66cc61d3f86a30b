"""Work in a process of its own, which may crash.

Open3D ends the whole process with a C++ trace where there is no display, no Vulkan or a driver that
fails. What it prints goes to a file of which only a reason is told.
"""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from triangulate.console import uninterrupted
from triangulate.errors import InputError, UsageError

NO_VULKAN = (
    "pictures without a display need Vulkan, in software where there is no GPU: on Debian and "
    "Ubuntu, apt-get install mesa-vulkan-drivers libvulkan1 (`triangulate render --overlay` needs "
    "none)"
)
"""The remedy where pictures cannot be drawn."""


def run_apart(work: Callable[..., None], *arguments: Any, remedy: str) -> None:
    """Call a function in a new process, which speaks as this one would, until it is done.

    A script that calls this must be guarded by `if __name__ == "__main__"`, as every program that
    starts processes (`multiprocessing`, "Safe importing of main module").

    Args:
        work: a function of a module.
        arguments: of it, to be pickled.
        remedy: what to do where the process crashes, for the message.

    Raises:
        InputError: the process crashed, or Open3D is not installed. And what the function raised of
            what is told in a line: InputError, UsageError, OSError.
        RuntimeError: the function raised anything else; its traceback is the message.
    """
    for _ in _received(work, arguments, remedy, speaks=True):
        pass


def each_apart(work: Callable[..., Iterable[Any]], *arguments: Any, remedy: str) -> Iterator[Any]:
    """What a function in a new process yields, one after the other; the process is silent.

    Arguments and errors are those of `run_apart`.
    """
    return _received(work, arguments, remedy, speaks=False)


def _received(
    work: Callable[..., Any], arguments: tuple[Any, ...], remedy: str, *, speaks: bool
) -> Iterator[Any]:
    if importlib.util.find_spec("open3d") is None:
        raise InputError('Open3D is not installed: pip install "triangulate[view]"')
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="triangulate-") as folder:
        log = Path(folder) / "log.txt"
        process = context.Process(target=_child, args=(work, arguments, sender, log, speaks))
        with uninterrupted():  # the new process never sees Ctrl-C: this one ends it
            process.start()
        sender.close()
        try:
            while (item := _next_item(receiver)) is not None:
                yield item[0]
        except (GeneratorExit, KeyboardInterrupt):  # nobody wants the rest
            process.terminate()
            raise
        finally:
            receiver.close()
            process.join()
        if process.exitcode:
            raise InputError(f"Open3D failed{_reason(log, process.exitcode)}: {remedy}")


def _next_item(receiver: Connection) -> tuple[Any] | None:
    """The next thing that was yielded, in a tuple; None at the end, and where the process died."""
    try:
        item = receiver.recv()
    except EOFError:
        return None
    if isinstance(item, BaseException):
        raise item
    return item


def _child(
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    sender: Connection,
    log: Path,
    speaks: bool,
) -> None:
    """The work, with what libraries print put aside and the program's own words kept."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with log.open("wb") as stream:
        for name, number in (("stdout", 1), ("stderr", 2)):
            before = getattr(sys, name)
            before.flush()
            if speaks:
                own = os.fdopen(os.dup(number), "w", buffering=1, encoding=before.encoding)
                setattr(sys, name, own)
            os.dup2(stream.fileno(), number)
    failure: BaseException | None = None
    try:
        for item in work(*arguments) or ():
            sender.send((item,))
    except (InputError, UsageError, OSError) as error:
        failure = error
    except BaseException:  # a fault of this program, to be told in full by whoever started it
        failure = RuntimeError(f"in a process apart:\n{traceback.format_exc()}")
    sender.send(failure)
    sys.stdout.flush()
    sys.stderr.flush()
    # Open3D may crash while Python takes it down; all is written by now.
    os._exit(0)


def _end_with_parent() -> None:
    """Leave no window behind when the process that opened it is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _reason(log: Path, code: int) -> str:
    """What the library said last, in brackets."""
    with contextlib.suppress(OSError):
        text = log.read_text("utf-8", errors="replace")
        found = re.findall(r"^(?:reason: |.*\[error\] )(.+)$", text, flags=re.MULTILINE)
        if found:
            return f" ({found[-1].strip().rstrip('.')})"
    return f" (signal {-code})" if code < 0 else f" (exit code {code})"
