"""Build the shipped models from MNIST: python tools/build_models.py [--export-only].

Trains the default model on labels, and the teacher, an ensemble, which teaches the smallest one;
exports them, and writes `models/` with its manifest, all through the same functions as the command
line. It works in `runs/models`, where a build that was stopped goes on. How long each training took
is in the manifest. `--export-only` trains nothing: it exports the shipped `.keras` files anew, and
leaves the others as they are.
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
from mnist_edge.formats.table import FORMATS, named, of_path
from mnist_edge.runtime.engines import read_contract
from mnist_edge.runtime.shipped import DEFAULT
from mnist_edge.training.result import network_paths
from mnist_edge.training.trainer import configure_tensorflow

MODELS = Path(__file__).parents[1] / "models"
WORK = Path(__file__).parents[1] / "runs" / "models"

TEACHER = "large"
MEMBERS = 3

# How long the student learns: it is too small to learn a teacher's answers by heart.
STUDENT = "tiny"
STUDENT_EPOCHS = 150

# By file or model, what the manifest says of each.
Entries = dict[str, dict[str, object]]

# What is shipped of each. The teacher in its smallest format only: to teach with, and to compare
# with. Of tiny no float16, which just misses its bar, and saves nothing over int8.
SHIPPED = {
    DEFAULT: "all",
    STUDENT: "keras,onnx,onnx-int8,tflite,tflite-int8",
    TEACHER: "onnx-int8",
}


def main() -> None:
    """Build what is missing, and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--export-only", action="store_true", help="train nothing")
    export_only = parser.parse_args().export_only
    # Before an export does anything with TensorFlow, where the trainings are done already.
    configure_tensorflow()
    files, trainings = _export_anew() if export_only else _build()
    with replacing(MODELS / "manifest.json") as temporary:
        document = {"files": dict(sorted(files.items())), "trainings": trainings}
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for path in MODELS.iterdir():
        if of_path(path) and path.name not in files:
            path.unlink()


def _build() -> tuple[Entries, Entries]:
    """Train and export what is missing in `WORK`; return the manifest's files and trainings."""
    paths = {name: FORMATS["keras"].path(WORK, name) for name in SHIPPED}
    with watching() as observer:
        train(TEACHER, ensemble=MEMBERS, out=WORK, resume=True, observer=observer)
        export(paths[TEACHER], formats=("onnx", "onnx-int8"), out=WORK, note=note)
        teachers = [FORMATS["onnx"].path(WORK, TEACHER)]
        for name, taught, epochs in ((DEFAULT, (), None), (STUDENT, teachers, STUDENT_EPOCHS)):
            train(name, teachers=taught, epochs=epochs, out=WORK, resume=True, observer=observer)
            export(paths[name], formats=SHIPPED[name].split(","), out=WORK, note=note)
    files = {file: entry for name in SHIPPED for file, entry in _ship(name).items()}
    return files, {
        name: _training(path, network_paths(path, MEMBERS if name == TEACHER else 1))
        for name, path in paths.items()
    }


def _export_anew() -> tuple[Entries, Entries]:
    """Export the shipped Keras models; return the manifest's files, and trainings as they were."""
    before = json.loads((MODELS / "manifest.json").read_text(encoding="utf-8"))
    files: Entries = before["files"]
    WORK.mkdir(parents=True, exist_ok=True)
    for name, formats in SHIPPED.items():
        source = FORMATS["keras"].path(MODELS, name)
        if source.exists():
            for file in (source, sidecar(source)):
                shutil.copyfile(file, WORK / file.name)
            source = FORMATS["keras"].path(WORK, name)
            export(source, formats=formats.split(","), out=WORK, note=note)
            files |= _ship(name)
    return files, before["trainings"]


def _ship(name: str) -> Entries:
    """Copy a model's finished files with their sidecars; return their manifest entries."""
    entries: Entries = {}
    for row in named(SHIPPED[name].split(",")):
        path = row.path(WORK, name)
        for file in filter(Path.exists, (path, sidecar(path))):
            with replacing(MODELS / file.name) as temporary:
                shutil.copyfile(file, temporary)
            entries[file.name] = {
                "bytes": file.stat().st_size,
                "sha256": sha256_of(file),
                "crc32": crc32_of(file),
            }
        entries[path.name]["accuracy"] = read_contract(path).metrics.accuracy[row.name]
    return entries


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
