"""The training recipes, one row each: network, optimizer, schedule, batch, epochs, augmentation.

Help texts, validation and documentation read this table. Importing it loads no TensorFlow: the
functions of a row do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


@dataclass(frozen=True)
class Augmentation:
    """Random distortion; every figure but one is the largest deviation either way.

    Attributes:
        rotation: degrees.
        shift: pixels, along each axis.
        zoom: fraction of the size, along each axis on its own.
        shear: radians.
        elastic: standard deviation of the control points' displacement, in pixels; that of the
            pixels between them is about half of it.
        stroke: share of the way to strokes one pixel thicker or thinner on either side.
    """

    rotation: float
    shift: float
    zoom: float
    shear: float
    elastic: float = 0.0
    stroke: float = 0.0


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
        epochs: how many, unless `--epochs` says otherwise.
        source: where the recipe comes from.
        steps: batches per epoch; None for one pass over the training split.
        label_smoothing: share of the target spread over all classes (Szegedy et al. 2016).
        augmentation: what is done to each training picture, or None.
        fade: share of the training, at its end, over which distortion fades away. Not where a
            teacher's answers are learned: these are to pictures distorted as before.
        negatives: pictures without a digit to learn not to answer, as a share of the digits.
        other_hands: drawn digits, also in ways that MNIST has few of, as a share of the digits.
        precision: what layers compute in while they train; weights are float32 all the same.
        bits: of the weights of each convolution and dense layer, 2, 4 or 8; None for float32.
    """

    name: str
    summary: str
    network: Callable[[], keras.Model]
    optimizer: Callable[[int], keras.optimizers.Optimizer]
    batch: int
    epochs: int
    source: str
    steps: int | None = None
    label_smoothing: float = 0.0
    augmentation: Augmentation | None = None
    fade: float = 0.0
    negatives: float = 0.0
    other_hands: float = 0.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    bits: tuple[int, ...] | None = None


def _edge() -> keras.Model:
    from mnist_edge.training.networks import strided

    return strided("edge", [(16, 5, 2, "valid"), (32, 4, 2, "valid"), (48, 3, 1, "valid")])


def _tiny() -> keras.Model:
    from mnist_edge.training.networks import strided

    return strided(
        "tiny", [(14, 5, 2, "same"), (16, 3, 2, "same"), (16, 3, 1, "same"), (16, 3, 2, "valid")]
    )


def _micro() -> keras.Model:
    from mnist_edge.training.networks import strided

    return strided(
        "micro",
        [(16, 5, 2, "valid"), (24, 3, 2, "same"), (32, 3, 1, "valid"), (40, 3, 1, "valid")],
    )


def _nano() -> keras.Model:
    from mnist_edge.training.networks import strided

    return strided(
        "nano",
        [(7, 5, 2, "valid"), (16, 3, 2, "same"), (24, 3, 1, "valid"), (28, 3, 1, "valid")],
    )


def _large() -> keras.Model:
    from mnist_edge.training.networks import strided

    return strided(
        "large",
        [
            (48, 5, 2, "same"),
            (48, 3, 1, "same"),
            (96, 3, 2, "same"),
            (96, 3, 1, "same"),
            (96, 3, 1, "same"),
            (96, 3, 1, "valid"),
        ],
    )


def _mlp() -> keras.Model:
    from mnist_edge.training.networks import mlp

    return mlp()


def _dropout_cnn() -> keras.Model:
    from mnist_edge.training.networks import dropout_cnn

    return dropout_cnn()


def _conv5x5() -> keras.Model:
    from mnist_edge.training.networks import conv5x5

    return conv5x5()


def _bn_augment() -> keras.Model:
    from mnist_edge.training.networks import bn_augment

    return bn_augment()


def _cosine(peak: float, decay: float) -> Callable[[int], keras.optimizers.Optimizer]:
    """Return the builder of AdamW with warm-up, cosine rate and averaged weights.

    The average is exponential (Polyak & Juditsky 1992).

    Args:
        peak: the learning rate after the warm-up, a twentieth of the training.
        decay: the weight decay; times the rate it is what a step takes off a weight.
    """

    def build(steps: int) -> keras.optimizers.Optimizer:
        from keras import optimizers

        warmup = steps // 20
        rate = optimizers.schedules.CosineDecay(
            1e-4, steps - warmup, alpha=1e-2, warmup_target=peak, warmup_steps=warmup
        )
        # The average reaches back over the last thirtieth of the training, however long that is.
        momentum = 1 - 1 / max(1, steps // 30)
        return optimizers.AdamW(rate, weight_decay=decay, use_ema=True, ema_momentum=momentum)

    return build


def _keras_default(name: str) -> Callable[[int], keras.optimizers.Optimizer]:
    """Return the builder of an optimizer as Keras sets it up, with a constant rate."""

    def build(steps: int) -> keras.optimizers.Optimizer:  # noqa: ARG001
        from keras import optimizers

        return optimizers.get(name)

    return build


# As strong as the validation split bears, chosen on it, and two thirds of that.
_STRONG = Augmentation(rotation=15, shift=2.5, zoom=0.15, shear=0.3, elastic=1.5, stroke=0.3)
_MILD = Augmentation(rotation=10, shift=1.5, zoom=0.1, shear=0.2, elastic=1.0, stroke=0.2)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="edge",
            summary="the default",
            network=_edge,
            optimizer=_cosine(peak=6e-3, decay=1e-4),
            batch=128,
            epochs=40,
            label_smoothing=0.05,
            augmentation=_MILD,
            fade=0.25,
            negatives=0.2,
            other_hands=0.08,
            source="mnist-edge",
        ),
        Recipe(
            name="tiny",
            summary="with a third of the weights",
            network=_tiny,
            optimizer=_cosine(peak=6e-3, decay=1e-4),
            batch=128,
            epochs=40,
            label_smoothing=0.05,
            augmentation=_STRONG,
            source="mnist-edge",
        ),
        Recipe(
            name="micro",
            summary="for a microcontroller, in weights of 2 to 8 bits",
            network=_micro,
            optimizer=_cosine(peak=6e-3, decay=1e-4),
            batch=128,
            epochs=60,
            augmentation=_MILD,
            bits=(8, 4, 4, 2, 4),
            source="mnist-edge",
        ),
        Recipe(
            name="nano",
            summary="for the smallest microcontrollers, likewise",
            network=_nano,
            optimizer=_cosine(peak=6e-3, decay=1e-4),
            batch=128,
            epochs=60,
            augmentation=_MILD,
            bits=(8, 4, 4, 2, 4),
            source="mnist-edge",
        ),
        Recipe(
            name="large",
            summary="the teacher of the others",
            network=_large,
            optimizer=_cosine(peak=4e-3, decay=2e-2),
            batch=128,
            epochs=30,
            augmentation=_STRONG,
            precision="mixed_bfloat16",
            source="mnist-edge",
        ),
        Recipe(
            name="mlp",
            summary="one hidden dense layer of 512",
            network=_mlp,
            optimizer=_keras_default("rmsprop"),
            batch=128,
            epochs=5,
            source="F. Chollet, Deep Learning with Python (Manning 2017), listings 2.1 to 2.5",
        ),
        Recipe(
            name="dropout-cnn",
            summary="two convolutions, dropout and a dense layer of 128",
            network=_dropout_cnn,
            optimizer=_keras_default("adam"),
            batch=32,
            epochs=5,
            source="the network of Keras' examples/mnist_cnn.py, trained by Adam",
        ),
        Recipe(
            name="conv5x5",
            summary="two pooled 5x5 convolutions and a dense layer of 64",
            network=_conv5x5,
            optimizer=_keras_default("adam"),
            batch=32,
            epochs=3,
            source="the convolutions of TensorFlow's layers tutorial "
            "(tensorflow.org/tutorials/layers), before a dense layer of 64",
        ),
        Recipe(
            name="conv5x5-stream",
            summary="the network of conv5x5, in epochs of 10 batches",
            network=_conv5x5,
            optimizer=_keras_default("adam"),
            batch=64,
            epochs=60,
            steps=10,
            source="as conv5x5, fed by tf.data: shuffled, repeated, prefetched",
        ),
        Recipe(
            name="bn-augment",
            summary="four normalized convolutions and a dense layer of 512, on distorted pictures",
            network=_bn_augment,
            optimizer=_keras_default("adam"),
            batch=64,
            epochs=5,
            # Shifts of 0.08 of the width.
            augmentation=Augmentation(rotation=8, shift=0.08 * 28, zoom=0.08, shear=0.3),
            source="Y. Katariya, github.com/yashk2810/MNIST-Keras, MNIST_keras_CNN-99.55%.ipynb",
        ),
    )
}
