"""ASGI middleware: a request's body, read within the limits of size, time and memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_edge.serve.pool import ClientGone, Pool
from mnist_edge.serve.problems import Problem, busy

# Bodies of the largest size that are in memory at the same time, in each process.
LARGEST_AT_ONCE = 16

# Seconds for which more of a refused body is taken and thrown away: whoever still sends when the
# connection is closed may never get to read why.
LINGER = 1.0

_CLOSE = {"Connection": "close"}


class Bodies:
    """Reads the bodies of POST requests whole, before the application is asked.

    Slow clients wait here, where they take no thread.

    Args:
        app: what is asked then.
        pool: a request that finds it full is refused before its body is read.
        most: bytes of a body.
        seconds: until it must be there.
    """

    def __init__(self, app: ASGIApp, pool: Pool, most: int, seconds: float) -> None:
        self._app, self._pool = app, pool
        self._most, self._seconds = most, seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body of a request, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if self._pool.full:
            # As cheaply as can be: there is more than enough to do.
            await busy().response()(scope, receive, send)
            return
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                await self._read(scope, receive, body)
        except Problem as problem:
            await _refuse(problem, scope, receive, send)
        except TimeoutError:
            remedy = f"send the body within {self._seconds:g} seconds."
            late = Problem(408, "the request's body takes too long.", remedy, _CLOSE)
            await _refuse(late, scope, receive, send)
        else:
            await self._app(scope, _again(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        """Append a request's body to `body`.

        Raises:
            Problem: it is too large, or encoded, or there is no room for it.
            ClientGone: it breaks off.
        """
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            remedy = "send the bytes of the file as they are, without a Content-Encoding."
            raise Problem(415, "the request's body has a Content-Encoding.", remedy, _CLOSE)
        announced = headers.get(b"content-length", b"0")
        self._check(int(announced[:20]) if announced.isdigit() else 0)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            self._check(len(body) + len(chunk))
            if self._held + len(chunk) > LARGEST_AT_ONCE * self._most:
                raise busy()
            self._held += len(chunk)
            body += chunk

    def _check(self, size: int) -> None:
        if size > self._most:
            cause = f"the request's body has more than {self._most:,} bytes."
            raise Problem(413, cause, "send a smaller picture, or fewer at once.", _CLOSE)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return messages.pop() if messages else await receive()

    return give


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request whose body has not been read, and take a little more of that."""

    async def hold_end(message: Message) -> None:
        await send({**message, "more_body": True} if "body" in message else message)

    await problem.response()(scope, receive, hold_end)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})
