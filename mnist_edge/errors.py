"""Every error that mnist-edge raises on purpose.

    MnistEdgeError
    ├── UsageError           an argument that makes no sense                 exit 2
    ├── DataError            a dataset that is missing or broken             exit 1
    │   └── DownloadError    no mirror gave the published bytes              exit 1
    ├── UnreadableImage      a picture that cannot be decoded                exit 1
    │   └── ImageTooLarge    a picture of more pixels than are decoded       exit 1
    ├── ModelError           a model file that is missing or cannot be run   exit 1
    │   └── ContractError    a model file whose contract cannot be honoured  exit 1
    │       └── MissingContract  a model file that carries none              exit 1
    ├── MissingExtra         a package of an optional extra is not there     exit 1
    ├── OutputError          a result that could not be written              exit 1
    ├── TrainingError        a training that cannot start or go on           exit 1
    ├── ConversionError      a format whose converter failed                 exit 1
    ├── ScoringError         a scoring that cannot start or go on            exit 1
    ├── ServingError         a service that cannot start                     exit 1
    ├── GateError            a result that did not reach its bar             exit 3
    └── Interrupted          Ctrl-C                                          exit 130

Each carries one line of cause and one line of remedy; the command line prints both and exits
with the class's code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


# Characters of what others say that a message repeats.
LONGEST = 300


class MnistEdgeError(Exception):
    """Base of all errors of this package.

    Attributes:
        cause: one line saying what is wrong, naming the file or the value.
        remedy: one line saying what to do about it.
        details: lines between the two, as of a table.
        exit_code: what the command line exits with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, *, remedy: str, details: Iterable[str] = ()) -> None:
        self.cause, self.remedy = escaped(cause), escaped(remedy)
        self.details = tuple(map(escaped, details))
        super().__init__("\n".join((self.cause, *self.details, self.remedy)))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by cause and remedy, which not every class is made from."""
        return _again, (type(self), self.cause, self.remedy, self.details)


def _again(
    kind: type[MnistEdgeError], cause: str, remedy: str, details: tuple[str, ...]
) -> MnistEdgeError:
    error = kind.__new__(kind)
    MnistEdgeError.__init__(error, cause, remedy=remedy, details=details)
    return error


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error, or its name where it says nothing."""
    return printable(str(error).strip().partition("\n")[0]) or type(error).__name__


def printable(text: str) -> str:
    """Return text from outside as a line that cannot command a terminal, of bounded length."""
    return f"{escaped(text[:LONGEST])}…" if len(text) > LONGEST else escaped(text)


def escaped(text: str) -> str:
    """Return a line in which all that commands a terminal, or is no letter, is escaped."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean …? ` for a remedy, or nothing where no known name is near."""
    import difflib  # which takes a part of a short command's time

    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean {near[0]}? " if near else ""


class UsageError(MnistEdgeError):
    """An argument or option that makes no sense."""

    exit_code = 2


class DataError(MnistEdgeError):
    """A dataset that is missing, incomplete or broken."""


class DownloadError(DataError):
    """No mirror answered with the published bytes."""


class UnreadableImage(MnistEdgeError):
    """A picture that cannot be opened or decoded, or is larger than the limit."""


class ImageTooLarge(UnreadableImage):
    """A picture that has more pixels than the limit."""


class ModelError(MnistEdgeError):
    """A model file that is missing, damaged, or cannot be run here."""


class ContractError(ModelError):
    """A model file without a contract, or with one this version cannot honour."""


class MissingContract(ContractError):
    """A model file without a contract."""


class MissingExtra(MnistEdgeError):
    """A package of an optional extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} is not installed here.", remedy=f"pip install 'mnist-edge[{extra}]'"
        )


class OutputError(MnistEdgeError):
    """A result that could not be written; whatever was there before is unchanged."""


class TrainingError(MnistEdgeError):
    """A training that cannot start or go on."""


class ConversionError(MnistEdgeError):
    """A format whose converter failed."""


class ScoringError(MnistEdgeError):
    """A scoring of many pictures that cannot start or go on; what is done is kept."""


class ServingError(MnistEdgeError):
    """A service that cannot start: its address is taken, or a process of it dies."""


class GateError(MnistEdgeError):
    """A result that did not reach its bar, and was therefore not published."""

    exit_code = 3


class Interrupted(MnistEdgeError):
    """Ctrl-C, with what was kept; 128 + SIGINT, as shells have it."""

    exit_code = 130
