"""A terminal for the commands to run on."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable

import pytest

OnTerminal = Callable[..., tuple[int, str]]


@pytest.fixture
def on_terminal() -> OnTerminal:
    """A function that runs Python code on a terminal of 80 x 24; see `_on_terminal`."""
    return _on_terminal


def _on_terminal(code: str, keys: str = "", **environment: str) -> tuple[int, str]:
    """Run Python code, with `keys` typed in advance.

    Returns:
        The exit code, and all that was printed, with the control sequences taken out.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.write(ours, keys.encode())
    environment = {**os.environ, "TERM": "xterm-256color", **environment}
    for variable in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        environment.pop(variable, None)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            printed += (chunk := os.read(ours, 4096))
        except OSError:  # the terminal is closed: the process has ended
            break
        if not chunk:
            break
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode())
    return process.wait(timeout=60), text.replace("\r\n", "\n")
