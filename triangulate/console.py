"""How the commands speak: tables for people, JSON for programs, and one line where they fail.

Tables and JSON go to stdout, everything else to stderr. In a pipe, tables are as wide as they need
to be, and in place of a progress bar long work says in a line a minute how far it is.
"""

from __future__ import annotations

import json
import math
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TextIO

import typer

from triangulate.errors import UsageError, report_errors

if TYPE_CHECKING:
    from triangulate.pages.verdicts import Verdict

Report = Callable[[int, int], None]  # done, all
LINE_SECONDS = 60.0
"""Between two lines about long work in a pipe."""


class Told(Protocol):
    """Says how far work is; a `Report` that takes a word about how it goes as well."""

    def __call__(self, done: int, total: int, standing: str = "", /) -> None:
        """How much is done, of how much, and what of it is worth a line, such as the loss."""
        ...


SETTINGS = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}
"""How both command lines are set up, for `typer.Typer`."""


def run_app(app: typer.Typer) -> NoReturn:
    """Run a command line to its end, and exit (see `report_errors`)."""
    report_errors(lambda: _run(app))


def _run(app: typer.Typer) -> None:
    try:
        code = app(standalone_mode=False)
    except typer.Abort:  # Ctrl-C or Ctrl-D at a question
        typer.echo(err=True)
        raise KeyboardInterrupt from None
    except Exception as error:
        # A wrong command line, told by the Click that Typer stands on, which is not always the same
        if not hasattr(error, "format_message"):
            raise
        raise _usage_error(error) from None
    if code == 130:
        raise KeyboardInterrupt
    if code:
        sys.exit(code)


def _usage_error(error: Any) -> UsageError:
    # Newer Typers check values by pydantic, which puts its own words before those of the check.
    error.message = error.message.removeprefix("Value error, ")
    message, context = error.format_message(), getattr(error, "ctx", None)
    if context is None:
        return UsageError(message)
    if message == context.get_help():  # nothing was asked for
        typer.echo(message, err=True)
        sys.exit(2)
    return UsageError(f"{message.rstrip('.')} (see {context.command_path} --help)")


# --- Output ---------------------------------------------------------------------------------------


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[str] = ()
) -> None:
    """A table without a frame; on a terminal, what is too wide for it is folded, never cut.

    Args:
        title: the line above it.
        columns: their headings.
        rows: the cells.
        texts: columns that hold texts, besides the first; the others hold figures.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        is_text = number == 0 or column in texts
        table.add_column(
            Text(column), justify="left" if is_text else "right", overflow="fold", no_wrap=False
        )
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(Text(title, style="bold"), table, "", sep="\n")


def print_pairs(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, one a line."""
    from rich.console import Console
    from rich.text import Text

    indent = max(len(name) for name, _ in pairs) + 2
    Console(highlight=False).print(Text(title, style="bold"))
    for name, value in pairs:
        typer.echo(_wrapped(f"{name:<{indent}}{value}".rstrip(), " " * indent, sys.stdout))


def nested_pairs(values: Mapping[str, Any], depth: int = 0) -> list[tuple[str, str]]:
    """For `print_pairs`: values as in YAML, what belongs to a name below it and to the right."""
    pairs = []
    for key, value in values.items():
        name, inner = "  " * depth + key, value
        if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            inner = {str(number): each for number, each in enumerate(value, start=1)}
        if isinstance(inner, Mapping) and inner:
            pairs += [(name, ""), *nested_pairs(inner, depth + 1)]
        else:
            text = value if isinstance(value, str) else None
            pairs.append((name, text or json.dumps(_plain(value), ensure_ascii=False)))
    return pairs


def print_json(content: Any) -> None:
    """JSON for programs; a number that is not finite is null, for JSON has none."""
    typer.echo(json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False))


def print_verdict(judged: Verdict) -> None:
    """The level, what it rests on, and what to do."""
    typer.secho(judged.level, bold=True)
    typer.echo(judged.headline)
    for reason in judged.reasons:
        typer.echo(f"  - {reason.text}")
    if judged.advice:
        typer.secho("what to do", bold=True)
    for text in judged.advice:
        typer.echo(f"  - {text}")


def print_notes(notes: Sequence[str]) -> None:
    """What was assumed; on a terminal, lines break between words."""
    for note in notes:
        typer.echo(_wrapped(f"note: {note}", "  ", sys.stderr), err=True)


def _wrapped(line: str, indent: str, stream: TextIO) -> str:
    """A line broken between words where a terminal would break it anywhere."""
    width = shutil.get_terminal_size().columns
    if not stream.isatty() or len(line) <= width:
        return line
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) or value is None else str(value)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait, for imports: it would make some libraries abort while they load."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- Waiting --------------------------------------------------------------------------------------


@contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Told]:
    """A bar with the time left; where stderr is no terminal, see `told_in_lines`."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield told_in_lines(title, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),  # a full line would wrap where the terminal echoes ^C
        MofNCompleteColumn(separator=" of "),
        TextColumn(f"{unit},"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, start=False)
        has_started = False

        def report(done: int, total: int, standing: str = "", /) -> None:
            nonlocal has_started
            if not has_started:  # where a stopped run goes on, its past tells nothing of the speed
                has_started = True
                bar.reset(task, total=total, completed=done)
            bar.update(task, completed=done)

        try:
            yield report
        finally:
            bar.update(task, visible=has_started)


def told_in_lines(title: str, unit: str, clock: Callable[[], float] = time.monotonic) -> Told:
    """How far work is, as a line on stderr a minute: work that takes less is done in silence.

    Args:
        title: what is done.
        unit: of what.
        clock: seconds from some moment on.
    """
    told_at = clock()
    start: tuple[int, float] | None = None  # where a stopped run goes on, its past says nothing

    def report(done: int, total: int, standing: str = "", /) -> None:
        nonlocal told_at, start
        now = clock()
        start = start or (done, now)
        if now - told_at < LINE_SECONDS:
            return
        told_at = now
        parts = [f"{title}: {done} of {total} {unit}", standing]
        if done > start[0]:
            left_s = (total - done) * (now - start[1]) / (done - start[0])
            parts.append(f"{timedelta(seconds=round(left_s))} left")
        typer.echo(", ".join(filter(None, parts)), err=True)

    return report


@contextmanager
def waiting(title: str) -> Iterator[None]:
    """A sign of life on a terminal, for work that cannot tell how far it is."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(title):
        yield
