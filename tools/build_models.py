"""Build the shipped models from MNIST: python tools/build_models.py [--only NAME…] [--export-only].

Trains the teacher, an ensemble, the default model on labels, and the smaller ones on the answers of
the teacher as it is shipped; exports them, and writes `models/` with its manifest, all through the
same functions as the command line; of the default model the module for the page, too, which takes
clang and lld. It works in `runs/models`, where a build that was stopped goes on. How long each
training took is in the manifest. `--only` builds these models and leaves the others as they are;
`--export-only` trains nothing, and exports the shipped `.keras` files anew.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from mnist_edge import export, train
from mnist_edge.cli.output import note
from mnist_edge.cli.watching import watching
from mnist_edge.contract import Contract, sidecar
from mnist_edge.files import crc32_of, replacing, sha256_of
from mnist_edge.formats.c import header
from mnist_edge.formats.c.wasm import wasm
from mnist_edge.formats.table import FORMATS, named, of_path
from mnist_edge.runtime.engines import read_contract
from mnist_edge.runtime.shipped import DEFAULT
from mnist_edge.training.result import network_paths
from mnist_edge.training.trainer import configure_tensorflow

MODELS = Path(__file__).parents[1] / "models"
WORK = Path(__file__).parents[1] / "runs" / "models"

TEACHER = "large"
MEMBERS = 3

# How many epochs each student learns: they are too small to learn a teacher's answers by heart.
STUDENTS = {"tiny": 150, "micro": 60, "nano": 60}

# By file or model, what the manifest says of each.
Entries = dict[str, dict[str, object]]

# What is shipped of each. The teacher in its smallest format only: to teach with, and to compare
# with. Of tiny no float16, which just misses its bar, and saves nothing over int8; of those for
# microcontrollers what their headers are made from.
SHIPPED = {
    DEFAULT: "all",
    "tiny": "keras,onnx,onnx-int8,tflite,tflite-int8",
    "micro": "keras,tflite-int8",
    "nano": "keras,tflite-int8",
    TEACHER: "onnx-int8",
}


def main() -> None:
    """Build what is missing, and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SHIPPED, default=SHIPPED, help="these models")
    parser.add_argument("--export-only", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    # Before an export does anything with TensorFlow, where the trainings are done already.
    configure_tensorflow()
    manifest = MODELS / "manifest.json"
    document = json.loads(manifest.read_text(encoding="utf-8"))
    files, trainings = document["files"], document["trainings"]
    for name in sorted(arguments.only, key=lambda name: name != TEACHER):
        path = FORMATS["keras"].path(WORK, name)
        if not arguments.export_only:
            trainings[name] = _train(name, path)
        elif not _fetch(path):
            continue
        made = [row.name for row in named(SHIPPED[name].split(",")) if row.conversion]
        export(path, formats=made, out=WORK, note=note)
        files = {file: entry for file, entry in files.items() if not _is_of(file, name)}
        files |= _ship(name) | (_module(name) if name == DEFAULT else {})
        files = dict(sorted(files.items()))
        order = {name: trainings[name] for name in SHIPPED if name in trainings}
        with replacing(manifest) as temporary:
            text = json.dumps({"files": files, "trainings": order}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
    for file in MODELS.iterdir():
        if of_path(file) and file.name not in files:
            file.unlink()


def _train(name: str, path: Path) -> dict[str, object]:
    """Train a model, or finish it; return what the manifest says of that."""
    members = MEMBERS if name == TEACHER else 1
    teachers = [FORMATS["onnx-int8"].path(MODELS, TEACHER)] if name in STUDENTS else []
    with watching() as observer:
        train(
            name,
            ensemble=members,
            teachers=teachers,
            epochs=STUDENTS.get(name),
            out=path.parent,
            resume=True,
            observer=observer,
        )
    return _training(path, network_paths(path, members))


def _fetch(path: Path) -> bool:
    """Copy a shipped Keras model to where it is exported from, if there is one."""
    source = MODELS / path.name
    if source.exists():
        for file in (path, sidecar(path)):
            shutil.copyfile(MODELS / file.name, file)
    return source.exists()


def _is_of(file: str, model: str) -> bool:
    """Tell whether a file, or what it is the sidecar of, is one of a model's."""
    row = of_path(Path(file.removesuffix(".json")))
    return row is not None and file.removesuffix(".json") == f"{model}{row.suffix}"


def _ship(name: str) -> Entries:
    """Copy a model's finished files with their sidecars; return their manifest entries."""
    entries: Entries = {}
    for row in named(SHIPPED[name].split(",")):
        path = row.path(WORK, name)
        for file in filter(Path.exists, (path, sidecar(path))):
            with replacing(MODELS / file.name) as temporary:
                shutil.copyfile(file, temporary)
            entries[file.name] = _entry(file)
        entries[path.name]["accuracy"] = read_contract(path).metrics.accuracy[row.name]
    return entries


def _module(name: str) -> Entries:
    """Compile what a page answers drawings with; return its manifest entry."""
    source, path = FORMATS["tflite-int8"].path(MODELS, name), MODELS / f"{name}.wasm"
    with replacing(path) as temporary:
        text = header(source.read_bytes(), Contract.from_sidecar(source))
        temporary.write_bytes(wasm(text, name))
    return {path.name: _entry(path)}


def _entry(file: Path) -> dict[str, object]:
    size = file.stat().st_size
    return {"bytes": size, "sha256": sha256_of(file), "crc32": crc32_of(file)}


def _training(path: Path, members: list[Path]) -> dict[str, object]:
    """Return how long the training of a model's members took, and what came out."""
    contract = Contract.from_sidecar(path)
    histories = [Contract.from_sidecar(part).history or () for part in members]
    return {
        "provenance": json.loads(contract.to_json())["provenance"],
        "seconds": round(sum(epoch["seconds"] for history in histories for epoch in history)),
        "accuracy": contract.metrics.accuracy["keras"],
    }


if __name__ == "__main__":
    main()
