"""The engine of TFLite files: a LiteRT interpreter."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, TensorSpec
from mnist_edge.errors import ModelError, first_line
from mnist_edge.extras import require
from mnist_edge.runtime.engines.engine import (
    Images,
    Probabilities,
    check_input,
    check_shapes,
    conversion,
)

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


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

        check_input(spec, path)
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
        check_shapes(image["shape"], answer["shape"], path)
        # Setting and getting a tensor takes longer than some layers.
        self._image, self._answer = _in_place(self._interpreter, image["index"], answer["index"])
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
