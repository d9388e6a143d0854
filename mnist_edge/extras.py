"""Whether the packages of an optional extra are there."""

from __future__ import annotations

import importlib.util

from mnist_edge.errors import MissingExtra


def require(*packages: str, extra: str) -> None:
    """Check that `packages` can be imported, without importing them.

    Raises:
        MissingExtra: one of them is not installed; the remedy is the `pip install` line.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra)
