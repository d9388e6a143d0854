"""What is said of an answer in one line."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge import Classifier
from mnist_edge.runtime.explain import in_words


@pytest.mark.parametrize(
    ("source", "words"), [(b"none", "unreadable"), (np.zeros((50, 50), np.uint8), "no ink")]
)
def test_a_picture_without_ink_is_told_from_none(source: object, words: str) -> None:
    answers = Classifier.load().predict_batch([source], errors="keep")  # type: ignore[list-item]
    assert in_words(answers[0]) == words
