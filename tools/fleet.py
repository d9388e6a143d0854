"""Measure scoring many pictures, and write the figures into docs/scale.md.

python tools/fleet.py [--digits N] [--photos N] [--rounds N] [--print]

Digits are synthetic ones as PNG of 28x28, 10,000 of them over and over, in tar shards of 1,000;
photographs are made here as JPEG of about a megapixel, in shards of 5. Each way is a process of
its own; the ways take turns in shuffled rounds, and a ratio is that of two ways in the same round,
of which the median is given. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from markers import between
from PIL import Image

from mnist_edge.benchmark import machine
from mnist_edge.data import synthetic
from mnist_edge.data.pack import pack
from mnist_edge.data.plan import Plan
from mnist_edge.data.storage import locate
from mnist_edge.fleet import job
from mnist_edge.fleet.shards import Model, Task
from mnist_edge.runtime import shipped
from mnist_edge.runtime.reading.parameters import DECODING
from mnist_edge.tables import markdown

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
MODEL = shipped.path("edge.onnx")

# Name, processors, and whether Ray does it.
WAYS = {
    "one process": (0, False),
    "pool, 1 worker": (1, False),
    "pool, 2 workers": (2, False),
    "Ray, 1 worker": (1, True),
    "Ray, 2 workers": (2, True),
}
DISTINCT = 10_000
DIGITS_A_SHARD, PHOTOS_A_SHARD = 1000, 5
SIDE = 1000

# What the arithmetic is made for.
PICTURES, MACHINES, CORES = 100_000_000, 20, 8
PICTURES_A_TAR = 10_000
NAMES_A_REQUEST = 1000  # of a listing of S3


@dataclass(frozen=True)
class Run:
    """One way, once.

    Attributes:
        first: seconds until the first shard was there.
        rate: pictures/s from when each worker has given one to the last.
        cpu_rate: pictures per second of processor, all processes', in the same time, which
            whatever else the machine does changes less than the rate.
        driver, worker: peak MiB of the driver, and of the largest worker.
    """

    first: float
    rate: float
    cpu_rate: float
    driver: float
    worker: float


def main() -> None:
    """Measure, and rewrite the page or print what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=int, default=100_000)
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--way", nargs=3, metavar=("WAY", "SOURCE", "OUT"), help="for itself")
    options = parser.parse_args()
    if options.way:
        work(*options.way)
        return
    blocks = measure(options.digits, options.photos, options.rounds)
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text = between(text, name, block)
    if options.print:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


def work(way: str, source: str, out: str) -> None:
    """Do one way in this process, and print when each shard was there."""
    workers, on_ray = WAYS[way]
    if workers:
        job.run(
            source,
            out,
            MODEL,
            workers=workers,
            address="local" if on_ray else None,
            progress=lambda now: mark(now.pictures),
        )
        return
    done = 0
    with Plan(source) as plan:
        task = Task(Model.of(MODEL), plan.source, *locate(out), "parquet", DECODING.max_pixels)
        for unit in plan:
            done += task.finish(unit).pictures
            mark(done)


def mark(pictures: int) -> None:
    """Print how many pictures are done now."""
    print(json.dumps([time.monotonic(), pictures]), flush=True)


def timed(way: str, source: Path) -> Run:
    """Run one way in a process of its own, and watch its memory."""
    peaks: dict[int, tuple[float, bool]] = {}
    spent: dict[int, float] = {}
    moments: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with (Path(folder) / "marks").open("w+") as marks:
            command = [sys.executable, __file__, "--way", way, str(source), f"{folder}/out"]
            process = subprocess.Popen(command, stdout=marks)
            while process.poll() is None:
                time.sleep(0.1)
                watch(process.pid, peaks, spent)
                moments.append((time.monotonic(), sum(spent.values())))
            marks.seek(0)
            lines = [json.loads(line) for line in marks if line.startswith("[")]
    if process.returncode or len(lines) < 2:
        sys.exit(f"{way} failed")
    begun = lines[0][0]
    (first, some), (last, total) = lines[max(min(WAYS[way][0], len(lines) - 1) - 1, 0)], lines[-1]
    workers = [peak for peak, is_worker in peaks.values() if is_worker]
    driver = peaks[process.pid][0]
    times, seconds = zip(*moments, strict=True)
    busy = float(np.subtract(*np.interp([last, first], times, seconds)))
    done = total - some
    largest = max(workers, default=driver)
    return Run(begun - began, done / (last - first), done / busy, driver, largest)


def watch(driver: int, peaks: dict[int, tuple[float, bool]], spent: dict[int, float]) -> None:
    """Note peak memory and processor time of a process and of those below it."""
    below = {driver}
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            status = dict(
                line.split(":", 1) for line in (entry / "status").read_text().splitlines()
            )
            times = (entry / "stat").read_text().rpartition(")")[2].split()[11:13]
            title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        pid = int(entry.name)
        if pid != driver and int(status["PPid"]) not in below:
            continue
        below.add(pid)
        spent[pid] = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        was_worker = peaks.get(pid, (0, False))[1]
        is_worker = was_worker or "spawn_main" in title or title.startswith("ray::_finish")
        if "VmHWM" in status:
            peaks[pid] = (int(status["VmHWM"].split()[0]) / 1024, is_worker)


def measure(digits: int, photos: int, rounds: int) -> dict[str, str]:
    """Return the blocks of the page."""
    described = machine.describe()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        note("drawing")
        pngs, jpegs = list(draw_digits()), list(draw_photos(min(photos, 100)))
        sources = {
            "digits": write_tars(folder / "digits", pngs, digits, DIGITS_A_SHARD),
            "photographs": write_tars(folder / "photos", jpegs, photos, PHOTOS_A_SHARD),
        }
        runs: dict[tuple[str, str], list[Run]] = {}
        for number in range(rounds):
            turns = [(kind, way) for kind in sources for way in WAYS]
            random.Random(number).shuffle(turns)  # noqa: S311
            for kind, way in turns:
                note(f"round {number + 1}: {kind}, {way}")
                runs.setdefault((kind, way), []).append(timed(way, sources[kind]))
        few = write_tars(folder / "few", pngs, digits // 10, DIGITS_A_SHARD)
        memory = {}
        for way in ("pool, 2 workers", "Ray, 2 workers"):
            note(f"memory: {way}")
            memory[way] = timed(way, few), runs["digits", way][-1]
        note("listing, packing, resuming")
        small = around(folder, pngs, sources["digits"])
    sizes = {
        kind: statistics.mean(map(len, some))
        for kind, some in (("digits", pngs), ("photographs", jpegs))
    }
    return {
        "measured": f"{digits:,} digits and {photos:,} photographs, {rounds} "
        f"{'round' if rounds == 1 else 'rounds'}; {described.cpu}, {described.cores} cores, "
        f"load {described.load:.1f}; Python {described.python}.",
        "rates": rates(runs),
        "started": started(runs),
        "memory": memories(memory, digits),
        "around": describe_around(small),
        "pays": pays(runs),
        "arithmetic": arithmetic(runs, sizes, small),
    }


def note(text: str) -> None:
    """Say on stderr what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr)


def draw_digits() -> Iterator[bytes]:
    """Draw digits as MNIST has them."""
    for image in synthetic.generate(DISTINCT, seed=18).images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        yield file.getvalue()


def draw_photos(count: int) -> Iterator[bytes]:
    """Draw dark digits on paper that is lit from one corner, with noise."""
    rng = np.random.default_rng(18)
    ramp = np.linspace(0.75, 1, SIDE, dtype=np.float32)
    paper = 230 * ramp[np.newaxis] * ramp[:, np.newaxis]
    for image in synthetic.generate(count, seed=19).images:
        field = Image.new("L", (SIDE, SIDE))
        field.paste(Image.fromarray(image).resize((700, 700)), (150, 150))
        lit = paper * (1 - 0.8 * np.asarray(field, np.float32) / 255)
        lit += rng.normal(0, 4, lit.shape)
        file = io.BytesIO()
        photo = Image.fromarray(lit.clip(0, 255).astype(np.uint8)).convert("RGB")
        photo.save(file, "JPEG", quality=85)
        yield file.getvalue()


def write_tars(folder: Path, pictures: list[bytes], count: int, in_shard: int) -> Path:
    """Write so many pictures, over and over the same, as tar shards."""
    folder.mkdir()
    endless = cycle(pictures)
    suffix = "png" if pictures[0].startswith(b"\x89PNG") else "jpg"
    for start in range(0, count, in_shard):
        with tarfile.open(folder / f"{start:08}.tar", "w") as archive:
            for number, data in enumerate(islice(endless, min(in_shard, count - start)), start):
                member = tarfile.TarInfo(f"{number:08}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return folder


def around(folder: Path, pngs: list[bytes], tars: Path) -> dict[str, float]:
    """Measure what is done around the scoring, with loose files and with a job that is done."""
    loose = folder / "loose"
    for number, data in enumerate(pngs):
        path = loose / f"{number // 1000}" / f"{number:08}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    began = time.monotonic()
    with Plan(str(loose)) as plan:
        listed = time.monotonic() - began
        ids = statistics.mean(len(picture.id) for picture in plan.source.pictures(next(iter(plan))))
    began = time.monotonic()
    pack(str(loose), str(folder / "packed"))
    packed = time.monotonic() - began
    out = folder / "answers"
    done = job.run(str(tars), str(out), MODEL)
    began = time.monotonic()
    job.run(str(tars), str(out), MODEL, resume=True)
    resumed = time.monotonic() - began
    answers = sum(path.stat().st_size for path in out.glob("part-*"))
    return {
        "listed a second": len(pngs) / listed,
        "packed a second": len(pngs) / packed,
        "seconds to resume a shard": resumed / done.shards,
        "bytes of an answer": answers / done.pictures,
        "bytes of an id": ids,
        "bytes of a shard in the manifest": (out / job.MANIFEST).stat().st_size / done.shards,
    }


Runs = dict[tuple[str, str], list[Run]]


def median(runs: Runs, kind: str, way: str, what: str) -> float:
    """Return the median of the rounds."""
    return float(statistics.median(getattr(run, what) for run in runs[kind, way]))


def ratio(runs: Runs, kind: str, way: str, other: str, what: str = "rate") -> float:
    """Return the median ratio of two ways within a round."""
    pairs = zip(runs[kind, way], runs[kind, other], strict=True)
    return float(statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs))


def rates(runs: Runs) -> str:
    """Return the table of pictures a second."""
    rows = []
    for way in WAYS:
        row = [way]
        for kind in ("digits", "photographs"):
            for what in ("rate", "cpu_rate"):
                row.append(f"{median(runs, kind, way, what):,.0f}")
                row.append(f"{ratio(runs, kind, way, 'one process', what):.2f}")
        rows.append([*row, f"{median(runs, 'digits', way, 'first'):.1f}"])
    columns = ("/s", "×", "/processor s", "×")
    headers = [
        f"{kind}{name}" if name != "×" else name
        for kind in ("digits", "photographs")
        for name in columns
    ]
    return markdown(("", *headers, "first shard s"), rows)


def started(runs: Runs) -> str:
    """Return what Ray costs once it has started, and how the ways scale."""
    rows = []
    for kind in ("digits", "photographs"):
        row = [kind]
        for what in ("rate", "cpu_rate"):
            over = 1 / ratio(runs, kind, "Ray, 2 workers", "pool, 2 workers", what) - 1
            row.append(f"{over:+.0%} ({'at most' if over <= 0.3 else 'more than'} 30 %)")
        row += [
            f"{ratio(runs, kind, f'{e}, 2 workers', f'{e}, 1 worker'):.2f}" for e in ("pool", "Ray")
        ]
        rows.append(row)
    headers = ("", "time of Ray over the pool", "processor time", "pool, 2 over 1", "Ray, 2 over 1")
    return markdown(headers, rows)


def memories(memory: dict[str, tuple[Run, Run]], digits: int) -> str:
    """Return the table of memory."""
    rows = [
        [
            way,
            *(f"{run.driver:.0f}" for run in runs),
            *(f"{run.worker:.0f}" for run in runs),
        ]
        for way, runs in memory.items()
    ]
    few, many = f"{digits // 10:,}", f"{digits:,}"
    headers = ("peak MiB", f"driver, {few}", f"driver, {many}", f"worker, {few}", f"worker, {many}")
    return markdown(headers, rows)


def describe_around(small: dict[str, float]) -> str:
    """Return the table of what is done around the scoring."""
    return markdown(
        ("", "measured"),
        [
            [name, f"{value:,.4f}" if value < 1 else f"{value:,.0f}"]
            for name, value in small.items()
        ],
    )


def pays(runs: Runs) -> str:
    """Return the sizes from which so many machines with Ray are done before one with the pool.

    Both need their time to start; then each processor does what one here did in its own time.
    """
    rows = []
    for machines in (2, MACHINES):
        row = [f"{machines}"]
        for kind in ("digits", "photographs"):
            alone = CORES * median(runs, kind, "pool, 2 workers", "cpu_rate")
            together = machines * CORES * median(runs, kind, "Ray, 2 workers", "cpu_rate")
            later = median(runs, "digits", "Ray, 1 worker", "first") - median(
                runs, "digits", "pool, 1 worker", "first"
            )
            row.append(
                f"{later / (1 / alone - 1 / together):,.0f}" if together > alone else "never"
            )
        rows.append(row)
    return markdown((f"machines of {CORES} cores", "digits", "photographs"), rows)


def arithmetic(runs: Runs, sizes: dict[str, float], small: dict[str, float]) -> str:
    """Return the table for very many pictures on several machines."""
    columns = []
    tars = PICTURES // PICTURES_A_TAR
    for kind in ("digits", "photographs"):
        rate = MACHINES * CORES * median(runs, kind, "Ray, 2 workers", "cpu_rate")
        columns.append(
            [
                f"{rate:,.0f}",
                f"{PICTURES / rate / 3600:,.2f}",
                f"{PICTURES * sizes[kind] / 1e12:,.2f}",
                f"{rate / MACHINES * sizes[kind] / 1e6:,.1f}",
                f"{PICTURES_A_TAR / (rate / MACHINES / CORES):,.0f}",
                f"{PICTURES / small['listed a second'] / 3600:,.1f}",
                f"{PICTURES // NAMES_A_REQUEST:,}",
                f"{tars:,}",
                f"{-(-tars // NAMES_A_REQUEST):,}",
                f"{PICTURES * small['bytes of an answer'] / 1e9:,.1f}",
                f"{tars * small['bytes of a shard in the manifest'] / 1e6:,.1f}",
                f"{tars * small['seconds to resume a shard'] / 60:,.1f}",
                f"{PICTURES * small['bytes of an id'] / 1e9:,.1f}",
            ]
        )
    names = (
        f"pictures/s of {MACHINES} × {CORES} workers",
        "hours",
        "TB that are read",
        "MB/s into each machine",
        f"seconds of work that a death costs, a shard of {PICTURES_A_TAR:,}",
        "loose files: hours to list them as a local disk does",
        "loose files: requests to list them in S3",
        "shards, and as many of answers",
        "shards: requests to list them",
        "GB of answers",
        "MB of the manifest",
        "minutes to look through all shards at --resume, read as from a local disk",
        "GB of ids, had a checkpoint to hold each",
    )
    rows = [[name, *values] for name, *values in zip(names, *columns, strict=True)]
    return markdown(("", "digits", "photographs"), rows)


if __name__ == "__main__":
    main()
