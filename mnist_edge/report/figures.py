"""The page's charts: SVG that takes its colours from the page, and so follows light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mnist_edge.report.quality import Bin

# Colours that matplotlib draws with, and what the page has in their place.
INK, MUTED, LINE, ACCENT = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent"}

# In inches, of 72 pixels: a chart is about as wide as a phone, and so its letters keep their size.
WIDTH = 4.3

_STYLE: dict[Any, object] = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.size": 10,
    "grid.color": LINE,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
}


def _style() -> AbstractContextManager[None]:
    # Whatever the reader's own settings are.
    return mpl.style.context(_STYLE, after_reset=True)


def curves(
    title: str, epochs: Sequence[float], lines: Mapping[str, Sequence[float]], *, log: bool = False
) -> str:
    """Draw figures over the epochs; the last line in the accent colour, the others muted."""
    with _style():
        figure, axes = _axes(title, 2.6)
        for number, (label, values) in enumerate(lines.items(), 1):
            last = number == len(lines)
            axes.plot(
                epochs,
                values,
                color=ACCENT if last else MUTED,
                linestyle="-" if last else (0, (4, 2)),
                # One epoch alone makes no line.
                marker="o" if len(epochs) == 1 else None,
                label=label,
            )
        if log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.minorticks_off()
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        axes.grid(axis="y")
        if len(lines) > 1:
            axes.legend()
        return _svg(figure, title)


def dots(
    title: str, names: Sequence[str], values: Sequence[float], form: str, *, log: bool = False
) -> str:
    """Draw one figure of several files, each written beside its dot as `form` says."""
    with _style():
        figure, axes = _axes(title, 0.5 + 0.28 * len(names))
        places = range(len(names))
        axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color=LINE, linewidth=0.8)
        axes.scatter(values, places, color=ACCENT, zorder=3, s=28)
        for place, value in zip(places, values, strict=True):
            text = format(value, form)
            axes.annotate(text, (value, place), (6, 3), textcoords="offset points", fontsize=9)
        # Room for the text on the right.
        low, high = min(values), max(values)
        if log:
            axes.set_xscale("log")
            axes.set_xlim(low / 1.6, high * max(2.0, (high / low) ** 0.25))
        else:
            axes.set_xlim(0, 1.2 * high or 1)
        axes.set_yticks(places, names)
        axes.set_ylim(len(names) - 0.5, -0.7)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.xaxis.set_visible(False)
        axes.spines[:].set_visible(False)
        return _svg(figure, title)


def reliability(bins: Sequence[Bin]) -> str:
    """Draw accuracy over confidence, and under it how many answers there are of each."""
    with _style():
        figure = Figure((WIDTH, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot((0, 1), (0, 1), color=MUTED, linestyle=(0, (4, 2)), linewidth=1)
        confidence = [part.confidence for part in bins]
        accuracy = [part.accuracy for part in bins]
        upper.vlines(confidence, confidence, accuracy, color=ACCENT, linewidth=1)
        upper.scatter(confidence, accuracy, color=ACCENT, zorder=3, s=28)
        upper.set(ylabel="share of right answers", xlim=(0, 1.02), ylim=(0, 1.05))
        upper.grid()
        lower.bar(confidence, [part.count for part in bins], width=0.03, color=ACCENT)
        lower.set_yscale("log")
        lower.yaxis.set_major_formatter(FuncFormatter(_plain))
        lower.set(xlabel="confidence", ylabel="answers", ylim=(0.7, None))
        return _svg(figure, "reliability")


def _axes(title: str, height: float) -> tuple[Figure, Axes]:
    figure = Figure((WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def _plain(value: float, _position: int) -> str:
    return f"{value:,.10g}"


def _svg(figure: Figure, name: str) -> str:
    """Return the drawing as an element of the page; `name` describes it, in plain letters."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    # Several drawings share a page, and identifiers with it: those of shapes are made of the
    # salt, those of groups are used by nobody.
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = re.sub(r'<g id="[^"]*">', "<g>", file.getvalue())
    text = f'<svg role="img" aria-label="{name}"{text[text.index("<svg") + 4 :]}'
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text
