"""How things are printed: results to stdout, everything else to stderr."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from mnist_edge.documents import to_json
from mnist_edge.errors import escaped
from mnist_edge.workspace import RUNS

if TYPE_CHECKING:
    from mnist_edge.data import Progress


def result(text: str) -> None:
    """Print a result to stdout."""
    typer.echo(_on_lines(text))


def result_json(document: Any) -> None:
    """Print a result to stdout as one line of JSON; dataclasses become objects."""
    typer.echo(to_json(document))


def note(text: str) -> None:
    """Print a note to stderr."""
    typer.echo(_on_lines(text), err=True)


def _on_lines(text: str) -> str:
    """Return text in which nothing but the ends of lines commands a terminal."""
    return "\n".join(map(escaped, text.split("\n")))


def next_command(command: str) -> None:
    """Print the next command to run to stderr."""
    note(f"\nnext: {command}")


def command(verb: str, folder: Path, *arguments: str) -> str:
    """Return the command that goes on from what is in `folder`; short where it finds that alone."""
    return f"mnist-edge {verb}" if folder == RUNS else f"mnist-edge {verb} {shlex.join(arguments)}"


class Bar(Protocol):
    """A progress bar in use."""

    def update(self, done: int, total: int | None) -> None:
        """Show how much is done, of how much in total."""
        ...


class _PlainBar:
    """Lines at every tenth, for where there is no terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._tenth = -1

    def update(self, done: int, total: int | None) -> None:
        tenth = 10 * done // total if total else 0
        if tenth > self._tenth:
            self._tenth = tenth
            note(f"{self._label}: {tenth * 10} %" if total else f"{self._label}: started")


@contextmanager
def progress_bar(label: str) -> Iterator[Bar]:
    """Show progress on stderr once there is any: a live bar on a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield _PlainBar(label)
        return
    from rich.console import Console
    from rich.progress import Progress

    # No thread that redraws: it would disturb what is being measured. Results that go to a file
    # have to pass it by.
    progress = Progress(
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
        redirect_stdout=sys.stdout.isatty(),
    )
    task = progress.add_task(label)

    class Live:
        def update(self, done: int, total: int | None) -> None:
            progress.start()
            progress.update(task, completed=done, total=total, refresh=True)
            if done == total:
                progress.stop()

    try:
        yield Live()
    finally:
        progress.stop()


@contextmanager
def fetching() -> Iterator[Progress]:
    """Yield what shows how far the download of a dataset has come, where there is one."""
    with progress_bar("fetching MNIST") as bar:
        yield lambda _name, done, total: bar.update(done, total)


@contextmanager
def live_line() -> Iterator[Callable[[str], None]]:
    """Yield what draws a line on stderr in place of its last one; it draws on terminals only.

    An empty text wipes the line; so does the end of the block.
    """

    def draw(text: str) -> None:
        if sys.stderr.isatty():
            # A line as wide as the terminal would wrap, and could not be drawn over.
            width = shutil.get_terminal_size().columns - 1
            typer.echo(f"\r\x1b[K{text[:width]}", err=True, nl=False)

    try:
        yield draw
    finally:
        draw("")
