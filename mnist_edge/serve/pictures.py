"""Pictures that came as a request's body: what they are, and what is answered to them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mnist_edge.errors import UnreadableImage, printable
from mnist_edge.runtime.answers import Prediction
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.explain import drawing, explain
from mnist_edge.runtime.pictures import answer_each
from mnist_edge.runtime.reading.decoding import decode
from mnist_edge.serve.pool import Ticket
from mnist_edge.serve.problems import Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# In one request: as many in MNIST's own form keep a thread busy for a fifth of a second.
MOST_PICTURES = 1000


@dataclass(frozen=True)
class Unanswered:
    """One of many pictures that cannot be read.

    Attributes:
        source: the name that it came with.
        error: one line of cause.
        remedy: one line of what to do about it.
    """

    source: str
    error: str
    remedy: str


@dataclass(frozen=True)
class Explanation:
    """How a picture was read.

    Attributes:
        prediction: what was answered.
        words: lines that say how.
        image: what the network saw, 28×28, ink 255 on 0: a PNG as a data URL.
        drawing: the picture, the box of what was read, and every candidate: a PNG as a data URL.
    """

    prediction: Prediction
    words: list[str]
    image: str
    drawing: str


def parts_of(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return the names and contents of the parts of a multipart body.

    Raises:
        Problem: it is damaged, or has too many parts.
    """
    _, options = parse_options_header(content_type)
    parts = _Parts()
    fault = "it has no part that is complete"
    try:
        parser = MultipartParser(options.get(b"boundary", b""), parts.callbacks())
        parser.write(body)
    except FormParserError as error:
        fault, parts.complete = printable(str(error)), False
    if not parts.complete or not parts.found:
        remedy = "send each picture as a part: curl -F picture=@digit.png"
        raise Problem(422, f"the multipart body is damaged: {fault}.", remedy)
    if len(parts.found) > MOST_PICTURES:
        raise Problem(
            413, f"these are more than {MOST_PICTURES:,} pictures.", "send fewer at once."
        )
    return parts.found


class _Parts:
    """What a parser of a multipart body finds.

    Attributes:
        found: names and contents of the parts.
        complete: whether the last boundary was there.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, bytes]] = []
        self.complete = False
        self._field = self._value = self._disposition = b""
        self._content: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_part_data": lambda data, start, end: self._content.append(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def _begin(self) -> None:
        self._disposition, self._content = b"", []

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename") or options.get(b"name") or b""
        self.found.append((printable(name.decode(errors="replace")), b"".join(self._content)))

    def _complete(self) -> None:
        self.complete = True


def predict_many(
    classifier: Classifier, pictures: Sequence[tuple[str, bytes]], ticket: Ticket
) -> list[Prediction | Unanswered]:
    """Answer pictures with names, each in its place; fewer where nobody waits for them any more."""
    answers: list[Prediction | Unanswered] = []
    for (name, _), answer in zip(pictures, answer_each(classifier, pictures), strict=True):
        if ticket.dropped:
            break
        if isinstance(answer, UnreadableImage):
            answers.append(Unanswered(name, answer.cause, answer.remedy))
        elif isinstance(answer, Prediction):
            answers.append(answer)
    return answers


def explained(classifier: Classifier, picture: bytes) -> Explanation:
    """Answer one picture, and say and draw how it was read.

    Raises:
        UnreadableImage: it cannot be read.
    """
    decoded = decode(picture, classifier.max_pixels)
    reading = classifier.read(decoded)
    answer = classifier.answer(reading)
    return Explanation(
        answer,
        explain(decoded, reading, answer),
        _data_url(Image.fromarray(reading.image)),
        _data_url(drawing(decoded, reading)),
    )


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
