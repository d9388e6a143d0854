"""What a model file is: what it is called, how large it is, and what it says of itself."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.contract import Contract
from mnist_edge.errors import MissingContract, ModelError
from mnist_edge.formats.table import family_of, of_path

# What files begin with that are taken for models, what they are, and what to do.
_NO_MODELS = {
    b"version https://git-lfs": ("a Git LFS pointer", "fetch it with git lfs pull."),
    b"<!DOCTYPE": ("a web page", "download the file itself."),
    b"<html": ("a web page", "download the file itself."),
}


def contract_of(path: Path) -> Contract | None:
    """Return what a model says of itself; None where it is somebody else's and says nothing.

    Raises:
        ModelError: there is no such model, or it is something else than its name says.
        ContractError: it says what this version cannot read.
    """
    if not path.exists():
        raise ModelError(f"{path}: there is no such file.", remedy="check the path.")
    if path.is_dir():
        family_of(path)
        return None
    if not path.is_file():
        raise ModelError(
            f"{path} is a pipe or a device, and no file.", remedy="copy what it gives to a file."
        )
    with path.open("rb") as file:
        start = file.read(64)
    for beginning, (what, remedy) in _NO_MODELS.items():
        if start.startswith(beginning):
            raise ModelError(f"{path} is {what}, not the model.", remedy=remedy)
    try:
        return family_of(path).contract(path)
    except MissingContract:
        return None


def name_of(path: Path) -> str:
    """Return what the model in a file is called: the file's name without what tells its format."""
    row = of_path(path)
    return path.name.removesuffix(row.suffix) if row else path.stem


def size_of(path: Path) -> int:
    """Return the bytes of a model: of a SavedModel, those of all files in its folder."""
    parts = path.rglob("*") if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts if part.is_file())
