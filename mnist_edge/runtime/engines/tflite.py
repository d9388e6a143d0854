"""The engine of TFLite files: a LiteRT interpreter."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, TensorSpec
from mnist_edge.errors import ModelError, first_line
from mnist_edge.extras import require
from mnist_edge.runtime.engines.engine import (
    ROUNDED,
    TOLERANCE,
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
    from ai_edge_litert.interpreter import Interpreter


# What LiteRT says of files that are for other places, and what they need.
_ELSEWHERE = {
    "edgetpu": "is compiled for an Edge TPU",
    "Flex": "needs TensorFlow's Flex operations",
}


class _Interpreters(threading.local):
    """The interpreter of each thread, made on first use: one of them runs in one thread at a time.

    Args:
        content: the bytes of the file, which all of them read in place.
        source: the file's name, for errors.
        threads: how many threads one answer may use.

    Attributes:
        interpreter: the thread's own, its tensors allocated.
        image: gives the memory of its input as an array.
        answer: gives that of its output.
    """

    def __init__(self, content: bytes, source: object, threads: int) -> None:
        self.interpreter = _open(content, source, threads)
        image, answer = (
            details[0]["index"]
            for details in (
                self.interpreter.get_input_details(),
                self.interpreter.get_output_details(),
            )
        )
        # Setting and getting a tensor takes longer than some layers.
        self.image, self.answer = _in_place(self.interpreter, image, answer)


class TfliteEngine(Reopened):
    """LiteRT interpreters, one a thread, one picture at a time; they quantize and dequantize.

    Args:
        path: the `.tflite` file.
        spec: its input.
        threads: how many threads one answer may use.

    Raises:
        MissingExtra: ai-edge-litert is not installed.
        ModelError: the file is not a TFLite model, or not one of 28x28 pictures to 10 answers.
    """

    def __init__(self, path: Path, spec: TensorSpec, threads: int = 1) -> None:
        check_input(spec, path)
        self._source = path
        self._own = _Interpreters(_content(path), path, threads)
        (image,) = self._own.interpreter.get_input_details()
        (answer,) = self._own.interpreter.get_output_details()
        check_shapes(image["shape"], answer["shape"], path)
        self._shape = tuple(image["shape"])
        self._convert = conversion(spec)
        scale, zero_point = image["quantization"]
        if scale:
            limits = np.iinfo(image["dtype"])
            values = np.linspace(*spec.range, 256, dtype=np.float32)
            steps = np.rint(values / scale) + zero_point
            of_grey = steps.clip(limits.min, limits.max).astype(image["dtype"])
            # An index of 8 bits cannot miss: clipping is what costs the least.
            self._convert = lambda pixels, out: of_grey.take(pixels, out=out, mode="clip")
        self._answer_type = np.dtype(answer["dtype"])
        # What each code of an answer stands for; floats stand for themselves.
        self._levels = _levels(answer)
        self._tolerance = TOLERANCE if self._levels is None else ROUNDED

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10); any N."""
        answers = np.empty((len(images), len(LABELS)), self._answer_type)
        own = self._own
        invoke, pixels, answer = own.interpreter.invoke, own.image, own.answer
        # With one channel, a picture's bytes are the same in every order of the axes.
        try:
            for number, image in enumerate(images.reshape(-1, *self._shape)):
                self._convert(image, pixels())
                invoke()
                answers[number] = answer()
        except (ValueError, RuntimeError) as error:
            raise _cannot_run(self._source, error) from error
        if self._levels is not None:
            answers = self._levels.take(answers.view(f"u{answers.itemsize}"))
        check_answers(answers, self._source, self._tolerance)
        return answers


class TfliteRunner:
    """LiteRT interpreters, one a thread, that take and give real values in the shapes of the file.

    Args:
        path: the `.tflite` file.
        threads: how many threads one answer may use.

    Attributes:
        shape: of the input, batch first; None for a size that the file leaves open.
        dtype: NumPy's name of the type of the input.
        rounded: whether answers come in steps of an integer type.

    Raises:
        MissingExtra: ai-edge-litert is not installed.
        ModelError: the file is not a TFLite model of one input.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._source = path
        self._own = _Interpreters(_content(path), path, threads)
        self._image, *others = self._own.interpreter.get_input_details()
        self._answer, *_ = self._own.interpreter.get_output_details()
        if others:
            raise several_inputs(path, [self._image["name"], *(each["name"] for each in others)])
        self.shape = tuple(
            None if size < 0 else int(size) for size in self._image["shape_signature"]
        )
        self.dtype = np.dtype(self._image["dtype"]).name
        self.rounded = np.dtype(self._answer["dtype"]).kind in "iu"

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer real values (N, …) in the shape of the input, with float32 (N, M); any N."""
        image, answer = self._image, self._answer
        scale, zero_point = image["quantization"]
        if scale:
            batch = batch / np.float32(scale) + np.float32(zero_point)
        if image["dtype"] is not np.float32:
            limits = np.iinfo(image["dtype"])
            batch = np.rint(batch).clip(limits.min, limits.max)
        answers, own = [], self._own
        try:
            for values in batch.astype(image["dtype"]):
                own.image()[:] = values.reshape(image["shape"])
                own.interpreter.invoke()
                answers.append(own.answer().reshape(1, -1).copy())
        except (ValueError, RuntimeError) as error:
            raise _cannot_run(self._source, error) from error
        given = np.concatenate(answers)
        levels = _levels(answer)
        if levels is None:
            return given.astype(np.float32)
        return levels.take(given.view(f"u{given.itemsize}"))


def _content(path: Path) -> bytes:
    require("ai_edge_litert", extra="tflite")
    return path.read_bytes()


def _open(content: bytes, path: object, threads: int) -> Interpreter:
    from ai_edge_litert.interpreter import Interpreter

    check_threads(threads)
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        # Their names need not be text.
        if not (interpreter.get_input_details() and interpreter.get_output_details()):
            raise ValueError("it has no input, or no output")
    except (ValueError, RuntimeError) as error:
        for sign, what in _ELSEWHERE.items():
            if sign in str(error):
                raise ModelError(
                    f"{path} {what}, which LiteRT on this machine has not.",
                    remedy="take the file that it was made from.",
                ) from error
        raise ModelError(
            f"{path} is not a TFLite model that LiteRT can run: {first_line(error)}.",
            remedy="export it again, with built-in operations only.",
        ) from error
    return interpreter


def _cannot_run(path: object, error: Exception) -> ModelError:
    return ModelError(
        f"{path} cannot be run: {first_line(error)}.",
        remedy="export it again, or choose a classifier of pictures.",
    )


def _levels(answer: dict[str, Any]) -> NDArray[np.float32] | None:
    """Return the real value of each code of a quantized answer, by the code as unsigned."""
    scale, zero_point = answer["quantization"]
    if not scale:
        return None
    kind = np.dtype(answer["dtype"])
    codes = np.arange(256**kind.itemsize, dtype=f"u{kind.itemsize}")
    steps = codes.view(kind).astype(np.float32)
    levels: NDArray[np.float32] = (steps - np.float32(zero_point)) * np.float32(scale)
    # By TFLite's specification of operators a quantized softmax has the steps from 0 to 255/256,
    # and so none for 1: its last stands for that.
    last = levels.argmax()
    if levels[last] == 255 / 256:
        levels[last] = 1
    return levels


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
