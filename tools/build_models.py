"""Build the shipped models from MNIST: python tools/build_models.py.

Trains, exports in every format and writes `models/manifest.json`, through the same functions as
the command line. A build that was stopped goes on where it was. On two cores it takes the time
that the history in `models/edge.keras.json` adds up to, and half a minute for the exports.
"""

from __future__ import annotations

import json
from pathlib import Path

from mnist_edge.cli.export import export
from mnist_edge.cli.train import checkpoint_path, train
from mnist_edge.contract import sidecar
from mnist_edge.export.formats import of_path
from mnist_edge.files import replacing, sha256_of
from mnist_edge.runtime.engine import read_contract

MODELS = Path(__file__).parents[1] / "models"
RECIPES = ("edge",)


def main() -> None:
    """Build what is missing and write the manifest."""
    for recipe in RECIPES:
        train(recipe=recipe, out=MODELS, resume=checkpoint_path(MODELS, recipe).exists())
        export(MODELS / f"{recipe}.keras", formats="all", out=MODELS)
    files: dict[str, dict[str, object]] = {}
    for path in sorted(MODELS.iterdir()):
        if row := of_path(path):
            files[path.name] = {
                "bytes": path.stat().st_size,
                "sha256": sha256_of(path),
                "accuracy": read_contract(path).metrics.accuracy[row.name],
            }
            if sidecar(path).exists():
                files[sidecar(path).name] = {
                    "bytes": sidecar(path).stat().st_size,
                    "sha256": sha256_of(sidecar(path)),
                }
    with replacing(MODELS / "manifest.json") as temporary:
        temporary.write_text(json.dumps({"files": files}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
