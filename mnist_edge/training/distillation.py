"""Distillation: the averaged soft answers of larger networks as targets for a smaller one.

After Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network". The teachers
answer the very pictures that the student sees, distortions included (Beyer et al. 2022, "Knowledge
distillation: A good teacher is patient and consistent"). Each is distorted and answered once, and
comes again after `PASSES` passes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.files import replacing
from mnist_edge.training import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mnist_edge.data.dataset import Split
    from mnist_edge.runtime.engines import Engine
    from mnist_edge.training.description import Description

# Both sides' scores are divided by it, so that the order of the unlikely digits counts too.
TEMPERATURE = 2.0

# Passes over the training split before the same distorted pictures come again.
PASSES = 8


class Lessons(NamedTuple):
    """Batches, and what the student is to answer to them.

    Attributes:
        pictures: uint8 (steps, batch, 28, 28), in the 256 grey levels of a user's picture.
        targets: float16 (steps, batch, 10).
    """

    pictures: NDArray[np.uint8]
    targets: NDArray[np.float16]


def ask(
    teachers: Sequence[Engine],
    description: Description,
    split: Split,
    *,
    cache: Path,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Lessons:
    """Let the teachers answer the batches of a training.

    They take 6 kB of memory for each picture of the split, and as much of the disk.

    Args:
        teachers: what answers.
        description: of the student's training.
        split: its pictures.
        cache: where the lessons are kept, for when the training is resumed; removing it is the
            caller's.
        on_step: called with the number of answered batches and of all.

    Returns:
        The batches, with the answers averaged over the teachers.

    Raises:
        OutputError: the cache cannot be written.
    """
    # Whatever a damaged archive raises, or a missing one: the answers can be given again.
    with (
        suppress(Exception),
        cache.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        if str(archive["run"]) == description.sha256:
            return Lessons(archive["pictures"], archive["targets"])
    recipe = description.recipe
    steps = min(description.epochs, PASSES) * pipeline.steps_per_epoch(recipe, split)
    lessons = Lessons(
        np.empty((steps, recipe.batch, SIZE, SIZE), np.uint8),
        np.empty((steps, recipe.batch, len(LABELS)), np.float16),
    )
    stream = pipeline.batches(recipe, split, seed=description.seed, first_step=0).take(steps)
    for step, (pictures, targets) in enumerate(stream):
        grey = np.rint(pictures.numpy()[..., 0] * 255).astype(np.uint8)
        answers = np.mean([teacher.run(grey) for teacher in teachers], axis=0)
        # What shows no digit is not a question of the teachers' opinion.
        is_digit = targets.numpy().max(axis=1, keepdims=True) > 0.5
        lessons.pictures[step] = grey
        lessons.targets[step] = np.where(is_digit, answers, targets)
        on_step(step + 1, steps)
    with replacing(cache) as temporary:
        np.savez(temporary, run=description.sha256, **lessons._asdict())
    return lessons


def batches(lessons: Lessons, first_step: int) -> tf.data.Dataset:
    """Return the endless stream of lessons from a step on, as `pipeline.batches` has its own."""
    everything = Lessons(*map(tf.constant, lessons))

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pictures, targets = (part[step % len(lessons.targets)] for part in everything)
        return tf.cast(pictures, tf.float32)[..., tf.newaxis] / 255, tf.cast(targets, tf.float32)

    return tf.data.Dataset.range(first_step, tf.int64.max).map(batch).prefetch(tf.data.AUTOTUNE)


def cross_entropy(taught: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy (N,) of two rows of probabilities (N, 10) at the temperature."""
    taught, answer = (
        tf.math.log(tf.maximum(probabilities, 1e-30)) / TEMPERATURE
        for probabilities in (taught, answer)
    )
    return tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(taught), answer)
