"""One process of a service: the model, the application, and uvicorn until it is to end."""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve import logs
from mnist_edge.serve.application import build
from mnist_edge.serve.middleware import new_id
from mnist_edge.serve.problems import Problem
from mnist_edge.serve.settings import Settings

# Seconds until what is under way is given up, once the process is to end.
GRACE = 8

# Of a request's headers.
HEADER_SECONDS = 10.0
MOST_HEADER_BYTES = 64 << 10


# What asks for another protocol, as HTTP/2: clients that offer one take an answer in this as well.
UPGRADE = re.compile(rb"(?<=\r\n)upgrade(?=:)", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """A connection that ends where headers do not, and stays what it is.

    Uvicorn waits for headers for ever, takes any number, and leaves what follows an offer of
    another protocol, such as the body, to the next request.
    """

    _deadline: asyncio.TimerHandle | None = None
    _bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._in_headers:
            head, end, body = data.partition(b"\r\n\r\n")
            data = UPGRADE.sub(b"x-upgrade", head) + end + body
        super().data_received(data)
        self._watch()

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_headers = True
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """End the connection where the offer came in pieces: what follows is no request."""
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(name + value)
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is no request, in the form of all other refusals."""
        request_id = new_id()
        logs.REQUEST_ID.set(request_id.decode())
        logs.LOGGER.info("refused what is not HTTP, or has headers that are too large")
        cause = f"this is not HTTP/1.1, or its headers have more than {MOST_HEADER_BYTES:,} bytes."
        refused = Problem(400, cause, "ask as http://, with fewer or shorter headers.").response()
        headers = (*refused.raw_headers, (b"connection", b"close"), (b"x-request-id", request_id))
        lines = (b"HTTP/1.1 400 Bad Request", *(b"%b: %b" % header for header in headers))
        self.transport.write(b"\r\n".join((*lines, b"", bytes(refused.body))))
        self.transport.close()

    def _count(self, part: bytes) -> None:
        self._bytes += len(part)
        if self._bytes > MOST_HEADER_BYTES:
            raise ValueError("the headers are too large")

    def _watch(self) -> None:
        waits = self.cycle is None or self.cycle.response_complete
        if waits and self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)
        elif self._deadline is not None and not waits:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._say_ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._say_ready()


def run(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, and finish what is under way then.

    Args:
        settings: what is served, and how.
        listener: a socket that is bound.
        ready: called once requests are answered.

    Raises:
        ModelError: the model cannot be loaded.
    """
    app = build(Classifier.load(settings.model, max_pixels=settings.max_pixels), settings)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    # What was made so far stays, and need not be searched for garbage again and again.
    gc.collect()
    gc.freeze()
    server = _Server(config, ready)
    # Before uvicorn takes signals, and after, when it raises once more that which it ended by.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    server.run([listener])
