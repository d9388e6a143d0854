"""The command line: one module per verb, argument parsing and printing only."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import mnist_edge
from mnist_edge.cli.output import note, result
from mnist_edge.cli.streams import mute_libraries, open_streams
from mnist_edge.errors import Interrupted, MnistEdgeError, printable

# In the order of --help. The module of each has a function, or a group of them, of that name.
VERBS = (
    *("train", "export", "predict", "evaluate", "bench", "info", "report", "serve", "page"),
    *("score", "data"),
)


class _Commands(Mapping[str, Any]):
    """What typer makes of the verbs; a verb's module is loaded when its command is asked for."""

    def __getitem__(self, verb: str) -> Any:
        if verb not in VERBS:
            raise KeyError(verb)
        app = getattr(importlib.import_module(f"{__name__}.{verb}"), verb)
        if not isinstance(app, typer.Typer):
            function, app = app, typer.Typer(rich_markup_mode=None, add_completion=False)
            app.command(verb)(function)
        return typer.main.get_command(app)

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class _Verbs(TyperGroup):
    """A group that builds the command it runs, not all of them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Commands()})


app = typer.Typer(
    cls=_Verbs,
    help="Train a digit classifier in Keras, export it, prove that every file answers alike, "
    "and run it anywhere.",
    epilog="Exit codes: 0 done, 1 it could not be done, 2 wrong usage, 3 a gate failed, "
    "130 interrupted.",
    # Rich would take longer to import than all the rest of --help.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_debug = False


def _print_version(wanted: bool) -> None:
    if wanted:
        result(f"mnist-edge {mnist_edge.__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, and the notes of the libraries.")
    ] = False,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    global _debug  # noqa: PLW0603
    _debug = debug
    if not debug:
        mute_libraries()


def _spare_collection() -> None:
    """Keep the interpreter from looking for garbage at its end: a tenth of a short command's time.

    TensorFlow's threads have to stop before its libraries are unloaded, and stop when what they
    work for is collected.
    """
    if "tensorflow" not in sys.modules:
        gc.freeze()


def _stop_at_once() -> NoReturn:
    """End without clearing up, at which TensorFlow's threads, interrupted at work, may crash."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(Interrupted.exit_code)


def main() -> None:
    """Run the command line and exit with its code."""
    # Importing leaves little garbage; looking for it takes a twentieth of a short command's time.
    gc.set_threshold(200_000)
    open_streams()
    atexit.register(_spare_collection)
    try:
        app(prog_name="mnist-edge")
    except SystemExit as stop:
        if stop.code != Interrupted.exit_code:
            raise
        note("error: interrupted.\nrun the same command again.")
        _stop_at_once()
    except MnistEdgeError as error:
        if _debug:
            raise
        note(f"error: {error}")
        if isinstance(error, Interrupted):
            _stop_at_once()
        sys.exit(error.exit_code)
    except Exception as error:
        if _debug:
            raise
        if isinstance(error, OSError) and error.filename and error.strerror:
            # Any path may be too long, or in a folder that is closed to us.
            note(f"error: {printable(str(error.filename))}: {error.strerror}.\ncheck the path.")
            sys.exit(1)
        note(
            f"error: unexpected {type(error).__name__}: {error}\n"
            "run it again as mnist-edge --debug …, and report what it shows."
        )
        sys.exit(1)
