"""Where the verbs meet: `./runs`, and where on this machine lies what a contract only names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mnist_edge.errors import DataError
from mnist_edge.files import replacing

if TYPE_CHECKING:
    from mnist_edge.contract import Contract
    from mnist_edge.data import Dataset, Progress

RUNS = Path("runs")

# What a published model's contract only names: what it was trained on, and what it was made from.
Origin = Literal["dataset", "model"]


def remember(folder: Path, kind: Origin, name: str, path: Path, **options: bool) -> None:
    """Note in `folder` where on this machine an origin of the model called `name` lies.

    Args:
        folder: where the model's files are.
        kind: of the origin.
        name: the model's, as its contract says it.
        path: where the origin lies.
        options: how it has to be read, as keyword arguments of `mnist_edge.data.load`.

    Raises:
        OutputError: the folder cannot be written.
    """
    origins = _origins(folder)
    # Links are not followed: a dataset is called by the last part of the path that was given.
    origins[f"{kind} {name}"] = {"path": os.path.abspath(path), "options": options}  # noqa: PTH100
    _write(folder, origins)


def hand_on(name: str, source: Path, target: Path) -> None:
    """Let the folder `target` remember of the model called `name` what `source` does.

    Raises:
        OutputError: the folder cannot be written.
    """
    known, own = _origins(source), _origins(target)
    news = {key: known[key] for key in (f"dataset {name}", f"model {name}") if key in known}
    if own != own | news:
        _write(target, own | news)


def recall(folder: Path, kind: Origin, name: str) -> Path | None:
    """Return where an origin of the model called `name` lies, if it is known and still there."""
    path, _ = _recalled(folder, kind, name)
    return path


def load_dataset(
    given: str | None,
    contract: Contract | None,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> Dataset:
    """Load the dataset that was asked for, or else the one that a model was trained on.

    Args:
        given: a source as `mnist_edge.data.load` takes it, or None.
        contract: what the model says of itself; None of one that says nothing is MNIST's.
        folder: where the model's files are.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Raises:
        DataError: it is not known where the model's dataset lies; or it is broken.
        UsageError: `given` is no source.
        DownloadError: MNIST is not on this machine and no mirror delivered it.
    """
    from mnist_edge import data

    if given is not None:
        return data.load(given, progress=progress)
    name = contract.metrics.dataset if contract else "mnist"
    if name in data.NAMES:
        return data.load(name, progress=progress)
    path, options = _recalled(folder, "dataset", contract.name if contract else "")
    if path is None or path.name != Path(name).name:
        raise DataError(
            f"the model was trained on {name}, which is not here.",
            remedy="name it with --data, or another dataset.",
        )
    return data.load(str(path), progress=progress, **options)


def _memory(folder: Path) -> Path:
    return folder / ".origins.json"


def _origins(folder: Path) -> dict[str, Any]:
    try:
        origins = json.loads(_memory(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # what is forgotten can be named again
    return origins if isinstance(origins, dict) else {}


def _write(folder: Path, origins: dict[str, Any]) -> None:
    with replacing(_memory(folder)) as temporary:
        temporary.write_text(json.dumps(origins, indent=1) + "\n", encoding="utf-8")


def _recalled(folder: Path, kind: Origin, name: str) -> tuple[Path | None, dict[str, bool]]:
    match _origins(folder).get(f"{kind} {name}"):
        case {"path": str(path), "options": dict(options)} if Path(path).exists():
            return Path(path), options
    return None, {}
