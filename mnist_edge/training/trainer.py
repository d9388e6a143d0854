"""The training loop: from a recipe, a dataset and a seed to a finished Keras model."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from mnist_edge.data.dataset import CLASSES, Split
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.training import checkpoint, distillation, pipeline
from mnist_edge.training.keras_model import KerasEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mnist_edge.data.dataset import Dataset
    from mnist_edge.training.distillation import Answers
    from mnist_edge.training.recipes import Recipe

# The most batches between two returns to Python, which cost a part of a small network's step.
STEPS_PER_EXECUTION = 16

# Seconds between two calls of `on_step`: asking for the figures costs a millisecond.
STEP_INTERVAL = 0.2

# Pictures over which the statistics of BatchNormalization are taken for the averaged weights.
STATISTICS_PICTURES = 10_000


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        epoch: its number, from 1.
        loss: mean over the augmented training batches.
        accuracy: share of right answers over the augmented training batches.
        validation_accuracy: of the weights as they stand, before they are averaged.
        learning_rate: what it ended with.
        seconds: what it took.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Step:
    """How far an unfinished epoch has come.

    Attributes:
        epoch: its number, from 1.
        share: of its batches that are done.
        loss: mean over these batches.
        accuracy: share of right answers over these batches.
        learning_rate: of the next batch.
        seconds: since it began.
    """

    epoch: int
    share: float
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Training:
    """A finished training.

    Attributes:
        model: the trained network with averaged weights, not compiled.
        history: its epochs.
        seconds: time spent in them, over all its resumptions.
    """

    model: keras.Model
    history: list[Epoch]
    seconds: float


def configure_tensorflow() -> None:
    """Make TensorFlow deterministic, and fast for networks as small as these.

    One thread per operation: these convolutions are too small to share, and the second core has
    the augmentation to do. To be called before TensorFlow runs its first operation.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def train(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int,
    epochs: int,
    checkpoint_path: Path,
    resume: bool = False,
    answers: Answers | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> Training:
    """Train `recipe` on the training split of `dataset`.

    The state is saved to `checkpoint_path` after every epoch; with `resume`, the training goes
    on from there with the same batches and the same learning rates as if it had never stopped.
    The checkpoint is left in place: it is the caller's to remove once the model is safe. With
    `answers` the network learns these instead of the labels.

    Raises:
        TrainingError: `resume` without a matching checkpoint.
        OutputError: the checkpoint cannot be written.
    """
    keras.utils.set_random_seed(seed)
    steps = pipeline.steps_per_epoch(recipe, dataset.train)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    model = recipe.network()
    keras.config.set_dtype_policy(policy)
    optimizer = recipe.optimizer(steps * epochs)
    optimizer.build(model.trainable_variables)
    model.compile(
        optimizer,
        distillation.cross_entropy
        if answers
        else keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=[keras.metrics.MeanMetricWrapper(_is_right, name="accuracy")],
        jit_compile=False,
        # A divisor, since Keras fills the last execution of an epoch with batches of the next.
        steps_per_execution=max(
            count for count in range(1, STEPS_PER_EXECUTION + 1) if steps % count == 0
        ),
    )
    run = {
        "recipe": recipe.name,
        "dataset": dataset.name,
        "pictures_sha256": hashlib.sha256(dataset.train.images.tobytes()).hexdigest(),
        "seed": seed,
        "epochs": epochs,
        "teachers": list(answers.teachers) if answers else [],
    }
    progress = checkpoint.Progress(run, history=[], seconds=0.0)
    if resume:
        progress = checkpoint.restore(checkpoint_path, model, run)
        for past in progress.history:
            on_epoch(Epoch(**past))  # type: ignore[arg-type]
    first_epoch = len(progress.history)

    class AfterEpoch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.started = self.told = time.perf_counter()

        # Not `on_train_batch_end`: for that one Keras would ask for the figures at every step.
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            now = time.perf_counter()
            if batch and now - self.told >= STEP_INTERVAL:
                self.told = now
                figures = self.model.get_metrics_result()
                on_step(
                    Step(
                        len(progress.history) + 1,
                        share=batch / steps,
                        loss=float(figures["loss"]),
                        accuracy=float(figures["accuracy"]),
                        learning_rate=float(self.model.optimizer.learning_rate),
                        seconds=now - self.started,
                    )
                )

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            probabilities = KerasEngine(self.model).run(dataset.validation.images)
            seconds = time.perf_counter() - self.started
            finished = Epoch(
                epoch + 1,
                loss=float(logs["loss"]),
                accuracy=float(logs["accuracy"]),
                validation_accuracy=accuracy(probabilities, dataset.validation.labels),
                learning_rate=float(self.model.optimizer.learning_rate),
                seconds=seconds,
            )
            progress.history.append(vars(finished))
            progress.seconds += seconds
            checkpoint.save(checkpoint_path, self.model, progress)
            on_epoch(finished)

    model.fit(
        pipeline.batches(
            recipe,
            dataset.train,
            seed=seed,
            first_step=first_epoch * steps,
            last_step=None if answers else steps * epochs,
            answers=answers.probabilities if answers else None,
        ),
        initial_epoch=first_epoch,
        epochs=epochs,
        steps_per_epoch=steps,
        verbose=0,
        shuffle=False,
        callbacks=[AfterEpoch()],
    )
    if optimizer.use_ema or recipe.augmentation:
        renew_statistics(model, recipe, dataset.train, seed)
    finished_model = recipe.network()
    finished_model.set_weights(model.get_weights())
    return Training(
        finished_model,
        [Epoch(**past) for past in progress.history],  # type: ignore[arg-type]
        progress.seconds,
    )


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
