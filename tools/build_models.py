"""Build the shipped models from MNIST: python tools/build_models.py [OPTIONS].

Trains the teacher, an ensemble, the default model on labels, and the smaller ones on the answers of
the teacher as it is shipped; exports them, and writes `models/` with its manifest, all through the
same functions as the command line; of the default model the module for the page, too, which takes
clang and lld. Of those with several seeds that one is shipped whose cross-entropy on the validation
split is the least; the manifest says what each came to. It works in `runs/models`, where a build
that was stopped goes on. `--only` builds these models and leaves the others as they are;
`--export-only` trains nothing, and exports the shipped `.keras` files anew; `--contracts-only` only
writes anew what the shipped files say of themselves.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from mnist_edge import data, export, train
from mnist_edge.cli.output import note
from mnist_edge.cli.watching import watching
from mnist_edge.contract import sidecar
from mnist_edge.files import crc32_of, replacing, sha256_of
from mnist_edge.formats.family import Format
from mnist_edge.formats.table import FORMATS, family_of, named, of_path
from mnist_edge.runtime.engines import read_contract
from mnist_edge.runtime.shipped import DEFAULT
from mnist_edge.training.keras_model import KerasEngine
from mnist_edge.training.result import Run
from mnist_edge.training.trainer import configure_tensorflow

MODELS = Path(__file__).parents[1] / "models"
MANIFEST = MODELS / "manifest.json"
WORK = Path(__file__).parents[1] / "runs" / "models"

TEACHER = "large"
MEMBERS = 3

# How many epochs each student learns: they are too small to learn a teacher's answers by heart.
STUDENTS = {"tiny": 150, "micro": 60, "nano": 60}

# How many seeds each is trained with; the others with one.
SEEDS = {"micro": 3, "nano": 3}

# By file or model, what the manifest says of each.
Entries = dict[str, dict[str, object]]

# What is shipped of each. The teacher in its smallest format only: to teach with, and to compare
# with. Of tiny no float16, which just misses its bar, and saves nothing over int8; of those for
# microcontrollers what their headers are made from.
SHIPPED = {
    DEFAULT: "keras,onnx,onnx-int8,onnx-picture,tflite,tflite-fp16,tflite-int8",
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
    parser.add_argument("--contracts-only", action="store_true", help="export nothing either")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    # Before an export does anything with TensorFlow, where the trainings are done already.
    configure_tensorflow()
    document = json.loads(MANIFEST.read_text(encoding="utf-8"))
    files, trainings = document["files"], document["trainings"]
    if arguments.contracts_only:
        _write_contracts()
        changed = {name: entry | _entry(MODELS / name) for name, entry in files.items()}
        _record(changed, trainings)
        return
    for name in sorted(arguments.only, key=lambda name: name != TEACHER):
        if not arguments.export_only:
            folder, trainings[name] = _build(name)
        elif (MODELS / f"{name}.keras").exists():
            folder = _fetch(name)
        else:
            continue
        files = {file: entry for file, entry in files.items() if not _is_of(file, name)}
        files |= _ship(name, folder)
        _record(files, trainings)
    for file in MODELS.iterdir():
        if of_path(file) and file.name not in files:
            file.unlink()


def _record(files: Entries, trainings: Entries) -> None:
    """Write the manifest."""
    order = {name: trainings[name] for name in SHIPPED if name in trainings}
    text = json.dumps({"files": dict(sorted(files.items())), "trainings": order}, indent=1)
    with replacing(MANIFEST) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _write_contracts() -> None:
    """Write the contracts of the shipped files as this version does; that of the module stays."""
    for path in sorted(filter(of_path, MODELS.iterdir())):
        contract, embed = read_contract(path), family_of(path).embed
        if embed:
            embed(path, contract)
        else:
            with replacing(sidecar(path)) as temporary:
                contract.write(temporary)


def _build(name: str) -> tuple[Path, dict[str, object]]:
    """Train a model, or finish it, and export it.

    Returns:
        The folder of what is to be shipped, and what the manifest says of the training.
    """
    runs = [_train(name, seed) for seed in range(SEEDS.get(name, 1))]
    for run in runs:
        _export(run.model)
    losses = [_validation_loss(run) for run in runs]
    chosen = runs[int(np.argmin(losses))]
    training = {
        "provenance": json.loads(chosen.contract.to_json())["provenance"],
        "seconds": round(chosen.seconds),
        "accuracy": chosen.accuracy,
    }
    if len(runs) > 1:
        training["seeds"] = [
            {"validation_loss": round(loss, 5), "accuracy": _accuracies(run.model)}
            for run, loss in zip(runs, losses, strict=True)
        ]
    return chosen.model.parent, training


def _train(name: str, seed: int) -> Run:
    with watching() as observer:
        return train(
            name,
            seed=seed,
            ensemble=MEMBERS if name == TEACHER else 1,
            teachers=[FORMATS["onnx-int8"].path(MODELS, TEACHER)] if name in STUDENTS else [],
            epochs=STUDENTS.get(name),
            out=WORK / f"seed{seed}",
            resume=True,
            observer=observer,
        )


def _export(path: Path) -> None:
    """Make what is shipped of a Keras model, beside it; of the default one the module, too."""
    made = [row.name for row in _shipped_formats(path.stem) if row.conversion]
    wasm = path.stem == DEFAULT
    export(path, formats=[*made, *["c"] * wasm], wasm=wasm, out=path.parent, note=note)


def _validation_loss(run: Run) -> float:
    """Return the mean cross-entropy of the validation split's labels, in nats."""
    images, labels = data.load("mnist").validation
    probabilities = KerasEngine(run.network).run(images)
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-30)).mean())


def _accuracies(path: Path) -> dict[str, float]:
    """Return, by format, the accuracy of each file that is shipped of a Keras model."""
    return {
        row.name: read_contract(row.path(path.parent, path.stem)).metrics.accuracy[row.name]
        for row in _shipped_formats(path.stem)
    }


def _shipped_formats(name: str) -> list[Format]:
    return named(SHIPPED[name].split(","))


def _fetch(name: str) -> Path:
    """Export a shipped Keras model anew; return the folder."""
    path = FORMATS["keras"].path(WORK, name)
    for file in (path, sidecar(path)):
        shutil.copyfile(MODELS / file.name, file)
    _export(path)
    return WORK


def _is_of(file: str, model: str) -> bool:
    """Tell whether a file, or what it is the sidecar of, is one of a model's."""
    row = of_path(Path(file.removesuffix(".json")))
    return row is not None and file.removesuffix(".json") == f"{model}{row.suffix}"


def _ship(name: str, folder: Path) -> Entries:
    """Copy a model's finished files with their sidecars; return their manifest entries."""
    entries: Entries = {}
    for row in _shipped_formats(name):
        path = row.path(folder, name)
        for file in filter(Path.exists, (path, sidecar(path))):
            entries[file.name] = _copy(file)
        entries[path.name]["accuracy"] = read_contract(path).metrics.accuracy[row.name]
    if name == DEFAULT:
        entries[f"{name}.wasm"] = _copy(folder / f"{name}.wasm")
    return entries


def _copy(file: Path) -> dict[str, object]:
    """Copy a file to the shipped ones; return its manifest entry."""
    with replacing(MODELS / file.name) as temporary:
        shutil.copyfile(file, temporary)
    return _entry(file)


def _entry(file: Path) -> dict[str, object]:
    size = file.stat().st_size
    return {"bytes": size, "sha256": sha256_of(file), "crc32": crc32_of(file)}


if __name__ == "__main__":
    main()
