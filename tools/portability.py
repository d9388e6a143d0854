"""Run every shipped file on every runtime there is: python tools/portability.py [--cache DIR].

Each row of `RUNTIMES` gets an environment of its own, kept in the user's cache from run to run, and
answers the first of MNIST's test pictures there, one by one. onnxruntime and LiteRT as installed
beside this project are what it is compared with, by turns in the same minute. Writes
the tables of `docs/portability.md`. What does not install or is refused is listed with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from markers import between
from numpy.typing import NDArray
from platformdirs import user_cache_path

from mnist_edge import data
from mnist_edge.benchmark import machine
from mnist_edge.data import Split
from mnist_edge.files import replacing
from mnist_edge.formats.table import is_runnable
from mnist_edge.runtime import shipped
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engines import read_contract
from mnist_edge.tables import markdown

ROOT = Path(__file__).parents[1]
RUNNERS = Path(__file__).with_name("runners")
PAGE = ROOT / "docs" / "portability.md"

ONNX, TFLITE = (".onnx",), (".tflite",)

PICTURES = 2000
TURNS = 15
# The longest that a runtime may take to compile a file and answer all pictures, in seconds.
PATIENCE = 300


@dataclass(frozen=True)
class Runtime:
    """One row: all that a runtime needs to be measured.

    Attributes:
        name: what it is called.
        runner: its program in `tools/runners`; of npm's packages where it ends in `.mjs`.
        install: what pip or npm installs, itself first; nothing for this project's environment.
        suffixes: of the files that it may run.
        variables: of the environment in which it runs.
    """

    name: str
    runner: str
    install: tuple[str, ...]
    suffixes: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


RUNTIMES = (
    # The oldest that there is for Python 3.11.
    Runtime("onnxruntime, oldest", "with_onnxruntime.py", ("onnxruntime==1.15.0", "numpy<2"), ONNX),
    Runtime("onnxruntime", "with_onnxruntime.py", ("onnxruntime",), ONNX),
    Runtime("onnxruntime-node", "with_onnxruntime.mjs", ("onnxruntime-node",), ONNX),
    Runtime("onnxruntime-web", "with_onnxruntime.mjs", ("onnxruntime-web",), ONNX),
    Runtime("OpenCV 4", "with_opencv.py", ("opencv-python-headless==4.*",), ONNX + TFLITE),
    Runtime("OpenCV 5", "with_opencv.py", ("opencv-python-headless==5.*",), ONNX + TFLITE),
    Runtime(
        "OpenCV 5, classic engine",
        "with_opencv.py",
        ("opencv-python-headless==5.*",),
        ONNX + TFLITE,
        {"OPENCV_FORCE_DNN_ENGINE": "1"},
    ),
    Runtime("OpenVINO", "with_openvino.py", ("openvino",), ONNX + TFLITE),
    Runtime(
        "OpenVINO without VNNI",
        "with_openvino.py",
        ("openvino",),
        ONNX + TFLITE,
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    ),
    # pnnx, which converts for ncnn, would bring PyTorch along, and does without it.
    Runtime("ncnn", "with_ncnn.py", ("ncnn", "numpy", "pnnx", "--no-deps"), ONNX),
    Runtime("MNN", "with_mnn.py", ("MNN",), ONNX + TFLITE),
    Runtime("tract", "with_tract.py", ("tract",), ONNX),
    Runtime(
        "TVM",
        "with_tvm.py",
        ("apache-tvm", "onnx", "tflite"),
        ONNX + TFLITE,
        {"TVM_NUM_THREADS": "1"},
    ),
    Runtime("LiteRT, oldest", "with_litert.py", ("ai-edge-litert==1.0.1", "numpy<2"), TFLITE),
    Runtime("LiteRT", "with_litert.py", ("ai-edge-litert",), TFLITE),
    Runtime("TFLite Micro", "with_tflite_micro.py", ("tflite-micro>=0.dev0",), TFLITE),
)

REFERENCES = (
    Runtime("onnxruntime", "with_onnxruntime.py", (), ONNX),
    Runtime("LiteRT", "with_litert.py", (), TFLITE),
)

# The summary's columns; of those that give the reference's digits, the first is what to take.
KINDS = (".int8.onnx", ".int8.tflite", ".onnx", ".tflite", ".fp16.tflite")

NUMBERS = ("accuracy", "other digits", "largest difference", "time")


class Refused(Exception):
    """A runtime could not be installed, or does not run a file; says why in one line."""


@dataclass(frozen=True)
class Environment:
    """Where a runtime is installed.

    Attributes:
        command: what starts its runner.
        folder: where it has to run.
        version: of the runtime.
    """

    command: list[str]
    folder: Path
    version: str


@dataclass(frozen=True)
class Result:
    """What a runtime made of a file.

    Attributes:
        accuracy: the share of pictures read right.
        others: of how many pictures the reference gives another digit.
        difference: the largest of any probability from the reference's.
        time: how many times as long a picture takes as with the reference.
    """

    accuracy: float
    others: int
    difference: float
    time: float


# By file and runtime; why not, where it did not run.
Results = dict[tuple[str, str], Result | str]


def main() -> None:
    """Install what is missing, measure everything, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cache = user_cache_path("mnist-edge", appauthor=False) / "runtimes"
    parser.add_argument("--cache", type=Path, default=cache, help="where the environments lie")
    cache = parser.parse_args().cache.resolve()
    test = data.load("mnist").test
    pictures = Split(test.images[:PICTURES], test.labels[:PICTURES])
    described = machine.describe()
    environments: dict[str, Environment | str] = {}
    for runtime in RUNTIMES:
        print(f"installing {runtime.name}", file=sys.stderr)
        try:
            environments[runtime.name] = install(runtime, cache)
        except Refused as refusal:
            environments[runtime.name] = str(refusal)
    results: Results = {}
    for name in shipped.manifest():
        if name.endswith(ONNX + TFLITE) and is_runnable(Path(name)):
            print(f"running {name}", file=sys.stderr)
            results |= measure(shipped.path(name), pictures, environments)
    versions = ", ".join(f"{name} {version}" for name, version in described.versions.items())
    conditions = f"{described.cpu}, {described.cores} cores, load {described.load:.2f}; {versions}."
    text = between(PAGE.read_text(encoding="utf-8"), "summary", summary_of(results))
    text = between(text, "portability", f"{conditions}\n\n{page_of(results, environments)}")
    with replacing(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def install(runtime: Runtime, cache: Path) -> Environment:
    """Install a runtime's newest versions that its row allows.

    Raises:
        Refused: it does not install here.
    """
    package = re.match(r"[\w-]+", runtime.install[0])[0]  # type: ignore[index]
    folder = cache / re.sub(r"[^\w.]+", "-", " ".join(runtime.install))
    folder.mkdir(parents=True, exist_ok=True)
    if runtime.runner.endswith(".mjs"):
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _run("npm", "install", "--prefix", str(folder), *quiet, f"{package}@latest")
        described = folder / "node_modules" / package / "package.json"
        version = json.loads(described.read_text(encoding="utf-8"))["version"]
        return Environment(["node", str(RUNNERS / runtime.runner)], folder, version)
    python = str(folder / "bin" / "python")
    if not Path(python).exists():
        _run(sys.executable, "-m", "venv", str(folder))
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--upgrade")
    _run(*pip, "numpy", *runtime.install)
    ask = f"import importlib.metadata as it; print(it.version('{package}'))"
    return Environment(
        [python, str(RUNNERS / runtime.runner)], folder, _run(python, "-c", ask).strip()
    )


def _run(*command: str) -> str:
    """Return what a command prints, or why it failed, as Refused."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise Refused(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Refused(reason(error.stderr)) from error


def reason(text: str) -> str:
    """Return the last line of an error, without the folders of whoever's machine it is."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = "".join(filter(str.isprintable, lines[-1] if lines else "it does not say why"))
    line = re.sub(r"(?<![\w/:])/(?:[^\s/:]+/)+", "", line).replace("|", "\\|")
    return line if len(line) <= 200 else f"{line[:200]}…"


class Runner:
    """A runtime's program at work on one file, all pictures answered.

    Args:
        environment: where it is installed.
        runtime: its row.
        path: the file.
        images: uint8 (N, 28, 28).

    Attributes:
        answers: float32 (N, 10).

    Raises:
        Refused: the runtime does not run the file.
    """

    def __init__(
        self, environment: Environment, runtime: Runtime, path: Path, images: NDArray[np.uint8]
    ) -> None:
        contract = read_contract(path)
        spec = contract.input
        shape = "1,1,28,28" if spec.layout == "NCHW" else "1,28,28,1"
        pixels = images / np.float32(255) if spec.dtype == "float32" else images
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        with tempfile.TemporaryDirectory() as folder:
            inputs, answers = Path(folder, "inputs"), Path(folder, "answers")
            pixels.tofile(inputs)
            arguments = (path, inputs, spec.dtype, shape, answers)
            self._process = subprocess.Popen(
                [*environment.command, *map(str, arguments)],
                cwd=environment.folder,
                env=os.environ | runtime.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
            try:
                self._line("ready")
                self.answers = np.fromfile(answers, np.float32).reshape(len(images), 10)
            except Refused:
                self.close()
                raise
        if contract.output.dtype == "uint8":
            self.answers /= 256

    def turn(self) -> float:
        """Let it answer some pictures again; return how many seconds one took."""
        # To a program that has ended already, no line comes through; that shows when one is read.
        with suppress(BrokenPipeError):
            print(file=self._process.stdin, flush=True)
        return float(self._line("turn"))

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _line(self, word: str) -> str:
        """Return what follows a word at the beginning of a line; runtimes print what they like."""
        limit = threading.Timer(PATIENCE, self._process.kill)
        limit.start()
        try:
            for line in self._process.stdout or ():
                if line.startswith(word):
                    return line.removeprefix(word).strip()
        finally:
            late = not limit.is_alive()
            limit.cancel()
        code = self._process.wait()
        self._errors.seek(0)
        why = reason(self._errors.read())
        if late:
            why = f"it takes more than {PATIENCE} s"
        elif code < 0:
            why = f"it ends with {signal.Signals(-code).name}: {why}"
        raise Refused(why)


def measure(path: Path, pictures: Split, environments: Mapping[str, Environment | str]) -> Results:
    """Return what every runtime of its suffix makes of a file, beside the reference."""
    own = next(row for row in REFERENCES if path.suffix in row.suffixes)
    here = Environment([sys.executable, str(RUNNERS / own.runner)], ROOT, "")
    results: Results = {}
    with closing(Runner(here, own, path, pictures.images)) as reference:
        for runtime in RUNTIMES:
            environment = environments[runtime.name]
            if path.suffix not in runtime.suffixes:
                continue
            if isinstance(environment, str):
                results[path.name, runtime.name] = environment
                continue
            try:
                with closing(Runner(environment, runtime, path, pictures.images)) as runner:
                    results[path.name, runtime.name] = compared(runner, reference, pictures)
            except Refused as refusal:
                results[path.name, runtime.name] = str(refusal)
    return results


def compared(runner: Runner, reference: Runner, pictures: Split) -> Result:
    """Compare answers, and times by turns."""
    times = [runner.turn() / reference.turn() for _ in range(TURNS)]
    return Result(
        accuracy(runner.answers, pictures.labels),
        others=int((runner.answers.argmax(axis=1) != reference.answers.argmax(axis=1)).sum()),
        difference=float(np.abs(runner.answers - reference.answers).max()),
        time=median(times),
    )


def page_of(results: Results, environments: Mapping[str, Environment | str]) -> str:
    """Return a table of runtimes for every file, as Markdown."""
    headers = ("runtime", "version", "why not", *NUMBERS)
    sections = []
    for file in dict.fromkeys(file for file, _ in results):
        rows = []
        for (name, runtime), result in results.items():
            environment = environments[runtime]
            version = environment.version if isinstance(environment, Environment) else ""
            if name == file:
                rows.append((runtime, version, *_cells(result)))
        sections.append(f"## `{file}`\n\n{markdown(headers, rows, left=3)}")
    return "\n\n".join(sections)


def _cells(result: Result | str) -> tuple[str, ...]:
    if isinstance(result, str):
        return (result, *[""] * len(NUMBERS))
    return (
        "",
        f"{result.accuracy:.2%}",
        f"{result.others:,}",
        f"{result.difference:.1e}",
        f"{result.time:.2f}",
    )


def summary_of(results: Results) -> str:
    """Return the table of what of the default model runs where, as Markdown."""
    files = [f"{shipped.DEFAULT}{kind}" for kind in KINDS]
    rows = []
    for runtime in RUNTIMES:
        made = [results.get((file, runtime.name)) for file in files]
        same = [isinstance(result, Result) and not result.others for result in made]
        take = f"`{files[same.index(True)]}`" if any(same) else ""
        rows.append((runtime.name, *map(_verdict, made), take))
    headers = ("runtime", *(f"`{kind}`" for kind in KINDS), "take")
    return markdown(headers, rows, left=len(headers))


def _verdict(result: Result | str | None) -> str:
    if not isinstance(result, Result):
        return "" if result is None else "no"
    return f"{result.others:,} of {PICTURES:,} differ" if result.others else "yes"


if __name__ == "__main__":
    main()
