"""Where the verbs meet: `./runs`, and where on this machine lies what a contract only names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import DataError
from mnist_edge.files import replacing

if TYPE_CHECKING:
    from mnist_edge.contract import Contract
    from mnist_edge.data import Dataset, Progress

RUNS = Path("runs")

# Hidden, and never published. By the name of a model, as its contract says it: the paths of what
# its contract names, and how to read them.
_MEMORY = ".origins.json"
_ORIGINAL = "/"  # what no dataset is called


def remember_dataset(
    folder: Path,
    model: str,
    dataset: Dataset,
    *,
    invert: bool | None = None,
    transpose: bool | None = None,
) -> None:
    """Note in `folder` where the dataset lies that its model called `model` speaks of.

    Args:
        folder: where the model's files are.
        model: its name.
        dataset: what it was trained or judged on.
        invert: how the dataset was read; so is `transpose`.
        transpose: likewise.

    Raises:
        OutputError: the folder cannot be written.
    """
    if dataset.source is not None:
        how = {"invert": invert, "transpose": transpose}
        _remember(folder, model, {dataset.name: {"path": str(dataset.source), **how}})


def remember_original(folder: Path, model: str, path: Path) -> None:
    """Note in `folder` where the file lies that its model called `model` was made from.

    Raises:
        OutputError: the folder cannot be written.
    """
    _remember(folder, model, {_ORIGINAL: {"path": str(path.resolve())}})


def original_of(folder: Path, model: str) -> Path | None:
    """Return what the model called `model` was made from, if that is known and still there."""
    path, _ = _recalled(folder, model, _ORIGINAL)
    return path if path and path.exists() else None


def copy_origins(model: str, source: Path, target: Path) -> None:
    """Let the folder `target` know of the model called `model` what `source` does.

    Raises:
        OutputError: the folder cannot be written.
    """
    if news := _known(source, model):
        _remember(target, model, news)


def load_dataset(
    given: str | None,
    contract: Contract | None,
    folder: Path,
    *,
    invert: bool | None = None,
    transpose: bool | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load the dataset that was asked for, or else the one that a model was trained on.

    Args:
        given: a source as `mnist_edge.data.load` takes it, or None.
        contract: what the model says of itself; None of one that says nothing is MNIST's.
        folder: where the model's files are.
        invert: how `given` is to be read, as in `mnist_edge.data.load`; so is `transpose`.
        transpose: likewise.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Raises:
        DataError: it is not known where the model's dataset lies; or it is broken.
        UsageError: `given` is no source.
        DownloadError: MNIST is not on this machine and no mirror delivered it.
    """
    from mnist_edge import data

    if given is not None:
        return data.load(given, invert=invert, transpose=transpose, progress=progress)
    name = contract.metrics.dataset if contract else "mnist"
    if name in data.NAMES or contract is None:
        return data.load(name, progress=progress)
    path, how = _recalled(folder, contract.name, name)
    if path is None:
        raise DataError(
            f"{contract.name} was trained on {name}, which is not here.",
            remedy="name it with --data, or another dataset.",
        )
    # A link has another name than what it leads to.
    return replace(data.load(str(path), progress=progress, **how), name=name)


def _origins(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        origins = json.loads((folder / _MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # what is forgotten can be named again
    return origins if isinstance(origins, dict) else {}


def _known(folder: Path, model: str) -> dict[str, Any]:
    known = _origins(folder).get(model)
    return known if isinstance(known, dict) else {}


def _remember(folder: Path, model: str, news: dict[str, Any]) -> None:
    known = _known(folder, model)
    if known != known | news:
        origins = _origins(folder) | {model: known | news}
        with replacing(folder / _MEMORY) as temporary:
            temporary.write_text(json.dumps(origins, indent=1) + "\n", encoding="utf-8")


def _recalled(folder: Path, model: str, name: str) -> tuple[Path | None, dict[str, bool]]:
    match _known(folder, model).get(name):
        # The beginning of the names of a dataset's files is a path too.
        case {"path": str(path), **how} if Path(path).parent.exists():
            said = {key: how.get(key) for key in ("invert", "transpose")}
            return Path(path), {
                key: bool(value) for key, value in said.items() if value is not None
            }
    return None, {}
