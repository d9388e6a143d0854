"""Pictures that take a moment to read, what `predict` says of them, and jobs that can be killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from mnist_edge import Classifier, UnreadableImage
from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'mnist-edge[fleet]'")

import pyarrow.parquet as pq

Row = dict[str, Any]
MODEL = shipped.path("edge.onnx")


class Pictures(NamedTuple):
    """A folder of picture files, and the row that each has to have."""

    folder: Path
    rows: list[Row]


def expected_row(identity: str, data: bytes, classifier: Classifier) -> Row:
    """The answer that `predict` gives, as a row."""
    try:
        answer = classifier.predict(data)
    except UnreadableImage as error:
        fields: Row = dict.fromkeys(("digit", "confidence", "probabilities", "reason"))
        fields |= {"accepted": False, "error": error.cause}
    else:
        fields = {
            "digit": answer.digit,
            "confidence": answer.confidence,
            "probabilities": list(answer.probabilities),
            "accepted": answer.accepted,
            "reason": answer.reason,
            "error": None,
        }
    weights = classifier.contract.weights_sha256
    return {"id": identity, **fields, "model": MODEL.name, "weights_sha256": weights}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """120 files: digits, blank paper, what is no picture, and nothing at all."""
    folder = tmp_path_factory.mktemp("pictures")
    digits = synthetic.generate(9, seed=18).images
    drawn = [Image.fromarray(255 - digit).resize((700, 700)) for digit in digits]
    drawn.append(Image.new("L", (700, 700), 255))
    contents = []
    for number, picture in enumerate(drawn):
        picture.save(folder / f"{number}.png")
        contents.append((folder / f"{number}.png").read_bytes())
        (folder / f"{number}.png").unlink()
    contents += [b"a seven", b""]
    classifier = Classifier.load(MODEL)
    rows = [expected_row("", content, classifier) for content in contents]
    listed = []
    for number in range(120):
        # With a blank and a quoted character, for their addresses.
        path = folder / str(number % 7) / f"scan {number:03}#.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents[number % len(contents)])
        listed.append(rows[number % len(contents)] | {"id": path.as_uri()})
    return Pictures(folder, listed)


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["id"])


def answers(folder: Path) -> list[Row]:
    """All rows of all shards of a job that has ended well, in the order of their ids."""
    assert (folder / "_SUCCESS").is_file()
    rows: list[Row] = []
    for path in folder.glob("part-*"):
        if path.suffix == ".parquet":
            rows += pq.read_table(path).to_pylist()
        else:
            rows += map(json.loads, path.read_text().splitlines())
    return in_order(rows)


def files(folder: Path) -> dict[str, bytes]:
    """All that a job leaves; the lock names the process that held it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "_lock"}


class Job:
    """`mnist-edge score` in a process of its own."""

    def __init__(self, *arguments: str | Path, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "mnist_edge", "score", "--model", MODEL, *arguments]
        self.out = Path(arguments[arguments.index("--out") + 1])
        self.process = subprocess.Popen(
            [*map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
        )

    def wait_for_shards(self, more: int) -> bool:
        """Wait until there are more shards than now; False where the job ends before."""
        wanted = self.shards() + more
        while self.shards() < wanted:
            if self.process.poll() is not None:
                return False
            time.sleep(0.005)
        return True

    def shards(self) -> int:
        return len([*self.out.glob("part-*")])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def end(self) -> tuple[int, str, str]:
        stdout, stderr = self.process.communicate(timeout=600)
        return self.process.returncode, stdout, stderr


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:  # which grows meanwhile
        found += parents.get(parent, [])
    return found[1:]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def pool_workers(job: Job) -> list[int]:
    """The processes that make shards where there is no cluster."""
    return [pid for pid in descendants(job.process.pid) if "spawn_main" in command_line(pid)]


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_workers(
    job: Job, kills: int, seed: int, workers: Callable[[], list[int]], more: int = 4
) -> None:
    """Kill one of the workers at a time, each time after a few more shards and a while."""
    rng = random.Random(seed)
    for _ in range(kills):
        assert job.wait_for_shards(rng.randint(1, more)), job.end()
        time.sleep(rng.uniform(0, 0.02))
        while not (victims := workers()):
            assert job.process.poll() is None, job.end()
        kill(rng.choice(victims))


def kill_driver(kills: int, seed: int, start: Callable[[], Job], more: int = 6) -> Job:
    """Kill the driver of a job and begin it again, and so on; return the last, which may end."""
    rng = random.Random(seed)
    for _ in range(kills):
        job = start()
        assert job.wait_for_shards(rng.randint(1, more)), job.end()
        time.sleep(rng.uniform(0, 0.02))
        job.kill()
    return start()


@pytest.fixture
def jobs() -> Iterator[Callable[..., Job]]:
    """Start jobs; none of them outlives the test."""
    started: list[Job] = []

    def start(*arguments: str | Path, **options: Any) -> Job:
        started.append(Job(*arguments, **options))
        return started[-1]

    yield start
    for job in started:
        job.process.kill()
        job.process.communicate()
