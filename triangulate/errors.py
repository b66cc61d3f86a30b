"""The one error that is meant for the user, and how the commands report it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn


class InputError(ValueError):
    """Something the user can mend: the message names the file or camera and says what to do.

    The commands print the message as one line and end with exit code 1. A broken contract between
    functions (a wrong shape, a wrong range) is a plain `ValueError` instead.
    """


def report_errors(run: Callable[[], object]) -> NoReturn:
    """Run a command line to its end, and exit: `report_errors(app)` for a Typer application.

    Exit codes: 0 done, 1 failed with one line on stderr, 2 wrong usage, 130 stopped by Ctrl-C.
    What is no fault of the user's keeps its traceback.
    """
    try:
        try:
            run()
        finally:
            sys.stdout.flush()
    except InputError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader of our output left (`| head`): nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(_describe(error))
    except KeyboardInterrupt:
        _fail("stopped", code=130)
    except SystemExit as end:  # Typer's own ends: done, wrong usage, Ctrl-C
        if end.code == 130:
            _fail("stopped", code=130)
        raise
    sys.exit(0)


def _describe(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENOSPC:
        reason = "the disk is full; free some space and try again"
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _fail(message: str, code: int = 1) -> NoReturn:
    line = " ".join(message.splitlines())
    sys.stderr.write(f"error: {line}\n" if code == 1 else f"{line}\n")
    sys.exit(code)
