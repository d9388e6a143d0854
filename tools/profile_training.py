"""Tell what bounds a training step: python tools/profile_training.py [RECIPE].

Prints the milliseconds of a step by kind of operation, from TensorFlow's own profile of a hundred
steps, and then of whole steps: as they are, with pictures that are there already, with a return to
Python after each, and in bfloat16. Variants take turns, since a machine's speed drifts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from mnist_edge.data import synthetic
from mnist_edge.training import pipeline, trainer
from mnist_edge.training.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mnist_edge.data import Split
    from mnist_edge.training.recipes import Recipe

STEPS = 100
ROUNDS = 5
LISTED = 14


def main() -> None:
    """Profile the recipe that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", choices=RECIPES, default="edge")
    recipe = RECIPES[parser.parse_args().recipe]
    trainer.configure_tensorflow()
    split = synthetic.generate(5000, seed=0)
    step = _stepper(recipe, split)
    step()
    print(f"operations of {recipe.name}, ms per step of {recipe.batch} pictures")
    for kind, milliseconds in _operations(step).most_common(LISTED):
        print(f"{milliseconds:8.2f}  {kind}")
    variants = {
        "as it is": step,
        "one step per return to Python": _stepper(recipe, split, executed=1),
        "pictures at hand, not distorted": _stepper(recipe, split, prepared=True),
        "in bfloat16": _stepper(recipe, split, precision="mixed_bfloat16"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(ROUNDS + 1):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if number:  # The first builds the graph.
                seconds[name].append(time.perf_counter() - start)
    print("whole steps, ms")
    for name, times in seconds.items():
        print(f"{1e3 * median(times) / STEPS:8.2f}  {name}")


def _stepper(
    recipe: Recipe,
    split: Split,
    *,
    executed: int = trainer.STEPS_PER_EXECUTION,
    prepared: bool = False,
    precision: str | None = None,
) -> Callable[[], Any]:
    """Return what trains a new network for `STEPS` steps."""
    keras.config.set_dtype_policy(precision or recipe.precision)
    model = recipe.network()
    model.compile(
        recipe.optimizer(1000),
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,
        steps_per_execution=executed,
    )
    stream = pipeline.batches(recipe, split, seed=0, first_step=0)
    if prepared:
        stream = stream.take(1).cache().repeat()
    return lambda: model.fit(stream, epochs=1, steps_per_epoch=STEPS, verbose=0)


def _operations(step: Callable[[], Any]) -> Counter[str]:
    """Return the milliseconds per step that each kind of operation takes, on any thread."""
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            step()
        (file,) = Path(folder).rglob("*.xplane.pb")
        profile = xplane_pb2.XSpace.FromString(file.read_bytes())
    spent: Counter[str] = Counter()
    for plane in profile.planes:
        names = {key: entry.name for key, entry in plane.event_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                # An operation's event is called `name:kind`; what contains it has no colon.
                _, colon, kind = names[event.metadata_id].partition(":")
                if colon and kind.isidentifier():
                    spent[kind] += event.duration_ps / 1e9 / STEPS
    return spent


if __name__ == "__main__":
    main()
