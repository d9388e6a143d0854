"""Where the page is while it is tested: the service, a static host, and the browser."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Of a browser that asks nobody whether a page may use the camera, which shows a test picture.
BROWSER = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


class Host(NamedTuple):
    """Where the page is.

    Attributes:
        address: of the page.
        stop: makes the host go away.
    """

    address: str
    stop: Callable[[], None]


@contextlib.contextmanager
def serving(*arguments: str, env: dict[str, str] | None = None) -> Iterator[Host]:
    """Run `mnist-edge serve` at a free port meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", "serve", "--port", "0", *arguments],
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise RuntimeError(f"serve ended: {said}")
        # What it says goes on, and must go somewhere.
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        yield Host(f"{found[0]}/", process.terminate)
        process.terminate()
        reader.join(60)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def static(root: Path, prefix: str) -> Iterator[Host]:
    """Serve a folder as a static host does meanwhile; the page is in the folder `prefix` of it."""
    handler = functools.partial(_Quiet, directory=str(root))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    try:
        yield Host(f"http://127.0.0.1:{server.server_port}/{prefix}/", stop)
    finally:
        stop()
