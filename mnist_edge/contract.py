"""What a model file says of itself: the JSON document that every exported file carries.

ONNX files hold it in `metadata_props` under the key `mnist_edge`; Keras and TFLite files in a
sidecar `<file>.json`. It is read and written here only. It holds no timestamps: the same weights
and the same calibration give the same bytes, but for the checksum of a Keras file, into which Keras
writes the date. Its last key is its own checksum.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import types
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from mnist_edge.errors import ContractError, MissingContract, ModelError, first_line, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
METADATA_KEY = "mnist_edge"
CHECKSUM = "crc32"

# What is longer, in characters, is not read.
LARGEST = 4 << 20

# What every model of this package reads and answers.
SIZE = 28
LABELS = tuple("0123456789")

# The orders of a tensor's axes: pictures, channels, rows, columns.
LAYOUTS = ("NHWC", "NCHW", "NHW", "NC", "HWC", "C")

# What an input's values are, how a digit fits into it, and what answers stand for; how each is
# computed is in `runtime/engines/encoding.py`.
VALUES = ("linear", "binary", "unit-columns")
FITS = ("exact", "padded", "resized")
ANSWERS = ("probabilities", "scores", "log-probabilities", "sigmoids")

# How far apart the ends of a range may be: of such widths float32 has the quotients, too.
NARROWEST, WIDEST = 1e-30, 1e30

_EXPORT_AGAIN = "export the model again with this version: mnist-edge export MODEL.keras"


@dataclass(frozen=True)
class TensorSpec:
    """An input or output tensor.

    Attributes:
        name: its name in the file.
        layout: `NHWC`, `NCHW`, `NHW` or `NC`; `HWC` of a picture of any size, `C` of its answer.
        shape: its sizes, None where any is taken.
        dtype: NumPy's name of its element type.
        range: the real values of its ends: for the input, of bare paper and of full ink. Integer
            tensors reach them through the scale and zero point that a TFLite file stores; an ONNX
            file stores none for its ends, whose integers are the values themselves.
        values: what an input's numbers are between the ends of the range: `linear` in the ink,
            `binary`, or `unit-columns`, each column of the picture divided by its norm.
        fit: how the 28×28 digit becomes an input of another size: `exact`, `padded`, `resized`.
        transposed: whether an input has rows and columns exchanged.
    """

    name: str
    layout: str
    shape: tuple[int | None, ...]
    dtype: str
    range: tuple[float, float]
    values: str = "linear"
    fit: str = "exact"
    transposed: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether it takes a picture of any size, in which the file finds the digit itself."""
        return self.layout == "HWC"

    @property
    def is_canonical(self) -> bool:
        """Whether an input is one upright picture of one channel, its values linear in the ink."""
        return (
            (self.values, self.fit, self.transposed) == ("linear", "exact", False)
            and self.layout in ("NHWC", "NCHW")
            and math.prod(size or 1 for size in self.shape[1:]) == SIZE * SIZE
        )


@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes the input: the version of the code, and its parameters."""

    version: int
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Calibration:
    """The pictures that activation ranges were taken from."""

    count: int
    seed: int
    split: str


@dataclass(frozen=True)
class Quantization:
    """How numbers are stored and computed; `calibration` is None where none was needed."""

    scheme: str
    weights: str
    activations: str
    per_channel: bool
    calibration: Calibration | None


@dataclass(frozen=True)
class Limits:
    """What the two largest probabilities of an answer to be trusted must reach.

    Attributes:
        threshold: their least sum.
        margin: their least difference.
    """

    threshold: float
    margin: float


@dataclass(frozen=True)
class Accept:
    """When an answer is to be trusted.

    The rule `two-best` looks at the two largest probabilities. What shows no digit leaves little
    to them, and what may be one digit or another gives both alike.

    Attributes:
        rule: its name.
        threshold, margin: the limits of a picture in MNIST's own form.
        found: the limits of any other, where the digit had to be found and more can go wrong.
    """

    rule: str
    threshold: float
    margin: float
    found: Limits


@dataclass(frozen=True)
class Metrics:
    """Accuracy on the test split of `dataset`, per format; the file's own and the original's."""

    dataset: str
    accuracy: dict[str, float]


@dataclass(frozen=True)
class Flip:
    """A test picture that the file and the Keras model answer differently.

    Attributes:
        index: its number in the test split.
        label: the right digit.
        reference: what the Keras model answers.
        answer: what the file answers.
        reference_margin: the Keras model's difference of the two largest probabilities.
        answer_margin: the same of the file.
    """

    index: int
    label: int
    reference: int
    answer: int
    reference_margin: float
    answer_margin: float


@dataclass(frozen=True)
class Parity:
    """How the file's answers compare with those of the Keras model it was made from.

    Attributes:
        images: how many test pictures were compared.
        agreement: the share with the same most probable digit.
        max_abs_diff: the largest difference of any probability.
        flips: the pictures answered differently.
    """

    images: int
    agreement: float
    max_abs_diff: float
    flips: tuple[Flip, ...]


@dataclass(frozen=True)
class Provenance:
    """How the weights came about, the recipe apart.

    Attributes:
        seed: of weights, order and augmentation; the n-th member of an ensemble has n - 1 more.
        epochs: how many, of every member.
        members: how many networks are averaged; 1 where there is only one.
        teachers: the `weights_sha256` of each network whose answers were the targets; empty
            where the labels were.
        unlabelled: how many unlabelled pictures there were beside the dataset's.
        run: the SHA-256 of all that the training was given; empty in files older than this key.
    """

    seed: int
    epochs: int
    members: int = 1
    teachers: tuple[str, ...] = ()
    unlabelled: int = 0
    run: str = ""


@dataclass(frozen=True)
class Source:
    """The file of somebody else's that a model was made from.

    Attributes:
        file: its name.
        sha256: of its bytes; of a folder, of all its files in the order of their names.
        input: how it is fed, as measured on training pictures.
        answers: what its answers stand for: `probabilities`, `scores`, `log-probabilities` or
            `sigmoids`.
    """

    file: str
    sha256: str
    input: TensorSpec
    answers: str


@dataclass(frozen=True)
class Content:
    """The bytes that a contract speaks of, by which a damaged file is known.

    Attributes:
        size: how many, from the start of the file: an ONNX file ends with its contract.
        crc32: their CRC-32, as eight hexadecimal digits.
    """

    size: int
    crc32: str

    @classmethod
    def of(cls, content: bytes) -> Content:
        """Describe these bytes."""
        return cls(len(content), _crc32(content))


@dataclass(frozen=True)
class Contract:
    """The whole document; section by section as above.

    Attributes:
        schema: the version of this document's form.
        name: the model's name.
        recipe: the training recipe it came from; None of somebody else's model.
        labels: what the outputs stand for, in their order.
        weights_sha256: of the trained Keras weights, the same in every file made from them.
        tools: the versions of the packages that made the file.
        provenance: how the weights came about; None in files older than this key.
        history: one object per epoch of training; in the Keras sidecar only.
        answers: what the file's answers stand for, as in `Source`.
        source: what somebody else's model was made from; None of our own.
        content: the bytes of its file; None in files older than this key.
    """

    schema: int
    name: str
    recipe: str | None
    labels: tuple[str, ...]
    input: TensorSpec
    output: TensorSpec
    preprocess: Preprocess
    quantization: Quantization | None
    accept: Accept
    metrics: Metrics
    parity: Parity | None
    weights_sha256: str
    tools: dict[str, str]
    provenance: Provenance | None = None
    history: tuple[dict[str, float], ...] | None = None
    answers: str = "probabilities"
    source: Source | None = None
    content: Content | None = None

    def check_content(
        self,
        path: Path,
        remedy: str = "take it from where it was published once more, or make it again.",
    ) -> None:
        """Check that a file's bytes are those that were published with this contract.

        Raises:
            ModelError: they are not.
        """
        if self.content is None:
            return
        # What a damaged contract announces may be more than any memory holds.
        whole = path.stat().st_size >= self.content.size
        if whole:
            with path.open("rb") as file:
                whole = Content.of(file.read(self.content.size)) == self.content
        if not whole:
            raise ModelError(
                f"{path} is damaged: its bytes are not those that were published.", remedy=remedy
            )

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the document; keys in the order of the fields, and its checksum."""
        document = dataclasses.asdict(self)
        document[CHECKSUM] = _checksum(document)
        separators = (",", ":") if indent is None else None
        return json.dumps(document, indent=indent, separators=separators)

    @classmethod
    def from_json(cls, text: str, source: str | Path) -> Contract:
        """Read the document that `source` carries.

        Raises:
            ContractError: it is not JSON, of another schema, not what its checksum is of, or a key
                is missing or of the wrong type; the cause names the source and the key.
        """
        if len(text) > LARGEST:
            raise ContractError(
                f"{source}: {len(text):,} characters are no contract.", remedy=_EXPORT_AGAIN
            )
        try:
            document = json.loads(text)
            whole = _is_whole(document)
        except (ValueError, RecursionError) as error:
            raise ContractError(
                f"{source}: its contract is not JSON: {error}.", remedy=_EXPORT_AGAIN
            ) from error
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA:
            raise ContractError(
                f"{source}: its contract has schema {printable(str(schema))}, this version reads "
                f"{SCHEMA}.",
                remedy="upgrade with pip install -U mnist-edge, or export the model again.",
            )
        if not whole:
            raise ContractError(
                f"{source}: its contract is damaged, or was changed by hand.",
                remedy="take it from where it was published once more, or export the model again.",
            )
        try:
            contract: Contract = _decode(cls, document, "contract")
            _validate(contract)
        except _MismatchError as mismatch:
            raise ContractError(f"{source}: {mismatch}.", remedy=_EXPORT_AGAIN) from mismatch
        return contract

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str | Path) -> Contract:
        """Read the document from an ONNX file's metadata.

        Raises:
            MissingContract: there is none.
            ContractError: it cannot be read.
        """
        if METADATA_KEY not in metadata:
            raise _no_contract(source)
        return cls.from_json(metadata[METADATA_KEY], source)

    @classmethod
    def from_sidecar(cls, model: Path) -> Contract:
        """Read the document from the sidecar of a Keras or TFLite file.

        Raises:
            MissingContract: there is none.
            ContractError: it cannot be read.
        """
        try:
            with sidecar(model).open(encoding="utf-8") as file:
                text = file.read(LARGEST + 1)
        except (PermissionError, UnicodeDecodeError) as error:
            raise ContractError(
                f"{sidecar(model)} cannot be read: {first_line(error)}.", remedy=_EXPORT_AGAIN
            ) from error
        except OSError as error:
            raise _no_contract(model) from error  # nor can there be one of so long a name
        return cls.from_json(text, sidecar(model))

    def write(self, document: Path) -> None:
        """Write the document to a file of its own."""
        document.write_text(self.to_json(indent=1) + "\n", encoding="utf-8")


def sidecar(model: Path) -> Path:
    """Return where the contract of a Keras or TFLite file lies."""
    return model.with_name(f"{model.name}.json")


def member(ensemble: Path, number: int) -> Path:
    """Return where the member of that number, from 1, of an ensemble's `.keras` file lies."""
    return ensemble.with_stem(f"{ensemble.stem}-{number}")


def _no_contract(source: str | Path) -> MissingContract:
    return MissingContract(
        f"{source} carries no contract, so its preprocessing is unknown.",
        remedy="let mnist-edge export find out how it is fed, and take the file that it makes.",
    )


def _crc32(content: bytes) -> str:
    return f"{zlib.crc32(content):08x}"


def _checksum(document: dict[str, Any]) -> str:
    """Return the CRC-32 of a document by its values: in any order, and 1 is 1.0."""
    values = json.loads(json.dumps(document), parse_int=float)
    return _crc32(json.dumps(values, separators=(",", ":"), sort_keys=True).encode())


def _is_whole(document: Any) -> bool:
    """Tell whether a document is what its checksum is of; those of older files have none."""
    if not isinstance(document, dict) or CHECKSUM not in document:
        return True
    return bool(document.pop(CHECKSUM) == _checksum(document))


class _MismatchError(Exception):
    """A value that is not what the dataclasses say."""


def _validate(contract: Contract) -> None:
    """Check what types do not tell, and name the first field that is out of its bounds."""
    accept, content, source = contract.accept, contract.content, contract.source
    shares = {
        f"metrics.accuracy.{name}": share for name, share in contract.metrics.accuracy.items()
    }
    for where, limits in (("accept", accept), ("accept.found", accept.found)):
        shares |= {f"{where}.threshold": limits.threshold, f"{where}.margin": limits.margin}
    if contract.parity:
        shares |= {"parity.agreement": contract.parity.agreement}
    bounds = {
        f"{name} is {value}, not within 0 to 1": 0 <= value <= 1 for name, value in shares.items()
    }
    bounds |= {
        f"name is {contract.name!r}, which cannot be a file's": is_file_name(contract.name),
        f"labels are not {', '.join(LABELS)}, but {', '.join(contract.labels)}": (
            contract.labels == LABELS
        ),
        f"answers are {contract.answers!r}": contract.answers in ANSWERS,
        f"accept.rule is {accept.rule!r}": accept.rule == "two-best",
    }
    bounds |= _bounds("input", contract.input) | _bounds("output", contract.output)
    bounds |= {
        f"output.shape ends with {contract.output.shape[-1:]}, not with {len(LABELS)}": (
            contract.output.shape[-1:] == (len(LABELS),)
        ),
    }
    if source:
        bounds |= _bounds("source.input", source.input)
        bounds |= {f"source.answers are {source.answers!r}": source.answers in ANSWERS}
    if content:
        bounds |= {f"content.size is {content.size}": content.size > 0}
    for problem, holds in bounds.items():
        if not holds:
            raise _MismatchError(f"contract.{printable(problem)}")


def _bounds(where: str, tensor: TensorSpec) -> dict[str, bool]:
    """Return whether each field of a tensor is within its bounds, by what is said if it is not."""
    low, high = tensor.range
    return {
        f"{where}.layout is {tensor.layout!r}": tensor.layout in LAYOUTS,
        f"{where}.shape is {tensor.shape}, not {len(tensor.layout)} sizes": (
            len(tensor.shape) == len(tensor.layout)
        ),
        f"{where}.shape is {tensor.shape}, which are no sizes": all(
            size is None or size > 0 for size in tensor.shape
        ),
        f"{where}.range goes from {low} to {high}": NARROWEST <= abs(high - low) <= WIDEST,
        f"{where}.values are {tensor.values!r}": tensor.values in VALUES,
        f"{where}.fit is {tensor.fit!r}": tensor.fit in FITS,
    }


def is_file_name(name: str) -> bool:
    """Tell whether a model's name can be the name of a file, and of one in its folder."""
    return bool(name) and name.isprintable() and not set(name) & set("/\\") and name[0] != "."


# A contract may have tens of thousands of flips, and the hints are text that is compiled anew.
_hints = cache(get_type_hints)


def _decode(kind: Any, value: Any, where: str) -> Any:
    """Check a JSON value against a type annotation and build what it stands for."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = (argument for argument in arguments if argument is not type(None))
        return _decode(kind, value, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = _hints(kind)
        fields = {}
        for field in dataclasses.fields(kind):
            if field.name in value:
                fields[field.name] = _decode(
                    hints[field.name], value[field.name], f"{where}.{field.name}"
                )
            elif field.default is dataclasses.MISSING:
                raise _MismatchError(f"{where}.{field.name} is missing")
        return kind(**fields)
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is Ellipsis:
            arguments = arguments[:1] * len(value)
        if len(arguments) == len(value):
            return tuple(
                _decode(argument, item, f"{where}[{index}]")
                for index, (argument, item) in enumerate(zip(arguments, value, strict=True))
            )
    elif origin is dict and isinstance(value, dict):
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    elif kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    elif kind is not float and type(value) is kind:
        return value
    raise _MismatchError(f"{where} is {json.dumps(value)[:40]}, which is not a {kind}")
