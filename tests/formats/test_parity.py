"""Comparing answers, and the bars that an exported file must reach."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.contract import Flip, Parity
from mnist_edge.formats.family import Bar
from mnist_edge.formats.parity import compare, shortfalls


def answers(*rows: dict[int, float]) -> NDArray[np.float32]:
    """One row of ten probabilities per picture; those that are not given are 0."""
    result = np.zeros((len(rows), 10), np.float32)
    for row, probabilities in zip(result, rows, strict=True):
        for digit, probability in probabilities.items():
            row[digit] = probability
    return result


def labels(*digits: int) -> NDArray[np.uint8]:
    return np.array(digits, np.uint8)


def parity(agreement: float = 1.0, max_abs_diff: float = 0.0) -> Parity:
    return Parity(10_000, agreement, max_abs_diff, flips=())


def test_the_same_answers_agree_entirely() -> None:
    same = answers({3: 0.75, 5: 0.25}, {1: 1.0})
    assert compare(same, same, labels(3, 7)) == Parity(2, 1.0, 0.0, flips=())


def test_a_flip_is_listed_with_both_answers_and_their_margins() -> None:
    reference = answers({0: 1.0}, {4: 0.5, 9: 0.375}, {7: 0.75, 1: 0.25}, {2: 1.0})
    exported = answers({0: 1.0}, {4: 0.25, 9: 0.5}, {7: 0.75, 1: 0.25}, {2: 1.0})
    result = compare(reference, exported, labels(0, 4, 1, 2))
    assert result == Parity(
        images=4,
        agreement=0.75,
        max_abs_diff=0.25,
        flips=(Flip(1, 4, 4, 9, reference_margin=0.125, answer_margin=0.25),),
    )


def test_a_flip_counts_whether_the_right_answer_was_lost_or_won() -> None:
    reference, exported = answers({4: 1.0}, {9: 1.0}), answers({9: 1.0}, {4: 1.0})
    result = compare(reference, exported, labels(4, 4))
    assert [flip.index for flip in result.flips] == [0, 1]
    assert result.agreement == 0


def test_the_largest_difference_is_that_of_any_probability_of_any_picture() -> None:
    reference = answers({0: 0.75, 1: 0.25}, {2: 0.5, 3: 0.25, 4: 0.25})
    exported = answers({0: 0.75, 1: 0.25}, {2: 0.5, 3: 0.5, 4: 0.125})
    assert compare(reference, exported, labels(0, 2)).max_abs_diff == 0.25


def test_figures_are_python_numbers_as_json_needs_them() -> None:
    result = compare(answers({4: 1.0}), answers({9: 1.0}), labels(4))
    values = [*vars(result).values(), *vars(result.flips[0]).values()]
    assert {type(value) for value in values} == {int, float, tuple}


BAR = Bar(agreement=0.997, max_abs_diff=1e-5, accuracy_drop=0.001)


@pytest.mark.parametrize(
    ("measured", "drop", "missed"),
    [
        (parity(), 0.0, []),
        (parity(agreement=0.997), 0.0, []),
        (parity(agreement=0.9969), 0.0, ["agreement 99.69% is under 99.70%"]),
        (parity(max_abs_diff=1e-5), 0.0, []),
        (parity(max_abs_diff=2e-5), 0.0, ["probabilities differ by 2.0e-05, over 1e-05"]),
        # The float difference is 0.0010000000000000009.
        (parity(), 0.996 - 0.995, []),
        (parity(), 0.0011, ["accuracy falls by 0.11%, over 0.10%"]),
        (parity(), -0.01, []),
        (
            parity(agreement=0.5, max_abs_diff=1.0),
            0.5,
            [
                "agreement 50.00% is under 99.70%",
                "probabilities differ by 1.0e+00, over 1e-05",
                "accuracy falls by 50.00%, over 0.10%",
            ],
        ),
    ],
)
def test_what_is_missed_is_said_in_words(measured: Parity, drop: float, missed: list[str]) -> None:
    assert shortfalls(BAR, measured, 0.995, drop) == missed


def test_a_model_that_errs_more_may_turn_over_more() -> None:
    """A tenth of what it errs in: of 95 % half a percent, which is more than the bar lets pass."""
    assert shortfalls(BAR, parity(agreement=0.995), 0.95, 0.0) == []
    (missed,) = shortfalls(BAR, parity(agreement=0.9949), 0.95, 0.0)
    assert missed == "agreement 99.49% is under 99.50%"
    # The more accurate are held to the bar, and so are formats that may not change the accuracy.
    assert shortfalls(BAR, parity(agreement=0.997), 0.999, 0.0) == []
    assert shortfalls(Bar(agreement=1.0), parity(agreement=0.9999), 0.5, 0.0) != []


def test_a_bar_asks_for_no_more_than_it_names() -> None:
    assert shortfalls(Bar(agreement=0.9), parity(agreement=0.9, max_abs_diff=1.0), 0.99, 1.0) == []
