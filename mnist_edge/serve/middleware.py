"""ASGI middleware: a request's id, its line in the log and place in the counters; the token."""

from __future__ import annotations

import asyncio
import hmac
import random
import re
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
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

# What answers, describes or counts; the page and the probes of health say nothing that is secret.
GUARDED = ("/v1", "/v2", "/metrics", "/docs", "/openapi.json")
OPEN = ("/v2/health/live", "/v2/health/ready")


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


class Access:
    """Refuses what needs a token and does not bring it.

    Args:
        app: what is asked where there is one.
        token: the token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            given = dict(scope["headers"]).get(b"authorization", b"")
            scheme, _, token = given.partition(b" ")
            known = hmac.compare_digest(token, self._token)  # in constant time
            if not (known and scheme.lower() == b"bearer") and scope["path"] not in OPEN:
                remedy = "send the header Authorization: Bearer TOKEN."
                headers = {"WWW-Authenticate": "Bearer"}
                problem = Problem(401, "the token is missing or wrong.", remedy, headers)
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Shortcut:
    """Asks one endpoint itself, as FastAPI takes as long as reading a small digit.

    Args:
        app: what answers all others.
        path: of the endpoint.
        endpoint: what answers there, to POST.
    """

    def __init__(
        self, app: ASGIApp, path: str, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._app, self._path, self._endpoint = app, path, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        if scope["type"] != "http" or (scope["path"], scope["method"]) != (self._path, "POST"):
            await self._app(scope, receive, send)
            return
        try:
            response = await self._endpoint(Request(scope, receive))
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)


def new_id() -> bytes:
    """Return an id for a request that brings none."""
    return b"%016x" % _IDS.getrandbits(64)


def unexpected() -> Problem:
    """Say that the fault is not the client's."""
    return Problem(
        500, "an unexpected error.", "report it with the request's id; the log says more."
    )
