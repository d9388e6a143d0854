"""Strided convolutions of one channel, rewritten for integer kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def space_to_depth(model: keras.Model) -> keras.Model:
    """Return the same network with its strided convolutions of one channel taken over blocks.

    Integer kernels multiply several channels at once, and with one they do little else than move
    single bytes. A convolution of one channel with stride s is one of s*s channels with stride 1
    over blocks of s*s pixels; its kernel is filled up with zeros to whole blocks, and the answers
    are the same but for rounding. Layers are left alone where the blocks do not fit the picture.
    """
    import keras

    def copy(layer: keras.Layer) -> keras.Layer:
        twin = _in_blocks(layer) or type(layer).from_config(layer.get_config())
        if layer.weights and not twin.built:
            twin.build_from_config(layer.get_build_config())
            twin.set_weights(layer.get_weights())
        return twin

    return keras.models.clone_model(model, clone_function=copy, recursive=True)


def _in_blocks(layer: keras.Layer) -> keras.Sequential | None:
    """Return a layer that does the same over blocks, None for one that does not gain by it."""
    import keras
    import tensorflow as tf

    if type(layer) is not keras.layers.Conv2D:
        return None
    stride = layer.strides[0]
    _, height, width, channels = layer.input.shape
    if channels > 1 or stride == 1 or layer.strides != (stride, stride):
        return None
    if height % stride or width % stride:
        return None
    kernel, *bias = layer.get_weights()
    # What 'same' pads before the picture, the kernel has to begin with to begin with a block.
    edges = [(0, 0)] * 4
    sizes = []
    for axis, size in enumerate(kernel.shape[:2]):
        padded = max(size - stride, 0) // 2 if layer.padding == "same" else 0
        before = -padded % stride
        sizes.append(-(-(before + size) // stride))
        edges[axis] = (before, sizes[axis] * stride - before - size)
    rows, columns = sizes
    filled = np.pad(kernel, edges).reshape(rows, stride, columns, stride, -1)
    config = layer.get_config() | {"kernel_size": sizes, "strides": 1}
    twin = keras.Sequential(
        [
            keras.Input((height, width, 1)),
            keras.layers.Lambda(tf.nn.space_to_depth, arguments={"block_size": stride}),
            keras.layers.Conv2D.from_config(config),
        ],
        name=layer.name,
    )
    blocks = filled.transpose(0, 2, 1, 3, 4).reshape(rows, columns, stride * stride, -1)
    twin.set_weights([blocks, *bias])
    return twin
