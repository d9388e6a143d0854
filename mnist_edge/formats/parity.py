"""How a file's answers compare with the Keras model's, and whether that is good enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Flip, Parity
from mnist_edge.runtime.classifier import two_best

if TYPE_CHECKING:
    from mnist_edge.formats.family import Bar

Answers = NDArray[np.float32]


def compare(reference: Answers, answers: Answers, labels: NDArray[np.uint8]) -> Parity:
    """Compare two sets of answers to the same pictures.

    Args:
        reference: float32 (N, 10), the Keras model's probabilities.
        answers: float32 (N, 10), the file's.
        labels: uint8 (N,), the right digits.
    """
    expected, given = reference.argmax(axis=1), answers.argmax(axis=1)
    (_, expected_margins), (_, given_margins) = two_best(reference), two_best(answers)
    return Parity(
        images=len(labels),
        agreement=float((expected == given).mean()),
        max_abs_diff=float(np.abs(reference - answers).max()),
        flips=tuple(
            Flip(
                index=int(index),
                label=int(labels[index]),
                reference=int(expected[index]),
                answer=int(given[index]),
                reference_margin=round(float(expected_margins[index]), 4),
                answer_margin=round(float(given_margins[index]), 4),
            )
            for index in np.flatnonzero(expected != given)
        ),
    )


# Rounding turns answers over that were undecided, and a model that errs more has more of these. Of
# the share that it errs in, an integer file may turn so much over.
UNDECIDED = 0.1


def shortfalls(bar: Bar, parity: Parity, accuracy: float, accuracy_drop: float) -> list[str]:
    """Return in words what a file misses of its bar; empty when it passes.

    Args:
        bar: of its format.
        parity: with the model that it was made from.
        accuracy: that model's.
        accuracy_drop: how much less the file's is.
    """
    missed = []
    least = bar.agreement
    if bar.accuracy_drop is not None:
        least = min(least, 1 - UNDECIDED * (1 - accuracy))
    if parity.agreement < least:
        missed.append(f"agreement {parity.agreement:.2%} is under {least:.2%}")
    if bar.max_abs_diff is not None and parity.max_abs_diff > bar.max_abs_diff:
        missed.append(
            f"probabilities differ by {parity.max_abs_diff:.1e}, over {bar.max_abs_diff:.0e}"
        )
    # Rounded, since 0.996 - 0.995 is a little more than 0.001.
    if bar.accuracy_drop is not None and round(accuracy_drop, 9) > bar.accuracy_drop:
        missed.append(f"accuracy falls by {accuracy_drop:.2%}, over {bar.accuracy_drop:.2%}")
    return missed
