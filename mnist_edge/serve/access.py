"""ASGI middleware: whether a request brings the token."""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from mnist_edge.serve.problems import Problem

# What answers, describes or counts; the page and the probes of health say nothing that is secret.
GUARDED = ("/v1", "/v2", "/metrics", "/docs", "/openapi.json")
OPEN = ("/v2/health/live", "/v2/health/ready")


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
