"""The stopwatch: turns, their order and what is counted, on a clock that the tests move."""

from __future__ import annotations

import gc
import time
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.benchmark import latency
from mnist_edge.benchmark.latency import Effort, Timings, time_engines

Images = NDArray[np.uint8]

# Each picture is its own number, so that an engine can tell which ones it got.
IMAGES = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None], (5, 28, 28))
ONE_CALL = Effort(rounds=4, turn=0.0, calls=1, batch=3)


class Clock:
    """Time that passes only when an engine says so, in nanoseconds."""

    now = 0

    def perf_counter_ns(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter_ns=clock.perf_counter_ns))
    return clock


class Recorder:
    """An engine that keeps a log of its calls and takes its time for every picture."""

    def __init__(self, clock: Clock | None = None, cost: int = 0) -> None:
        self.calls: list[list[int]] = []
        self._clock = clock or Clock()
        self._cost = cost

    def run(self, images: Images) -> NDArray[np.float32]:
        self.calls.append(images[:, 0, 0].tolist())
        self._clock.now += self._cost * len(images)
        return np.zeros((len(images), 10), np.float32)


def order(seed: int) -> list[str]:
    """The names of four engines as their batches come, round after round."""
    names: list[str] = []

    class Named(Recorder):
        def __init__(self, name: str) -> None:
            super().__init__()
            self._name = name

        def run(self, images: Images) -> NDArray[np.float32]:
            if len(images) > 1:
                names.append(self._name)
            return super().run(images)

    time_engines({name: Named(name) for name in "abcd"}, IMAGES, ONE_CALL, seed=seed)
    return names


def test_every_engine_has_its_turn_in_every_round() -> None:
    names = order(seed=0)
    rounds = ["".join(names[start : start + 4]) for start in range(0, len(names), 4)]
    assert rounds[0] == "abcd"  # warm-up begins with a batch
    assert len(rounds) == 1 + ONE_CALL.rounds
    assert all(sorted(turns) == list("abcd") for turns in rounds)


def test_the_order_within_rounds_is_shuffled_by_the_seed() -> None:
    assert order(seed=0) == order(seed=0)
    assert order(seed=0) != order(seed=1)
    assert order(seed=0) != list("abcd") * (1 + ONE_CALL.rounds)


def test_times_are_per_picture_and_warm_up_does_not_count(clock: Clock) -> None:
    timings = time_engines(
        {"slow": Recorder(clock=clock, cost=4000), "fast": Recorder(clock=clock, cost=1000)},
        IMAGES,
        Effort(rounds=3, turn=0.0, calls=2, batch=4),
    )
    for name, cost in (("slow", 4000), ("fast", 1000)):
        assert [calls.tolist() for calls in timings[name].single] == [[cost, cost]] * 3
        assert timings[name].batched == [cost] * 3
        assert timings[name].energy == []
        assert timings[name].stable


@pytest.mark.parametrize(
    ("turn", "calls", "expected"), [(0.0, 7, 7), (10e-6, 3, 10), (10e-6, 12, 12)]
)
def test_a_turn_lasts_until_both_its_length_and_its_count_are_reached(
    turn: float, calls: int, expected: int, clock: Clock
) -> None:
    engine = Recorder(clock=clock, cost=1000)
    timings = time_engines({"": engine}, IMAGES, Effort(rounds=1, turn=turn, calls=calls, batch=2))
    assert len(timings[""].single[0]) == expected


class Settling(Recorder):
    """An engine whose calls take what is left of a list, and the last of it from then on."""

    def __init__(self, clock: Clock, costs: list[int]) -> None:
        super().__init__(clock=clock)
        self._costs = costs

    def run(self, images: Images) -> NDArray[np.float32]:
        if len(images) == 1:
            self._cost = self._costs.pop(0) if len(self._costs) > 1 else self._costs[0]
        return super().run(images)


def test_warm_up_lasts_until_two_turns_take_the_same(clock: Clock) -> None:
    effort = Effort(rounds=2, turn=0.0, calls=1, batch=2)
    costs = [9000, 5000, 3000, 2000, 2010]  # two hundredths apart is the same
    timing = time_engines({"": Settling(clock, costs)}, IMAGES, effort)[""]
    assert timing.stable
    assert [calls.tolist() for calls in timing.single] == [[2010]] * 2


def test_an_engine_that_never_settles_is_measured_and_called_unstable(clock: Clock) -> None:
    effort = Effort(rounds=2, turn=0.0, calls=1, batch=2)
    costs = [1000 * 2**number for number in range(latency.WARM_UPS + 2)]
    timing = time_engines({"": Settling(clock, costs.copy())}, IMAGES, effort)[""]
    assert not timing.stable
    assert [calls.tolist() for calls in timing.single] == [costs[-2:-1], costs[-1:]]


def test_energy_is_that_of_the_single_pictures() -> None:
    class Meter:
        """A counter that goes on by 600 microjoules every time it is read."""

        now = 0

        def read(self) -> list[int]:
            self.now += 600
            return [self.now]

        def since(self, before: list[int]) -> int:
            return self.read()[0] - before[0]

    effort = Effort(rounds=2, turn=0.0, calls=3, batch=5)
    timings = time_engines({"": Recorder()}, IMAGES, effort, meter=Meter())  # type: ignore[arg-type]
    assert timings[""].energy == [200, 200]  # three pictures share what a turn takes


def test_a_full_measurement_lasts_as_long_as_mlperf_tiny_asks() -> None:
    assert latency.FULL.rounds * latency.FULL.turn >= 10
    assert latency.FULL.rounds * latency.FULL.calls >= 10


def test_single_pictures_come_in_turn_and_a_batch_is_as_large_as_it_can() -> None:
    engine = Recorder()
    time_engines({"": engine}, IMAGES, Effort(rounds=1, turn=0.0, calls=7, batch=1000))
    assert engine.calls[-8:] == [[0], [1], [2], [3], [4], [0], [1], [0, 1, 2, 3, 4]]


def test_each_finished_round_is_told() -> None:
    rounds: list[int] = []
    time_engines({"": Recorder()}, IMAGES, ONE_CALL, on_round=rounds.append)
    assert rounds == [1, 2, 3, 4]


def test_an_engine_that_sleeps_is_slower_by_the_real_clock() -> None:
    class Sleeper(Recorder):
        def run(self, images: Images) -> NDArray[np.float32]:
            time.sleep(0.02)  # which is never shorter, and a call that does nothing never as long
            return super().run(images)

    effort = Effort(rounds=2, turn=0.0, calls=3, batch=5)
    timings = time_engines({"sleeps": Sleeper(), "does not": Recorder()}, IMAGES, effort)
    assert timings["sleeps"].percentile(50) > timings["does not"].percentile(50)
    assert timings["sleeps"].images_per_s < timings["does not"].images_per_s


class Watcher(Recorder):
    """An engine that notes whether the collector may run, and can fail after the warm-up."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()
        self.collecting: list[bool] = []
        self._broken = broken

    def run(self, images: Images) -> NDArray[np.float32]:
        self.collecting.append(gc.isenabled())
        if self._broken and not self.collecting[-1]:
            raise RuntimeError("broken")
        return super().run(images)


def test_the_collector_is_off_while_it_is_measured_and_on_again_after() -> None:
    engine = Watcher()
    time_engines({"": engine}, IMAGES, ONE_CALL)
    warm_up = engine.collecting.index(False)
    assert 1 < warm_up <= 1 + latency.WARM_UPS
    measured = engine.collecting[warm_up:]
    assert len(measured) == 2 * ONE_CALL.rounds
    assert not any(measured)
    assert gc.isenabled()


def test_the_collector_is_on_again_after_an_engine_has_failed() -> None:
    engine = Watcher(broken=True)
    with pytest.raises(RuntimeError, match="broken"):
        time_engines({"": engine}, IMAGES, ONE_CALL)
    assert engine.collecting[-1] is False
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        time_engines({"": Recorder()}, IMAGES, ONE_CALL)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_percentiles_are_the_medians_of_the_rounds() -> None:
    rounds = [np.arange(1000, 101_000, 1000) * factor for factor in (1, 2, 50)]
    timings = Timings(single=rounds, batched=[2000.0, 4000.0, 9000.0])
    assert timings.percentile(0) == 2
    assert timings.percentiles(50) == pytest.approx([50.5, 101, 2525])
    assert timings.percentile(50) == 101
    assert timings.interval(50) == pytest.approx((50.5, 2525))
    assert timings.images_per_s == 250_000
