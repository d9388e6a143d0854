"""The engines that run a model file, chosen by its ending: onnxruntime, and LiteRT for TFLite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.contract import Contract, TensorSpec
from mnist_edge.errors import ModelError
from mnist_edge.runtime.engines.encoding import EncodedEngine
from mnist_edge.runtime.engines.engine import Engine, Images, Probabilities
from mnist_edge.runtime.engines.onnx import OnnxEngine, OnnxRunner, contract_of, open_session
from mnist_edge.runtime.engines.picture import PictureEngine
from mnist_edge.runtime.engines.tflite import TfliteEngine, TfliteRunner

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "ENDINGS",
    "Engine",
    "Images",
    "OnnxEngine",
    "PictureEngine",
    "Probabilities",
    "TfliteEngine",
    "contract_of",
    "open_bare",
    "open_engine",
    "open_session",
    "read_contract",
]

# Of the files that the runtime runs.
ENDINGS = (".onnx", ".tflite")


def open_bare(
    path: Path, spec: TensorSpec, answers: str = "probabilities", threads: int = 1
) -> Engine:
    """Open an `.onnx` or `.tflite` file that is described elsewhere than in a contract.

    Args:
        path: the file.
        spec: its input.
        answers: what its answers stand for, a key of `encoding.PROBABILITIES_OF`.
        threads: how many threads one answer may use.

    Raises:
        ModelError: it is missing, damaged, or of a format that the runtime does not run.
        MissingExtra: its engine is not installed.
        UsageError: that is no number of threads.
    """
    _check_exists(path)
    return _open(path, spec, answers, threads)


def open_engine(path: Path, threads: int = 1) -> tuple[Engine, Contract]:
    """Open a file that mnist-edge exported, with what it says of itself.

    Raises:
        ModelError: it is missing, damaged, or of a format that the runtime does not run.
        ContractError: it carries no contract, or one that this version cannot honour.
        MissingExtra: its engine is not installed.
    """
    _check_exists(path)
    session = None
    if path.suffix == ".onnx":
        session = open_session(path, threads)
        contract = contract_of(session, path)
    elif path.suffix == ".tflite":
        contract = Contract.from_sidecar(path)
    else:
        raise _unknown_format(path)
    contract.check_content(path)
    return _open(path, contract.input, contract.answers, threads, session), contract


def _open(
    path: Path,
    spec: TensorSpec,
    answers: str,
    threads: int,
    session: onnxruntime.InferenceSession | None = None,
) -> Engine:
    canonical = spec.is_canonical and answers == "probabilities"
    engine: OnnxEngine | PictureEngine | TfliteEngine | EncodedEngine
    if path.suffix == ".onnx":
        if spec.is_picture:
            engine = PictureEngine(session or open_session(path, threads), path)
        elif canonical:
            engine = OnnxEngine(session or open_session(path, threads), spec, source=path)
        else:
            engine = EncodedEngine(OnnxRunner(path, threads), spec, answers, path)
    elif path.suffix == ".tflite":
        if canonical:
            engine = TfliteEngine(path, spec, threads)
        else:
            engine = EncodedEngine(TfliteRunner(path, threads), spec, answers, path)
    else:
        raise _unknown_format(path)
    engine.opened = open_bare, (path.absolute(), spec, answers, threads)
    return engine


def read_contract(path: Path) -> Contract:
    """Read what an `.onnx`, `.tflite` or `.keras` file says of itself.

    Raises:
        ModelError: it is missing, damaged, or of another format.
        MissingContract: it carries none.
        ContractError: it carries one that this version cannot read.
    """
    _check_exists(path)
    if path.suffix == ".onnx":
        return contract_of(open_session(path), path)
    return Contract.from_sidecar(path)


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such model file.",
            remedy="make one with mnist-edge train and mnist-edge export.",
        )


def _unknown_format(path: Path) -> ModelError:
    return ModelError(
        f"{path} is neither an .onnx nor a .tflite file.",
        remedy="take one of the same model, as mnist-edge export MODEL.keras makes.",
    )
