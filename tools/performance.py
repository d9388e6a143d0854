"""Write docs/performance.md: python tools/performance.py [--quick].

Runs the tools that measure speed one after the other, on the shipped models, and joins the tables
that they return; MNIST_EDGE_PEERS names the folder of the peers. The table of processors keeps the
rows of others, and gets one of this. Takes about five minutes; `--quick` takes one, is for
looking at the page alone, and leaves the table of processors as it is.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bench_peers
import measure_calls
import measure_chunk
import roofline

from mnist_edge.benchmark import machine
from mnist_edge.files import replacing
from mnist_edge.tables import markdown

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

INTRODUCTION = """# Performance

    MNIST_EDGE_PEERS=… python tools/performance.py

writes this page: every table below was printed by the command above it, in one run on one machine,
and whether a target is met was computed from the figures. Files and ways that are compared take
turns in shuffled rounds, so that what slows the machine down slows all of them; a range in
parentheses is the 95 % confidence interval of the median of the rounds."""

PROCESSORS = """## One picture, on every processor

p50 of one file over that of another, one picture a call and one thread, on each processor that
this command has run on; all else on this page is of the last. **int8 always saves bytes. Time it
saves on some processors: one picture at a time, in LiteRT on the EPYC, and not on the Xeon, for
which XNNPACK takes kernels of AMX; in onnxruntime on neither, but in batches on both.**"""

# Instructions that integer kernels are made of, the widest first, as Linux calls them.
INSTRUCTIONS = (
    "amx_int8",
    "avx512_vnni",
    "avx_vnni",
    "avx512f",
    "avx2",
    "i8mm",
    "asimddp",
    "asimd",
)

PEERS = """## One picture, against other people's models

`edge` and `tiny` are the shipped models, and p50 is of one picture a call. The others are the ONNX
Model Zoo's MNIST and the model of the TensorFlow Lite codelab for digits. Such ratios depend on the
processor."""

STARTUP = """## Starting

A fresh process each: `predict` against a bare script that does the same, `--help` and `--version`
against `python -c pass`."""

CALLS = """## What `Classifier` adds

`predict` reads its picture: it also has to find out whether it is in MNIST's own form already.
`predict_batch` asks that of each picture by itself, which takes longer than the network does."""

CHUNKS = """## Pictures in one call, and int8 against float32

Microseconds per picture, including its conversion to the float32 numbers that the files take.
Large batches fall out of the caches, and small ones pay for the call more often. Every node of a
graph has a cost of its own, whatever its type, and the int8 graph has more: it gathers pixels in
blocks, as integer kernels with a single channel would take longer still, and quantizes them. That
weighs on single pictures and is spread over those of a batch. The tables of kernels in the next
section tell what each one takes. With two threads the gathering takes onnxruntime so much longer
that large batches are slower than with one: integer files are for one thread a process."""

ROOFLINE = """## Against the processor's peak

An operation is a multiplication or an addition. The peaks are those of a large product of matrices
with onnxruntime and one thread. In float32 the convolutions reach them; with integers, whose units
work on larger tiles, layers of 16 to 48 channels at a few positions are too small to."""


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--out", type=Path, default=PAGE, help="where to write the page")
    arguments = parser.parse_args()
    quick = arguments.quick
    described = machine.describe()
    versions = ", ".join(f"{name} {version}" for name, version in described.versions.items())
    sections = []
    parts: list[tuple[str, str, Callable[[], str]]] = [
        (PEERS, "tools/bench_peers.py", lambda: bench_peers.measure(quick=quick)),
        (STARTUP, "tools/bench_startup.py", lambda: startup(5 if quick else 20)),
        (CALLS, "tools/measure_calls.py", lambda: measure_calls.measure(quick=quick)),
        (CHUNKS, "tools/measure_chunk.py", lambda: measure_chunk.measure(quick=quick)),
        (ROOFLINE, "tools/roofline.py", lambda: roofline.measure(quick=quick)),
    ]
    for text, command, measure in parts:
        print(command, file=sys.stderr)
        sections += [text, f"    python {command}", measure()]
    before = PAGE.read_text(encoding="utf-8")
    sections[:0] = [
        INTRODUCTION,
        PROCESSORS,
        processors(before, described, None if quick else "\n".join(sections)),
        f"{described.cpu}, {described.cores} cores, load {described.load:.2f}; {versions}.",
    ]
    with replacing(arguments.out) as temporary:
        temporary.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def processors(page: str, described: machine.Machine, measured: str | None) -> str:
    """Return the table of processors that a page has, with the row of this one anew.

    Args:
        page: its text.
        described: this machine.
        measured: what was measured on it, the table of targets among it; None where that is not
            to be kept.
    """
    headers = ["processor", *(f"`{ours}` / `{theirs}`" for ours, theirs, _ in bench_peers.TARGETS)]
    table = page.partition("\n| processor |")[2].partition("\n\n")[0]
    rows = {
        cells[0]: cells for line in table.splitlines()[2:] for cells in [line[2:-2].split(" | ")]
    }
    if measured is not None:
        name = _name(described)
        ratios = [
            re.search(rf"`{ours}` \| `{theirs}` \| [^|]*\| ([^|]*) \|", measured)
            for ours, theirs, _ in bench_peers.TARGETS
        ]
        rows[name] = [name, *(found[1] if found else "" for found in ratios)]
    return markdown(headers, rows.values())


def _name(described: machine.Machine) -> str:
    """Return what tells a processor from others: of one name there are many generations."""
    told = machine.cpuinfo()
    kind = [f"{key} {told[key]}" for key in ("cpu family", "model") if key in told]
    instructions = next((each for each in INSTRUCTIONS if each in described.flags), "no vectors")
    return ", ".join([described.cpu, *kind, instructions])


def startup(rounds: int) -> str:
    """Return the table of starts, measured by a process as small as those that it starts.

    A new process begins with the peak memory of the one that started it.
    """
    command = [sys.executable, str(Path(__file__).with_name("bench_startup.py")), str(rounds)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
