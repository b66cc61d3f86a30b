"""What is meant for the user to read, and how the commands report it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class InputError(ValueError):
    """Something the user can mend: the message names the file or camera and says what to do.

    The commands print the message as one line and end with exit code 1. A broken contract between
    functions (a wrong shape, a wrong range) is a plain `ValueError` instead.
    """


class UsageError(Exception):
    """A command line that cannot be understood; the message says what is expected."""


class Stopped(Exception):
    """The user stopped the work; the message says what is kept and how to go on."""


def report_errors(run: Callable[[], object]) -> NoReturn:
    """Run a command line to its end, and exit.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C; each but the first with one
    line on stderr. What is no fault of the user's keeps its traceback.
    """
    try:
        try:
            run()
        finally:
            sys.stdout.flush()
    except InputError as error:
        _fail(str(error))
    except UsageError as error:
        _fail(str(error), code=2)
    except BrokenPipeError:  # the reader of our output left (`| head`): nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(_describe(error))
    except Stopped as stop:
        _fail(str(stop), code=130)
    except KeyboardInterrupt:
        _fail("stopped", code=130)
    sys.exit(0)


def _describe(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if error.errno in DISK_FULL:
        reason = "the disk is full; free some space and try again"
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _fail(message: str, code: int = 1) -> NoReturn:
    line = " ".join(message.split())
    sys.stderr.write(f"{line}\n" if code == 130 else f"error: {line}\n")
    sys.exit(code)
