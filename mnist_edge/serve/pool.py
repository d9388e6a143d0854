"""Where answers are worked out, in a thread each or on the event loop, after a short queue only."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.types import Receive

from mnist_edge.serve.problems import busy

Answer = TypeVar("Answer")

# Seconds that a request may wait behind others, where there are more than threads.
WAIT = 0.005

# As many answers on the event loop as take about as long.
MOST_HERE = 20

# Seconds until a request's client is watched for leaving.
PATIENCE = 0.02


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Cancellation:
    """What tells a job that is under way whether its answer is still wanted."""

    requested = False


class Pool:
    """Threads that answer pictures; the queue before them holds one request for each.

    Where answers take next to no time it holds more: as many as are answered within `WAIT`.

    Args:
        threads: answers at a time.
    """

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, "answer")
        self._threads = threads
        self._pending = self._waiting_here = 0
        self._usual = 10 * WAIT  # seconds of a job, by those before

    @property
    def full(self) -> bool:
        """Whether one more request would be refused."""
        waiting = self._pending - self._threads
        return waiting >= self._threads and waiting * self._usual > self._threads * WAIT

    async def run(self, job: Callable[[Cancellation], Answer], receive: Receive) -> Answer:
        """Run a job on a thread of the pool.

        Args:
            job: what is done; it may ask from time to time whether it is cancelled.
            receive: of a request whose body has been read: what comes next is that it is gone.

        Raises:
            Problem: threads and queue are full.
            ClientGone: the client has closed the connection; a job that waited is not begun.
        """
        if self.full:
            raise busy()
        cancellation = Cancellation()
        self._pending += 1
        work = self._executor.submit(contextvars.copy_context().run, self._timed, job, cancellation)

        async def drop() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            cancellation.requested = True
            work.cancel()

        # An answer that is there at once needs no one to watch its client.
        loop, watches = asyncio.get_running_loop(), []
        timer = loop.call_later(PATIENCE, lambda: watches.append(loop.create_task(drop())))
        try:
            answer = await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            if not cancellation.requested:  # the service is ending
                raise
        finally:
            gone, cancellation.requested = cancellation.requested, True
            timer.cancel()
            for watch in watches:
                watch.cancel()
            self._pending -= 1
        if gone:
            raise ClientGone
        return answer

    async def run_here(self, job: Callable[[Cancellation], Answer]) -> Answer:
        """Run a job on the event loop, which nothing may that takes longer than to go to a thread.

        Raises:
            Problem: too many others have come at the same time.
        """
        self._waiting_here += 1
        await asyncio.sleep(0)  # until those that have come meanwhile are counted
        self._waiting_here -= 1
        if self._waiting_here >= MOST_HERE:
            raise busy()
        return job(Cancellation())

    def _timed(self, job: Callable[[Cancellation], Answer], cancellation: Cancellation) -> Answer:
        began = time.perf_counter()
        try:
            return job(cancellation)
        finally:
            self._usual += (time.perf_counter() - began - self._usual) / 10
