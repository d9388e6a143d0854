"""Errors go from process to process, and say there what they said."""

from __future__ import annotations

import pickle

import pytest

from mnist_edge import errors
from mnist_edge.errors import MissingExtra, MnistEdgeError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_in_another_process(kind: type[MnistEdgeError]) -> None:
    error = (
        MissingExtra("ray", "fleet")
        if kind is MissingExtra
        else kind("it broke.", remedy="mend it.")
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert (again.cause, again.remedy, str(again)) == (error.cause, error.remedy, str(error))
