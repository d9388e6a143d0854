"""Many pictures of one request."""

from __future__ import annotations

from typing import Any

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.pictures import AT_ONCE, predict_many
from mnist_edge.serve.pool import Cancellation


def test_a_few_more_are_read_once_nobody_waits(classifier: Classifier, seven: bytes) -> None:
    cancellation = Cancellation()

    class Pictures(list[tuple[str, bytes]]):
        def __getitem__(self, part: Any) -> Any:
            cancellation.requested = True  # the client leaves while these are read
            return super().__getitem__(part)

    answers = predict_many(classifier, Pictures([("seven", seven)] * 50), cancellation)
    assert len(answers) == AT_ONCE
