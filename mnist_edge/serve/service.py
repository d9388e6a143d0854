"""The model that is served: jobs for it are run in the pool, and their answers counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from starlette.requests import Request

from mnist_edge.errors import UnreadableImage
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.metrics import Metrics
from mnist_edge.serve.pool import Cancellation, Pool
from mnist_edge.serve.problems import Problem

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Service:
    """A model and what it is served with.

    Attributes:
        classifier: the model.
        file: its file.
        pool: the threads that answer.
        metrics: where answers are counted.
    """

    classifier: Classifier
    file: Path
    pool: Pool
    metrics: Metrics

    @cached_property
    def name(self) -> str:
        """What the model is called."""
        return self.classifier.contract.name

    async def answer(
        self, request: Request, job: Callable[[Cancellation], Answer], *, here: bool = False
    ) -> Answer:
        """Run a job on a thread, or on the event loop.

        Raises:
            Problem: what was sent cannot be read, or the pool is full.
            ClientGone: nobody waits for the answer any more.
        """
        try:
            if here:
                return await self.pool.run_here(job)
            return await self.pool.run(job, request.receive)
        except UnreadableImage as error:
            self.count("unreadable")
            raise Problem.of(error) from error

    def count(self, *reasons: str | None) -> None:
        """Count pictures by why their answers are not to be trusted."""
        for reason, times in Counter(reasons).items():
            self.metrics.pictures.labels(reason or "accepted").inc(times)
