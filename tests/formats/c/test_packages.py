"""The Arduino library and the WebAssembly module of a header."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np

from mnist_edge.formats.c import gate, header
from mnist_edge.formats.c.arduino import library
from mnist_edge.formats.c.wasm import wasm
from tests.formats.c.conftest import CONTRACT, MODELS, compiler, fields

TFLITE = (MODELS / "tiny.int8.tflite").read_bytes()
HEADER = header(TFLITE, CONTRACT)

# What the sketch calls of Arduino's core.
ARDUINO = """
#include <stddef.h>
struct Port {
    void begin(long);
    void setTimeout(long);
    int available();
    size_t readBytes(char *, size_t);
    void print(int);
    void print(char);
    void println(int);
    void println(const char *);
};
extern Port Serial;
"""


def unpacked(folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(library(HEADER, CONTRACT.name))) as archive:
        archive.extractall(folder)
    return folder / "net_1_digits"


def test_the_library_is_what_arduino_expects(tmp_path: Path) -> None:
    root = unpacked(tmp_path)
    lines = (root / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert properties["name"] == "net_1_digits"
    assert properties["includes"] == "net_1.h"
    assert (root / "src" / "net_1.h").read_text() == HEADER
    sketch = root / "examples" / "serial" / "serial.ino"
    (tmp_path / "Arduino.h").write_text(ARDUINO)
    # Arduino compiles sketches as C++ with its core's header before them.
    flags = ("-x", "c++", "-std=c++11", "-include", str(tmp_path / "Arduino.h"), "-fsyntax-only")
    command = [compiler("g++", "clang++"), *flags, "-Wall", f"-I{root / 'src'}", str(sketch)]
    subprocess.run(command, check=True)


def test_the_library_is_the_same_every_time() -> None:
    assert library(HEADER, CONTRACT.name) == library(HEADER, CONTRACT.name)


def test_its_bare_program_answers_fields(tmp_path: Path) -> None:
    root = unpacked(tmp_path)
    program = str(tmp_path / "program")
    source = str(root / "extras" / "main.c")
    command = [compiler("cc"), *gate.WARNINGS, f"-I{root / 'src'}", source, "-o", program]
    subprocess.run(command, check=True)
    images = fields(20)
    finished = subprocess.run(
        [program], input=images.tobytes(), capture_output=True, check=True
    ).stdout
    digits = [int(line.split()[0]) for line in finished.splitlines()]
    assert digits == gate.reference(TFLITE, images).argmax(axis=1).tolist()


RUN = """
import { readFileSync } from "node:fs";
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const { memory, field, scores, answer } = instance.exports;
const bytes = new Uint8Array(memory.buffer);
const images = readFileSync(process.argv[3]);
const answers = [];
for (let at = 0; at < images.length; at += 784) {
  bytes.set(images.subarray(at, at + 784), field());
  answers.push([answer(2), ...bytes.slice(scores(), scores() + 10)]);
}
console.log(JSON.stringify(answers));
"""


def test_the_module_has_the_same_scores(tmp_path: Path) -> None:
    compiler("clang")
    compiler("wasm-ld")
    node = compiler("node")
    module = wasm(HEADER, CONTRACT.name)
    assert len(module) < 40_000
    images = fields(30)
    (tmp_path / "module.wasm").write_bytes(module)
    (tmp_path / "fields").write_bytes(images.tobytes())
    (tmp_path / "run.mjs").write_text(RUN)
    command = [node, *(str(tmp_path / name) for name in ("run.mjs", "module.wasm", "fields"))]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    answers = np.array(json.loads(printed))
    expected = gate.reference(TFLITE, images)
    assert (answers[:, 1:] == expected).all()
    assert (answers[:, 0] & 255 == expected.argmax(axis=1)).all()
