"""ASGI middleware: every request gets an id, a line in the log, and a place in the counters."""

from __future__ import annotations

import asyncio
import random
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_edge.serve import logs
from mnist_edge.serve.metrics import Metrics
from mnist_edge.serve.pool import ClientGone
from mnist_edge.serve.problems import Problem, busy

# An id that a client or a proxy brings is kept, so that one request has one id all the way.
_GOOD_ID = re.compile(rb"[0-9A-Za-z._-]{1,64}")

# Not to be guessed they need not be, and asking the system for each takes longer than to count it.
_IDS = random.Random()  # noqa: S311

GONE = 499  # nginx's status of a request whose client has closed the connection


class Observing:
    """Counts and logs requests, and keeps whatever goes wrong out of the answers.

    Args:
        app: what answers them.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _GOOD_ID.fullmatch(given) else new_id()
        logs.REQUEST_ID.set(request_id.decode())
        status, size = 0, 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id)]
                message = {**message, "headers": headers}
            else:
                size += len(message.get("body", b""))
            await send(message)

        # The server sends no body to HEAD.
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        self._metrics.in_flight.inc()
        try:
            await self._app(asked, receive, send_with_id)
        except ClientGone:
            pass
        except asyncio.CancelledError:  # the service ends, and this took too long
            if not status:
                await busy().response()(scope, receive, send_with_id)
        except Exception:
            logs.LOGGER.exception("an unexpected error:")
            if not status:
                await unexpected().response()(scope, receive, send_with_id)
        finally:
            self._metrics.in_flight.dec()
            seconds = time.perf_counter() - began
            path, client = scope["path"], (scope.get("client") or ("-",))[0]
            self._metrics.answered(path, status or GONE, seconds)
            logs.log_request(scope["method"], path, status or GONE, seconds, size, client)


def new_id() -> bytes:
    """Return an id for a request that brings none."""
    return b"%016x" % _IDS.getrandbits(64)


def unexpected() -> Problem:
    """Say that the fault is not the client's."""
    return Problem(
        500, "an unexpected error.", "report it with the request's id; the log says more."
    )
