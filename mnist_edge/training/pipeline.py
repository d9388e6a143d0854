"""The training batches: each a pure function of the seed and the number of its step.

That is what lets a killed training go on where it was, with the batches it would have had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mnist_edge.contract import SIZE
from mnist_edge.data.dataset import CLASSES

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Split
    from mnist_edge.training.recipes import Augmentation, Recipe

# Along each axis; between two there are 28 / 4 = 7 pixels, about the size of a stroke's curve.
CONTROL_POINTS = 7


def steps_per_epoch(recipe: Recipe, split: Split) -> int:
    """Return how many batches an epoch has: the recipe's own number, or one pass over `split`."""
    return recipe.steps or _steps_per_pass(recipe, split)


def _steps_per_pass(recipe: Recipe, split: Split) -> int:
    """Return the number of full batches in `split`, at least one."""
    return max(1, len(split.labels) // recipe.batch)


def batches(
    recipe: Recipe,
    split: Split,
    *,
    seed: int,
    first_step: int,
    last_step: int | None = None,
) -> tf.data.Dataset:
    """Return the endless stream of training batches from `first_step` on.

    Each element is a pair of float32 tensors: pictures (batch, 28, 28, 1) in [0, 1], and one-hot
    targets (batch, 10). Every pass visits the split in another order. The target of a picture
    without a digit, labelled `CLASSES`, is to be undecided (Hendrycks, Mazeika and Dietterich 2019,
    "Deep Anomaly Detection with Outlier Exposure").

    Args:
        recipe: batch size and augmentation.
        split: the pictures.
        seed: of order and augmentation.
        first_step: the number of the first batch.
        last_step: that of the batch at which distortion has faded away; None for never.
    """
    images = tf.constant(split.images[..., np.newaxis])
    labels = tf.constant(split.labels)
    count = len(split.labels)
    steps = _steps_per_pass(recipe, split)
    rows = tf.range(recipe.batch, dtype=tf.int64)

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number, step_of_pass = step // steps, step % steps
        # The modulus matters only where a split is smaller than one batch.
        position = (step_of_pass * recipe.batch + rows) % count
        index = tf.random.experimental.index_shuffle(
            position, seed=tf.stack([tf.cast(seed, tf.int64), number]), max_index=count - 1
        )
        pictures = tf.cast(tf.gather(images, index), tf.float32) / 255.0
        if recipe.augmentation:
            strength = 1.0
            if last_step and recipe.fade:
                left = tf.cast(last_step - step, tf.float32)
                strength = tf.clip_by_value(left / (recipe.fade * last_step), 0.0, 1.0)
            pictures = distort(pictures, recipe.augmentation, seed=(seed, step), strength=strength)
        label = tf.gather(labels, index)
        undecided = tf.cast(label == CLASSES, tf.float32)[:, tf.newaxis] / CLASSES
        return pictures, tf.one_hot(label, CLASSES) + undecided

    return (
        tf.data.Dataset.range(first_step, tf.int64.max)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def distort(
    images: tf.Tensor,
    augmentation: Augmentation,
    *,
    seed: tuple[int, tf.Tensor | int],
    strength: tf.Tensor | float = 1.0,
) -> tf.Tensor:
    """Distort each picture by its own random map, and make its strokes thicker or thinner.

    The map is affine about the centre, plus a smooth random displacement: cubic B-splines over a
    grid of control points (after Simard, Steinkraus and Platt 2003, "Best Practices for
    Convolutional Neural Networks", section 2, who smooth white noise instead). The whole batch is
    sampled at once; Keras' random layers cost several times as much on a CPU. The same seed gives
    the same distortions.

    Args:
        images: float32 (N, 28, 28, 1).
        augmentation: the largest deviations.
        seed: two integers.
        strength: share of the deviations, 0 to 1.
    """
    count = tf.shape(images)[0]
    key = tf.stack([tf.cast(part, tf.int64) for part in seed])
    deviation = strength * tf.random.stateless_uniform((7, count, 1, 1), key, -1.0, 1.0)
    angle = deviation[0] * np.deg2rad(augmentation.rotation)
    shear = deviation[1] * augmentation.shear
    zoom_x, zoom_y = 1 + deviation[2] * augmentation.zoom, 1 + deviation[3] * augmentation.zoom
    shift_x, shift_y = deviation[4] * augmentation.shift, deviation[5] * augmentation.shift

    # The inverse map: from each place in the result to its place in the source.
    centre = (SIZE - 1) / 2
    offset = tf.range(SIZE, dtype=tf.float32) - centre
    x, y = offset[None, None, :], offset[None, :, None]
    source_x = (tf.cos(angle) * x + tf.sin(shear - angle) * y) / zoom_x + shift_x + centre
    source_y = (tf.sin(angle) * x + tf.cos(shear - angle) * y) / zoom_y + shift_y + centre
    if augmentation.elastic:
        spline = _spline()
        control = tf.random.stateless_normal(
            (2, count, CONTROL_POINTS, CONTROL_POINTS), key + 1, 0.0, augmentation.elastic
        )
        displacement = strength * tf.einsum("yi,anij,xj->anyx", spline, control, spline)
        source_x += displacement[0]
        source_y += displacement[1]
    pictures = _sample(images[..., 0], source_x, source_y)
    if augmentation.stroke:
        change = deviation[6] * augmentation.stroke
        thicker, thinner = _spread(pictures), -_spread(-pictures)
        pictures += tf.nn.relu(change) * (thicker - pictures)
        pictures -= tf.nn.relu(-change) * (pictures - thinner)
    return pictures[..., tf.newaxis]


def _spline() -> tf.Tensor:
    """Return the weights (28, CONTROL_POINTS) of cubic B-splines at each pixel of a row."""
    place = np.linspace(1, CONTROL_POINTS - 2, SIZE)
    distance = np.abs(place[:, None] - np.arange(CONTROL_POINTS))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return tf.constant(np.where(distance < 1, near, far), tf.float32)


def _sample(pictures: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Interpolate pictures (N, 28, 28) bilinearly at places (N, 28, 28); 0 outside of them."""
    width = SIZE + 2  # With a margin of zeros.
    flat = tf.reshape(tf.pad(pictures, [[0, 0], [1, 1], [1, 1]]), [-1])
    x, y = (tf.clip_by_value(place + 1, 0.0, width - 1.001) for place in (x, y))
    left, top = tf.floor(x), tf.floor(y)
    first = tf.range(tf.shape(pictures)[0])[:, None, None] * width**2
    corner = first + tf.cast(top * width + left, tf.int32)
    right_share, lower_share = x - left, y - top
    rows = []
    for row in (corner, corner + width):
        value, neighbour = tf.gather(flat, row), tf.gather(flat, row + 1)
        rows.append(value + right_share * (neighbour - value))
    return rows[0] + lower_share * (rows[1] - rows[0])


def _spread(pictures: tf.Tensor) -> tf.Tensor:
    """Return the maximum over 3x3 pixels of pictures (N, 28, 28)."""
    return tf.nn.max_pool2d(pictures[..., tf.newaxis], 3, 1, "SAME")[..., 0]
