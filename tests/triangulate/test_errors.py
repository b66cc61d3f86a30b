from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from triangulate.errors import InputError, Stopped, UsageError, report_errors


def exit_of(run: Callable[[], object]) -> int:
    with pytest.raises(SystemExit) as end:
        report_errors(run)
    return int(end.value.code or 0)


def raiser(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("rig.yaml: broken\nin two lines"), 1, "error: rig.yaml: broken in two lines"),
        (UsageError("no option --evry"), 2, "error: no option --evry"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out.npz"),
            1,
            "error: out.npz: the disk is full; free some space and try again",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "a b"),
            1,
            "error: a b: permission denied",
        ),
        (OSError("video stream ended"), 1, "error: video stream ended"),
        (
            Stopped("stopped after frame 3; run it again"),
            130,
            "stopped after frame 3; run it again",
        ),
        (KeyboardInterrupt(), 130, "stopped"),
        (SystemExit(2), 2, ""),
    ],
)
def test_errors_are_reported_in_one_line(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    assert exit_of(raiser(error)) == code
    printed = capsys.readouterr()
    assert printed.err == (f"{line}\n" if line else "")
    assert printed.out == ""


def test_a_run_without_errors_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(lambda: None) == 0
    assert capsys.readouterr().err == ""


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        report_errors(raiser(ZeroDivisionError()))
