"""Distillation: the averaged soft answers of larger networks as targets for a smaller one.

After Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network". The teachers
answer the very pictures that the student sees, distortions included (Beyer et al. 2022, "Knowledge
distillation: A good teacher is patient and consistent"); since batches are pure functions of seed
and step, each is answered once, and comes again after `PASSES` passes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist_edge.contract import LABELS
from mnist_edge.files import replacing
from mnist_edge.training import pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data.dataset import Split
    from mnist_edge.runtime.engines import Engine
    from mnist_edge.training.recipes import Recipe

# Both sides' scores are divided by it, so that the order of the unlikely digits counts too.
TEMPERATURE = 2.0

# Passes over the training split before the same distorted pictures come again.
PASSES = 8


@dataclass(frozen=True)
class Answers:
    """What the teachers say to the batches of a training.

    Attributes:
        teachers: the `weights_sha256` of each.
        probabilities: float16 (steps, batch, 10), averaged over the teachers.
    """

    teachers: tuple[str, ...]
    probabilities: NDArray[np.float16]


def ask(
    teachers: Mapping[str, Engine],
    recipe: Recipe,
    split: Split,
    *,
    seed: int,
    epochs: int,
    cache: Path,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Answers:
    """Let the teachers answer the batches of a training.

    Args:
        teachers: what answers, by `weights_sha256`.
        recipe: the student's, for its batches.
        split: the pictures.
        seed: of the training.
        epochs: of the training.
        cache: where the answers are kept, for when the training is resumed; removing it is the
            caller's.
        on_step: called with the number of answered batches and of all.

    Raises:
        OutputError: the cache cannot be written.
    """
    steps = min(epochs, PASSES) * pipeline.steps_per_epoch(recipe, split)
    question = {
        "teachers": list(teachers),
        "pictures_sha256": hashlib.sha256(split.images.tobytes()).hexdigest(),
        "batch": recipe.batch,
        "augmentation": repr(recipe.augmentation),
        "seed": seed,
        "steps": steps,
    }
    if cache.exists():
        with np.load(cache, allow_pickle=False) as archive:
            if json.loads(str(archive["question"])) == question:
                return Answers(tuple(teachers), archive["probabilities"])
    probabilities = np.empty((steps, recipe.batch, len(LABELS)), np.float16)
    stream = pipeline.batches(recipe, split, seed=seed, first_step=0).take(steps)
    for step, (pictures, targets) in enumerate(stream):
        # As a user's picture would come: in 256 grey levels.
        grey = np.rint(pictures.numpy()[..., 0] * 255).astype(np.uint8)
        answers = np.mean([teacher.run(grey) for teacher in teachers.values()], axis=0)
        # What shows no digit is not a question of the teachers' opinion.
        is_digit = targets.numpy().max(axis=1, keepdims=True) > 0.5
        probabilities[step] = np.where(is_digit, answers, targets)
        on_step(step + 1, steps)
    with replacing(cache) as temporary:
        np.savez(temporary, question=json.dumps(question), probabilities=probabilities)
    return Answers(tuple(teachers), probabilities)


def cross_entropy(taught: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy (N,) of two rows of probabilities (N, 10) at the temperature."""
    taught, answer = (
        tf.math.log(tf.maximum(probabilities, 1e-30)) / TEMPERATURE
        for probabilities in (taught, answer)
    )
    return tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(taught), answer)
