"""How other people's models want to be fed is measured, or refused with what decides it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.contract import TensorSpec
from mnist_edge.data import Dataset, Split
from mnist_edge.errors import DataError, ModelError, UsageError
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.foreign import DEVIATION, MEAN, Measured, describe, measure
from mnist_edge.runtime.engines.encoding import PROBABILITIES_OF, EncodedEngine
from tests.formats import theirs
from tests.formats.theirs import spec

NORMAL = (-MEAN / DEVIATION, (1 - MEAN) / DEVIATION)

# The ways in which people feed their models, each with what else is measured of the same shape.
WAYS = {
    "ink 1": spec(),
    "ink 255": spec(range=(0.0, 255.0)),
    "from -1": spec(range=(-1.0, 1.0)),
    "around 0": spec(range=(-0.5, 0.5)),
    "normalized": spec("NCHW", 1, 28, 28, range=NORMAL),
    "dark ink": spec(range=(1.0, 0.0)),
    "dark ink of bytes": spec("NC", 784, range=(255.0, 0.0)),
    "transposed": spec("NHW", 28, 28, transposed=True),
    "numbers": spec("NC", 784),
    "no channel": spec("NHW", 28, 28),
    "channel first": spec("NCHW", 1, 28, 28),
    "three channels": spec("NHWC", 28, 28, 3),
    "three channels first": spec("NCHW", 3, 28, 28, range=(0.0, 255.0)),
    "padded": spec("NHWC", 32, 32, 1, fit="padded"),
    "resized": spec("NHWC", 32, 32, 1, fit="resized", range=(0.0, 255.0)),
}


class Network:
    """A runner of a function from real values (N, …) to answers (N, M)."""

    dtype, rounded = "float32", False

    def __init__(
        self,
        shape: tuple[int | None, ...],
        answer: Callable[[NDArray[np.float32]], NDArray[Any]],
    ) -> None:
        self.shape, self._answer = shape, answer

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._answer(batch).astype(np.float32)


def scores_of(weights: theirs.Weights) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    def scores(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = batch.reshape(len(batch), -1)
        # Few at a time: the whole product would wait for other threads.
        parts = [flat[start : start + 16] for start in range(0, len(flat), 16)]
        inner = np.concatenate([part @ weights.first for part in parts]) + weights.first_bias
        return np.maximum(inner, 0) @ weights.second + weights.second_bias

    return scores


def network(weights: theirs.Weights, fed: TensorSpec) -> Network:
    return Network(fed.shape, scores_of(theirs.fed_as(weights, fed)))


def found(runner: Network, digits: Dataset, **options: Any) -> Measured:
    sample = Split(digits.train.images[:1500], digits.train.labels[:1500])
    return measure(runner, sample, FeedingOptions(**options), "theirs.onnx")


@pytest.mark.parametrize("fed", WAYS.values(), ids=WAYS)
def test_the_way_is_found_by_the_likelihood_of_the_labels(
    fed: TensorSpec, digits: Dataset, weights: theirs.Weights
) -> None:
    measured = found(network(weights, fed), digits)
    assert measured.best.input.range == pytest.approx(fed.range)
    assert (measured.best.input.layout, measured.best.input.shape) == (fed.layout, fed.shape)
    assert (measured.best.input.fit, measured.best.input.transposed) == (fed.fit, fed.transposed)
    assert measured.best.input.values == "linear"
    assert measured.best.accuracy > 0.9
    assert measured.next is not None
    assert measured.next.loss > measured.best.loss
    assert measured.describe().startswith(
        f"{'x'.join(map(str, fed.shape[1:]))}, {describe(measured.best.input)} (loss "
    )


@pytest.mark.parametrize("values", ["binary", "unit-columns"])
def test_pictures_of_two_values_and_columns_of_norm_1_are_found(
    values: str, digits: Dataset
) -> None:
    fed = spec(values=values)
    weights = theirs.train(digits.train, values=values)
    assert found(network(weights, fed), digits).best.input == fed


def test_a_model_of_smaller_pictures_gets_the_mean_of_four_pixels(
    digits: Dataset, weights: theirs.Weights
) -> None:
    kernel = 4 * weights.first.reshape(28, 28, -1)[::2, ::2]
    small = weights._replace(first=kernel.reshape(196, -1))
    measured = found(Network((None, 196), scores_of(small)), digits)
    assert measured.best.input == spec("NC", 196, fit="resized")
    assert measured.best.accuracy > 0.9


@pytest.mark.parametrize("kind", theirs.ENDS)
def test_what_answers_stand_for_is_seen_and_made_probabilities(
    kind: str, digits: Dataset, weights: theirs.Weights
) -> None:
    scores = scores_of(weights)
    exact = PROBABILITIES_OF["scores"]

    def logarithms(given: NDArray[np.float32]) -> NDArray[np.float32]:
        # Not of the probabilities: of pictures that are fed wrongly some are 0.
        return given - np.logaddexp.reduce(given, axis=1, keepdims=True)

    given: dict[str, Callable[[NDArray[np.float32]], NDArray[Any]]] = {
        "scores": scores,
        "probabilities": lambda batch: exact(scores(batch)),
        "log-probabilities": lambda batch: logarithms(scores(batch)),
        "sigmoids": lambda batch: (1 + np.tanh(scores(batch).astype(np.float64) / 2)) / 2,
    }
    runner = Network((None, 28, 28, 1), given[kind])
    measured = found(runner, digits)
    assert measured.best.answers == kind
    engine = EncodedEngine(runner, measured.best.input, kind)
    images = digits.test.images
    pictures = images.reshape(-1, 28, 28, 1).astype(np.float32)
    expected = exact(scores(pictures / np.float32(255)))
    # Sigmoids of float32 end 6e-8 short of 1, so that scores beyond 16 are cut off.
    assert engine.run(images) == pytest.approx(expected, abs=1e-5)


def scale_free(weights: theirs.Weights, least: float) -> Network:
    """A network that divides each picture by its largest value, and by `least` more."""
    scores = scores_of(weights)

    def answer(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return scores(batch / (batch.max(axis=(1, 2, 3), keepdims=True) + np.float32(least)))

    return Network((None, 28, 28, 1), answer)


def test_ways_that_are_the_same_to_a_model_are_no_rivals(
    digits: Dataset, weights: theirs.Weights
) -> None:
    measured = found(scale_free(weights, 1e-9), digits)
    assert measured.best.input.range in {(0.0, 1.0), (0.0, 255.0)}
    assert measured.next is not None
    assert measured.next.loss > 1.1 * measured.best.loss


def test_two_ways_that_are_about_as_good_are_refused_with_both(
    digits: Dataset, weights: theirs.Weights
) -> None:
    runner = scale_free(weights, 0.01)
    with pytest.raises(ModelError, match="in two ways that are about as good") as caught:
        found(runner, digits)
    assert caught.value.cause.startswith("theirs.onnx ")
    headers, *rows = caught.value.details
    assert headers.split() == ["loss", "accuracy", "fed", "with"]
    assert {row.split("%")[1].strip() for row in rows[:2]} == {
        *("ink 1 on paper 0", "ink 255 on paper 0")
    }
    assert "--input-range LOW,HIGH" in caught.value.remedy
    # To say which it is settles it.
    assert found(runner, digits, range=(0.0, 255.0)).best.input.range == (0, 255)


def test_a_model_that_reads_too_little_however_it_is_fed_is_refused(digits: Dataset) -> None:
    rng = np.random.default_rng(0)
    shapes = (784, 64), (64,), (64, 10), (10,)
    untrained = theirs.Weights(*(rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes))
    runner = Network((None, 28, 28, 1), scores_of(untrained))
    with pytest.raises(ModelError, match="at best, however it is fed") as caught:
        found(runner, digits)
    assert "--ink dark|light" in caught.value.remedy
    measured = found(runner, digits, range=(0.0, 1.0), ink="light", transposed=False)
    assert measured.best.accuracy < 0.5


def test_what_is_given_is_not_measured(digits: Dataset, weights: theirs.Weights) -> None:
    asked: list[NDArray[np.float32]] = []
    scores = scores_of(weights)

    def answer(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.append(batch)
        return scores(batch)

    runner = Network((None, None, None, 1), answer)
    options = {
        "shape": (28, 28, 1),
        "range": (0.0, 2.0),
        "ink": "dark",
        "transposed": True,
        "answers": "log-probabilities",
    }
    measured = found(runner, digits, **options)
    assert measured.best.input == spec(range=(2.0, 0.0), transposed=True)
    assert measured.best.answers == "log-probabilities"
    assert measured.next is None
    assert all(batch.min() == 0 and batch.max() == 2 for batch in asked)


@pytest.mark.parametrize("top", [2.0, 100.0])
def test_a_range_that_is_none_of_the_usual_ones_has_to_be_named(
    top: float, digits: Dataset, weights: theirs.Weights
) -> None:
    runner = network(weights, spec(range=(0.0, top)))
    with pytest.raises(ModelError, match=r"none of the usual ones|two ways that are") as caught:
        found(runner, digits)
    assert "--input-range LOW,HIGH" in caught.value.remedy
    assert found(runner, digits, range=(0.0, top)).best.input.range == (0, top)


def test_a_dataset_without_one_of_the_digits_measures_nothing(
    digits: Dataset, weights: theirs.Weights
) -> None:
    some = digits.train.labels != 9
    sample = Split(digits.train.images[some], digits.train.labels[some])
    with pytest.raises(DataError, match="no picture to train on shows a 9"):
        measure(network(weights, spec()), sample, FeedingOptions(), "theirs.onnx")


def test_a_shape_that_contradicts_the_files_is_refused(
    digits: Dataset, weights: theirs.Weights
) -> None:
    with pytest.raises(UsageError, match="takes pictures of 28x28x1, not of 1x28x28"):
        found(network(weights, spec()), digits, shape=(1, 28, 28))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((None, 100, 7), "100x7 numbers, which is no square picture"),
        ((None, 785), "785 numbers"),
        ((None, 224, 224, 3), "224x224x3 numbers"),
        ((None, None), "? numbers"),
        ((None,), "? numbers"),
    ],
)
def test_what_takes_no_picture_of_a_digit_is_refused(
    shape: tuple[int | None, ...], said: str, digits: Dataset
) -> None:
    with pytest.raises(ModelError, match=r"theirs\.onnx takes ") as caught:
        found(Network(shape, lambda batch: batch), digits)
    assert said in caught.value.cause


def test_other_classes_than_the_ten_digits_are_refused(digits: Dataset) -> None:
    runner = Network((None, 28, 28, 1), lambda batch: np.zeros((len(batch), 27)))
    with pytest.raises(ModelError, match="tells 27 classes apart, not the ten digits"):
        found(runner, digits)


def test_answers_that_are_no_numbers_are_refused(digits: Dataset) -> None:
    runner = Network((None, 28, 28, 1), lambda batch: np.full((len(batch), 10), np.nan))
    with pytest.raises(ModelError, match="what is no number, however it is fed"):
        found(runner, digits)
