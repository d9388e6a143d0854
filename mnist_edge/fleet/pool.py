"""Scoring with processes of this machine, none of which has to survive."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING

from mnist_edge.errors import ScoringError

if TYPE_CHECKING:
    from mnist_edge.data.pictures import Unit
    from mnist_edge.fleet.shards import Shard, Task

# Units that each worker has waiting, so that none is ever idle.
AHEAD = 2
# Times in a row that a worker may die before any unit is finished.
PATIENCE = 5

_task: Task


def run(task: Task, units: Iterable[Unit], workers: int | None = None) -> Generator[Shard]:
    """Finish units, a few at a time, in any order.

    When a worker dies, whatever was being worked on is begun again.

    Args:
        task: what is done.
        units: what it is done to; taken as they are needed.
        workers: how many processes; as many as there are processors by default.

    Raises:
        OutputError: a shard cannot be written.
        ScoringError: workers die again and again.
    """
    workers = workers or len(os.sched_getaffinity(0))
    units, deaths = iter(units), 0
    unfinished: dict[int, Unit] = {}
    others = multiprocessing.active_children()
    while True:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare, (task,))
        try:
            running = {pool.submit(_finish, unit) for unit in unfinished.values()}
            while True:
                for unit in islice(units, AHEAD * workers - len(running)):
                    unfinished[unit.number] = unit
                    running.add(pool.submit(_finish, unit))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    number, shard = future.result()
                    del unfinished[number]
                    deaths = 0
                    yield shard
        except BrokenProcessPool:
            deaths += 1
            if deaths == PATIENCE:
                first = min(unfinished.values(), key=lambda unit: unit.number)
                raise ScoringError(
                    f"{deaths} times in a row a worker died before it had finished anything, last "
                    f"with {first.paths[0]!r} or what follows it.",
                    remedy="see whether memory is short, or give fewer --workers; what is done is "
                    "kept for --resume.",
                ) from None
        finally:
            # Where the job ends early, what is being done is not waited for.
            if unfinished:
                for child in set(multiprocessing.active_children()).difference(others):
                    child.terminate()
            pool.shutdown(cancel_futures=True)


def _prepare(task: Task) -> None:
    global _task  # noqa: PLW0603
    _task = task
    # Ctrl-C reaches the whole group; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    task.model.classifier()


def _end_with_the_parent() -> None:
    """Not to outlive a parent that was killed, as a worker would that waits for work."""
    parent = multiprocessing.parent_process()
    if parent:
        wait_for([parent.sentinel])
        os._exit(1)


def _finish(unit: Unit) -> tuple[int, Shard]:
    return unit.number, _task.finish(unit)
