"""What became of a model that was exported, and what it must reach to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import MnistEdgeError, OutputError

if TYPE_CHECKING:
    from mnist_edge.contract import Parity

# The share of test pictures that a model has to read to be worth comparing with.
ACCURATE = 0.9

HEADERS = ("format", "file", "bytes", "accuracy", "agreement", "max diff", "flips", "gate")


def in_the_way(path: Path) -> OutputError:
    """Return the error of a file that is there, and that no export made."""
    return OutputError(
        f"{path} is in the way, and no export made it.",
        remedy="move it, export to another folder with --out, or replace it with --force.",
    )


@dataclass(frozen=True)
class Exported:
    """What became of one format.

    Attributes:
        format: its name.
        path: where the file is, or would have been.
        failure: why it was not published; None where it was.
        accuracy: on the test split; None where it did not come so far.
        parity: with the Keras model on the test split; None where it did not come so far.
        bytes: the file's size; None where there is no file.
        sha256: of the file's bytes; None where there is no file.
    """

    format: str
    path: Path
    failure: MnistEdgeError | None = None
    accuracy: float | None = None
    parity: Parity | None = None
    bytes: int | None = None
    sha256: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as `export --json` has it."""
        return {
            "format": self.format,
            "path": str(self.path),
            "bytes": self.bytes,
            "sha256": self.sha256,
            "accuracy": self.accuracy,
            "agreement": self.parity and self.parity.agreement,
            "max_abs_diff": self.parity and self.parity.max_abs_diff,
            "passed": self.failure is None,
        }

    def cells(self) -> list[str]:
        """Return it as a row of a table with the columns of `HEADERS`."""
        parity = self.parity
        return [
            self.format,
            str(self.path),
            f"{self.bytes:,}" if self.bytes else "-",
            "-" if self.accuracy is None else f"{self.accuracy:.2%}",
            f"{parity.agreement:.2%}" if parity else "-",
            f"{parity.max_abs_diff:.1e}" if parity else "-",
            str(len(parity.flips)) if parity else "-",
            "failed" if self.failure else "passed",
        ]
