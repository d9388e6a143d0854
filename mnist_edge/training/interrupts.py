"""Ctrl-C between two steps of a training, where nothing is lost and nothing crashes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_edge.training.observer import Epoch, Observer, Step


@contextmanager
def between_steps(observer: Observer) -> Iterator[Observer]:
    """Hold Ctrl-C back until the observer is told of a step or an epoch.

    Anywhere else it may find TensorFlow in the middle of its work, and crash it. A second Ctrl-C
    does not wait. Where Ctrl-C is ignored, or somebody else's, it stays so.

    Args:
        observer: is told what the one that this gives is told.
    """
    relay = _Relay(observer)

    def ask(_number: int, _frame: Any) -> None:
        relay.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield relay
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Relay(Observer):
    """Passes on what it is told, unless Ctrl-C came before."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.interrupted = False

    def _check(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt

    def on_note(self, text: str) -> None:
        self._check()
        self._observer.on_note(text)

    def on_member(self, path: Path) -> None:
        self._check()
        self._observer.on_member(path)

    def on_answer(self, done: int, total: int) -> None:
        self._check()
        self._observer.on_answer(done, total)

    def on_step(self, step: Step) -> None:
        self._check()
        self._observer.on_step(step)

    def on_epoch(self, epoch: Epoch) -> None:
        self._check()
        self._observer.on_epoch(epoch)
