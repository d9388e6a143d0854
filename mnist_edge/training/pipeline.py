"""The training batches: each a pure function of the seed and the number of its step.

That is what lets a killed training go on where it was, with the batches it would have had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mnist_edge.data.dataset import CLASSES

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Split
    from mnist_edge.training.recipes import Augmentation, Recipe


def steps_per_epoch(recipe: Recipe, split: Split) -> int:
    """Return the number of full batches in one pass over `split`, at least one."""
    return max(1, len(split.labels) // recipe.batch)


def batches(recipe: Recipe, split: Split, *, seed: int, first_step: int) -> tf.data.Dataset:
    """Return the endless stream of training batches from `first_step` on.

    Each element is a pair of float32 tensors: pictures (batch, 28, 28, 1) in [0, 1], and one-hot
    labels (batch, 10). Every epoch visits the split in another order.
    """
    images = tf.constant(split.images[..., np.newaxis])
    labels = tf.constant(split.labels)
    count = len(split.labels)
    steps = steps_per_epoch(recipe, split)
    rows = tf.range(recipe.batch, dtype=tf.int64)

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, step_of_epoch = step // steps, step % steps
        # The modulus matters only where a split is smaller than one batch.
        position = (step_of_epoch * recipe.batch + rows) % count
        index = tf.random.experimental.index_shuffle(
            position, seed=tf.stack([tf.cast(seed, tf.int64), epoch]), max_index=count - 1
        )
        pictures = tf.cast(tf.gather(images, index), tf.float32) / 255.0
        if recipe.augmentation:
            pictures = distort(pictures, recipe.augmentation, seed=(seed, step))
        return pictures, tf.one_hot(tf.gather(labels, index), CLASSES)

    return (
        tf.data.Dataset.range(first_step, tf.int64.max)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def distort(
    images: tf.Tensor, augmentation: Augmentation, *, seed: tuple[int, tf.Tensor | int]
) -> tf.Tensor:
    """Distort each picture by its own random affine transformation about the centre.

    One `ImageProjectiveTransformV3` for the whole batch: Keras' random layers cost several times
    as much on a CPU. The same seed gives the same distortions.

    Args:
        images: float32 (N, 28, 28, 1).
        augmentation: the largest deviations.
        seed: two integers.
    """
    count = tf.shape(images)[0]
    deviation = tf.random.stateless_uniform(
        (6, count), tf.stack([tf.cast(part, tf.int64) for part in seed]), -1.0, 1.0
    )
    angle = deviation[0] * np.deg2rad(augmentation.rotation)
    shear = deviation[1] * augmentation.shear
    zoom_x, zoom_y = 1 + deviation[2] * augmentation.zoom, 1 + deviation[3] * augmentation.zoom
    shift_x, shift_y = deviation[4] * augmentation.shift, deviation[5] * augmentation.shift

    # The operation takes the inverse map, from the place in the result to the place in the source.
    a, b = tf.cos(angle) / zoom_x, tf.sin(shear - angle) / zoom_x
    c, d = tf.sin(angle) / zoom_y, tf.cos(shear - angle) / zoom_y
    centre_x, centre_y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    zero = tf.zeros(count)
    inverse = tf.stack(
        [
            *(a, b, centre_x + shift_x - a * centre_x - b * centre_y),
            *(c, d, centre_y + shift_y - c * centre_x - d * centre_y),
            *(zero, zero),
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=inverse,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
