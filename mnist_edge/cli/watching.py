"""A training as it shows itself on stderr: a line an epoch, and one that moves in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.cli.output import Bar, live_line, note, progress_bar
from mnist_edge.errors import Interrupted
from mnist_edge.training.observer import Epoch, Observer, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from mnist_edge.data import Dataset
    from mnist_edge.training.description import Description


@contextmanager
def watching() -> Iterator[Observer]:
    """Yield what shows a training, and clear up behind it.

    Raises:
        Interrupted: Ctrl-C.
    """
    try:
        with (
            progress_bar("fetching MNIST") as fetched,
            progress_bar("the teachers answer") as answered,
            live_line() as draw,
        ):
            yield _Watcher(fetched, answered, draw)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "the training was interrupted; its last finished epoch is kept.",
            remedy="the same command with --resume goes on with it.",
        ) from error


class _Watcher(Observer):
    def __init__(self, fetched: Bar, answered: Bar, draw: Callable[[str], None]) -> None:
        self._fetched = fetched
        self._answered = answered
        self._draw = draw
        self._total = 0
        self._pace: float | None = None

    def on_fetch(self, name: str, done: int, total: int | None) -> None:  # noqa: ARG002
        self._fetched.update(done, total)

    def on_note(self, text: str) -> None:
        note(text)

    def on_start(self, description: Description, dataset: Dataset) -> None:
        self._total = description.epochs
        beside = f"{description.unlabelled:,} unlabelled ones, " if description.unlabelled else ""
        note(
            f"training {description.recipe.name} on {dataset.name}: "
            f"{len(dataset.train.labels):,} pictures, {beside}"
            f"{len(dataset.validation.labels):,} to validate, "
            f"{description.epochs} epoch{'s' * (description.epochs > 1)}, "
            f"seed {description.seed}"
        )

    def on_member(self, path: Path) -> None:
        note(f"{path}:")

    def on_answer(self, done: int, total: int) -> None:
        self._answered.update(done, total)

    def on_step(self, step: Step) -> None:
        pace = self._pace or step.seconds / step.share
        left = (self._total + 1 - step.epoch - step.share) * pace
        self._draw(self._line(step, f"{step.share:4.0%} done ", left))

    def on_epoch(self, epoch: Epoch) -> None:
        self._pace = epoch.seconds
        self._draw("")
        left = (self._total - epoch.epoch) * epoch.seconds
        note(self._line(epoch, f"val {epoch.validation_accuracy:6.2%}", left))

    def _line(self, now: Epoch | Step, middle: str, left: float) -> str:
        """Return the line of an epoch, no wider than a narrow terminal; `left` is in seconds."""
        return (
            f"epoch {now.epoch:{len(str(self._total))}}/{self._total}  loss {now.loss:.4f}  "
            f"accuracy {now.accuracy:6.2%}  {middle}  rate {now.learning_rate:.1e}  "
            f"{left // 60:.0f}:{left % 60:02.0f} left"
        )
