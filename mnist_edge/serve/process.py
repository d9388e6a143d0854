"""One process of a service: the model, the application, and uvicorn until it is told to end."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable

import uvicorn

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.application import build
from mnist_edge.serve.connections import Connection
from mnist_edge.serve.settings import Settings

# Seconds until what is under way is given up, once the process is to end.
GRACE = 8


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
    # What was made so far stays, and need not be looked through for garbage again and again.
    gc.collect()
    gc.freeze()
    server = _Server(config, ready)
    # Before uvicorn takes signals, and after, when it raises once more that which it ended by.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    server.run([listener])
