"""Measure what `Classifier` adds to onnxruntime: python tools/measure_calls.py [--quick].

One picture: `predict` of an array, and the engine alone, against a bare `session.run` of the same
picture that is float32 already. Many: `predict_batch` of 10,000 pictures with two threads against
bare loops over chunks of several sizes, of which the fastest counts, and against one call with all;
the bare ones convert the pictures into memory that they keep. Bare sessions have onnxruntime's own
settings, except that idle threads sleep: spinning, they would slow down whatever comes next. All
take turns in every round; given are medians of the rounds, of differences and ratios with their
95 % confidence intervals. Memory is the peak of a fresh process, besides the pictures themselves.
Prints Markdown.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import onnxruntime

from mnist_edge import Classifier
from mnist_edge.benchmark.bootstrap import interval
from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped
from mnist_edge.tables import markdown

CALLS = 200
MANY = 10_000
CHUNKS = (64, 128, 256, 512)

PEAK = """
import sys
import numpy as np
from mnist_edge import Classifier
images = np.ones((int(sys.argv[1]), 28, 28), np.uint8)
Classifier.load(threads=2).predict_batch(images)
status = open("/proc/self/status").read()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024 - images.nbytes / 2**20)
"""

Work = Callable[[], object]


def main() -> None:
    """Print the tables."""
    print(measure(quick="--quick" in sys.argv[1:]))


def measure(*, quick: bool) -> str:
    """Return the tables, as Markdown."""
    images = synthetic.generate(MANY, seed=0).images
    return f"{_one(images[:CALLS], 5 if quick else 40)}\n\n{_many(images, 3 if quick else 15)}"


def _one(images: np.ndarray, rounds: int) -> str:
    classifier, session = Classifier.load(), _bare_session(threads=1)
    feeds = [{"image": image[np.newaxis, np.newaxis] / np.float32(255)} for image in images]
    ways: dict[str, list[Work]] = {
        "`session.run`": [partial(session.run, None, feed) for feed in feeds],
        "`engine.run`": [
            partial(classifier.engine.run, images[number : number + 1])
            for number in range(len(images))
        ],
        "`Classifier.predict`": [partial(classifier.predict, image) for image in images],
    }
    micros: dict[str, list[float]] = {name: [] for name in ways}
    for name in _turns(ways, rounds):
        micros[name].append(float(np.median([_seconds(call) for call in ways[name]])) * 1e6)
    bare = np.array(micros["`session.run`"])
    rows = []
    for name, measured in micros.items():
        row = [name, f"{np.median(measured):.1f}", "", "", ""]
        if name != "`session.run`":
            row[2] = _spread(np.array(measured) - bare, 1)
        if name == "`Classifier.predict`":
            row[3:] = "≤ 10", _met(np.median(np.array(measured) - bare) <= 10)
        rows.append(row)
    return markdown(("one picture", "µs", "µs more than bare", "target", "met"), rows)


def _many(images: np.ndarray, rounds: int) -> str:
    classifier, session = Classifier.load(threads=2), _bare_session(threads=2)

    def bare(chunk: int) -> None:
        for start in range(0, len(images), chunk):
            pixels = images[start : start + chunk, np.newaxis]
            session.run(None, {"image": np.divide(pixels, 255, out=kept[: len(pixels)])})

    kept = np.empty((len(images), 1, 28, 28), np.float32)
    loops = {f"bare, chunks of {chunk}": partial(bare, chunk) for chunk in CHUNKS}
    own, whole = "`Classifier.predict_batch`", "bare, one call"
    ways: dict[str, Work] = {own: partial(classifier.predict_batch, images), **loops}
    ways[whole] = partial(bare, len(images))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in _turns(ways, rounds):
        seconds[name].append(_seconds(ways[name]))
    times = {name: np.array(measured) for name, measured in seconds.items()}
    best = min(loops, key=lambda name: np.median(times[name]))
    rows = []
    for name, measured in times.items():
        row = [name, f"{len(images) / np.median(measured):,.0f}", "", "", ""]
        if name in (best, whole):
            speed, least = measured / times[own], 0.95 if name == best else 3
            row[2:] = _spread(speed, 2), f"≥ {least}", _met(np.median(speed) >= least)
        rows.append(row)
    headers = ("10,000 pictures", "images/s", "`predict_batch` is × as fast", "target", "met")
    few, many = (_peak(count) for count in (MANY, 4 * MANY))
    memory = [("10,000", f"{few:.0f}", "", ""), ("40,000", f"{many:.0f}", f"{many - few:.0f}", "")]
    # Ten probabilities, a few flags and the digit of each picture are the answer itself.
    memory[1] = (*memory[1][:3], _met(many - few <= 3 * MANY * 80 / 2**20 + 2))
    sizes = markdown(("pictures", "peak MiB", "more", "flat but for the answers"), memory)
    return f"{markdown(headers, rows)}\n\n{sizes}"


def _bare_session(threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(shipped.path(), options)


def _turns(ways: Iterable[str], rounds: int) -> list[str]:
    """Return the names, shuffled within each round."""
    shuffle = np.random.default_rng(0).shuffle
    order, turns = list(ways), []
    for _ in range(rounds):
        shuffle(order)
        turns += order
    return turns


def _seconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak(count: int) -> float:
    command = (sys.executable, "-c", PEAK, str(count))
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def _spread(figures: np.ndarray, digits: int) -> str:
    low, high = interval(figures)
    return f"{np.median(figures):.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def _met(reached: object) -> str:
    return "yes" if reached else "no"


if __name__ == "__main__":
    main()
