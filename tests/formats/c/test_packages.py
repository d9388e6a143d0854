"""The Arduino library and the WebAssembly module of a header."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.contract import Contract
from mnist_edge.data import synthetic
from mnist_edge.errors import ContractError
from mnist_edge.formats.c import gate, wasm
from mnist_edge.formats.c.arduino import library
from mnist_edge.formats.c.emit import read
from tests.formats.c.conftest import CONTRACT, MODELS, built, compiler, fields, header

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
    # Its file has a name without spaces there.
    own = (root / "src" / "net_1.h").read_text()
    assert '#include "net_1.h"' in own
    # What it says of itself names other files, and is left as it was.
    assert read(own, "net_1.h") == CONTRACT
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
    images = synthetic.generate(20, seed=3).images
    images[7] = 0
    finished = subprocess.run(
        [program], input=images.tobytes(), capture_output=True, check=True
    ).stdout
    answers = np.array([line.split() for line in finished.splitlines()], int)
    scores = gate.reference(TFLITE, images)
    assert answers[:, 0].tolist() == scores.argmax(axis=1).tolist()
    assert answers[:, 1].tolist() == scores.max(axis=1).tolist()
    # What is blank is not trusted, and only what is blank is called so.
    assert np.flatnonzero(answers[:, 2] == 1).tolist() == [7]


# Answers fields in MNIST's own form, or pictures of grey levels: what is asked for comes first.
RUN = """
import { readFileSync } from "node:fs";
const [, , kind, file, input] = process.argv;
const { instance } = await WebAssembly.instantiate(readFileSync(file), {});
const { memory, picture, field, scores, box, read, answer } = instance.exports;
const bytes = new Uint8Array(memory.buffer);
const given = readFileSync(input);
const answers = [];
for (let at = 0; at < given.length; ) {
  if (kind === "fields") {
    bytes.set(given.subarray(at, at + 784), field());
    at += 784;
    answers.push([answer(2), ...bytes.slice(scores(), scores() + 10)]);
  } else {
    const [width, height] = [given.readUInt16LE(at), given.readUInt16LE(at + 2)];
    bytes.set(given.subarray(at + 4, at + 4 + width * height), picture());
    at += 4 + width * height;
    const verdict = answer(read(width, height));
    const parts = [...bytes.slice(scores(), scores() + 10), ...bytes.slice(field(), field() + 784)];
    answers.push([verdict, ...parts, ...new Int32Array(memory.buffer, box(), 4)]);
  }
}
console.log(JSON.stringify(answers));
"""

# The same of the header, but the box.
READ = """
#include <stdio.h>
#define NET_1_IMPLEMENTATION
#include "net_1.h"

static uint8_t gray[320 * 240], field[NET_1_FIELD_BYTES], scores[NET_1_CLASSES];
static uint8_t scratch[NET_1_SCRATCH_BYTES];

int main(void)
{
    uint16_t size[2];

    while (fread(size, sizeof size, 1, stdin) == 1
           && fread(gray, 1, (size_t)size[0] * size[1], stdin) > 0) {
        const net_1_origin origin = net_1_read(gray, size[0], size[1], size[0], field, scratch);
        net_1_answer answer;
        size_t place;

        net_1_predict(field, scores, scratch);
        answer = net_1_accept(scores, origin);
        printf("%d", answer.digit | (int)answer.reason << 8);
        for (place = 0; place < NET_1_CLASSES; place++) {
            printf(" %d", scores[place]);
        }
        for (place = 0; place < NET_1_FIELD_BYTES; place++) {
            printf(" %d", field[place]);
        }
        printf("\\n");
    }
    return 0;
}
"""


def ran(folder: Path, module: bytes, kind: str, given: bytes) -> NDArray[np.int64]:
    """Return what a module answers in Node, a row for each of what is given."""
    node = compiler("node")
    (folder / "module.wasm").write_bytes(module)
    (folder / "given").write_bytes(given)
    (folder / "run.mjs").write_text(RUN)
    command = [node, "run.mjs", kind, "module.wasm", "given"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    return np.array(json.loads(printed))


@pytest.fixture(scope="module")
def module() -> bytes:
    compiler("clang")
    compiler("wasm-ld")
    return wasm.wasm(HEADER, CONTRACT.name)


def test_the_module_has_the_same_scores(module: bytes, tmp_path: Path) -> None:
    assert len(module) < 40_000
    images = fields(30)
    answers = ran(tmp_path, module, "fields", images.tobytes())
    expected = gate.reference(TFLITE, images)
    assert (answers[:, 1:] == expected).all()
    assert (answers[:, 0] & 255 == expected.argmax(axis=1)).all()


def test_the_module_reads_pictures_as_the_header_does(module: bytes, tmp_path: Path) -> None:
    images, _ = synthetic.generate(40, seed=3)
    pictures, boxes = [], []
    for number, image in enumerate(images):
        scale = 1 + number % 7
        ink = np.pad(np.kron(image, np.ones((scale, scale), np.uint8)), (number, 3))
        pictures.append(ink if number % 2 else 255 - ink)
        rows, columns = (np.flatnonzero((ink >= 128).any(axis=axis)) for axis in (1, 0))
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    pictures.append(np.full((28, 28), 200, np.uint8))
    given = b"".join(
        np.array(each.shape[::-1], np.uint16).tobytes() + each.tobytes() for each in pictures
    )
    program = built(tmp_path, HEADER, READ, compiler("cc"))
    printed = subprocess.run([program], input=given, capture_output=True, check=True).stdout
    expected = [[*map(int, line.split())] for line in printed.splitlines()]
    answers = ran(tmp_path, module, "pictures", given)
    assert answers[:, :-4].tolist() == expected
    assert expected[-1][0] >> 8 == 1  # there is no ink
    # Where ink is faint, what is ink depends on the levels that were found.
    assert np.abs(answers[:-1, -4:] - boxes).max() <= 7


def test_the_module_says_what_it_is(module: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net-1.wasm"
    path.write_bytes(module)
    assert wasm.read(path) == CONTRACT
    path.write_bytes(module[: -len(CONTRACT.to_json())])
    with pytest.raises(ContractError):
        wasm.read(path)


def test_the_shipped_module_answers_as_the_shipped_file(tmp_path: Path) -> None:
    tflite, shipped = MODELS / "edge.int8.tflite", MODELS / "edge.wasm"
    own, theirs = wasm.read(shipped), Contract.from_sidecar(tflite)
    assert own.weights_sha256 == theirs.weights_sha256
    # Its limits are fitted on its own answers, which are not XNNPACK's.
    assert "c" in own.metrics.accuracy
    images = fields(30)
    answers = ran(tmp_path, shipped.read_bytes(), "fields", images.tobytes())
    assert (answers[:, 1:] == gate.reference(tflite.read_bytes(), images)).all()
