"""Pictures that came as a request's body: what they are, and what is answered to them."""

from __future__ import annotations

import base64
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from python_multipart.multipart import parse_options_header

from mnist_edge.contract import SIZE
from mnist_edge.errors import UnreadableImage, printable
from mnist_edge.runtime.answers import Prediction
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.explain import drawing, explain
from mnist_edge.runtime.pictures import answer_each
from mnist_edge.runtime.reading.decoding import decode
from mnist_edge.serve.pool import Cancellation
from mnist_edge.serve.problems import Problem

# In one request: as many in MNIST's own form keep a thread busy for a fifth of a second.
MOST_PICTURES = 1000

# Of many, those that are read before cancellation is checked: for two seconds at most, as a process
# that is to end waits for them.
AT_ONCE = 8

# How a PNG file of MNIST's size begins. Handing one to a thread takes longer than to read it, and
# the worst of them keeps others waiting no longer than a thread does, by Python's lock.
_PNG_OF_MNIST = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", SIZE, SIZE)
_SMALL = 4096  # bytes: no more can be wrapped up in them than takes no time either

_DISPOSITION = re.compile(rb"^content-disposition:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


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


def is_small(body: bytes) -> bool:
    """Tell whether a body is a picture that is best read at once, on the event loop."""
    return len(body) <= _SMALL and body.startswith(_PNG_OF_MNIST)


def is_form(content_type: str) -> bool:
    """Tell whether a body is one of parts."""
    return content_type.lower().startswith("multipart/")


def picture_of(content_type: str, body: bytes) -> bytes:
    """Return the one picture of a body: all of it, or the only part of a form.

    Raises:
        Problem: the form is damaged, or has several.
    """
    if not is_form(content_type):
        return body
    (_, picture), *others = parts_of(content_type, body)
    if others:
        raise Problem(422, "this is answered for one picture at a time.", "send a form with one.")
    return picture


def parts_of(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return the names and contents of the parts of a multipart body (RFC 2046, RFC 7578).

    Raises:
        Problem: it is damaged, or has too many parts.
    """
    _, options = parse_options_header(content_type)
    if not (boundary := options.get(b"boundary")):
        raise _damaged("its Content-Type names no boundary")
    # After the parts comes what follows the last boundary, which has two hyphens behind it.
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PICTURES + 2)
    if len(parts) > MOST_PICTURES + 1:
        cause = f"these are more than {MOST_PICTURES:,} pictures."
        raise Problem(413, cause, "send fewer at once.")
    if len(parts) < 2 or not parts.pop().startswith(b"--"):
        raise _damaged("it has no part, or its last boundary is missing")
    return [*map(_part, parts)]


def _part(part: bytes) -> tuple[str, bytes]:
    """Return the name and content of what stands between two boundaries."""
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator or head.partition(b"\r\n")[0].strip(b" \t"):
        raise _damaged("a part has no empty line before its content, or text beside its boundary")
    disposition = _DISPOSITION.search(head)
    _, options = parse_options_header(disposition and disposition[1])
    name = options.get(b"filename") or options.get(b"name") or b""
    return printable(name.decode(errors="replace")), content


def _damaged(fault: str) -> Problem:
    remedy = "send each picture as a part: curl -F picture=@digit.png"
    return Problem(422, f"the multipart body is damaged: {fault}.", remedy)


def predict_many(
    classifier: Classifier, pictures: Sequence[tuple[str, bytes]], cancellation: Cancellation
) -> list[Prediction | Unanswered]:
    """Answer pictures with names, each in its place; fewer where nobody waits for them any more."""
    answers: list[Prediction | Unanswered] = []
    for start in range(0, len(pictures), AT_ONCE):
        if cancellation.requested:
            break
        some = pictures[start : start + AT_ONCE]
        for (name, _), answer in zip(some, answer_each(classifier, some), strict=True):
            if isinstance(answer, UnreadableImage):
                answers.append(Unanswered(name, answer.cause, answer.remedy))
            elif isinstance(answer, Prediction):
                answers.append(answer)
    return answers


def reason_of(answer: Prediction | Unanswered) -> str | None:
    """Return why an answer is not to be trusted; None where it is."""
    return "unreadable" if isinstance(answer, Unanswered) else answer.reason


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
