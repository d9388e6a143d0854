"""The figures about mistakes, on answers whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.report import quality


def answers(digits: list[int], confidence: list[float]) -> NDArray[np.float32]:
    """Probabilities of the given digits; the rest is spread over the other nine."""
    others = (np.float32(1) - np.array(confidence, np.float32)) / np.float32(9)
    rows = np.repeat(others[:, np.newaxis], 10, axis=1)
    rows[np.arange(len(digits)), digits] = confidence
    return rows


def labels(*digits: int) -> NDArray[np.uint8]:
    return np.array(digits, np.uint8)


def test_confusion_has_the_right_digit_as_row_and_the_answer_as_column() -> None:
    counts = quality.confusion(answers([3, 3, 8], [0.9] * 3), labels(3, 5, 8))
    assert counts.shape == (10, 10)
    assert counts.sum() == 3
    assert (counts[3, 3], counts[5, 3], counts[8, 8]) == (1, 1, 1)


def test_errors_come_by_margin_and_right_answers_not_at_all() -> None:
    given = answers([1, 2, 3, 4], [0.6, 0.9, 0.7, 0.99])
    errors = quality.confident_errors(given, labels(7, 7, 7, 4), count=2)
    assert [(error.index, error.label, error.answer) for error in errors] == [(1, 7, 2), (2, 7, 3)]
    assert errors[0].margin == pytest.approx(0.9 - 0.1 / 9)


def test_calibration_error_is_the_mean_gap_weighted_by_count() -> None:
    # Four answers of 90 %, all right; six of 50 %, none right: 0.4 * 0.1 + 0.6 * 0.5.
    given = answers([1] * 10, [0.9] * 4 + [0.5] * 6)
    bins = quality.reliability(given, labels(*[1] * 4, *[2] * 6))
    assert [(part.count, part.accuracy) for part in bins] == [(6, 0.0), (4, 1.0)]
    assert [part.confidence for part in bins] == pytest.approx([0.5, 0.9])
    assert quality.calibration_error(bins) == pytest.approx(0.34)


def test_full_confidence_belongs_to_the_last_bin() -> None:
    (part,) = quality.reliability(answers([1, 1], [1.0, 0.95]), labels(1, 1))
    assert part.count == 2


def test_answers_that_are_right_as_often_as_they_are_sure_have_no_calibration_error() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.2, 1, 50_000)
    right = random.random(50_000) < confidence
    bins = quality.reliability(
        answers([1] * 50_000, confidence.tolist()), np.where(right, 1, 2).astype(np.uint8)
    )
    # By chance a bin of about 4,000 is off by about sqrt(0.25 / 4000) = 0.8 % at most on average.
    assert quality.calibration_error(bins) < 0.01
