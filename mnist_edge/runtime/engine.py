"""The engines that run a model file: onnxruntime, and LiteRT for TFLite."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, Contract, TensorSpec
from mnist_edge.errors import ContractError, ModelError, first_line
from mnist_edge.extras import require

if TYPE_CHECKING:
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

# Pictures in one call of onnxruntime. Larger batches fall out of the caches, smaller ones pay the
# cost of a call more often; measured by tools/measure_chunk.py.
CHUNK = 256

# onnxruntime's names of the types that an input may have.
ELEMENTS = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}


class Engine(Protocol):
    """Something that answers pictures."""

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10); any N."""
        ...


def _conversion(spec: TensorSpec) -> Callable[[NDArray[np.uint8], NDArray[np.float32]], None]:
    """Return what writes grey levels as the values of a float32 input, into memory of its shape."""
    low, high = spec.range
    greys_per_unit, offset = (np.array(value, np.float32) for value in (255 / (high - low), low))

    def convert(images: NDArray[np.uint8], values: NDArray[np.float32]) -> None:
        # Dividing while it converts would take numpy half as long again.
        values[:] = images
        values /= greys_per_unit
        if low:
            values += offset

    return convert


def _check_input(spec: TensorSpec, source: object) -> None:
    if spec.layout not in ("NHWC", "NCHW") or spec.dtype not in ELEMENTS:
        raise ContractError(
            f"{source}: cannot feed an input of layout {spec.layout} and type {spec.dtype}.",
            remedy="upgrade with pip install -U mnist-edge.",
        )


def _check_shapes(image: Sequence[object], answer: Sequence[object], source: object) -> None:
    """Check that one picture has 28x28 numbers, and its answer ten; symbolic sizes pass."""
    for shape, size in ((image, SIZE * SIZE), (answer, len(LABELS))):
        known = [int(part) for part in shape[1:] if isinstance(part, int | np.integer)]
        if len(known) == len(shape) - 1 and math.prod(known) != size:
            raise ModelError(
                f"{source} maps {tuple(image)} to {tuple(answer)}, not 28x28 to 10 digits.",
                remedy="choose a model of MNIST's kind.",
            )


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
        _check_input(spec, "the ONNX model")
        inputs = {item.name: item for item in session.get_inputs()}
        image = inputs.get(spec.name, session.get_inputs()[0])
        answer = session.get_outputs()[0]
        _check_shapes(image.shape, answer.shape, "the ONNX model")
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
        self._convert = _conversion(spec)
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


class TfliteEngine:
    """A LiteRT interpreter, one picture at a time; quantizes and dequantizes by itself.

    Args:
        path: the `.tflite` file.
        spec: its input.
        threads: how many threads one answer may use.

    Raises:
        MissingExtra: ai-edge-litert is not installed.
        ModelError: the file is not a TFLite model, or not one of 28x28 pictures to 10 answers.
    """

    def __init__(self, path: Path, spec: TensorSpec, threads: int = 1) -> None:
        require("ai_edge_litert", extra="tflite")
        from ai_edge_litert.interpreter import Interpreter

        _check_input(spec, path)
        try:
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path} is not a TFLite model: {first_line(error)}.",
                remedy="export it again: mnist-edge export MODEL.keras",
            ) from error
        (image,) = self._interpreter.get_input_details()
        (answer,) = self._interpreter.get_output_details()
        _check_shapes(image["shape"], answer["shape"], path)
        # Setting and getting a tensor takes longer than some layers.
        self._image, self._answer = _in_place(self._interpreter, image["index"], answer["index"])
        self._shape = tuple(image["shape"])
        self._convert = _conversion(spec)
        scale, zero_point = image["quantization"]
        if scale:
            limits = np.iinfo(image["dtype"])
            values = np.linspace(*spec.range, 256, dtype=np.float32)
            steps = np.rint(values / scale) + zero_point
            of_grey = steps.clip(limits.min, limits.max).astype(image["dtype"])
            # An index of 8 bits cannot miss: clipping is what costs the least.
            self._convert = lambda pixels, out: of_grey.take(pixels, out=out, mode="clip")
        self._answer_type = np.dtype(answer["dtype"])
        scale, zero_point = answer["quantization"]
        # What each code of an answer stands for; floats stand for themselves.
        self._levels: NDArray[np.float32] | None = None
        if scale:
            size = self._answer_type.itemsize
            codes = np.arange(256**size, dtype=f"u{size}")
            self._codes = codes.dtype
            steps = codes.view(self._answer_type).astype(np.float32)
            self._levels = (steps - np.float32(zero_point)) * np.float32(scale)
            # By TFLite's specification of operators a quantized softmax has the steps from 0 to
            # 255/256, and so none for 1: its last stands for that.
            last = self._levels.argmax()
            if self._levels[last] == 255 / 256:
                self._levels[last] = 1

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10); any N."""
        answers = np.empty((len(images), len(LABELS)), self._answer_type)
        # With one channel, a picture's bytes are the same in every order of the axes.
        for number, image in enumerate(images.reshape(-1, *self._shape)):
            self._convert(image, self._image())
            self._interpreter.invoke()
            answers[number] = self._answer()
        if self._levels is None:
            return answers
        return self._levels.take(answers.view(self._codes))


def _in_place(interpreter: Interpreter, *tensors: int) -> list[Callable[[], NDArray[Any]]]:
    """Return what gives the memory of each of these tensors as an array.

    The interpreter does not run while a view of its own is held, and to make one takes as long as
    a small layer. Where a first run leaves them in their places, the places are held instead:
    nothing moves them but another size.
    """
    views: list[Callable[[], NDArray[Any]]] = [interpreter.tensor(index) for index in tensors]
    try:
        places = [view().ctypes.data for view in views]
        interpreter.invoke()
        if [view().ctypes.data for view in views] != places:
            return views
    except (ValueError, RuntimeError):
        return views  # they have no place before a run, or there is none
    return [_holding(view()) for view in views]


def _holding(view: NDArray[Any]) -> Callable[[], NDArray[Any]]:
    content = memoryview((ctypes.c_char * view.nbytes).from_address(view.ctypes.data))
    memory: NDArray[Any] = np.ndarray(view.shape, view.dtype, buffer=content)
    return lambda: memory


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
        raise ModelError(
            f"{path} is not an ONNX model that onnxruntime can run: {first_line(error)}",
            remedy="export it again: mnist-edge export MODEL.keras",
        ) from error


def open_bare(path: Path, spec: TensorSpec, threads: int = 1) -> Engine:
    """Open an `.onnx` or `.tflite` file whose input is known from elsewhere than its contract.

    Raises:
        ModelError: it is missing, damaged, or of a format that the runtime does not run.
        MissingExtra: its engine is not installed.
    """
    _check_exists(path)
    if path.suffix == ".onnx":
        return OnnxEngine(open_session(path, threads), spec)
    if path.suffix == ".tflite":
        return TfliteEngine(path, spec, threads)
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
        return OnnxEngine(session, contract.input), contract
    if path.suffix == ".tflite":
        contract = Contract.from_sidecar(path)
        return TfliteEngine(path, contract.input, threads), contract
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
