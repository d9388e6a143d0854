"""Addresses that a service cannot listen on are said in one line."""

from __future__ import annotations

import pytest

from mnist_edge.errors import ServingError
from mnist_edge.serve.listening import bind, reserved


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 300, "\x1b[31m", "a..b", "\ud800"])
def test_no_address_of_this_machine_is_an_error_that_names_it(host: str) -> None:
    with pytest.raises(ServingError, match="cannot listen on port 0 of ") as caught:
        bind(host, 0)
    assert caught.value.cause.isprintable()


def test_of_two_services_that_start_at_once_one_has_the_port() -> None:
    with bind("127.0.0.1", 0) as one, reserved(one), bind(*one.getsockname()) as other:
        late = reserved(other)
        with pytest.raises(ServingError, match="another service is about to listen"):
            late.__enter__()
