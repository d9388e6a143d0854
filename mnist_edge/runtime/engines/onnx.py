"""The engine of ONNX files: an onnxruntime session."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, Contract, TensorSpec
from mnist_edge.errors import ContractError, ModelError, first_line
from mnist_edge.runtime.engines.engine import (
    Images,
    Probabilities,
    Reopened,
    check_answers,
    check_input,
    check_shapes,
    check_threads,
    conversion,
    several_inputs,
)

if TYPE_CHECKING:
    import onnxruntime

# Pictures in one call of onnxruntime. Larger batches fall out of the caches, smaller ones pay the
# cost of a call more often; measured by tools/measure_chunk.py.
CHUNK = 256

# The most that a file may fix: each thread keeps memory for as many.
LARGEST_BATCH = 1 << 14

# onnxruntime's names of the types of numbers, and NumPy's.
ELEMENTS = {
    f"tensor({name})": dtype
    for name, dtype in (
        *(("float", "float32"), ("double", "float64"), ("float16", "float16")),
        *((name, name) for name in ("uint8", "int8", "uint16", "int16", "int32", "int64")),
    )
}


class _Buffers(threading.local):
    """What each thread that runs a session keeps from call to call.

    Fresh memory for every chunk would take as long as a small network does, and a session that
    is bound to its ends spares a tenth of a call with one picture.

    Args:
        session: the session.
        chunk: pictures in one call.
        dtype: of the input.
        shape: of one picture as the session takes it.
        ends: the names of input and output; None where the session cannot be bound.

    Attributes:
        pixels: (chunk, 28, 28), the input.
        answer: float32 (1, 10), what the bound session gives for the first picture.
        binding: None where the session cannot be bound.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        chunk: int,
        dtype: str,
        shape: tuple[int, ...],
        ends: tuple[str, str] | None,
    ) -> None:
        self.pixels: NDArray[Any] = np.zeros((chunk, SIZE, SIZE), dtype)
        self.answer = np.empty((1, len(LABELS)), np.float32)
        self.binding = session.io_binding() if ends else None
        if self.binding and ends:
            pixels, answer = self.pixels, self.answer
            self.binding.bind_input(
                ends[0], "cpu", 0, pixels.dtype, (1, *shape), pixels.ctypes.data
            )
            self.binding.bind_output(
                ends[1], "cpu", 0, answer.dtype, answer.shape, answer.ctypes.data
            )


class OnnxEngine(Reopened):
    """An onnxruntime session.

    Args:
        session: the session to run; it decides the threads.
        spec: the layout and the values of its input.
        chunk: pictures in one call, unless the file fixes their number.
        source: what errors call it.

    Raises:
        ContractError: the input is of a kind that this version cannot feed.
        ModelError: the model does not map 28x28 pictures to 10 answers.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        spec: TensorSpec,
        chunk: int = CHUNK,
        source: object = "the ONNX model",
    ) -> None:
        check_input(spec, source)
        image, answer = _ends(session, source)
        check_shapes(image.shape, answer.shape, source)
        self._session, self._source = session, source
        if ELEMENTS[image.type] != spec.dtype:
            raise ModelError(
                f"{source} takes {ELEMENTS[image.type]}, not {spec.dtype}.",
                remedy="choose a model of MNIST's kind.",
            )
        self._input, self._output = image.name, answer.name
        # With one channel, a picture's bytes are the same in every order of the axes.
        self._shape = (1, SIZE, SIZE) if spec.layout == "NCHW" else (SIZE, SIZE, 1)
        if all(isinstance(part, int) for part in image.shape[1:]):
            self._shape = tuple(image.shape[1:])
        low, high = spec.range
        self._convert = conversion(spec)
        self._in_grey_levels = spec.dtype == "uint8"
        if self._in_grey_levels and spec.range != (0, 255):
            raise ContractError(
                f"{source} takes bytes, which go from 0 to 255, not {low:g} to {high:g}.",
                remedy="export it again, or give --input-range 0,255.",
            )
        # A file with a fixed batch is fed as many pictures at a time as it takes.
        self._fixed = isinstance(image.shape[0], int)
        self._chunk = image.shape[0] if self._fixed else chunk
        bindable = (
            (self._chunk == 1 or not self._fixed)
            and answer.shape[1:] == [len(LABELS)]
            and ELEMENTS[answer.type] == "float32"
        )
        ends = (image.name, answer.name) if bindable else None
        self._buffers = _Buffers(session, self._chunk, spec.dtype, self._shape, ends)

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10); any N."""
        if len(images) <= self._chunk:
            return self._run_chunk(images)
        return np.concatenate(
            [
                self._run_chunk(images[start : start + self._chunk])
                for start in range(0, len(images), self._chunk)
            ]
        )

    def _run_chunk(self, images: Images) -> Probabilities:
        count, buffers = len(images), self._buffers
        pixels = buffers.pixels[:count]
        if self._in_grey_levels:
            pixels[:] = images
        else:
            self._convert(images, pixels)
        if count == 1 and buffers.binding:
            try:
                self._session.run_with_iobinding(buffers.binding)
            except Exception as error:
                raise _cannot_run(self._source, error) from error
            answer = buffers.answer.copy()
        else:
            # What a fixed batch is filled up with does not matter.
            batch = (buffers.pixels if self._fixed else pixels).reshape(-1, *self._shape)
            answer = _run(self._session, self._output, {self._input: batch}, self._source)
            if answer.shape != (len(batch), len(LABELS)):
                raise ModelError(
                    f"{self._source} answers {len(batch)} pictures with {answer.shape}, not with "
                    f"{len(LABELS)} numbers each.",
                    remedy="choose a classifier of the ten digits.",
                )
            answer = answer[:count]
        check_answers(answer, self._source)
        return answer


class OnnxRunner:
    """An onnxruntime session that takes and gives real values in the shapes of the file.

    Args:
        path: the `.onnx` file.
        threads: how many threads one answer may use.

    Attributes:
        shape: of the input, batch first; None for a size that the file leaves open.
        dtype: NumPy's name of the type of the input.

    Raises:
        ModelError: the file is not an ONNX model of one input, or not one of numbers.
    """

    rounded = False

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session, self._source = open_session(path, threads), path
        image, answer = _ends(self._session, path)
        if (given := len(self._session.get_outputs())) > 1:
            raise ModelError(
                f"{path} gives {given} outputs, not one answer.",
                remedy="choose a classifier of the ten digits.",
            )
        self.dtype = ELEMENTS[image.type]
        self._input, self._output = image.name, answer.name
        self.shape = tuple(size if isinstance(size, int) else None for size in image.shape)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer real values (N, …) in the shape of the input, with float32 (N, M); any N."""
        if np.dtype(self.dtype).kind in "iu":
            batch = np.rint(batch)
        batch, size = batch.astype(self.dtype, copy=False), self.shape[0] or CHUNK
        answers = []
        for start in range(0, len(batch), size):
            chunk = batch[start : start + size]
            count = len(chunk)
            if self.shape[0] and count < size:
                # A file with a fixed batch has to be filled up; with what does not matter.
                chunk = np.concatenate([chunk, np.repeat(chunk[-1:], size - count, axis=0)])
            answer = _run(self._session, self._output, {self._input: chunk}, self._source)
            if answer.shape[:1] != (len(chunk),):
                raise ModelError(
                    f"{self._source} answers {len(chunk)} pictures with {answer.shape}.",
                    remedy="choose a classifier of pictures.",
                )
            answers.append(answer.reshape(len(chunk), -1)[:count])
        return np.concatenate(answers).astype(np.float32)


def _run(
    session: onnxruntime.InferenceSession, output: str, feeds: dict[str, Any], source: object
) -> NDArray[Any]:
    try:
        (answer,) = session.run([output], feeds)
    except Exception as error:
        raise _cannot_run(source, error) from error
    numbers: NDArray[Any] = answer
    return numbers


def _cannot_run(source: object, error: Exception) -> ModelError:
    return ModelError(
        f"{source} cannot be run: {first_line(error)}",
        remedy="export it again, or choose a classifier of pictures.",
    )


def _ends(session: onnxruntime.InferenceSession, source: object) -> tuple[Any, Any]:
    """Return the only input and the first output, both of numbers, the batch of a usual size.

    Raises:
        ModelError: the model is of another kind.
    """
    try:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        # Each is decoded when it is asked for; a size that is left open has a name, too.
        named = [each.name for each in inputs]
        for each in (*inputs, *outputs):
            _ = each.name, each.shape, each.type
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{source} has names that are not UTF-8.", remedy="export it again."
        ) from error
    if len(inputs) != 1:
        raise several_inputs(source, named)
    if not outputs:
        raise ModelError(f"{source} gives nothing.", remedy="choose a classifier of pictures.")
    image, answer = inputs[0], outputs[0]
    batch = (image.shape or [0])[0]
    for does, end in (("takes", image), ("gives", answer)):
        if end.type not in ELEMENTS:
            problem = f"{does} {end.type}, not numbers"
            break
    else:
        if not isinstance(batch, int) or 0 < batch <= LARGEST_BATCH:
            return image, answer
        problem = f"takes {image.shape}, which is no batch of pictures"
    raise ModelError(f"{source} {problem}.", remedy="choose a classifier of pictures.")


def contract_of(session: onnxruntime.InferenceSession, source: str | Path) -> Contract:
    """Read the contract of an open file.

    Raises:
        MissingContract: there is none.
        ContractError: it cannot be read.
    """
    try:
        metadata = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise ContractError(
            f"{source} says something of itself that is not UTF-8.", remedy="export it again."
        ) from error
    return Contract.from_metadata(metadata, source)


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file for a small device: `threads` threads that sleep when idle.

    Raises:
        ModelError: the file is missing, or not an ONNX model that this onnxruntime can run.
        UsageError: that is no number of threads.
    """
    import onnxruntime

    check_threads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        model: str | bytes = str(path)
        if not _is_utf8(str(path)):
            # onnxruntime opens no such name; weights beside such a file are not found.
            model = path.read_bytes()
        # To fall back on the only provider once more fails again, and says so on stdout.
        return onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
    except Exception as error:
        # onnxruntime's exceptions have no public base class below Exception.
        said = first_line(error).rpartition(" : ")[2].removesuffix(" with name ''").rstrip(".")
        raise ModelError(
            f"{path} is not an ONNX model that onnxruntime can run: {said}.",
            remedy="export it again where it was made, with a later opset; or check the download.",
        ) from error


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
