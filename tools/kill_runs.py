"""Kill trainings and exports at random moments, and see that the next one goes on from there.

    python tools/kill_runs.py [--times N] [--seed N]

Each time a command is started in a folder of its own, killed after a random part of the time that
it takes, and started again, a training with `--resume`. What it leaves has to be what it would have
left undisturbed: the same names, the same weights, the same bytes. What differs is printed, and the
exit code is 1. How often it was whole is written to docs/trust.md, in place of the run before.
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
from markers import between

from mnist_edge.data import synthetic
from mnist_edge.files import replacing
from mnist_edge.tables import markdown

PAGE = Path(__file__).parents[1] / "docs" / "trust.md"
COMMAND = [sys.executable, "-m", "mnist_edge"]
TRAIN = ["train", "--recipe", "tiny", "--data", "digits.npz", "--epochs", "3"]
EXPORT = ["export", "--allow-inaccurate", "--formats", "onnx,tflite,tflite-fp16"]

WHOLE, SOONER = "whole after a kill", "whole, finished before the kill"
HEADERS = ("command", "killed, and whole afterwards", "finished before the kill", "not whole")


def main() -> None:
    """Run each command undisturbed, then kill it again and again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100, metavar="N", help="default: 100 of each")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    moments = random.Random(arguments.seed)  # noqa: S311 - nothing secret
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder, "start")
        start.mkdir()
        _write_digits(start / "digits.npz")
        trained = _undisturbed(TRAIN, start, Path(folder, "trained"))
        exported = _undisturbed(EXPORT, trained.folder, Path(folder, "exported"))
        outcomes: dict[str, Counter[str]] = {"train": Counter(), "export": Counter()}
        # Stopped sooner, it still says what came of what was done.
        with suppress(KeyboardInterrupt):
            for number in range(arguments.times):
                for command, before, straight in (
                    (TRAIN, start, trained),
                    (EXPORT, trained.folder, exported),
                ):
                    work = Path(folder, f"{number}-{command[0]}")
                    shutil.copytree(before, work)
                    outcome = straight.disturbed(command, work, moments.random())
                    outcomes[command[0]][outcome] += 1
                    print(f"{number + 1} {command[0]}: {outcome}", file=sys.stderr)
                    shutil.rmtree(work)
    _write(outcomes)
    sys.exit(any(set(counted) - {WHOLE, SOONER} for counted in outcomes.values()))


def _write(outcomes: dict[str, Counter[str]]) -> None:
    rows = [
        (
            name,
            *map(
                str,
                (
                    counted[WHOLE],
                    counted[SOONER],
                    counted.total() - counted[WHOLE] - counted[SOONER],
                ),
            ),
        )
        for name, counted in outcomes.items()
    ]
    summary = (
        f"On {datetime.datetime.now(datetime.UTC).date()}:\n\n{markdown(HEADERS, rows, left=1)}"
    )
    text = PAGE.read_text(encoding="utf-8")
    with replacing(PAGE) as temporary:
        temporary.write_text(between(text, "kills", summary), encoding="utf-8")


class _Straight:
    """What a command takes and leaves where nobody disturbs it."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds

    def disturbed(self, command: list[str], work: Path, moment: float) -> str:
        """Kill the command at a moment from 0 to 1, run it again, and say what came of it."""
        with subprocess.Popen(
            [*COMMAND, *command], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(moment * self.seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        killed = process.wait() < 0
        again = [*command, *(["--resume"] if command is TRAIN else [])]
        finished = subprocess.run(
            [*COMMAND, *again], cwd=work, capture_output=True, text=True, check=False
        )
        if finished.returncode:
            said = " / ".join(finished.stderr.strip().splitlines()[-2:])
            return f"exit {finished.returncode}: {said}"
        left, expected = _left(work), _left(self.folder)
        if left != expected:
            return f"other files: {sorted(name for name, _ in left ^ expected)}"
        return WHOLE if killed else SOONER


def _undisturbed(command: list[str], before: Path, work: Path) -> _Straight:
    shutil.copytree(before, work)
    start = time.perf_counter()
    subprocess.run([*COMMAND, *command], cwd=work, check=True)
    return _Straight(work, time.perf_counter() - start)


def _left(work: Path) -> set[tuple[str, str]]:
    """Return the names in `runs` with what of each file is the same at every time."""
    contents = set()
    for path in (work / "runs").iterdir():
        content = path.read_bytes().hex()
        if path.name.endswith(".keras.json"):
            content = json.loads(path.read_text())["weights_sha256"]
        elif path.name.endswith((".keras", ".svg", ".origins.json")):
            content = ""  # time stamps, durations, and the folder's own path
        contents.add((path.name, content))
    return contents


def _write_digits(path: Path) -> None:
    train, test = synthetic.generate(600, seed=1), synthetic.generate(200, seed=2)
    np.savez(
        path,
        x_train=train.images,
        y_train=train.labels,
        x_test=test.images,
        y_test=test.labels,
    )


if __name__ == "__main__":
    main()
