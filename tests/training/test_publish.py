"""What a contract says of the version that made it."""

from __future__ import annotations

from mnist_edge import Classifier
from mnist_edge.training.publish import preprocess


def test_the_shipped_model_is_given_digits_as_this_version_draws_them() -> None:
    assert Classifier.load().contract.preprocess == preprocess()
