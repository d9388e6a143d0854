"""Build the shipped models from MNIST: python tools/build_models.py.

Trains the default model on labels, and the teacher, an ensemble, which teaches the smallest one;
exports them, and writes `models/` with its manifest, all through the same functions as the command
line. It works in `runs/models`, where a build that was stopped goes on. How long each training took
is in the manifest.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mnist_edge.cli.export import export
from mnist_edge.cli.train import train
from mnist_edge.contract import Contract, sidecar
from mnist_edge.files import crc32_of, replacing, sha256_of
from mnist_edge.formats.family import Format
from mnist_edge.formats.table import FORMATS, named, of_path
from mnist_edge.runtime.engines import read_contract
from mnist_edge.runtime.shipped import DEFAULT
from mnist_edge.training.runs import checkpoint_path, member_paths
from mnist_edge.training.trainer import configure_tensorflow

MODELS = Path(__file__).parents[1] / "models"
WORK = Path(__file__).parents[1] / "runs" / "models"

TEACHER = "large"
MEMBERS = 3

# How long the student learns: it is too small to learn a teacher's answers by heart.
STUDENT = "tiny"
STUDENT_EPOCHS = 150

# What is shipped of each. The teacher in its smallest format only: to teach with, and to compare
# with. Of tiny no float16, which just misses its bar, and saves nothing over int8.
SHIPPED = {
    DEFAULT: "all",
    STUDENT: "keras,onnx,onnx-int8,tflite,tflite-int8",
    TEACHER: "onnx-int8",
}


def main() -> None:
    """Build what is missing, and write the manifest."""
    # Before an export does anything with TensorFlow, where the trainings are done already.
    configure_tensorflow()
    paths = {name: FORMATS["keras"].path(WORK, name) for name in SHIPPED}
    if not paths[TEACHER].exists():
        train(TEACHER, ensemble=MEMBERS, out=WORK, resume=True)
    export(paths[TEACHER], formats="onnx,onnx-int8", out=WORK)
    teachers = [FORMATS["onnx"].path(WORK, TEACHER)]
    for name, teacher, epochs in ((DEFAULT, None, None), (STUDENT, teachers, STUDENT_EPOCHS)):
        if not paths[name].exists():
            resume = checkpoint_path(paths[name]).exists()
            train(name, teacher=teacher, epochs=epochs, out=WORK, resume=resume)
        export(paths[name], formats=SHIPPED[name], out=WORK)
    files: dict[str, dict[str, object]] = {}
    for name, formats in SHIPPED.items():
        for row in named(formats.split(",")):
            files |= _ship(row, name)
    trainings = {
        name: _training(path, member_paths(path, MEMBERS) if name == TEACHER else [path])
        for name, path in paths.items()
    }
    with replacing(MODELS / "manifest.json") as temporary:
        document = {"files": dict(sorted(files.items())), "trainings": trainings}
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for path in MODELS.iterdir():
        if of_path(path) and path.name not in files:
            path.unlink()


def _ship(row: Format, name: str) -> dict[str, dict[str, object]]:
    """Copy a finished file, and its sidecar where it has one; return their manifest entries."""
    path = row.path(WORK, name)
    entries: dict[str, dict[str, object]] = {}
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
