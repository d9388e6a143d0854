"""The page over HTTP: what it comes with, and what of it is sent again."""

from __future__ import annotations

import pytest

from mnist_edge.serve import site
from tests.serve.conftest import Serve


def test_the_page_is_open_and_comes_under_its_own_policy(served: Serve) -> None:
    client = served(token="secret")  # noqa: S106
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<canvas id="pad"' in page.text
    policy = page.headers["content-security-policy"]
    assert policy == site.policy()
    # What runs beside the page is held to it as well.
    assert client.get("/worker.js").headers["content-security-policy"] == policy


def test_every_file_has_its_type_and_nothing_else_is_given(served: Serve) -> None:
    client = served()
    for name in site.served():
        answer = client.get(f"/{name}")
        assert answer.headers["content-type"] == site.media_type(name)
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/nowhere.js", "/%2e%2e/pyproject.toml", "/runtime/"):
        assert client.get(path).status_code == 404
    assert client.post("/style.css").status_code == 405


@pytest.mark.parametrize("method", ["get", "head"])
def test_what_has_not_changed_is_not_sent_again(served: Serve, method: str) -> None:
    client = served()
    first = client.request(method, "/style.css")
    known = {"If-None-Match": first.headers["etag"]}
    again = client.request(method, "/style.css", headers=known)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
