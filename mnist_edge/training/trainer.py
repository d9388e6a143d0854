"""The training loop: from a recipe, a dataset and a seed to a finished Keras model."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from mnist_edge.data.dataset import CLASSES, Split
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.training import checkpoint, distillation, pipeline, quantization
from mnist_edge.training.keras_model import KerasEngine
from mnist_edge.training.observer import Epoch, Observer, Step

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data.dataset import Dataset
    from mnist_edge.training.description import Description
    from mnist_edge.training.recipes import Recipe

# The most batches between two returns to Python, which cost a part of a small network's step.
STEPS_PER_EXECUTION = 16

# Seconds between two calls of `on_step`: asking for the figures costs a millisecond.
STEP_INTERVAL = 0.2

# Pictures over which the statistics of BatchNormalization are taken for the averaged weights.
STATISTICS_PICTURES = 10_000


@dataclass(frozen=True)
class Training:
    """A finished training.

    Attributes:
        model: the trained network with averaged weights, not compiled.
        history: its epochs, over all its resumptions.
    """

    model: keras.Model
    history: tuple[Epoch, ...]


def configure_tensorflow() -> None:
    """Make TensorFlow deterministic, and fast for networks as small as these.

    One thread per operation: these convolutions are too small to share, and the second core has
    the augmentation to do. Where TensorFlow has run operations before, it keeps its threads.
    """
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def fit(
    description: Description,
    dataset: Dataset,
    *,
    checkpoint_path: Path,
    resume: bool = False,
    lessons: distillation.Lessons | None = None,
    observer: Observer = Observer(),  # noqa: B008
) -> Training:
    """Train a network on the training split of `dataset`.

    The state is saved to `checkpoint_path` after every epoch; with `resume`, the training goes
    on from there with the same batches and the same learning rates as if it had never stopped.
    The checkpoint is left in place: it is the caller's to remove once the model is safe.

    Args:
        description: of the training.
        dataset: its pictures, with those that the recipe adds.
        checkpoint_path: where the state is kept.
        resume: go on from there.
        lessons: what to learn instead of the labels.
        observer: is told of every step and epoch.

    Raises:
        TrainingError: the checkpoint is damaged, or that of another training.
        OutputError: the checkpoint cannot be written.
    """
    recipe, seed, epochs = description.recipe, description.seed, description.epochs
    keras.utils.set_random_seed(seed)
    steps = pipeline.steps_per_epoch(recipe, dataset.train)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    model = recipe.network()
    keras.config.set_dtype_policy(policy)
    if recipe.bits:
        model = quantization.aware(model, recipe.bits)
    optimizer = recipe.optimizer(steps * epochs)
    optimizer.build(model.trainable_variables)
    model.compile(
        optimizer,
        distillation.cross_entropy
        if lessons
        else keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=[keras.metrics.MeanMetricWrapper(_is_right, name="accuracy")],
        jit_compile=False,
        # A divisor, since Keras fills the last execution of an epoch with batches of the next.
        steps_per_execution=max(
            count for count in range(1, STEPS_PER_EXECUTION + 1) if steps % count == 0
        ),
    )
    history: list[Epoch] = []
    if resume:
        history = checkpoint.restore(checkpoint_path, model, description)
        for past in history:
            observer.on_epoch(past)
    first_epoch = len(history)

    class AfterEpoch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.started = self.told = time.perf_counter()

        # Not `on_train_batch_end`: for that one Keras would ask for the figures at every step.
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            now = time.perf_counter()
            if batch and now - self.told >= STEP_INTERVAL:
                self.told = now
                figures = self.model.get_metrics_result()
                observer.on_step(
                    Step(
                        len(history) + 1,
                        share=batch / steps,
                        loss=float(figures["loss"]),
                        accuracy=float(figures["accuracy"]),
                        learning_rate=float(self.model.optimizer.learning_rate),
                        seconds=now - self.started,
                    )
                )

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            probabilities = KerasEngine(self.model).run(dataset.validation.images)
            history.append(
                Epoch(
                    epoch + 1,
                    loss=float(logs["loss"]),
                    accuracy=float(logs["accuracy"]),
                    validation_accuracy=accuracy(probabilities, dataset.validation.labels),
                    learning_rate=float(self.model.optimizer.learning_rate),
                    seconds=time.perf_counter() - self.started,
                )
            )
            checkpoint.save(checkpoint_path, self.model, description, history)
            observer.on_epoch(history[-1])

    if lessons:
        stream = distillation.batches(lessons, first_epoch * steps)
    else:
        stream = pipeline.batches(
            recipe,
            dataset.train,
            seed=seed,
            first_step=first_epoch * steps,
            last_step=steps * epochs,
        )
    model.fit(
        stream,
        initial_epoch=first_epoch,
        epochs=epochs,
        steps_per_epoch=steps,
        verbose=0,
        shuffle=False,
        callbacks=[AfterEpoch()],
    )
    if optimizer.use_ema or recipe.augmentation:
        renew_statistics(model, recipe, dataset.train, seed)
    finished = recipe.network()
    finished.set_weights(model.get_weights())
    if recipe.bits:
        quantization.round_weights(finished, recipe.bits)
    return Training(finished, tuple(history))


def _is_right(target: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
    """Return 1 where both have the same most probable digit, or both are undecided: (N,)."""
    same = tf.argmax(target, axis=1) == tf.argmax(answer, axis=1)
    undecided = tf.reduce_max(answer, axis=1) < 0.5
    return tf.cast(tf.where(tf.reduce_max(target, axis=1) < 0.5, undecided, same), tf.float32)


def renew_statistics(model: keras.Model, recipe: Recipe, split: Split, seed: int) -> None:
    """Give BatchNormalization the statistics that belong to the weights and to what they will read.

    Averaged weights never ran, so the moving statistics are those of other weights (Izmailov et
    al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", section 3.2).
    They are taken over undistorted pictures, since these are what the model will read: distortion
    blurs and shifts them (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    undistorted = replace(recipe, augmentation=None)
    digits = split.labels < CLASSES
    stream = pipeline.batches(
        undistorted, Split(split.images[digits], split.labels[digits]), seed=seed, first_step=0
    )
    for number, (pictures, _) in enumerate(stream.take(STATISTICS_PICTURES // recipe.batch)):
        for norm in norms:
            # Equal weight to every batch: their mean, not a moving one.
            norm.momentum = number / (number + 1)
        model(pictures, training=True)
