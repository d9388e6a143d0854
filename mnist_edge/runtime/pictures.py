"""Many pictures: finding them in folders and by patterns, and answering one after the other."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from mnist_edge.errors import UnreadableImage
from mnist_edge.runtime.classifier import PICTURES_AT_ONCE, Classifier
from mnist_edge.runtime.reading.decoding import SUFFIXES, path_of, source_name
from mnist_edge.runtime.reading.parameters import DECODING

if TYPE_CHECKING:
    from mnist_edge.runtime.answers import Line, Prediction
    from mnist_edge.runtime.reading.decoding import Source


def find_pictures(arguments: Sequence[str]) -> list[str]:
    """Turn folders and patterns into the pictures in them; what has none is left to fail by name.

    An existing file is one even where its name reads like a pattern, and `-` is left as it is.
    """
    names: list[str] = []
    for argument in arguments:
        matches = [argument]
        # Of a text that is too long for a path, as a data URL is, pathlib raises an error.
        if argument != "-" and not os.path.exists(argument):  # noqa: PTH110
            matches = sorted(glob.glob(argument, recursive=True)) or [argument]  # noqa: PTH207
        # A pattern may match a folder, and what is in it too.
        names += dict.fromkeys(name for match in matches for name in pictures_in(match) or [match])
    return names


def pictures_in(folder: str) -> list[str]:
    """Return the picture files in a folder and those within it, in order; hidden ones left out."""
    # Joining strings: with thousands of small pictures, pathlib takes as long as decoding them.
    names = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [
            os.path.join(parent, name)  # noqa: PTH118
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(filter(os.path.isfile, names))


def sources_of(names: Sequence[str], stdin: BinaryIO) -> list[tuple[str, Source]]:
    """Return pictures with their names; `-` is what comes from stdin.

    Of that no more is read than by which `decode` knows that it is too much. A picture that is a
    text itself, as a data URL is, is called by how that begins.
    """
    piped = stdin.read(DECODING.max_bytes + 1) if "-" in names else b""
    return [
        (name, piped) if name == "-" else (path_of(name) or source_name(name), name)
        for name in names
    ]


def answer_each(
    classifier: Classifier,
    sources: Sequence[tuple[str, Source]],
    *,
    digits: str | None = None,
    frames: bool = False,
) -> Iterator[Prediction | Line | UnreadableImage]:
    """Answer named pictures in their order, a few at a time; what cannot be read is an answer too.

    Args:
        classifier: what answers.
        sources: names and pictures.
        digits: how many a line has that is read, or `auto` where that is not known; None where
            each picture shows one digit.
        frames: whether each frame of an animation is answered, not the first alone.
    """
    for start in range(0, len(sources), PICTURES_AT_ONCE):
        chunk = sources[start : start + PICTURES_AT_ONCE]
        if digits is None and not frames:
            answers = classifier.predict_batch([source for _, source in chunk], errors="keep")
            for number, (name, _) in enumerate(chunk):
                yield answers.errors.get(number) or replace(answers[number], source=name)
            continue
        for name, source in chunk:
            try:
                if digits is None:
                    answers = classifier.predict_frames(source, errors="keep")
                    for answer in answers:
                        yield replace(answer, source=name)
                    yield from answers.errors.values()
                else:
                    line = classifier.read_line(source, None if digits == "auto" else int(digits))
                    yield replace(line, source=name)
            except UnreadableImage as error:
                yield error
