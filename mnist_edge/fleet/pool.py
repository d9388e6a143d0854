"""Scoring with processes of this machine, any of which may die.

Each worker has a pipe of its own and one unit at a time, so that a death costs that unit's work and
is known at once. (`concurrent.futures` ends all workers when one dies, and waits for ever where one
dies while it is sent more than a pipe holds.)
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import MnistEdgeError, ScoringError, first_line

if TYPE_CHECKING:
    from mnist_edge.data.pictures import Unit
    from mnist_edge.fleet.shards import Shard, Task

# Times that workers may die of one unit, or one after the other before they begin.
PATIENCE = 5

_SPAWN = multiprocessing.get_context("spawn")


class _Worker:
    """A process, the pipe to it, and the unit that it has."""

    def __init__(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.unit: Unit | None = None
        self._process = _SPAWN.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is the end of the pipe

    def end(self) -> None:
        """End it: at once where it has a unit, else as it finds its pipe closed."""
        self.pipe.close()
        if self.unit:
            self._process.terminate()
        self._process.join()


def run(task: Task, units: Iterable[Unit], workers: int | None = None) -> Generator[Shard]:
    """Finish units, in any order.

    Args:
        task: what is done.
        units: what it is done to; taken as they are needed.
        workers: how many processes; as many as there are processors by default, and never more
            than units.

    Raises:
        OutputError: a shard cannot be written.
        ScoringError: workers die again and again.
    """
    # Units to be given out before others: the first, of which each has a worker, and those of
    # workers that died.
    again = list(islice(units := iter(units), workers or len(os.sched_getaffinity(0))))
    deaths: Counter[Unit | None] = Counter()
    crew = [_Worker() for _ in again]
    try:
        while crew:
            for pipe in wait([worker.pipe for worker in crew]):
                worker = next(worker for worker in crew if worker.pipe is pipe)
                try:
                    answer = worker.pipe.recv()
                    if answer is None:
                        worker.pipe.send(task)
                except (EOFError, OSError):
                    crew.remove(worker)
                    worker.end()
                    _count(deaths, worker.unit)
                    if worker.unit:
                        again.append(worker.unit)
                    crew.append(_Worker())
                    continue
                if isinstance(answer, MnistEdgeError):
                    raise answer
                if answer:
                    yield answer
                deaths[None] = 0
                worker.unit = again.pop() if again else next(units, None)
                if worker.unit:
                    with suppress(OSError):  # of one that has died, which is seen next
                        worker.pipe.send(worker.unit)
                else:
                    crew.remove(worker)
                    worker.end()
    finally:
        for worker in crew:
            worker.end()


def _count(deaths: Counter[Unit | None], unit: Unit | None) -> None:
    deaths[unit] += 1
    if deaths[unit] == PATIENCE:
        of = f"of {unit.paths[0]!r} or what follows it" if unit else "before it began"
        raise ScoringError(
            f"a worker died {of}, {PATIENCE} times.",
            remedy="see whether memory is short, and give fewer --workers; what is done is kept "
            "for --resume.",
        )


def _work(pipe: Any) -> None:
    # Ctrl-C reaches the whole group; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # the parent has ended
        pipe.send(None)  # a start for what a pipe cannot hold while nobody reads
        task: Task = pipe.recv()
        while True:
            unit = pipe.recv()
            try:
                answer: Any = task.finish(unit)
            except MnistEdgeError as error:
                answer = error
            except Exception as error:
                answer = ScoringError(
                    f"unexpected {type(error).__name__} at {unit.paths[0]!r} or what follows it: "
                    f"{first_line(error)}.",
                    remedy="report it; what is done is kept for --resume.",
                )
            pipe.send(answer)
