"""Measure the C headers on microcontrollers, and write docs/firmware.md.

    python tools/firmware.py [--pictures N] [--random N] [--tflite-micro PYTHON] [--only TABLE…]

Exports the header of each shipped model and measures that. Needs the compilers and emulators that
docs/firmware.md names, and MNIST. What is read of people's own pictures is measured where
MNIST_EDGE_PICTURES names their folder; PYTHON is an interpreter that has the package tflite-micro,
which is asked as a second witness whether headers are exact. The table of either is left as it is
without that. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import csv
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markers import between
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import export
from mnist_edge.data import mnist
from mnist_edge.files import replacing
from mnist_edge.formats.c import gate
from mnist_edge.formats.c.emit import identifier, scratch_bytes
from mnist_edge.formats.c.graph import Network
from mnist_edge.formats.c.parse import parse
from mnist_edge.formats.c.plan import plan
from mnist_edge.formats.c.wasm import wasm
from mnist_edge.runtime.reading.decoding import decode

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "firmware.md"
BOARDS = Path(__file__).with_name("firmware")
MODELS = ("edge", "tiny", "micro", "nano")
LEVELS = ("-Os", "-O2")
AVR = ("simavr",)

# An array on AVR has less than 32 kB.
AVR_FIELDS = 40


@dataclass(frozen=True)
class Board:
    """A processor, and the emulator of a board that has it.

    Attributes:
        name: the processor's.
        tools: what the names of its compiler and binutils begin with.
        flags: for the compiler.
        emulator: the command.
        link: where flash and memory are.
        tick: how many instructions a step of the board's counter is.
    """

    name: str
    tools: str
    flags: tuple[str, ...]
    emulator: tuple[str, ...]
    link: tuple[str, ...] = ()
    tick: float = 1


def _arm(
    processor: str, machine: str, megahertz: float, *flags: str, flash: int = 0x00000000
) -> Board:
    """Return a board of Arm's; its memory is as far from 0x20000000 as its flash is from 0."""
    return Board(
        processor.replace("cortex-m", "Cortex-M").replace("plus", "+"),
        "arm-none-eabi-",
        (f"-mcpu={processor}", "-mthumb", *flags),
        ("qemu-system-arm", "-M", machine),
        (f"-Wl,--defsym=ram={0x20000000 + flash:#x}", f"-Wl,--defsym=flash={flash:#x}"),
        # With -icount shift=0 an instruction takes a nanosecond.
        1000 / megahertz,
    )


BOARDS_MEASURED = (
    _arm("cortex-m0plus", "microbit", 16),
    _arm("cortex-m3", "mps2-an385", 25),
    _arm("cortex-m4", "mps2-an386", 25),
    _arm("cortex-m33", "mps2-an505", 20, flash=0x10000000),
    _arm("cortex-m55", "mps3-an547", 32, "-mfloat-abi=hard"),
    Board(
        "RV32IMC",
        "riscv64-unknown-elf-",
        ("-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany", "-ffreestanding"),
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
        ("-Wl,--defsym=ram=0x80100000", "-Wl,--defsym=flash=0x80000000"),
    ),
    Board("AVR (ATmega2560)", "avr-", ("-mmcu=atmega2560",), AVR),
)


@dataclass(frozen=True)
class Model:
    """A shipped model, exported.

    Attributes:
        name: its name.
        tflite: the bytes of the int8 file.
        header: the text of the header.
    """

    name: str
    tflite: bytes
    header: str

    @property
    def network(self) -> Network:
        """What both compute."""
        return parse(self.tflite)


def main() -> None:
    """Measure, and rewrite the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100, help="on each board")
    parser.add_argument("--random", type=int, default=100_000, help="fields, on this machine")
    parser.add_argument("--tflite-micro", metavar="PYTHON", help="has the package tflite-micro")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="rewrite these tables")
    arguments = parser.parse_args()
    witness, count = arguments.tflite_micro, arguments.random
    folder = os.environ.get("MNIST_EDGE_PICTURES")
    tables = {
        "sizes": lambda: _sizes(_models()),
        "wasm": lambda: _wasm(_models()),
        "instructions": lambda: _instructions(_models(), _test()[: arguments.pictures]),
        "cppcheck": lambda: _cppcheck(load(MODELS[0])),
    }
    if witness:
        tables["exact"] = lambda: _exact(_models(), _test(), count, witness)
    if folder:
        tables["reading"] = lambda: _reading(load(MODELS[0]), Path(folder))
    if unknown := {*(arguments.only or ())} - {*tables}:
        parser.error(
            f"{', '.join(sorted(unknown))}: can be made are {', '.join(tables)}; exact needs "
            "--tflite-micro, and reading MNIST_EDGE_PICTURES"
        )
    for name in arguments.only or tables:
        table = tables[name]()
        text = between(PAGE.read_text(encoding="utf-8"), name, table)
        with replacing(PAGE) as temporary:
            temporary.write_text(text, encoding="utf-8")


@functools.cache
def load(name: str) -> Model:
    """Export the header of a shipped model, and the int8 file that it has to answer like.

    The shipped int8 file may have been calibrated on a processor that rounds otherwise.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT / "models" / f"{name}.keras"
        tflite, header = export(source, formats=["tflite-int8", "c"], out=folder)
        return Model(name, tflite.path.read_bytes(), header.path.read_text(encoding="utf-8"))


def _models() -> list[Model]:
    return [load(name) for name in MODELS]


def _test() -> NDArray[np.uint8]:
    return mnist.load().test.images


def ram(network: Network) -> int:
    """Return the bytes of RAM that an answer takes, the field and the scores among them."""
    sizes = network.input.shape.size, network.output.shape.size
    return scratch_bytes(plan(network)) + sum(sizes)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


# Equality


def _exact(models: list[Model], images: NDArray[np.uint8], count: int, tflite_micro: str) -> str:
    lines = [
        "| model | pictures | differ from TFLite's reference kernels | from tflite-micro | "
        "tflite-micro's arena | scratch |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, 28, 28), np.uint8)
    for model in models:
        for what, fields in (("MNIST's 10,000", images), (f"{count:,} random", noise)):
            print(f"{model.name}: {what}", file=sys.stderr)
            ours = gate.scores(model.header, model.name, fields)
            wrong = _different(ours, gate.reference(model.tflite, fields))
            other, arena = "", ""
            if what.startswith("MNIST"):
                theirs, arena = _tflite_micro(tflite_micro, model, fields)
                other = f"{_different(ours, theirs):,}"
            scratch = f"{scratch_bytes(plan(model.network)):,}"
            lines.append(_row(f"`{model.name}`", what, wrong, other, arena, scratch))
    return "\n".join(lines)


def _different(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.any(one != other, axis=1).sum())


_WITNESS = """
import sys
import numpy as np
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1])
interpreter.print_allocations()
for field in np.fromfile(sys.argv[2], np.uint8).reshape(-1, 1, 28, 28, 1):
    interpreter.set_input(field, 0)
    interpreter.invoke()
    sys.stdout.buffer.write(interpreter.get_output(0).tobytes())
"""


def _tflite_micro(
    python: str, model: Model, fields: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], str]:
    """Return tflite-micro's scores, and how many bytes its arena takes."""
    with tempfile.TemporaryDirectory() as name:
        file, pictures = Path(name, "model.tflite"), Path(name, "fields")
        file.write_bytes(model.tflite)
        fields.tofile(pictures)
        command = [python, "-c", _WITNESS, str(file), str(pictures)]
        finished = subprocess.run(command, capture_output=True, check=True)
    arena = re.search(rb"Arena allocation total (\d+) bytes", finished.stderr + finished.stdout)
    scores = np.frombuffer(finished.stdout[-10 * len(fields) :], np.uint8).reshape(-1, 10)
    return scores, f"{int(arena[1]):,}" if arena else ""


# Sizes


def _sizes(models: list[Model]) -> str:
    lines = [
        "| model | processor | | code | constants | flash | with reading | RAM | stack |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for model in models:
        for board in BOARDS_MEASURED:
            for level in LEVELS:
                code, constants = size(model, board, level, "accept")
                whole = sum(size(model, board, level, "accept", "read"))
                deepest = stack(model, board, level)
                memory = ram(model.network)
                cells = (code, constants, code + constants, whole, memory, deepest)
                names = (f"`{model.name}`", board.name, f"`{level}`")
                lines.append(_row(*names, *(f"{cell:,}" for cell in cells)))
    return "\n".join(lines)


def _linked(folder: Path, model: Model, board: Board, level: str, functions: set[str]) -> Path:
    """Return `predict` and some other functions, linked with all that they call."""
    prefix, unit, linked = identifier(model.name), folder / "unit.o", folder / "linked"
    compiler = (gate.compiler(f"{board.tools}gcc"), *board.flags, level)
    flags = ("-std=c99", "-ffunction-sections", "-fdata-sections", "-fstack-usage", "-c")
    gate.run([*compiler, *flags, str(_unit(folder, model)), "-o", str(unit)])
    # The C library, which has a loop or two, is not counted.
    link = ("-nostdlib", "-Wl,--gc-sections", "-Wl,--unresolved-symbols=ignore-all")
    keep = (f"-Wl,-e,{prefix}_predict", *(f"-Wl,-u,{prefix}_{name}" for name in functions))
    gate.run([*compiler, *link, *keep, str(unit), "-lgcc", "-o", str(linked)])
    return linked


def size(model: Model, board: Board, level: str, *functions: str) -> tuple[int, int]:
    """Return the bytes of code and of constants."""
    with tempfile.TemporaryDirectory() as name:
        linked = _linked(Path(name), model, board, level, {*functions})
        # By kinds and not by sections: on AVR constants lie among the code.
        listed = gate.run([f"{board.tools}nm", "--format=sysv", str(linked)]).decode()
    symbols = re.findall(r"\| +(\w+)\|(\w+)\|[^|]*\|[^|]*$", listed, re.MULTILINE)
    code, constants = (
        sum(int(size, 16) for kind, size in symbols if (kind == "OBJECT") is constant)
        for constant in (False, True)
    )
    return code, constants


def _unit(folder: Path, model: Model) -> Path:
    prefix = identifier(model.name)
    (folder / f"{prefix}.h").write_text(model.header, encoding="utf-8")
    source = folder / "unit.c"
    source.write_text(f'#define {prefix.upper()}_IMPLEMENTATION\n#include "{prefix}.h"\n')
    return source


def stack(model: Model, board: Board, level: str) -> int:
    """Return the bytes of stack of `predict`, by the frames along its deepest calls."""
    with tempfile.TemporaryDirectory() as name:
        linked = _linked(Path(name), model, board, level, {"accept"})
        usage = Path(name, "unit.su").read_text()
        listed = gate.run([f"{board.tools}objdump", "-d", str(linked)]).decode()
    frames = {symbol: int(size) for symbol, size in re.findall(r":([\w.]+)\t(\d+)\t", usage)}
    parts = re.split(r"^\w+ <([\w.]+)>:$", listed, flags=re.MULTILINE)[1:]
    bodies = dict(zip(parts[::2], parts[1::2], strict=True))
    calls = {
        function: set(re.findall(r"<([\w.]+)>$", body, re.MULTILINE)) & bodies.keys() - {function}
        for function, body in bodies.items()
    }

    def deepest(function: str) -> int:
        return frames.get(function, 0) + max(map(deepest, calls[function]), default=0)

    return deepest(f"{identifier(model.name)}_predict")


# Instructions


def _instructions(models: list[Model], images: NDArray[np.uint8]) -> str:
    lines = [
        "| model | processor | | instructions a picture | pictures | differ | to read 320×240 |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for model in models:
        expected = gate.reference(model.tflite, images)
        for board in BOARDS_MEASURED:
            for level in LEVELS:
                print(f"{model.name}: {board.name} {level}", file=sys.stderr)
                count, scores, reading = run_on(board, model, level, images)
                wrong = _different(scores, expected[: len(scores)])
                unit = " (cycles)" if board.emulator == AVR else ""
                names = (f"`{model.name}`", board.name, f"`{level}`")
                read = "" if reading is None else f"{reading:,}"
                lines.append(_row(*names, f"{count:,}{unit}", len(scores), wrong, read))
    return "\n".join(lines)


def run_on(
    board: Board, model: Model, level: str, images: NDArray[np.uint8]
) -> tuple[int, NDArray[np.uint8], int | None]:
    """Return the instructions (on AVR cycles) of the first picture, and the scores of all.

    And the instructions to find two bars in a picture of 320x240. On AVR the scores are those of
    as many pictures as an array can hold, and nothing is read.
    """
    run = _simavr if board.emulator == AVR else _qemu
    return run(model, board, level, images)


def _adapter(model: Model) -> str:
    """Return a header that calls a model by names that all boards' programs know."""
    prefix = identifier(model.name)
    upper = prefix.upper()
    lines = ["#ifdef IMPLEMENTATION", f"#define {upper}_IMPLEMENTATION", "#endif"]
    lines += [f'#include "{prefix}.h"']
    lines += [f"#define {name} {prefix}_{name}" for name in ("predict", "read")]
    for name in ("FIELD_BYTES", "CLASSES", "SCRATCH_BYTES"):
        lines.append(f"#define {name} {upper}_{name}")
    return "\n".join([*lines, ""])


def _qemu(
    model: Model, board: Board, level: str, images: NDArray[np.uint8]
) -> tuple[int, NDArray[np.uint8], int | None]:
    with tempfile.TemporaryDirectory() as name:
        folder, program = Path(name), Path(name, "program")
        _unit(folder, model)
        (folder / "model.h").write_text(_adapter(model))
        images.tofile(folder / "fields.bin")
        source, script = BOARDS / "semihosted.c", BOARDS / "board.ld"
        flags = (level, "-std=gnu99", "-nostdlib", f"-I{folder}", f"-T{script}", *board.link)
        compiler = gate.compiler(f"{board.tools}gcc")
        last = ("-lgcc", "-o", str(program))
        gate.run([compiler, *board.flags, *flags, str(source), *last])
        options = ("-nographic", "-semihosting-config", "enable=on,target=native")
        command = [*board.emulator, *options, "-icount", "shift=0", "-kernel", str(program)]
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, timeout=600, check=False)
        count, reading = (np.fromfile(folder / "count.bin", "<u4") * board.tick).astype(int)
        scores = np.fromfile(folder / "scores.bin", np.uint8).reshape(-1, 10)
    return count, scores, reading


def _simavr(
    model: Model, board: Board, level: str, images: NDArray[np.uint8]
) -> tuple[int, NDArray[np.uint8], int | None]:
    images = images[:AVR_FIELDS]
    with tempfile.TemporaryDirectory() as name:
        folder, program = Path(name), Path(name, "program.elf")
        _unit(folder, model)
        (folder / "model.h").write_text(_adapter(model))
        (folder / "fields.h").write_text("\n".join(_fields(images)))
        flags = (level, "-std=gnu99", f"-I{folder}", str(BOARDS / "avr.c"))
        gate.run([gate.compiler("avr-gcc"), *board.flags, *flags, "-o", str(program)])
        command = [gate.compiler("simavr"), "-m", "atmega2560", "-f", "16000000", str(program)]
        finished = subprocess.run(command, capture_output=True, check=True)
    # It prints a dot for the end of a line.
    printed = (finished.stdout + finished.stderr).decode()
    rows = [
        [int(number) for number in found.split()]
        for found in re.findall(r"((?:\d+ ){11})\.", printed)
    ]
    return rows[0][0], np.array(rows)[:, 1:].astype(np.uint8), None


def _fields(images: NDArray[np.uint8]) -> Iterator[str]:
    yield f"#define FIELDS {len(images)}"
    yield "static const uint8_t fields[FIELDS][FIELD_BYTES] PROGMEM = {"
    for image in images:
        yield f"{{{', '.join(map(str, image.ravel()))}}},"
    yield "};"


# WebAssembly


def _wasm(models: list[Model]) -> str:
    import gzip

    lines = ["| model | `.wasm` | compressed |", "|---|---:|---:|"]
    for model in models:
        module = wasm(model.header, model.name)
        small = len(gzip.compress(module, mtime=0))
        lines.append(_row(f"`{model.name}`", f"{len(module):,}", f"{small:,}"))
    return "\n".join(lines)


# Static analysis


def _cppcheck(model: Model) -> str:
    """Return what cppcheck says, and how often each of MISRA C:2012's rules is broken."""
    prefix = identifier(model.name)
    with tempfile.TemporaryDirectory() as name:
        _unit(Path(name), model)
        define = f"-D{prefix.upper()}_IMPLEMENTATION"
        command = ["cppcheck", "--quiet", "--inline-suppr", "--std=c99", "--language=c", define]
        options = ("--enable=warning,style,performance,portability", "--addon=misra")
        command += [*options, str(Path(name, f"{prefix}.h"))]
        printed = subprocess.run(command, capture_output=True, check=True).stderr.decode()
    rules = Counter(re.findall(r"\[misra-c2012-([\d.]+)\]", printed))
    rest = re.findall(r"\[(\w+)\]$", printed, re.MULTILINE)
    listed = ", ".join(f"{rule} ({count})" for rule, count in sorted(rules.items(), key=_rule))
    return f"cppcheck itself: {', '.join(rest) or 'nothing'}. MISRA C:2012: {listed}."


def _rule(item: tuple[str, int]) -> list[int]:
    return [int(part) for part in item[0].split(".")]


# Reading

_READER = """
#include <stdio.h>
#define IMPLEMENTATION
#include "model.h"

int main(void)
{
    static uint8_t gray[320 * 240], field[FIELD_BYTES], scores[CLASSES], scratch[SCRATCH_BYTES];
    uint16_t size[2];

    while (fread(size, sizeof size, 1, stdin) == 1
           && fread(gray, 1, (size_t)size[0] * size[1], stdin) > 0) {
        const int origin = (int)read(gray, size[0], size[1], size[0], field, scratch);

        predict(field, scores, scratch);
        answer(scores, origin);
    }
    return 0;
}
"""


def _reading(model: Model, pictures: Path) -> str:
    """Return how many of people's own pictures of a digit are read right, and trusted."""
    sets = {
        "photos": [
            (path, path.parent.name)
            for path in sorted(pictures.glob("photos/*/*"))
            if path.parent.name.isdigit()
        ]
    }
    with (pictures / "pictures2" / "manifest.csv").open(encoding="utf-8") as file:
        sets["pictures2"] = [
            (pictures / "pictures2" / row["path"], row["label"])
            for row in csv.DictReader(file)
            if row["kind"] == "single"
        ]
    lines = ["| pictures | | right | accepted | wrong, but accepted |", "|---|---:|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as name:
        folder, program = Path(name), Path(name, "program")
        _unit(folder, model)
        prefix = identifier(model.name)
        verdict = (
            "#define answer(scores, origin) do { "
            f"const {prefix}_answer a = {prefix}_accept(scores, ({prefix}_origin)(origin)); "
            'printf("%d %d\\n", (origin) ? a.digit : 10, a.accepted); } while (0)\n'
        )
        (folder / "model.h").write_text(_adapter(model) + verdict)
        (folder / "main.c").write_text(_READER)
        cc = gate.compiler("cc")
        gate.run([cc, "-O2", f"-I{folder}", str(folder / "main.c"), "-o", str(program)])
        for label, items in sets.items():
            content = b"".join(_gray(path) for path, _ in items)
            answers = np.array(gate.run([str(program)], content).split(), int).reshape(-1, 2)
            right = answers[:, 0] == np.array([int(digit) for _, digit in items])
            accepted = answers[:, 1] == 1
            wrong = int((accepted & ~right).sum())
            share = f"{right.sum()} ({right.mean():.1%})"
            lines.append(_row(f"`{label}`", len(items), share, int(accepted.sum()), wrong))
    return "\n".join(lines)


def _gray(path: Path) -> bytes:
    """Return a picture as a camera of 320x240 pixels would have it: width, height, grey levels."""
    picture = decode(path).convert("L")
    scale = min(1, 320 / max(picture.size), (320 * 240 / (picture.width * picture.height)) ** 0.5)
    if scale < 1:
        size = [max(1, int(scale * side)) for side in picture.size]
        picture = picture.resize((size[0], size[1]), Image.Resampling.BOX)
    return np.array(picture.size, np.uint16).tobytes() + np.asarray(picture).tobytes()


if __name__ == "__main__":
    main()
