"""The engines that run a model file, chosen by its ending: onnxruntime, and LiteRT for TFLite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.contract import Contract, TensorSpec
from mnist_edge.errors import ModelError
from mnist_edge.runtime.engines.encoding import EncodedEngine
from mnist_edge.runtime.engines.engine import Engine, Images, Probabilities
from mnist_edge.runtime.engines.onnx import OnnxEngine, OnnxRunner, open_session
from mnist_edge.runtime.engines.tflite import TfliteEngine, TfliteRunner

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "ENDINGS",
    "Engine",
    "Images",
    "OnnxEngine",
    "Probabilities",
    "TfliteEngine",
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
    """
    _check_exists(path)
    canonical = spec.is_canonical and answers == "probabilities"
    if path.suffix == ".onnx":
        if canonical:
            return OnnxEngine(open_session(path, threads), spec)
        return EncodedEngine(OnnxRunner(path, threads), spec, answers)
    if path.suffix == ".tflite":
        if canonical:
            return TfliteEngine(path, spec, threads)
        return EncodedEngine(TfliteRunner(path, threads), spec, answers)
    raise _unknown_format(path)


def open_engine(path: Path, threads: int = 1) -> tuple[Engine, Contract]:
    """Open a file that mnist-edge exported, with what it says of itself.

    Raises:
        ModelError: it is missing, damaged, or of a format that the runtime does not run.
        ContractError: it carries no contract, or one that this version cannot honour.
        MissingExtra: its engine is not installed.
    """
    _check_exists(path)
    if path.suffix == ".onnx":
        session = open_session(path, threads)
        contract = _session_contract(session, path)
        contract.check_content(path)
        return OnnxEngine(session, contract.input), contract
    if path.suffix == ".tflite":
        contract = Contract.from_sidecar(path)
        contract.check_content(path)
        return open_bare(path, contract.input, contract.answers, threads), contract
    raise _unknown_format(path)


def read_contract(path: Path) -> Contract:
    """Read what an `.onnx`, `.tflite` or `.keras` file says of itself.

    Raises:
        ModelError: it is missing, damaged, or of another format.
        MissingContract: it carries none.
        ContractError: it carries one that this version cannot read.
    """
    _check_exists(path)
    if path.suffix == ".onnx":
        return _session_contract(open_session(path), path)
    return Contract.from_sidecar(path)


def _session_contract(session: onnxruntime.InferenceSession, path: Path) -> Contract:
    return Contract.from_metadata(session.get_modelmeta().custom_metadata_map, path)


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such model file.",
            remedy="make one with mnist-edge train and mnist-edge export.",
        )


def _unknown_format(path: Path) -> ModelError:
    return ModelError(
        f"{path} is neither an .onnx nor a .tflite file.",
        remedy="export a trained model first: mnist-edge export MODEL.keras",
    )
