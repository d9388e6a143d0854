"""Whether headers are clean C99 for every compiler that is here, and compute alike everywhere."""

from __future__ import annotations

import re
import subprocess
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.contract import Contract
from mnist_edge.data import synthetic
from mnist_edge.formats.c import gate
from mnist_edge.formats.c.emit import TEMPLATES_OF
from mnist_edge.formats.c.parse import parse
from tests.formats.c.conftest import CONTRACT, MODELS, built, compiler, fields, header
from tests.formats.c.networks import int8, layer, residual

WARNINGS = ["-std=c99", *gate.WARNINGS]
EXERCISE = Path(__file__).with_name("exercise.c").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def every_operator() -> str:
    """The header of a network of all operators, and of weights of all widths."""
    layers = (
        residual,
        layer("MaxPooling2D"),
        layer("AveragePooling2D", 2),
        layer("ZeroPadding2D"),
        layer("ReLU", 6.0),
        layer("DepthwiseConv2D", 3),
    )
    network = int8(lambda x: reduce(lambda y, call: call(y), layers, x), bits=(8, 4, 2))
    assert {type(each) for each in parse(network).layers} == set(TEMPLATES_OF)
    text = header(network, CONTRACT)
    assert all(f"net_1_dot_{bits}(" in text for bits in (2, 4, 8))
    return text


@pytest.mark.parametrize(
    "command",
    [
        "gcc -O2",
        "clang -O2",
        "clang -O2 --target=wasm32 -ffreestanding",
        "clang -O2 --target=msp430 -ffreestanding",  # whose int has 16 bits
        "arm-none-eabi-gcc -Os -mcpu=cortex-m0plus -mthumb",
        "arm-none-eabi-gcc -O2 -mcpu=cortex-m4 -mthumb",
        "arm-none-eabi-gcc -O2 -mcpu=cortex-m55 -mthumb -mfloat-abi=hard",
        "riscv64-unknown-elf-gcc -Os -march=rv32imc -mabi=ilp32 -ffreestanding",
        "avr-gcc -Os -mmcu=atmega2560",
        "s390x-linux-gnu-gcc -O2",
    ],
)
def test_every_compiler_takes_it_without_a_warning(
    command: str, every_operator: str, tmp_path: Path
) -> None:
    name, *flags = command.split()
    main = '#define NET_1_IMPLEMENTATION\n#include "net_1.h"\n'
    built(tmp_path, every_operator, main, compiler(name), *WARNINGS, *flags, "-c")


def test_it_is_also_cplusplus(every_operator: str, tmp_path: Path) -> None:
    main = '#define NET_1_IMPLEMENTATION\n#include "net_1.h"\n'
    flags = ("-x", "c++", "-std=c++11", *gate.WARNINGS, "-c")
    built(tmp_path, every_operator, main, compiler("g++", "clang++"), *flags)


def test_it_needs_no_library_no_float_and_no_memory_of_its_own(
    every_operator: str, tmp_path: Path
) -> None:
    main = '#define NET_1_IMPLEMENTATION\n#include "net_1.h"\n'
    # -Os on a processor without a divider or floating point calls a function for each.
    flags = ("-Os", "-mcpu=cortex-m0plus", "-mthumb", "-c")
    unit = built(tmp_path, every_operator, main, compiler("arm-none-eabi-gcc"), *flags)
    listed = subprocess.run(
        [compiler("arm-none-eabi-nm"), unit], capture_output=True, text=True, check=True
    ).stdout
    symbols = re.findall(r"(\w) (\S+)$", listed, re.MULTILINE)
    assert not [name for kind, name in symbols if kind in "bBdDC"], "writable statics"
    # What the compiler itself brings for divisions and 64 bits, and makes of loops.
    own = re.compile(r"__aeabi_(u?[il]div(mod)?|l(mul|lsl|lsr|asr))|mem(set|cpy)|__gnu_thumb1_\w+")
    assert [name for kind, name in symbols if kind == "U" and not own.fullmatch(name)] == []


def test_on_avr_all_of_a_shipped_model_stays_in_flash(tmp_path: Path) -> None:
    text = header((MODELS / "nano.int8.tflite").read_bytes(), CONTRACT)
    main = '#define NET_1_IMPLEMENTATION\n#include "net_1.h"\n'
    flags = ("-Os", "-mmcu=atmega2560", "-c")
    unit = built(tmp_path, text, main, compiler("avr-gcc"), *flags)
    command = [compiler("avr-size"), "-A", str(unit)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    sections = dict(re.findall(r"^(\.[\w.]+) +(\d+)", listed, re.MULTILINE))
    assert int(sections[".progmem.data"]) > 5_000
    filled = {name for name, size in sections.items() if size != "0"}
    assert filled == {".text", ".progmem.data", ".comment"}


@pytest.fixture(scope="module")
def expected(every_operator: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    program = built(tmp_path_factory.mktemp("host"), every_operator, EXERCISE, compiler("cc"))
    return run(program)


def run(*command: str | Path) -> bytes:
    finished = subprocess.run(
        [str(part) for part in command],
        input=fields(20).tobytes(),
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.decode()
    return finished.stdout


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_the_sanitizers_find_nothing(
    name: str, every_operator: str, expected: bytes, tmp_path: Path
) -> None:
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    assert run(built(tmp_path, every_operator, EXERCISE, compiler(name), *flags)) == expected


def test_the_order_of_bytes_makes_no_difference(
    every_operator: str, expected: bytes, tmp_path: Path
) -> None:
    name = compiler("s390x-linux-gnu-gcc")
    program = built(tmp_path, every_operator, EXERCISE, name, "-O2", "-static")
    assert run(compiler("qemu-s390x"), program) == expected


def test_two_models_fit_in_one_program(tmp_path: Path) -> None:
    image = synthetic.generate(1, seed=3).images[0]
    field = ", ".join(map(str, image.ravel()))
    main, calls, expected = "#include <stdio.h>\n", "", b""
    for name in ("edge", "tiny"):
        path = MODELS / f"{name}.int8.tflite"
        text = header(path.read_bytes(), Contract.from_sidecar(path))
        (tmp_path / f"{name}.h").write_text(text, encoding="utf-8")
        main += f'#define {name.upper()}_IMPLEMENTATION\n#include "{name}.h"\n#include "{name}.h"\n'
        calls += f"{name}_predict(field, scores, scratch); fwrite(scores, 1, 10, stdout);\n"
        expected += gate.reference(path.read_bytes(), image[np.newaxis]).tobytes()
    main += f"static const uint8_t field[] = {{{field}}};\nstatic uint8_t scores[10];\n"
    main += "static uint8_t scratch[EDGE_SCRATCH_BYTES + TINY_SCRATCH_BYTES];\n"
    main += f"int main(void)\n{{\n{calls}return 0;\n}}\n"
    assert run(built(tmp_path, "", main, compiler("cc"), *WARNINGS)) == expected
