"""Timing engines against each other: interleaved rounds, after warm-up, collector off.

The method is MLPerf Tiny's (https://arxiv.org/abs/2106.07597, section 5.3) where it fits: one
picture a call, at least ten seconds and ten calls of each model (`FULL`), energy over the same
window, and the median of several runs. Unlike there, all engines take turns in every round, in an
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

from mnist_edge.benchmark.bootstrap import Interval, interval

if TYPE_CHECKING:
    from mnist_edge.benchmark.energy import Meter
    from mnist_edge.runtime.engines import Engine

# An engine is warm when the medians of two turns on end differ by no more than this share. One that
# does not come to rest is measured after this many turns all the same, and called unstable.
STABLE = 0.05
WARM_UPS = 10


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes:
        rounds: how often each engine has its turn.
        turn: the least length of a turn of single pictures, in seconds.
        calls: the least number of calls in it.
        batch: pictures in the one call that measures throughput.
        starts: fresh processes per file, for start-up and memory; 0 measures neither.
        corrupted: test pictures that each corruption is drawn of; 0 measures no robustness.
    """

    rounds: int
    turn: float
    calls: int
    batch: int
    starts: int = 0
    corrupted: int = 0


FULL = Effort(rounds=30, turn=0.34, calls=1, batch=2_000, starts=3, corrupted=10_000)
QUICK = Effort(rounds=10, turn=0.05, calls=1, batch=1_000, starts=1, corrupted=1_000)


@dataclass
class Timings:
    """What was measured of one engine, one entry per round.

    Attributes:
        single: int64, the nanoseconds of each call with one picture.
        batched: nanoseconds per picture of a call with a batch.
        energy: microjoules per picture, the whole processor's; empty where it tells nothing.
        stable: whether the warm-up came to rest.
    """

    single: list[NDArray[np.int64]] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    stable: bool = True

    def percentiles(self, percent: float) -> NDArray[np.float64]:
        """Return each round's percentile of the single-picture calls, in microseconds."""
        return np.array([np.percentile(calls, percent) for calls in self.single]) / 1e3

    def percentile(self, percent: float) -> float:
        """Return the median of the rounds' percentiles, in microseconds."""
        return float(np.median(self.percentiles(percent)))

    def interval(self, percent: float) -> Interval:
        """Return the 95 % confidence interval of `percentile`, in microseconds."""
        return interval(self.percentiles(percent))

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
    meter: Meter | None = None,
    on_round: Callable[[int], None] = lambda _number: None,
) -> dict[str, Timings]:
    """Time engines over the same pictures, in interleaved rounds.

    Args:
        engines: what to time, by name.
        images: uint8 (N, 28, 28), used in turn.
        effort: how long.
        seed: of the order within the rounds.
        meter: of the processor's energy, where it has one.
        on_round: called with the number of each finished round, from 1.
    """
    timings = {
        name: Timings(stable=_warm_up(engine, images, effort)) for name, engine in engines.items()
    }
    order = list(engines)
    shuffle = np.random.default_rng(seed).shuffle
    batch = images[: effort.batch]
    for number in range(1, effort.rounds + 1):
        shuffle(order)
        for name in order:
            engine, timing = engines[name], timings[name]
            with _no_collector():
                before = meter.read() if meter else []
                timing.single.append(_turn(engine, images, effort))
                if meter:
                    timing.energy.append(meter.since(before) / len(timing.single[-1]))
                start = time.perf_counter_ns()
                engine.run(batch)
                timing.batched.append((time.perf_counter_ns() - start) / len(batch))
        on_round(number)
    return timings


def _warm_up(engine: Engine, images: NDArray[np.uint8], effort: Effort) -> bool:
    """Run an engine until its median comes to rest, and tell whether it did."""
    engine.run(images[: effort.batch])
    last = np.inf
    for _ in range(WARM_UPS):
        median = np.median(_turn(engine, images, effort))
        if abs(median - last) <= STABLE * median:
            return True
        last = median
    return False


def _turn(engine: Engine, images: NDArray[np.uint8], effort: Effort) -> NDArray[np.int64]:
    """Time calls with one picture until both the length and the count are reached."""
    clock, run = time.perf_counter_ns, engine.run
    single: list[int] = []
    end = clock() + effort.turn * 1e9
    while len(single) < effort.calls or clock() < end:
        index = len(single) % len(images)
        image = images[index : index + 1]
        start = clock()
        run(image)
        single.append(clock() - start)
    return np.array(single, np.int64)


@contextmanager
def _no_collector() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
