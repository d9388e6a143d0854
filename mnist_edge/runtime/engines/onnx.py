"""The engine of ONNX files: an onnxruntime session."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, TensorSpec
from mnist_edge.errors import ContractError, ModelError, first_line
from mnist_edge.runtime.engines.engine import (
    Images,
    Probabilities,
    check_input,
    check_shapes,
    conversion,
    several_inputs,
)

if TYPE_CHECKING:
    import onnxruntime

# Pictures in one call of onnxruntime. Larger batches fall out of the caches, smaller ones pay the
# cost of a call more often; measured by tools/measure_chunk.py.
CHUNK = 256

# onnxruntime's names of the types that an input may have.
ELEMENTS = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}


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


class OnnxEngine:
    """An onnxruntime session.

    Args:
        session: the session to run; it decides the threads.
        spec: the layout and the values of its input.
        chunk: pictures in one call, unless the file fixes their number.

    Raises:
        ContractError: the input is of a kind that this version cannot feed.
        ModelError: the model does not map 28x28 pictures to 10 answers.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, spec: TensorSpec, chunk: int = CHUNK
    ) -> None:
        check_input(spec, "the ONNX model")
        inputs = {item.name: item for item in session.get_inputs()}
        image = inputs.get(spec.name, session.get_inputs()[0])
        answer = session.get_outputs()[0]
        check_shapes(image.shape, answer.shape, "the ONNX model")
        self._session = session
        if image.type != ELEMENTS[spec.dtype]:
            raise ModelError(
                f"the ONNX model takes {image.type}, not {ELEMENTS[spec.dtype]}.",
                remedy="choose a model of MNIST's kind.",
            )
        self._input, self._outputs = image.name, [answer.name]
        # With one channel, a picture's bytes are the same in every order of the axes.
        self._shape = (1, SIZE, SIZE) if spec.layout == "NCHW" else (SIZE, SIZE, 1)
        if all(isinstance(part, int) for part in image.shape[1:]):
            self._shape = tuple(image.shape[1:])
        low, high = spec.range
        self._convert = conversion(spec)
        self._in_grey_levels = spec.dtype == "uint8"
        if self._in_grey_levels and spec.range != (0, 255):
            raise ContractError(
                f"the ONNX model takes bytes, which go from 0 to 255, not {low:g} to {high:g}.",
                remedy="export it again, or give --input-scale 255.",
            )
        # A file with a fixed batch is fed as many pictures at a time as it takes.
        self._fixed = isinstance(image.shape[0], int)
        self._chunk = image.shape[0] if self._fixed else chunk
        bindable = (
            (self._chunk == 1 or not self._fixed)
            and answer.shape[1:] == [len(LABELS)]
            and answer.type == ELEMENTS["float32"]
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
            self._session.run_with_iobinding(buffers.binding)
            return buffers.answer.copy()
        # What a fixed batch is filled up with does not matter.
        batch = (buffers.pixels if self._fixed else pixels).reshape(-1, *self._shape)
        answer: Probabilities = self._session.run(self._outputs, {self._input: batch})[0]
        return answer[:count]


class OnnxRunner:
    """An onnxruntime session that takes and gives real values in the shapes of the file.

    Args:
        path: the `.onnx` file.
        threads: how many threads one answer may use.
        name: of the input that takes the picture, where there are several.

    Attributes:
        shape: of the input, batch first; None for a size that the file leaves open.
        dtype: NumPy's name of the type of the input.

    Raises:
        ModelError: the file is not an ONNX model of one input, or not one of numbers.
    """

    rounded = False

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session = open_session(path, threads)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise several_inputs(path, [each.name for each in inputs])
        (image,) = inputs
        kind = image.type.removeprefix("tensor(").removesuffix(")")
        self.dtype = {"float": "float32", "double": "float64"}.get(kind, kind)
        if self.dtype not in ("float32", "float64", "float16", "uint8", "int8", "int32", "int64"):
            raise ModelError(
                f"{path} takes {image.type}, not numbers.",
                remedy="choose a classifier of pictures.",
            )
        self._input, self._output = image.name, self._session.get_outputs()[0].name
        self.shape = tuple(size if isinstance(size, int) else None for size in image.shape)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer real values (N, …) in the shape of the input, with float32 (N, M); any N."""
        if np.dtype(self.dtype).kind in "iu":
            batch = np.rint(batch)
        batch, size = batch.astype(self.dtype), self.shape[0] or CHUNK
        answers = []
        for start in range(0, len(batch), size):
            chunk = batch[start : start + size]
            count = len(chunk)
            if self.shape[0] and count < size:
                # A file with a fixed batch has to be filled up; with what does not matter.
                chunk = np.concatenate([chunk, np.repeat(chunk[-1:], size - count, axis=0)])
            (answer,) = self._session.run([self._output], {self._input: chunk})
            answers.append(answer.reshape(len(chunk), -1)[:count])
        return np.concatenate(answers).astype(np.float32)


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file for a small device: `threads` threads that sleep when idle.

    Raises:
        ModelError: the file is missing, or not an ONNX model that this onnxruntime can run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's exceptions have no public base class below Exception.
        said = first_line(error).rpartition(" : ")[2].removesuffix(" with name ''").rstrip(".")
        raise ModelError(
            f"{path} is not an ONNX model that onnxruntime can run: {said}.",
            remedy="export it again where it was made, with a later opset; or check the download.",
        ) from error
