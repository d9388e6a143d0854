"""The curves of a training, as an SVG picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnist_edge.extras import require
from mnist_edge.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The highest accuracy that the picture tells from a perfect one.
TOP = 0.9999


def write(path: Path, history: Sequence[Mapping[str, float]], *, title: str) -> None:
    """Draw loss, accuracy and learning rate over the epochs; the same history, the same bytes.

    Accuracy is drawn by the logarithm of what it lacks, so that 99.5 % and 99.6 % can be told
    apart.

    Args:
        path: of the `.svg` file.
        history: the contract's, one object per epoch.
        title: what stands above.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputError: the file cannot be written; what was there before is unchanged.
    """
    require("matplotlib", extra="plot")
    import matplotlib.style
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    epochs = [past["epoch"] for past in history]
    # Whatever the reader's own settings are, and without the random names of a picture's parts.
    with matplotlib.style.context({"svg.hashsalt": title, "font.size": 9}, after_reset=True):
        # A background of its own, since a dark viewer has a dark one.
        figure = Figure(figsize=(7, 7), facecolor="white")
        # Not by a layout engine: these differ in the last digits from run to run.
        figure.subplots_adjust(left=0.12, right=0.97, bottom=0.07, top=0.95, hspace=0.08)
        loss, accuracy, rate = figure.subplots(3, sharex=True, height_ratios=[2, 3, 1])
        for axes, key, label, colour in (
            (loss, "loss", "training", "tab:blue"),
            (accuracy, "accuracy", "training", "tab:blue"),
            (accuracy, "validation_accuracy", "validation", "tab:orange"),
            (rate, "learning_rate", "", "tab:gray"),
        ):
            values = [past[key] for past in history]
            if axes is accuracy:
                values = [1 - min(value, TOP) for value in values]
            axes.plot(epochs, values, marker="o", markersize=3, label=label, color=colour)
            axes.grid(alpha=0.3)
        accuracy.set_yscale("log")
        accuracy.invert_yaxis()
        accuracy.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        accuracy.yaxis.set_minor_locator(NullLocator())
        accuracy.yaxis.set_major_formatter(lambda lack, _position: f"{100 * (1 - lack):.4g} %")
        accuracy.legend()
        loss.set(title=title, ylabel="loss")
        accuracy.set(ylabel="accuracy")
        rate.set(ylabel="learning rate", xlabel="epoch", xlim=(0.5, epochs[-1] + 0.5))
        rate.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        with replacing(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
