"""A network as the C header computes it: layers in the order they run, on uint8 tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.formats.c.quantize import Multiplier, Range, SoftmaxScale


class Shape(NamedTuple):
    """Of a tensor of one picture, rows first; a vector is one pixel."""

    height: int
    width: int
    depth: int

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.height * self.width * self.depth


class Tensor(NamedTuple):
    """Activations.

    Attributes:
        number: the memory it lies in; tensors that only differ in shape share it.
        shape: its sizes.
        scale: the real value of one step.
        zero: the step that stands for 0, of 0 to 255.
    """

    number: int
    shape: Shape
    scale: np.float32
    zero: int


class Window(NamedTuple):
    """How a kernel moves over its input.

    Attributes:
        height, width: the kernel's.
        down, right: how far it moves between two outputs.
        top, left: how far it begins outside of the input.
    """

    height: int
    width: int
    down: int = 1
    right: int = 1
    top: int = 0
    left: int = 0


@dataclass(frozen=True, eq=False)
class Layer:
    """Base of all layers: one output computed from one input."""

    input: Tensor
    output: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """All that is read."""
        return (self.input,)

    @property
    def workspace(self) -> int:
        """How many bytes are used while the layer runs, apart from its ends."""
        return 0

    def oldest_reads(self, tensor: Tensor) -> NDArray[np.intp]:
        """Return what of an input is still to be read.

        Layers write each byte of their output once, in its order.

        Returns:
            For each byte of the output the least index of `tensor` that is read after it was
            written; the size of `tensor` where no more is read.
        """
        raise NotImplementedError


class _Sliding(Layer):
    """A layer that reads a window of its input for each pixel of its output."""

    window: Window

    def oldest_reads(self, tensor: Tensor) -> NDArray[np.intp]:
        rows, columns, channels = self.output.shape
        _, width, depth = tensor.shape
        window = self.window
        y = np.maximum(np.arange(rows) * window.down - window.top, 0)
        x = np.maximum(np.arange(columns) * window.right - window.left, 0)
        reads = ((y[:, np.newaxis] * width + x) * depth).ravel()
        reads = np.append(reads, tensor.shape.size)
        ahead = np.minimum.accumulate(reads[::-1])[::-1]
        # All channels but the last are followed by another of the same window, unless that was
        # copied before.
        oldest = np.repeat(ahead[1:] if self.workspace else ahead[:-1], channels)
        oldest[channels - 1 :: channels] = ahead[1:]
        return oldest


@dataclass(frozen=True, eq=False)
class Convolution(_Sliding):
    """Sums of products over a window.

    Attributes:
        window: how the kernel moves.
        weights: int8, (output channels, height, width, input channels); of a depthwise
            convolution (height, width, output channels).
        biases: int64 (output channels,), with what the input's zero point adds.
        multipliers: of the sums, one an output channel.
        range: of the output.
    """

    window: Window
    weights: NDArray[np.int8]
    biases: NDArray[np.int64]
    multipliers: tuple[Multiplier, ...]
    range: Range

    @property
    def workspace(self) -> int:
        """Bytes of the window, which is copied to lie in one piece."""
        return self.window.height * self.window.width * self.input.shape.depth


class Depthwise(Convolution):
    """A convolution of each input channel alone, into one or several output channels."""


class Dense(Convolution):
    """A convolution whose window is all its input, with another rounding."""

    @property
    def workspace(self) -> int:
        """None: the input lies in one piece."""
        return 0


@dataclass(frozen=True, eq=False)
class MaxPool(_Sliding):
    """The largest of each window, clamped."""

    window: Window
    range: Range


@dataclass(frozen=True, eq=False)
class AveragePool(_Sliding):
    """The mean of each window, what is outside left out, rounded away from int8's zero."""

    window: Window
    range: Range


@dataclass(frozen=True, eq=False)
class _Elementwise(Layer):
    def oldest_reads(self, tensor: Tensor) -> NDArray[np.intp]:
        return np.arange(1, tensor.shape.size + 1)


@dataclass(frozen=True, eq=False)
class Rescale(_Elementwise):
    """Another scale or zero point, and limits: QUANTIZE, RELU, RELU6."""

    multiplier: Multiplier
    range: Range


@dataclass(frozen=True, eq=False)
class Add(_Elementwise):
    """The sum of two inputs of the same shape.

    Attributes:
        other: the second input.
        multipliers: of both inputs and of the sum.
    """

    other: Tensor
    multipliers: tuple[Multiplier, Multiplier, Multiplier]
    range: Range

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Both."""
        return (self.input, self.other)


@dataclass(frozen=True, eq=False)
class Softmax(_Elementwise):
    """Probabilities of the elements of a vector, in 1/256."""

    scale: SoftmaxScale


@dataclass(frozen=True, eq=False)
class Pad(Layer):
    """The input in a larger picture of zeros, from row `top` and column `left` on."""

    top: int
    left: int

    def oldest_reads(self, tensor: Tensor) -> NDArray[np.intp]:
        """Return the next byte to copy; there is none when the last row of them is done."""
        reads = np.full(self.output.shape, tensor.shape.size, dtype=np.intp)
        height, width, _ = tensor.shape
        inside = np.arange(tensor.shape.size).reshape(tensor.shape)
        reads[self.top : self.top + height, self.left : self.left + width] = inside
        ahead = np.append(reads.ravel(), tensor.shape.size)
        oldest: NDArray[np.intp] = np.minimum.accumulate(ahead[::-1])[::-1][1:]
        return oldest


class Network(NamedTuple):
    """What a file computes.

    Attributes:
        input: the field.
        output: the scores.
        layers: in the order they run.
    """

    input: Tensor
    output: Tensor
    layers: tuple[Layer, ...]
