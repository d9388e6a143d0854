"""Bodies that are too large, too slow, or break off: told by ASGI messages, as a server would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mnist_edge.serve import bodies
from mnist_edge.serve.bodies import Bodies
from mnist_edge.serve.pool import ClientGone, Pool
from tests.serve.conftest import until

Messages = list[dict[str, Any]]


def ask(
    *chunks: bytes,
    most: int = 100,
    seconds: float = 5,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    then: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    layer: Bodies | None = None,
) -> tuple[Messages, list[bytes], int]:
    """Send a body in chunks; return what is answered, what was passed on, and chunks taken."""
    passed: list[bytes] = []
    sent: Messages = []
    taken = 0

    async def app(_: Any, receive: Any, send: Any) -> None:
        passed.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        nonlocal taken
        if taken == len(chunks):
            return await then() if then else {"type": "http.disconnect"}
        taken += 1
        more = taken < len(chunks) or then is not None
        return {"type": "http.request", "body": chunks[taken - 1], "more_body": more}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    layer = layer or Bodies(app, Pool(1), most, seconds)
    asyncio.run(layer(scope, receive, send))
    return sent, passed, taken


async def never() -> dict[str, Any]:
    await asyncio.sleep(60)
    raise AssertionError


def test_a_body_within_the_limit_is_passed_on_whole() -> None:
    sent, passed, _ = ask(b"a" * 60, b"b" * 40)
    assert (sent[0]["status"], passed) == (200, [b"a" * 60 + b"b" * 40])


@pytest.mark.parametrize("announced", [b"101", b"1" * 30])
def test_a_body_that_is_announced_as_too_large_is_refused_unread(announced: bytes) -> None:
    sent, passed, _ = ask(b"a" * 101, headers=((b"content-length", announced),))
    assert (sent[0]["status"], passed) == (413, [])
    assert "more than 100 bytes" in json.loads(sent[1]["body"])["error"]
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize(("encoding", "status"), [(b"gzip", 415), (b"br", 415), (b"Identity", 200)])
def test_an_encoded_body_is_refused(encoding: bytes, status: int) -> None:
    sent, passed, _ = ask(b"a", headers=((b"content-encoding", encoding),))
    assert (sent[0]["status"], bool(passed)) == (status, status == 200)


@pytest.mark.parametrize("then", [None, never])
def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_large(
    then: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LINGER", 0.1)
    sent, passed, _ = ask(b"a" * 60, b"b" * 41, then=then)
    assert (sent[0]["status"], passed) == (413, [])


def test_a_slow_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LINGER", 0.1)
    sent, passed, _ = ask(b"a", then=never, seconds=0.2)
    assert (sent[0]["status"], passed) == (408, [])
    assert "within 0.2 seconds" in json.loads(sent[1]["body"])["remedy"]


def test_a_body_that_breaks_off_is_dropped() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        ask(b"a", then=gone)


def test_bodies_in_memory_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_AT_ONCE", 2)
    statuses: list[int] = []

    async def flood() -> None:
        hold = asyncio.Event()

        async def app(*_: Any) -> None:
            await hold.wait()

        layer = Bodies(app, Pool(1), 100, 5)
        scope = {"type": "http", "method": "POST", "path": "/", "headers": ()}

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 0))

        async def one() -> None:
            async def receive() -> Any:
                return {"type": "http.request", "body": b"a" * 100, "more_body": False}

            await layer(scope, receive, send)

        tasks = [asyncio.create_task(one()) for _ in range(3)]
        await until(lambda: 503 in statuses)
        assert [status for status in statuses if status] == [503]
        hold.set()
        await asyncio.gather(*tasks)
        await one()  # there is room again

    asyncio.run(flood())
    assert statuses.count(503) == 1
