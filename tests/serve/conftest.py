"""A service in this process, and one in processes of its own."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import httpx2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from mnist_edge.runtime import shipped
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.application import build
from mnist_edge.serve.settings import Settings

MODEL = shipped.folder() / "edge.onnx"


class Running(NamedTuple):
    """A service in processes of its own.

    Attributes:
        process: the first of them.
        address: what it has printed.
        client: that asks it.
        log: what it has written to stderr.
    """

    process: subprocess.Popen[str]
    address: str
    client: httpx2.Client
    log: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def stop(self) -> int:
        """End it as a supervisor does, and return its exit code."""
        self.process.terminate()
        return self.process.wait(60)


@contextmanager
def running(folder: Path, *options: str | Path) -> Iterator[Running]:
    """Run `mnist-edge serve` on a port that is free, until the end of the block."""
    log = folder / "log"
    command = [sys.executable, "-m", "mnist_edge", "serve", "--port", "0", "--model", str(MODEL)]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*command, *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=folder,
        )
    try:
        address = _line(process.stdout).strip()
        assert address, log.read_text()
        with httpx2.Client(base_url=address, timeout=60) as client:
            yield Running(process, address, client, log)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _line(stream: IO[str] | None) -> str:
    assert stream
    return stream.readline()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that threads or other tasks bring about."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.001)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier.load(MODEL)


Serve = Callable[..., TestClient]


@pytest.fixture
def served(classifier: Classifier) -> Serve:
    """Return a client of a service with such settings, in this process."""

    def client(max_pixels: int | None = None, **settings: object) -> TestClient:
        model = Classifier.load(MODEL, max_pixels=max_pixels) if max_pixels else classifier
        app = build(model, Settings(MODEL, **settings))  # type: ignore[arg-type]
        return TestClient(app, raise_server_exceptions=False)

    return client


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def seven() -> bytes:
    """A 7 in dark ink on white paper, as a PNG file."""
    picture = Image.new("L", (200, 200), 255)
    pen = ImageDraw.Draw(picture)
    pen.line([(60, 40), (140, 40), (95, 160)], fill=0, width=16, joint="curve")
    return png(picture)


@pytest.fixture(scope="session")
def slow_picture() -> bytes:
    """A picture that takes far longer to read than a request takes otherwise."""
    squares = np.random.default_rng(0).integers(0, 2, (60, 60), np.uint8) * 255
    return png(Image.fromarray(squares).resize((900, 900), Image.Resampling.NEAREST))
