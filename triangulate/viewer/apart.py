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
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from triangulate.errors import InputError

NO_VULKAN = (
    "pictures without a display need Vulkan, in software where there is no GPU: on Debian and "
    "Ubuntu, apt-get install mesa-vulkan-drivers libvulkan1"
)
"""The remedy where pictures cannot be drawn."""


def run_apart(work: Callable[..., None], *arguments: Any, remedy: str) -> None:
    """Call a function in a new process, and wait until it is done.

    Args:
        work: a function of a module.
        arguments: of it, to be pickled.
        remedy: what to do where the process crashes, for the message.

    Raises:
        InputError: the function raised one, the process crashed, or Open3D is not installed.
    """
    if importlib.util.find_spec("open3d") is None:
        raise InputError(
            'this needs Open3D, which is not installed: pip install "triangulate[view]"'
        )
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="triangulate-") as folder:
        log = Path(folder) / "log.txt"
        process = context.Process(target=_child, args=(work, arguments, sender, log))
        process.start()
        sender.close()
        try:
            error = receiver.recv()
        except EOFError:
            error = None
        except KeyboardInterrupt:
            process.join()
            raise
        process.join()
        if error is not None:
            raise error
        if process.exitcode:
            raise InputError(f"Open3D failed{_reason(log, process.exitcode)}: {remedy}")


def _child(
    work: Callable[..., None], arguments: tuple[Any, ...], sender: Connection, log: Path
) -> None:
    """The work, with what libraries print put aside and the program's own words kept."""
    with log.open("wb") as stream:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout = os.fdopen(os.dup(1), "w", buffering=1, encoding=sys.stdout.encoding)
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding)
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    failure: BaseException | None = None
    try:
        work(*arguments)
    except InputError as error:
        failure = error
    except KeyboardInterrupt:  # the parent got it, too
        pass
    except BaseException:
        import traceback

        traceback.print_exc()  # a fault of this program, told in full
        failure = InputError("the viewer ended with the error above; please report it")
    sender.send(failure)
    sys.stdout.flush()
    sys.stderr.flush()
    # Open3D may crash while Python takes it down; all is written by now.
    os._exit(0)


def _reason(log: Path, code: int) -> str:
    """What the library said last, in brackets."""
    with contextlib.suppress(OSError):
        text = log.read_text("utf-8", errors="replace")
        found = re.findall(r"^(?:reason: |.*\[error\] )(.+)$", text, flags=re.MULTILINE)
        if found:
            return f" ({found[-1].strip().rstrip('.')})"
    return f" (signal {-code})" if code < 0 else f" (exit code {code})"
