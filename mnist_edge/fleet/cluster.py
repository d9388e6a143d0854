"""Scoring on a Ray cluster."""
from __future__ import annotations
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_edge.data.pictures import Unit
    from mnist_edge.fleet.shards import Shard, Task

CONNECT_TIMEOUT = 30.0

def run(task: Task, units: Iterable[Unit], workers: int | None, address: str, connect_timeout: float) -> Generator[Shard]:
    yield from ()
