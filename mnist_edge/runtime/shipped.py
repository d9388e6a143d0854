"""The models that come with the package, verified against their manifest before use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mnist_edge.contract import sidecar
from mnist_edge.errors import ModelError
from mnist_edge.files import crc32_of

DEFAULT = "edge"

_REMEDY = "reinstall the package: pip install --force-reinstall mnist-edge"


def folder() -> Path:
    """Return where the shipped models lie: inside the wheel, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def manifest() -> dict[str, dict[str, Any]]:
    """Return, for every shipped file, its `bytes`, `sha256`, `crc32` and, of models, `accuracy`.

    Raises:
        ModelError: the manifest is missing or damaged.
    """
    path = folder() / "manifest.json"
    try:
        files: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["files"]
        for entry in files.values():
            entry["crc32"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", remedy=_REMEDY) from error
    return files


def path(name: str = f"{DEFAULT}.onnx") -> Path:
    """Return the path of a shipped model after comparing its checksum with the manifest's.

    A sidecar is compared likewise: it decides how the model's input is made.

    Raises:
        ModelError: there is no such file, or its bytes are not those that were shipped.
    """
    files = manifest()
    if name not in files:
        raise ModelError(
            f"no shipped model is called {name}.", remedy=f"shipped are {', '.join(files)}."
        )
    for file in (folder() / name, sidecar(folder() / name)):
        if file.name in files and (
            not file.is_file() or crc32_of(file) != files[file.name]["crc32"]
        ):
            raise ModelError(f"{file} is not the file that was shipped.", remedy=_REMEDY)
    return folder() / name
