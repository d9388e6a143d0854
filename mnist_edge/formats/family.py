"""What is said of a format and of its family: the kinds of rows in the table of formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mnist_edge.contract import Contract, Quantization, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.formats.activations import Array, Network
    from mnist_edge.formats.foreign import Feeding
    from mnist_edge.formats.layers import Layer
    from mnist_edge.runtime.engines import Engine
    from mnist_edge.runtime.engines.encoding import Runner


@dataclass(frozen=True)
class Bar:
    """What a file must reach against the Keras model on the test split to be published.

    Attributes:
        agreement: the least share of pictures with the same digit.
        max_abs_diff: the largest difference of any probability, None where any is fine.
        accuracy_drop: the largest loss of accuracy, None where agreement says enough.
    """

    agreement: float
    max_abs_diff: float | None = None
    accuracy_drop: float | None = None


# What a file of floats must reach, and one of integers.
SAME = Bar(agreement=1.0, max_abs_diff=1e-5)
INT8 = Bar(agreement=0.997, accuracy_drop=0.001)
# And one that reads pictures, beside Python's reading: of a weak model, more is undecided.
READING = Bar(agreement=0.99, accuracy_drop=0.002)


@dataclass(frozen=True)
class Conversion:
    """How a format is made from a model, and what the result must be.

    Attributes:
        convert: from the model, a Keras model unless its family says otherwise, and calibration
            pictures (N, 28, 28) uint8 to the file's bytes.
        selected: whether a bare `export` makes it, `--int8` adds it, or it has to be named.
        input: the file's input.
        output: the file's output.
        bar: what the file must reach.
        quantization: as the contract says it; its calibration is filled in at export.
        calibrated: whether `convert` looks at the calibration pictures.
        proof: what `convert` itself proves of the file, in words.
        inspect: raises GateError when the file is not inside what it is called.
        answers: what its answers stand for.
        fast: what `--fast` converts with instead, to a file that fewer runtimes take.
        compare: gives the answers that the file's are to be like, and the file's, from the model,
            its contract, the file and the test pictures; None where the model's own to these are.
    """

    convert: Callable[[Any, NDArray[np.uint8]], bytes]
    selected: Literal["default", "int8", "named"]
    input: TensorSpec
    output: TensorSpec
    bar: Bar
    quantization: Quantization | None = None
    calibrated: bool = False
    proof: str = ""
    inspect: Callable[[Path], None] | None = None
    answers: str = "probabilities"
    fast: Callable[[Any, NDArray[np.uint8]], bytes] | None = None
    compare: (
        Callable[
            [Any, Contract, Any, NDArray[np.uint8]],
            tuple[NDArray[np.float32], NDArray[np.float32]],
        ]
        | None
    ) = None


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    Attributes:
        name: what `--formats` takes.
        suffix: what follows the model's name in the file's.
        summary: one line for help texts and tables.
        conversion: how it is made from a Keras model; None of what a training makes.
    """

    name: str
    suffix: str
    summary: str
    conversion: Conversion | None = None

    @property
    def reads_pictures(self) -> bool:
        """Whether its files find the digit in a picture themselves."""
        return self.conversion is not None and self.conversion.input.is_picture

    def path(self, folder: Path, name: str) -> Path:
        """Return where the file of the model called `name` lies in `folder`."""
        return folder / f"{name}{self.suffix}"


@dataclass(frozen=True)
class Adopted:
    """Somebody else's model in the form that files are made from.

    Attributes:
        model: what the conversions take.
        conversions: by the name of the format; of a Keras model those of the table beside these.
        weights_sha256: of its weights, or of the file where these are not apart from the rest.
    """

    model: Any
    conversions: Mapping[str, Conversion]
    weights_sha256: str


@dataclass(frozen=True)
class Family:
    """All that is said of the files of one kind.

    Attributes:
        suffixes: their endings, that of files made here first.
        formats: its rows of the table of formats.
        library: the module that a fresh process imports to run such a file; None where files of
            this kind are not run here.
        reader: the package that reads what is inside, and the extra that brings it.
        contract: reads what an exported file says of itself.
        open: opens an exported file, for a number of threads, with its contract.
        bare: opens a file by its input, by what its answers stand for, for a number of threads.
        runner: opens somebody else's file as it is.
        adopt: brings that one into the form that files are made from.
        embed: puts a contract into a file; None where it lies beside it.
        layers: yields the layers of a file.
        activations: runs a file on one picture, float32 as its input takes it.
    """

    suffixes: tuple[str, ...]
    formats: tuple[Format, ...]
    library: str | None
    reader: tuple[str, str]
    contract: Callable[[Path], Contract]
    open: Callable[[Path, int], tuple[Engine, Contract]]
    bare: Callable[[Path, TensorSpec, str, int], Engine]
    runner: Callable[[Path, int], Runner]
    adopt: Callable[[Runner, Path, Feeding], Adopted]
    embed: Callable[[Path, Contract], None] | None
    layers: Callable[[Path], Iterable[Layer]]
    activations: Callable[[Path, Array], Network]
