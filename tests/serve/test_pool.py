"""The pool is bounded, refuses at once, and does not begin what nobody waits for."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_edge.serve import pool as module
from mnist_edge.serve.pool import MOST_HERE, Cancellation, ClientGone, Pool
from mnist_edge.serve.problems import Problem
from tests.serve.conftest import until


async def waits() -> Any:
    await asyncio.Event().wait()


def is_full(pool: Pool) -> bool:
    return pool.full  # which type checkers would take for the same ever after


def test_threads_and_queue_are_all_there_is() -> None:
    async def fill() -> None:
        pool, go, begun = Pool(2), threading.Event(), []

        def job(_: Cancellation) -> int:
            begun.append(threading.current_thread().name)
            go.wait(60)
            return len(begun)

        tasks = [asyncio.create_task(pool.run(job, waits)) for _ in range(4)]
        await until(lambda: len(begun) == 2)
        assert len(set(begun)) == 2
        assert is_full(pool)
        with pytest.raises(Problem) as refused:
            await pool.run(job, waits)
        assert refused.value.status == 503
        assert refused.value.headers["Retry-After"] == "1"
        go.set()
        await asyncio.gather(*tasks)
        assert len(begun) == 4
        assert not is_full(pool)

    asyncio.run(fill())


def test_more_may_wait_where_answers_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: seconds[0]))

    async def fill() -> None:
        pool, go = Pool(1), threading.Event()

        def slow(_: Cancellation) -> None:
            go.wait(60)
            seconds[0] += 0.1

        for _ in range(100):
            await pool.run(lambda _: None, waits)
        tasks = [asyncio.create_task(pool.run(slow, waits)) for _ in range(5)]
        await asyncio.sleep(0)  # in which they are begun
        assert not is_full(pool)
        go.set()
        await asyncio.gather(*tasks)
        # These took their time, and whoever comes next would have to wait for it.
        go.clear()
        tasks = [asyncio.create_task(pool.run(slow, waits)) for _ in range(2)]
        await asyncio.sleep(0)
        assert is_full(pool)
        go.set()
        await asyncio.gather(*tasks)

    asyncio.run(fill())


def test_of_what_comes_at_once_to_the_event_loop_a_few_are_answered() -> None:
    async def flood() -> None:
        pool = Pool(1)
        jobs = [pool.run_here(lambda _: 1) for _ in range(100)]
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        refused = [each.status for each in answers if isinstance(each, Problem)]
        assert refused == [503] * (100 - MOST_HERE)
        assert answers[-MOST_HERE:] == [1] * MOST_HERE
        assert await pool.run_here(lambda _: 1) == 1

    asyncio.run(flood())


def test_what_waits_and_is_wanted_no_more_is_not_begun() -> None:
    async def leave() -> None:
        pool, go, gone, begun = Pool(1), threading.Event(), asyncio.Event(), []

        def job(name: str) -> Any:
            def run(cancellation: Cancellation) -> bool:
                begun.append(name)
                go.wait(60)
                return cancellation.requested

            return run

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        first = asyncio.create_task(pool.run(job("first"), waits))
        second = asyncio.create_task(pool.run(job("second"), receive))
        await until(lambda: begun == ["first"])
        gone.set()
        with pytest.raises(ClientGone):
            await second
        assert not is_full(pool)
        go.set()
        assert await first is False
        assert begun == ["first"]

    asyncio.run(leave())


def test_what_is_under_way_is_cancelled_when_nobody_waits() -> None:
    async def leave() -> None:
        pool, seen = Pool(1), threading.Event()

        def job(cancellation: Cancellation) -> None:
            while not cancellation.requested:
                seen.wait(0.01)
            seen.set()

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        with pytest.raises(ClientGone):
            await pool.run(job, receive)
        assert seen.is_set()

    asyncio.run(leave())
