"""The standard streams, such as they are: closed, full, or of an encoding that lacks a letter."""

from __future__ import annotations

import io
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from mnist_edge.errors import OutputError


class _Results(io.TextIOWrapper):
    """Where results go: what cannot be written is an error that says so."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise self._lost(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error  # whoever reads has seen enough
        # The interpreter would try once more at its end, and exit with a code of its own.
        sys.stdout = None
        return OutputError(
            f"cannot write to stdout: {error.strerror}.",
            remedy="free some space, or send the results elsewhere.",
        )


class _Notes(io.TextIOWrapper):
    """Where everything else goes, if it can."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def open_streams() -> None:
    """Let results reach stdout or fail in words, notes reach stderr or be lost, stdin be empty.

    A stream that is closed leaves its number to the next file that is opened, and a library that
    writes there would write into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
            os.set_inheritable(number, True)
    # What is closed is None, whatever its type says.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = _text(_Results, 1)
    sys.stderr = _text(_Notes, 2)


def mute_libraries() -> None:
    """Keep the terminal to ourselves: C++ libraries get /dev/null for their file descriptor 2.

    TensorFlow, absl and LiteRT write notes there that no setting of theirs turns off. What Python's
    libraries warn of, such as Keras of how somebody else wrote a model, is for programmers, too. So
    is what nobody can catch, as where a file is thrown away that a full disk did not take.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _error: None
    sys.stderr = _text(_Notes, os.dup(2))
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)


def _text(kind: type[io.TextIOWrapper], number: int) -> io.TextIOWrapper:
    # An object of the interpreter's for this number may be there still, and keeps it open.
    stream = open(number, "wb", closefd=False)  # noqa: SIM115
    encoding = (sys.__stdout__ or sys.__stderr__ or sys.stdin).encoding
    return kind(stream, encoding, "backslashreplace", line_buffering=True)
