"""Where the verbs meet: what the last one made in `./runs`, and the shipped models otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.cli.output import note, progress_bar
from mnist_edge.formats.table import FORMATS, of_path
from mnist_edge.runtime import shipped

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Dataset

RUNS = Path("runs")


def latest(*names: str) -> Path:
    """Return the newest file in `./runs` of the first format that any has, or the shipped one.

    Which one it is goes to stderr.
    """
    for name in names:
        if found := [path for path in RUNS.glob("*") if of_path(path) is FORMATS[name]]:
            path = max(found, key=lambda path: path.stat().st_mtime)
            note(f"model: {path}")
            return path
    path = shipped.path(FORMATS[names[0]].path(Path(), shipped.DEFAULT).name)
    note(f"model: {path.name}, the shipped one")
    return path


def command(verb: str, folder: Path, argument: str) -> str:
    """Return the command that goes on from what is in `folder`; short where it finds it alone."""
    return f"mnist-edge {verb}" if folder == RUNS else f"mnist-edge {verb} {argument}"


def load_dataset(source: str) -> Dataset:
    """Load a dataset, showing the progress of a download."""
    from mnist_edge import data

    if source not in data.NAMES and Path(source).exists():
        # So that whoever reads the contract finds it from any folder.
        source = str(Path(source).resolve())
    with progress_bar("fetching MNIST") as bar:
        return data.load(source, progress=lambda _name, done, total: bar.update(done, total))
