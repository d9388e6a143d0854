"""`Classifier`: what it answers, what it admits, and that batches are nothing but many pictures."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge.contract import Accept, Contract, Limits, Preprocess
from mnist_edge.data import synthetic
from mnist_edge.errors import ContractError, ModelError, UnreadableImage, UsageError
from mnist_edge.runtime import classifier as module
from mnist_edge.runtime import shipped
from mnist_edge.runtime.answers import Place
from mnist_edge.runtime.classifier import Classifier, Prediction, Predictions
from mnist_edge.runtime.engines import read_contract
from mnist_edge.runtime.engines.onnx import CHUNK
from mnist_edge.runtime.reading import normalization
from mnist_edge.runtime.reading.decoding import Source

Images = NDArray[np.uint8]
Answers = NDArray[np.float32]

# Whatever a model answers to a picture without ink, nobody is told.
BLANK_ANSWER = Prediction(None, None, 0.0, (0.0,) * 10, False, "blank", "edge.onnx")


DIGITS = synthetic.generate(600, seed=2)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="module")
def contract() -> Contract:
    return read_contract(shipped.path())


@pytest.fixture(scope="module")
def digits() -> Images:
    return DIGITS.images


def drawn(digit: Images) -> Image.Image:
    """A digit as people draw it: dark on white, large."""
    return Image.fromarray(255 - digit).resize((140, 140))


def png(digit: Images) -> bytes:
    stream = io.BytesIO()
    drawn(digit).save(stream, "PNG")
    return stream.getvalue()


def assert_alike(first: Prediction, second: Prediction) -> None:
    """Check that two answers differ by rounding only: batches of other sizes sum otherwise."""
    assert replace(first, confidence=0, probabilities=()) == replace(
        second, confidence=0, probabilities=()
    )
    np.testing.assert_allclose(first.probabilities, second.probabilities, rtol=0, atol=1e-5)


class Oracle:
    """An engine that always gives the same answer, and remembers what it was asked."""

    def __init__(self, *probabilities: float) -> None:
        self.answer = np.array([*probabilities, *[0] * (10 - len(probabilities))], np.float32)
        self.asked: list[int] = []

    def run(self, images: Images) -> Answers:
        self.asked.append(len(images))
        return np.tile(self.answer, (len(images), 1))


# One picture


def test_a_prediction_is_the_json_of_the_design(classifier: Classifier) -> None:
    image, label = DIGITS.images[0], int(DIGITS.labels[0])
    prediction = classifier.predict(drawn(image))
    document = json.loads(json.dumps(dataclasses.asdict(prediction)))
    assert list(document) == [
        *("source", "digit", "confidence", "probabilities", "accepted", "reason", "model"),
        *("box", "frame", "frames"),
    ]
    assert prediction.digit == label
    assert prediction.confidence == max(prediction.probabilities)
    assert prediction.probabilities.index(prediction.confidence) == label
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    assert prediction.model == "edge.onnx"


def test_a_prediction_cannot_be_changed(classifier: Classifier, digits: Images) -> None:
    prediction = classifier.predict(drawn(digits[0]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.digit = 3  # type: ignore[misc]


@pytest.mark.parametrize("shade", [0, 128, 255])
@pytest.mark.parametrize("size", [(28, 28), (1, 1), (200, 100)])
def test_a_blank_picture_has_no_digit(
    shade: int, size: tuple[int, int], classifier: Classifier
) -> None:
    assert classifier.predict(Image.new("L", size, shade)) == BLANK_ANSWER


def test_a_source_is_told_where_there_is_one(
    classifier: Classifier, digits: Images, tmp_path: Path
) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(png(digits[0]))
    assert classifier.predict(path).source == str(path)
    assert classifier.predict(str(path)).source == str(path)
    assert classifier.predict(path.read_bytes()).source is None
    assert classifier.predict(drawn(digits[0])).source is None
    assert classifier.predict(digits[0]).source is None


@pytest.mark.parametrize("content", [b"", b"this is no picture"])
def test_what_is_no_picture_is_refused(content: bytes, classifier: Classifier) -> None:
    with pytest.raises(UnreadableImage):
        classifier.predict(content)


# Knowing when not to answer


@pytest.mark.parametrize(
    ("probabilities", "reason"),
    [
        ((0.875, 0.125), None),
        ((0.75, 0.25), None),  # a difference of exactly the margin
        ((0.625, 0.375), "ambiguous"),
        ((0.5, 0.5), "ambiguous"),
        # More than half, but not by the margin.
        ((0.25, 0.625, 0.125), "ambiguous"),
        ((0.75, 0.125, 0.125), None),  # a sum of exactly the threshold
        ((0.75, 0.0625, 0.0625, 0.125), None),
        ((0.75, 0.0625, 0.0625, 0.0625, 0.0625), "no-digit"),
        ((0.125,) * 8, "no-digit"),
    ],
)
def test_two_close_answers_are_ambiguous_and_many_are_no_digit(
    probabilities: tuple[float, ...], reason: str | None, contract: Contract, digits: Images
) -> None:
    # One pair of limits for fields in MNIST's own form, and one for digits that had to be found.
    for own, found, picture in (
        ((0.875, 0.5), (2, 2), digits[0]),
        ((2, 2), (0.875, 0.5), drawn(digits[0])),
    ):
        strict = replace(contract, accept=Accept("two-best", own[0], own[1], Limits(*found)))
        classifier = Classifier(Oracle(*probabilities), strict, "oracle")
        prediction = classifier.predict(picture)
        assert prediction.accepted is (reason is None)
        assert prediction.reason == reason
        # Even then it is told what it would have been.
        assert prediction.digit == int(np.argmax(probabilities))
        assert prediction.confidence == max(probabilities)
        assert classifier.predict_batch([picture])[0] == prediction


def test_two_digits_in_a_picture_are_no_digit(classifier: Classifier, digits: Images) -> None:
    sheet = Image.new("L", (300, 120), 255)
    for place in (20, 200):
        sheet.paste(drawn(digits[0]).resize((80, 80)), (place, 20))
    prediction = classifier.predict(sheet)
    assert (prediction.accepted, prediction.reason) == (False, "no-digit")
    assert classifier.predict_batch([sheet, drawn(digits[0])]).accepted.tolist() == [False, True]


def test_the_network_chooses_between_dark_ink_and_light(classifier: Classifier) -> None:
    seven = int(np.flatnonzero(DIGITS.labels == 7)[0])
    picture = Image.new("L", (200, 200), 150)
    ImageDraw.Draw(picture).polygon([(110, 30), (185, 60), (140, 170)], fill=255)
    picture.paste(50, (10, 60), Image.fromarray(DIGITS.images[seven]).resize((90, 90)))
    reading = classifier.read(picture)
    # The larger outline is found first.
    assert {candidate.ink.polarity for candidate in reading.candidates} == {"dark", "light"}
    assert reading.candidate is not None
    assert reading.candidate.ink.polarity == "dark"
    assert classifier.predict(picture).digit == 7


def test_the_thresholds_are_those_of_the_contract(
    classifier: Classifier, contract: Contract, digits: Images
) -> None:
    share = classifier.predict_batch(digits).accepted.mean()
    assert share > 0.9
    for threshold, margin, expected in ((0.0, 0.0, 1.0), (1.1, 0.0, 0.0), (0.0, 1.1, 0.0)):
        found = Limits(threshold, margin)
        other = replace(contract, accept=Accept("two-best", threshold, margin, found))
        predictions = Classifier(classifier.engine, other, "other").predict_batch(digits)
        assert predictions.accepted.mean() == expected


# Many pictures


@pytest.mark.parametrize("name", ["edge.onnx", "edge.tflite", "edge.int8.tflite"])
@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_an_array_of_any_number_of_digits_is_answered(count: int, name: str) -> None:
    predictions = Classifier.load(shipped.folder() / name).predict_batch(DIGITS.images[:count])
    assert len(predictions) == count
    assert predictions.probabilities.shape == (count, 10)
    assert predictions.digits.shape == predictions.accepted.shape == (count,)
    right = predictions.digits == DIGITS.labels[:count]
    assert count < 2 or right.mean() > 0.9


INPUTS: dict[str, Callable[[Images], object]] = {
    "bytes": lambda digits: digits,
    "a channel": lambda digits: digits[..., None],
    "floats to 1": lambda digits: digits / 255,
    "floats to 255": lambda digits: digits.astype(np.float32),
    "a list of arrays": list,
    "pictures": lambda digits: [Image.fromarray(digit) for digit in digits],
    "nested lists": lambda digits: digits.tolist(),
    "open files": lambda digits: map(as_file, digits),
    "data URLs": lambda digits: ["data:image/png;base64," + as_base64(digit) for digit in digits],
    "base64": lambda digits: map(as_base64, digits),
}


def as_file(digit: Images) -> io.BytesIO:
    stream = io.BytesIO()
    Image.fromarray(digit).save(stream, "PNG")
    stream.seek(0)
    return stream


def as_base64(digit: Images) -> str:
    return base64.b64encode(as_file(digit).getvalue()).decode()


@pytest.mark.parametrize("way", INPUTS.values(), ids=INPUTS.keys())
@pytest.mark.parametrize("inverted", [False, True], ids=["light on dark", "dark on light"])
def test_the_answer_is_the_same_by_every_way_in(
    way: Callable[[Images], Any], inverted: bool, classifier: Classifier
) -> None:
    digits = DIGITS.images[:40].copy()
    digits[3] = 0
    if inverted:
        digits = 255 - digits
    answers = classifier.predict_batch(way(digits))
    assert answers.digits[3] == -1
    for digit, answer in zip(digits, answers, strict=True):
        assert_alike(answer, classifier.predict(digit))
    assert (answers.digits == DIGITS.labels[:40]).mean() > 0.9


def test_a_batch_is_answered_as_its_pictures_are_one_by_one(
    classifier: Classifier, digits: Images
) -> None:
    pictures = [drawn(digit) for digit in digits[:20]]
    pictures.insert(7, Image.new("L", (50, 50), "white"))
    predictions = classifier.predict_batch(pictures)
    assert len(predictions) == 21
    for prediction, picture in zip(predictions, pictures, strict=True):
        assert_alike(prediction, classifier.predict(picture))


def test_a_list_may_mix_whatever_can_be_read(
    classifier: Classifier, digits: Images, tmp_path: Path
) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(png(digits[0]))
    picture = drawn(digits[0])
    mixed: list[Source] = [path, str(path), path.read_bytes(), picture, np.asarray(picture)]
    predictions = classifier.predict_batch(mixed)
    assert [item.source for item in predictions] == [str(path), str(path), None, None, None]
    for prediction in predictions:
        assert_alike(replace(prediction, source=None), classifier.predict(picture))


def test_blank_pictures_of_an_array_are_told_from_digits(
    classifier: Classifier, digits: Images
) -> None:
    images = digits[:3].copy()
    images[1] = 0
    predictions = classifier.predict_batch(images)
    assert predictions.digits[1] == -1
    assert predictions[1] == BLANK_ANSWER
    assert not predictions.accepted[1]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 9])
def test_pictures_are_taken_a_few_at_a_time(
    count: int, contract: Contract, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what keeps memory flat: none is asked for before those in hand are answered."""
    monkeypatch.setattr(module, "PICTURES_AT_ONCE", 4)
    oracle = Oracle(1.0)
    waiting: list[int] = []

    def stream() -> Iterator[Image.Image]:
        for number in range(count):
            waiting.append(number - sum(oracle.asked))
            yield drawn(digits[number])

    predictions = Classifier(oracle, contract, "oracle").predict_batch(stream())
    assert len(predictions) == len(list(predictions)) == count
    assert sum(oracle.asked) == count
    assert max(waiting, default=0) < 4


def test_a_picture_of_a_batch_that_cannot_be_read_is_named(
    classifier: Classifier, digits: Images, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("this is no picture")
    with pytest.raises(UnreadableImage, match=r"bad\.png"):
        classifier.predict_batch([drawn(digits[0]), bad])


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((28, 28), np.uint8),
        np.zeros((28, 28, 3), np.uint8),
        np.zeros((2, 784), np.uint8),
        "digit.png",
        b"bytes",
        memoryview(b"bytes"),
        Image.new("L", (28, 28)),
        io.BytesIO(b"lines\nof a file"),
    ],
    ids=["one", "one in colours", "rows", "a path", "bytes", "a view", "a picture", "a file"],
)
def test_what_is_no_batch_is_refused_with_what_it_is(batch: Any, classifier: Classifier) -> None:
    with pytest.raises(UnreadableImage, match="batch"):
        classifier.predict_batch(batch)


@pytest.mark.parametrize(
    "source", [np.zeros((1, 784)), [[1, 2], [3]], 7, "data:image/png;base64,%%%", "data:text,x"]
)
def test_what_is_no_picture_is_told_in_one_line(source: Any, classifier: Classifier) -> None:
    with pytest.raises(UnreadableImage, match=r"cannot be decoded|is no base64") as caught:
        classifier.predict(source)
    assert "\n" not in caught.value.cause


def test_errors_may_be_kept_in_their_places(classifier: Classifier, digits: Images) -> None:
    answers = classifier.predict_batch([digits[0], b"none", digits[1]], errors="keep")
    assert answers.errors.keys() == {1}
    assert (answers[1].digit, answers[1].reason, answers[1].accepted) == (None, "unreadable", False)
    assert_alike(answers[2], classifier.predict(digits[1]))


def test_every_frame_is_answered(classifier: Classifier, digits: Images, tmp_path: Path) -> None:
    frames = [drawn(digit).convert("RGB") for digit in digits[:4]]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        path = tmp_path / f"frames.{kind.lower()}"
        frames[0].save(path, kind, save_all=True, append_images=frames[1:])
        answers = classifier.predict_frames(path)
        assert [(item.frame, item.frames) for item in answers] == [(n, 4) for n in range(4)]
        assert [item.digit for item in answers] == [classifier.predict(f).digit for f in frames]
        assert classifier.predict(path).frames == 4


# Not WebP, which cannot be opened where it is cut.
@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF"])
def test_frames_before_a_damaged_one_are_answered_where_errors_are_kept(
    kind: str, classifier: Classifier, digits: Images
) -> None:
    frames = [drawn(digit).convert("L") for digit in digits[:4]]
    stream = io.BytesIO()
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
    whole, alone = stream.getvalue(), [classifier.predict(frame).digit for frame in frames]
    answered = set()
    for size in range(len(whole) // 2, len(whole) - 20, len(whole) // 41):
        try:
            answers = classifier.predict_frames(whole[:size], errors="keep")
            first = classifier.predict(whole[:size])
        except UnreadableImage:
            continue  # none is whole
        count = len(answers)
        if not count:
            continue
        answered.add(count)
        assert [item.digit for item in answers] == alone[:count]
        assert {item.frames for item in answers} == {first.frames}
        assert count < first.frames <= 4
        assert answers.errors.keys() == {count}
        with pytest.raises(UnreadableImage, match="cannot be decoded"):
            classifier.predict_frames(whole[:size])
    assert answered >= {2, 3}


@pytest.mark.parametrize("number", [0, -1])
def test_there_are_no_lines_without_digits_and_no_pictures_without_pixels(
    number: int, classifier: Classifier, digits: Images
) -> None:
    with pytest.raises(UsageError, match=f"digits is {number}"):
        classifier.read_line(digits[0], number)
    with pytest.raises(UsageError, match=f"max_pixels is {number}"):
        Classifier.load(max_pixels=number)


@pytest.mark.parametrize("work", ["predict_batch", "predict_frames"])
def test_errors_are_raised_or_kept_and_nothing_else(work: str, classifier: Classifier) -> None:
    with pytest.raises(UsageError, match="errors is 'rise'") as caught:
        getattr(classifier, work)([], errors="rise")
    assert caught.value.remedy == "give raise or keep."


# The sequence of predictions


@pytest.fixture
def predictions() -> Predictions:
    """A sure 3, a picture without ink, and a 7 that may be a 1."""
    probabilities = np.zeros((3, 10), np.float32)
    probabilities[0, 3] = 1
    probabilities[2, [7, 1]] = 0.5625, 0.4375
    probabilities[1] = 0
    places = [Place("three.png"), Place(), Place("seven.png")]
    return Predictions(probabilities, [None, "blank", "ambiguous"], places, "edge.onnx")


SURE = Prediction(
    *("three.png", 3, 1.0, (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    *(True, None, "edge.onnx"),
)
UNSURE = Prediction(
    *("seven.png", 7, 0.5625, (0.0, 0.4375, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5625, 0.0, 0.0)),
    *(False, "ambiguous", "edge.onnx"),
)


def test_predictions_are_a_sequence(predictions: Predictions) -> None:
    expected = [SURE, BLANK_ANSWER, UNSURE]
    assert list(predictions) == expected
    assert list(reversed(predictions)) == expected[::-1]
    assert len(predictions) == 3
    assert predictions[-1] == predictions[2] == UNSURE
    assert predictions[1:] == expected[1:]
    assert predictions[::-2] == expected[::-2]
    assert SURE in predictions
    for index in (3, -4):
        with pytest.raises(IndexError):
            predictions[index]


def test_predictions_are_arrays_too(predictions: Predictions) -> None:
    assert predictions.digits.tolist() == [3, -1, 7]
    assert predictions.accepted.tolist() == [True, False, False]


# The model


def test_a_model_is_loaded_by_any_kind_of_path(digits: Images) -> None:
    path = shipped.path()
    first, second = Classifier.load(path), Classifier.load(str(path), threads=2)
    assert first.model == second.model == "edge.onnx"
    assert first.contract == second.contract
    assert_alike(first.predict(drawn(digits[0])), second.predict(drawn(digits[0])))


@pytest.mark.parametrize("name", ["missing.onnx", ".", "edge.keras"])
def test_what_is_no_model_is_refused(name: str) -> None:
    with pytest.raises(ModelError):
        Classifier.load(shipped.folder() / name)


def test_a_session_of_ones_own_is_used(classifier: Classifier, digits: Images) -> None:
    session = onnxruntime.InferenceSession(shipped.path())
    own = Classifier.from_session(session)
    assert own.model == "edge"
    assert own.contract == classifier.contract
    expected = classifier.predict_batch(digits[:100])
    answers = own.predict_batch(digits[:100])
    np.testing.assert_array_equal(answers.digits, expected.digits)
    np.testing.assert_allclose(answers.probabilities, expected.probabilities, rtol=0, atol=1e-5)


def test_a_session_without_contract_is_refused() -> None:
    model = onnx.load(shipped.path())
    del model.metadata_props[:]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    with pytest.raises(ContractError, match="the session's model carries no contract"):
        Classifier.from_session(session)


def test_a_contract_that_cannot_be_honoured_is_refused(contract: Contract) -> None:
    later = normalization.VERSION + 1
    for demand, words in (
        (replace(contract, preprocess=Preprocess(later, {})), f"preprocessing version {later}"),
        (replace(contract, labels=tuple("0123456789A")), "labels"),
        (replace(contract, labels=tuple("1234567890")), "labels"),
        (
            replace(contract, accept=replace(contract.accept, rule="entropy")),
            "abstention rule entropy",
        ),
    ):
        with pytest.raises(ContractError, match=f"^later.onnx asks for {words}") as caught:
            Classifier(Oracle(1.0), demand, "later.onnx")
        assert "pip install -U mnist-edge" in caught.value.remedy
