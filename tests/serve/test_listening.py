"""Addresses that a service cannot listen on are said in one line."""

from __future__ import annotations

import pytest

from mnist_edge.errors import ServingError
from mnist_edge.serve.listening import bind


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 300, "\x1b[31m", "a..b", "\ud800"])
def test_no_address_of_this_machine_is_an_error_that_names_it(host: str) -> None:
    with pytest.raises(ServingError, match="cannot listen on port 0 of ") as caught:
        bind(host, 0)
    assert caught.value.cause.isprintable()
