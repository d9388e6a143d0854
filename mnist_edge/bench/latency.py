"""Timing engines against each other: interleaved rounds, after warm-up, collector off.

The method is MLPerf Tiny's (https://github.com/mlcommons/tiny) where it fits: batch 1, warm-up,
a least duration and a least count, fixed seeds. All engines take turns in every round, in an
order shuffled by the seed, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mnist_edge.runtime.engine import Engine


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: how often each engine has its turn.
        turn: the least length of a turn of single pictures, in seconds.
        calls: the least number of calls in it.
        batch: pictures in the one call that measures throughput.
    """

    rounds: int
    turn: float
    calls: int
    batch: int


FULL = Effort(rounds=30, turn=0.1, calls=3, batch=2_000)
QUICK = Effort(rounds=5, turn=0.05, calls=2, batch=1_000)


@dataclass
class Timings:
    """What was measured of one engine: nanoseconds per picture.

    Attributes:
        single: one entry per call with one picture.
        batched: one entry per call with a batch, divided by its size.
    """

    single: list[int] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the single-picture calls, in microseconds."""
        return float(np.percentile(self.single, percent)) / 1e3

    @property
    def images_per_s(self) -> float:
        """Pictures per second, by the median batched call."""
        return 1e9 / float(np.median(self.batched))


def time_engines(
    engines: Mapping[str, Engine],
    images: NDArray[np.uint8],
    effort: Effort,
    *,
    seed: int = 0,
    on_round: Callable[[int], None] = lambda _number: None,
) -> dict[str, Timings]:
    """Time engines over the same pictures, in interleaved rounds.

    Args:
        engines: what to time, by name.
        images: uint8 (N, 28, 28), used in turn.
        effort: how long.
        seed: of the order within the rounds.
        on_round: called with the number of each finished round, from 1.
    """
    timings = {name: Timings() for name in engines}
    order = list(engines)
    shuffle = np.random.default_rng(seed).shuffle
    batch = images[: effort.batch]
    for name in order:
        _turn(engines[name], images, effort, Timings())
        engines[name].run(batch)
    for number in range(1, effort.rounds + 1):
        shuffle(order)
        for name in order:
            with _no_collector():
                _turn(engines[name], images, effort, timings[name])
                start = time.perf_counter_ns()
                engines[name].run(batch)
                timings[name].batched.append((time.perf_counter_ns() - start) / len(batch))
        on_round(number)
    return timings


def _turn(engine: Engine, images: NDArray[np.uint8], effort: Effort, timings: Timings) -> None:
    """Time calls with one picture until both the length and the count are reached."""
    clock, run, single = time.perf_counter_ns, engine.run, timings.single
    end = clock() + effort.turn * 1e9
    index = calls = 0
    while calls < effort.calls or clock() < end:
        image = images[index : index + 1]
        start = clock()
        run(image)
        single.append(clock() - start)
        calls += 1
        index = calls % len(images)


@contextmanager
def _no_collector() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
