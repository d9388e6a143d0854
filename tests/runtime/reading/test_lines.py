"""Lines of digits: parted where they touch, put together where they are broken, marks left out.

The shipped model reads them, as which row is best supported is its word; the digits are the
package's own synthetic ones, chosen among those that it reads one by one.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge.data import synthetic
from mnist_edge.errors import UnreadableImage
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.reading.lines import Segment, best_row

Field = NDArray[np.uint8]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="module")
def digits(classifier: Classifier) -> list[Field]:
    """Of each digit one that the model is sure of, cut to its ink."""
    split = synthetic.generate(300, seed=7)
    probabilities = classifier.predict_batch(split.images).probabilities
    chosen = []
    for digit in range(10):
        sure = np.where(split.labels == digit, probabilities[:, digit], 0).argmax()
        image = Image.fromarray(split.images[sure])
        chosen.append(np.asarray(image.crop(image.getbbox())))
    return chosen


def line(digits: list[Field], text: str, gap: int = 6) -> Image.Image:
    """Put digits on a line, light on dark, so that negative gaps make them overlap."""
    pixels = np.zeros((44, 40 + sum(digits[int(name)].shape[1] + gap for name in text)), np.uint8)
    x = 20
    for name in text:
        digit = digits[int(name)]
        height, width = digit.shape
        field = pixels[32 - height : 32, x : x + width]
        np.maximum(field, digit, out=field)
        x += width + gap
    return Image.fromarray(pixels)


@pytest.mark.parametrize("text", ["0", "42", "90210", "31415926", "0123456789"])
def test_digits_that_stand_apart_are_read_in_their_order(
    text: str, classifier: Classifier, digits: list[Field]
) -> None:
    for picture in (line(digits, text), Image.eval(line(digits, text), lambda level: 255 - level)):
        answer = classifier.read_line(picture)
        assert answer.text == text
        assert [item.digit for item in answer.digits] == list(map(int, text))
        assert classifier.read_line(picture, digits=len(text)).text == text


@pytest.mark.parametrize("scale", [5, 25], ids=["as it is", "larger than what is decoded"])
def test_boxes_are_where_the_digits_are(
    scale: int, classifier: Classifier, digits: list[Field]
) -> None:
    small = line(digits, "407")
    picture = small.resize((scale * small.width, scale * small.height), Image.Resampling.BICUBIC)
    x = 20
    for item in classifier.read_line(picture).digits:
        height, width = digits[item.digit].shape
        expected = np.array([x, 32 - height, x + width, 32]) * scale
        # The faint rim of a stroke is not ink.
        assert item.box == pytest.approx(expected.tolist(), abs=1.5 * scale)
        x += width + 6


def test_digits_that_touch_are_cut_apart(classifier: Classifier, digits: list[Field]) -> None:
    texts = [f"{number:04}" for number in np.random.default_rng(0).integers(0, 10_000, 40)]
    answers = [classifier.read_line(line(digits, text, gap=-1), digits=4).text for text in texts]
    # Some cuts are a toss-up for whatever network; without any cut none would be right.
    right = [answer == text for answer, text in zip(answers, texts, strict=True)]
    assert np.mean(right) > 0.8, list(zip(texts, answers, strict=True))


def test_a_broken_digit_is_put_together(classifier: Classifier, digits: list[Field]) -> None:
    pixels = np.asarray(line(digits, "353")).copy()
    left = 20 + digits[3].shape[1] + 6
    top = 32 - digits[5].shape[0]
    pixels[top + 6, left : left + digits[5].shape[1]] = 0  # the five has lost its hat
    assert classifier.read_line(Image.fromarray(pixels)).text == "353"


def test_the_dashes_and_dots_of_a_date_are_left_out(
    classifier: Classifier, digits: list[Field]
) -> None:
    picture = line(digits, "24067", gap=16)
    draw = ImageDraw.Draw(picture)
    second = 20 + digits[2].shape[1] + 16 + digits[4].shape[1]
    draw.line([(second + 4, 22), (second + 11, 22)], fill=255, width=2)
    third = second + 16 + digits[0].shape[1]
    draw.ellipse([third + 6, 28, third + 9, 31], fill=255)
    assert classifier.read_line(picture).text == "24067"


def test_a_count_that_the_ink_cannot_make_is_not_accepted(
    classifier: Classifier, digits: list[Field]
) -> None:
    answer = classifier.read_line(line(digits, "17"), digits=30)
    assert answer.text == "17"
    assert (answer.accepted, answer.reason) == (False, "count")


def test_a_line_without_ink_is_blank(classifier: Classifier) -> None:
    answer = classifier.read_line(Image.new("L", (300, 60), 255))
    assert (answer.text, answer.digits) == ("", ())
    assert (answer.accepted, answer.reason) == (False, "blank")


def test_a_texture_is_no_line_of_digits(classifier: Classifier) -> None:
    picture = Image.new("L", (600, 100), 255)
    draw = ImageDraw.Draw(picture)
    for x in range(10, 590, 12):
        for y in range(10, 90, 12):
            draw.line((x, y, x + 6, y + (x + y) % 8), fill=0, width=2)
    answer = classifier.read_line(picture)
    assert (answer.accepted, answer.reason, answer.text) == (False, "no-digit", "")


def test_a_line_is_the_json_of_the_command(classifier: Classifier, digits: list[Field]) -> None:
    document = json.loads(json.dumps(dataclasses.asdict(classifier.read_line(line(digits, "38")))))
    assert list(document) == ["source", "text", "accepted", "reason", "digits", "model"]
    assert list(document["digits"][0]) == [
        *("digit", "confidence", "probabilities", "accepted", "reason", "box")
    ]


def test_what_is_no_picture_is_refused(classifier: Classifier) -> None:
    with pytest.raises(UnreadableImage):
        classifier.read_line(b"this is no picture")


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_any_picture_gives_a_line(
    classifier: Classifier, width: int, height: int, seed: int, share: float
) -> None:
    noise = np.random.default_rng(seed).random((height, width)) < share
    answer = classifier.read_line(noise)
    assert len(answer.text) == len(answer.digits)
    assert answer.accepted is (answer.reason is None)


def segment(first: int, last: int, *, is_digit: bool = True) -> Segment:
    return Segment(first, last, np.zeros((28, 28), np.uint8), (0, 0, 1, 1), 0.0, is_digit)


def test_the_best_row_covers_every_piece_at_the_least_cost() -> None:
    candidates = [segment(0, 1), segment(0, 2), segment(1, 2), segment(2, 3)]
    assert best_row(candidates, [1, 1, 1, 1], None) == (2, [1, 3])
    assert best_row(candidates, [1, 3, 1, 1], None) == (3, [0, 2, 3])
    assert best_row(candidates, [1, 3, 1, 1], 2) == (4, [1, 3])
    assert best_row(candidates, [1, 3, 1, 1], 7) == (3, [0, 2, 3])
    # A mark takes its piece, and is no digit.
    candidates.append(segment(2, 3, is_digit=False))
    assert best_row(candidates, [1, 1, 1, 1, 0.5], None) == (1.5, [1])
    assert best_row(candidates, [1, 1, 1, 1, 0.5], 2) == (2, [1, 3])
