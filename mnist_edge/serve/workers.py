"""The processes of a service: one, or several that are replaced when they die."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.reduction import DupFd
from typing import Any, TextIO

from mnist_edge.errors import MnistEdgeError, ServingError
from mnist_edge.serve import logs
from mnist_edge.serve.listening import bind, reserved, sharing, url_of
from mnist_edge.serve.settings import METRICS_FOLDER, Settings

# Seconds until processes that are to end are killed.
LAST = 9.5

# Seconds after which a signal is noticed.
TICK = 0.1

_SPAWN = get_context("spawn")


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, and finish what is under way then.

    Args:
        settings: what is served, and how.
        announce: called with the address once requests are answered.

    Raises:
        ServingError: the address cannot be listened on, or a worker dies before it answers.
        ModelError: the model cannot be loaded.
    """
    with bind(settings.host, settings.port) as listener, reserved(listener):
        logs.configure(settings.log, sys.stderr)
        if settings.workers == 1:
            os.environ.pop(METRICS_FOLDER, None)  # which somebody else's processes share
            from mnist_edge.serve.process import run

            run(settings, listener, lambda: announce(url_of(listener)))
            return
        stopped: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: stopped.append(number))
        with tempfile.TemporaryDirectory(prefix="mnist-edge-serve-") as folder:
            os.environ[METRICS_FOLDER] = folder
            workers: list[_Worker] = []
            try:
                workers += (_Worker(settings, listener) for _ in range(settings.workers))
                for worker in workers:
                    worker.await_ready(stopped)
                if not stopped:
                    announce(url_of(listener))
                while not stopped:
                    wait([worker.process.sentinel for worker in workers], TICK)
                    for place, worker in enumerate(workers):
                        if worker.process.exitcode is not None and not stopped:
                            _note_death(worker, folder)
                            workers[place] = _Worker(settings, listener)
                            workers[place].await_ready(stopped)
            finally:
                _end(workers)


class _Worker:
    """A process that serves, and the pipe by which it says that it does; each ends the other."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_work, args=(settings, listener, theirs, _Log()))
        self.process.start()
        theirs.close()

    def await_ready(self, stopped: list[int]) -> None:
        """Wait until it answers requests, or the service is to stop.

        Raises:
            MnistEdgeError: whatever keeps it from that.
        """
        while not stopped and not wait([self._pipe], TICK):
            pass
        if stopped:
            return
        try:
            error = self._pipe.recv()
        except EOFError:
            self.process.join()
            raise ServingError(
                f"a worker ended with {self.process.exitcode} before it answered.",
                remedy="see whether memory is short, and give fewer --workers.",
            ) from None
        if error is not None:
            raise error


class _Log:
    """What this process writes its log to, for a process that it starts."""

    def __reduce__(self) -> tuple[Callable[[Any], TextIO], tuple[Any]]:
        return _opened, (DupFd(sys.stderr.fileno()),)


def _opened(descriptor: Any) -> TextIO:
    return open(descriptor.detach(), "w", buffering=1, encoding="utf-8")  # noqa: PTH123


def _work(settings: Settings, listener: socket.socket, pipe: Any, log: TextIO) -> None:
    """Serve in a process of its own."""
    logs.configure(settings.log, log)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    try:
        from mnist_edge.serve.process import run

        run(settings, sharing(listener), lambda: pipe.send(None))
    except MnistEdgeError as error:
        pipe.send(error)


def _end_with_parent(pipe: Any) -> None:
    try:
        pipe.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


def _note_death(worker: _Worker, folder: str) -> None:
    """Say that a worker has died, and take what it was doing off the counters."""
    from prometheus_client.multiprocess import mark_process_dead

    process = worker.process
    logs.LOGGER.error("worker %d ended with %s and is replaced", process.pid, process.exitcode)
    mark_process_dead(process.pid, folder)  # type: ignore[no-untyped-call]


def _end(workers: list[_Worker]) -> None:
    """Let workers finish what they do, and kill those that do not come to an end."""
    deadline = time.monotonic() + LAST
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(max(0, deadline - time.monotonic()))
        if worker.process.exitcode is None:
            logs.LOGGER.error("worker %d did not end, and is killed", worker.process.pid)
            worker.process.kill()
            worker.process.join()
