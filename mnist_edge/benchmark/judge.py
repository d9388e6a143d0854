"""What a model file answers: opened, run on the test split, and compared with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Contract, Parity, Source, TensorSpec
from mnist_edge.errors import MnistEdgeError, UsageError, first_line
from mnist_edge.files import sha256_of
from mnist_edge.formats import foreign
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.foreign import Feeding
from mnist_edge.formats.identify import contract_of, name_of, size_of
from mnist_edge.formats.keras import KERAS
from mnist_edge.formats.parity import compare
from mnist_edge.formats.table import family_of, of_path, open_file
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engines.encoding import EncodedEngine

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Dataset, Split
    from mnist_edge.runtime.engines import Engine


@dataclass(eq=False)
class Judged:
    """A model file and its answers to the test split; None where it could not run.

    Attributes:
        path: where it is.
        bytes: its size; of a folder, that of its files.
        format: its name in the table of formats; the file's own where it is somebody else's.
        contract: what it says of itself; None where it is somebody else's.
        feeding: how somebody else's is fed; None of our own.
        fed: the same in words; empty of our own.
        engine: what runs it.
        answers: float32 (N, 10).
        accuracy: on the test split.
        parity: with the first file that runs.
        error: why it could not run.
    """

    path: Path
    bytes: int
    format: str
    contract: Contract | None = None
    feeding: Feeding | None = None
    fed: str = ""
    engine: Engine | None = None
    answers: NDArray[np.float32] | None = None
    accuracy: float | None = None
    parity: Parity | None = None
    error: str | None = None

    @property
    def input(self) -> TensorSpec | None:
        """The tensor that it takes; None where it could not be opened."""
        if self.contract:
            return self.contract.input
        return self.feeding.input if self.feeding else None


def judge(
    paths: Iterable[Path],
    dataset: Dataset,
    *,
    threads: int = 1,
    feeding: FeedingOptions | None = None,
    note: Callable[[str], None] = lambda _text: None,
) -> list[Judged]:
    """Let every file answer the test split, and compare it with the first that can.

    A file without a contract is fed as the contract of a file made from it says, or else as is
    measured on training pictures; files of one name are fed alike.

    Args:
        paths: the files, the reference first.
        dataset: what they are run on.
        threads: how many threads one answer may use; Keras decides for itself.
        feeding: what is known of how files without a contract are fed.
        note: called with how each of these is fed.

    Raises:
        UsageError: `feeding` is given, and each file carries a contract.
    """
    images, labels = dataset.test
    files = [_described(path) for path in paths]
    if feeding and all(file.contract for file in files):
        raise UsageError(
            "each of these files carries a contract, which says how it is fed.",
            remedy="leave out what says so otherwise, such as --input-range and --ink.",
        )
    sources = [file.contract.source for file in files if file.contract and file.contract.source]
    feedings: dict[str, Feeding] = {}
    expected = None
    for file in files:
        if file.error:
            continue
        try:
            if file.contract:
                file.engine, _ = open_file(file.path, threads)
            else:
                _open_foreign(
                    file, threads, feeding or FeedingOptions(), dataset.train, sources, feedings
                )
                note(file.fed)
            answers = file.engine.run(images) if file.engine else None
        except Exception as error:
            # Engines raise errors of their own for a model that is not what its input says.
            file.engine, file.error = None, reason(error)
            continue
        if answers is not None:
            expected = answers if expected is None else expected
            file.answers, file.accuracy = answers, accuracy(answers, labels)
            file.parity = compare(expected, answers, labels)
    return files


def reason(error: Exception) -> str:
    """Return in one line why a file could not run."""
    if isinstance(error, MnistEdgeError):
        return f"{error.cause} {error.remedy}"
    return first_line(error)


def _described(path: Path) -> Judged:
    row = of_path(path)
    file = Judged(path, size_of(path), row.name if row else path.name)
    try:
        file.contract = contract_of(path)
    except MnistEdgeError as error:
        file.error = reason(error)
    if file.contract is None:
        file.format = path.name
    return file


def _open_foreign(
    file: Judged,
    threads: int,
    options: FeedingOptions,
    training: Split,
    sources: Iterable[Source],
    feedings: dict[str, Feeding],
) -> None:
    """Open a file without a contract, and note how it is fed."""
    family = family_of(file.path)
    runner = family.runner(file.path, threads)
    name = name_of(file.path)
    made = [source for source in sources if source.file == file.path.name]
    if made and any(source.sha256 == sha256_of(file.path) for source in made):
        file.feeding = Feeding(made[0].input, made[0].answers)
        file.fed = f"{file.path.name}: fed as when it was exported"
    elif name in feedings:
        known = feedings[name].input
        low, high = sorted(known.range)
        alike = FeedingOptions(
            range=(low, high) if known.values == "linear" else None,
            ink="light" if known.range == (low, high) else "dark",
            transposed=known.transposed,
            answers=options.answers,
        )
        measured = foreign.measure(runner, training, alike, file.path.name)
        file.feeding = measured.best
        file.fed = f"{file.path.name}: {measured.describe()}, as the other file of that name"
    else:
        measured = foreign.measure(runner, training, options, file.path.name)
        file.feeding = feedings[name] = measured.best
        file.fed = f"{file.path.name}: {measured.describe()}"
    spec, answers = file.feeding.input, file.feeding.answers
    plain = spec.is_canonical and spec.dtype == "float32" and answers == "probabilities"
    if plain and family is not KERAS:
        file.engine = family.bare(file.path, spec, answers, threads)  # as fast as our own are run
    else:
        file.engine = EncodedEngine(runner, spec, answers)
