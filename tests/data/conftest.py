"""A tiny dataset, and a local server in the place of the mirrors."""

from __future__ import annotations

import gzip
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Arrays = dict[str, NDArray[np.uint8]]

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@pytest.fixture
def arrays() -> Arrays:
    """24 training and 6 test pictures of noise on paper, by the names that Keras gives them."""
    rng = np.random.default_rng(0)
    noise = np.pad(rng.integers(0, 256, (30, 26, 26), np.uint8), ((0, 0), (1, 1), (1, 1)))
    return {
        "x_train": noise[:24],
        "y_train": (np.arange(24) % 10).astype(np.uint8),
        "x_test": noise[24:],
        "y_test": np.array([9, 8, 7, 6, 5, 4], np.uint8),
    }


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    header = bytes((0, 0, 8, array.ndim))
    return header + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def idx_files(arrays: Arrays) -> dict[str, bytes]:
    """The tiny dataset as decompressed IDX files, by standard name."""
    return {IDX_NAMES[key]: idx_bytes(array) for key, array in arrays.items()}


@pytest.fixture
def idx_folder(idx_files: dict[str, bytes], tmp_path: Path) -> Path:
    """The tiny dataset as a directory of .gz files."""
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, content in idx_files.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


class Server(ThreadingHTTPServer):
    """Serves `files` as several mirrors would, each named by the first part of the path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.closing = threading.Event()

    def mirror(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}/"

    def handle_error(self, *_: object) -> None:
        """Stay silent: clients that give up are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        _, mirror, name = self.path.split("/")
        getattr(self, mirror)(self.server.files[name])

    def good(self, content: bytes) -> None:
        self._answer(content, len(content))

    def unsized(self, content: bytes) -> None:
        self._answer(content, None)

    def corrupt(self, content: bytes) -> None:
        self._answer(content[:-1] + bytes((content[-1] ^ 1,)), len(content))

    def truncated(self, content: bytes) -> None:
        self._answer(content[: len(content) // 2], len(content))

    def stalled(self, content: bytes) -> None:
        self.truncated(content)
        self.wfile.flush()
        self.server.closing.wait(30)

    def silent(self, _: bytes) -> None:
        self.server.closing.wait(30)

    def missing(self, _: bytes) -> None:
        self.send_error(404)

    def longer(self, content: bytes) -> None:
        self._answer(content + b"!", len(content) + 1)

    def endless(self, content: bytes) -> None:
        self._answer(content, None)
        self._until_closed(content, 0)

    def dripping(self, content: bytes) -> None:
        self._answer(b"", len(content))
        self._until_closed(b"!", 0.05)

    def dripping_headers(self, _: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
        self._until_closed(b"!", 0.05)

    def moved(self, _: bytes) -> None:
        self.send_response(302)
        self.send_header("Location", self.path.replace("moved", "good"))
        self.end_headers()

    def rude(self, _: bytes) -> None:
        self.send_response(404, "\x1b[31mpwned")
        self.end_headers()

    def unheard(self, _: bytes) -> None:
        self.send_response(799, "\x1b[31mpwned")
        self.end_headers()

    def babble(self, _: bytes) -> None:
        self.wfile.write(b"\x1b[2J\x07 no HTTP at all\r\n")

    def flaky(self, content: bytes) -> None:
        if self.server.requests.count(self.path) == 1:
            self.send_error(503)
        else:
            self.good(content)

    def _until_closed(self, piece: bytes, pause: float) -> None:
        with suppress(OSError):  # the client gave up
            while not self.server.closing.wait(pause):
                self.wfile.write(piece)
                self.wfile.flush()

    def _answer(self, content: bytes, size: int | None) -> None:
        self.send_response(200)
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server; downloads neither wait between rounds nor go through a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("mnist_edge.data.download.PAUSES", (0.0, 0.0))
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()
