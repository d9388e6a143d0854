"""The training recipes, one row each: network, optimizer, schedule, batch, epochs, augmentation.

Help texts, validation and documentation read this table. Importing it loads no TensorFlow: the
functions of a row do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


@dataclass(frozen=True)
class Augmentation:
    """Random affine distortion; every figure is the largest deviation either way.

    Attributes:
        rotation: degrees.
        shift: pixels, along each axis.
        zoom: fraction of the size, along each axis on its own.
        shear: radians.
    """

    rotation: float
    shift: float
    zoom: float
    shear: float


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training gives, its seed and its data apart.

    Attributes:
        name: what `--recipe` takes.
        summary: one line for help texts and tables.
        network: builds the untrained model: `image` (N, 28, 28, 1) float32 in [0, 1] to
            `probabilities` (N, 10).
        optimizer: builds the optimizer for a number of steps in total.
        batch: pictures per step.
        epochs: passes over the training split.
        label_smoothing: share of the target spread over all classes (Szegedy et al. 2016).
        augmentation: what is done to each training picture, or None.
        source: where the recipe comes from.
    """

    name: str
    summary: str
    network: Callable[[], keras.Model]
    optimizer: Callable[[int], keras.optimizers.Optimizer]
    batch: int
    epochs: int
    label_smoothing: float
    augmentation: Augmentation | None
    source: str


def _edge_network() -> keras.Model:
    """Four convolutions, the first two strided instead of pooled, and one dense layer."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1), name="image")
    x = image
    for number, (filters, size, strides, padding) in enumerate(
        [(16, 5, 2, "same"), (32, 3, 2, "same"), (32, 3, 1, "valid"), (32, 3, 1, "valid")], 1
    ):
        # No bias: BatchNormalization brings its own, and both fold into one at export.
        x = layers.Conv2D(filters, size, strides, padding, use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(10, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="edge")


def _edge_optimizer(steps: int) -> keras.optimizers.Optimizer:
    """AdamW, warm-up and cosine rate, weights averaged exponentially (Polyak & Juditsky 1992)."""
    from keras import optimizers

    warmup = steps // 20
    rate = optimizers.schedules.CosineDecay(
        1e-4, steps - warmup, alpha=1e-2, warmup_target=6e-3, warmup_steps=warmup
    )
    # The average reaches back over the last thirtieth of the training, however long that is.
    momentum = 1 - 1 / max(1, steps // 30)
    return optimizers.AdamW(rate, weight_decay=1e-4, use_ema=True, ema_momentum=momentum)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="edge",
            summary="the default: 26,778 parameters, 0.62 million multiply-accumulates",
            network=_edge_network,
            optimizer=_edge_optimizer,
            batch=128,
            epochs=40,
            label_smoothing=0.05,
            augmentation=Augmentation(rotation=15, shift=2.5, zoom=0.15, shear=0.3),
            source="mnist-edge",
        ),
    )
}
