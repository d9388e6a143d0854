"""The programs of docs/other-languages.md, where what they need can be had."""

from __future__ import annotations

import io
import json
import platform
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data import synthetic
from mnist_edge.formats.onnx.picture.gate import laid_out
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import PictureEngine, open_engine
from mnist_edge.runtime.engines.picture import PictureAnswer

PAGE = Path(__file__).parents[1] / "docs" / "other-languages.md"
DIGITS = synthetic.generate(12, seed=7)

# Prints what the file answers to pictures, whose names tell their shapes.
WEB = """
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync("edge.picture.onnx"));
const answers = [];
for (const name of process.argv.slice(2)) {
  const sizes = name.split("-").slice(1).map(Number);
  const picture = new ort.Tensor("uint8", new Uint8Array(readFileSync(name)), sizes);
  const { probabilities, box, accepted } = await session.run({ picture });
  answers.push([[...probabilities.data], [...box.data].map(Number), accepted.data[0]]);
}
console.log(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def file() -> PictureEngine:
    engine, _ = open_engine(shipped.path("edge.picture.onnx"))
    assert isinstance(engine, PictureEngine)
    return engine


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that the page names, and the file."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node here: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("node")
    shutil.copy(shipped.path("edge.picture.onnx"), folder)
    packages = ("onnxruntime-node", "onnxruntime-web", "pngjs")
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    installed = subprocess.run(
        [npm, "install", "--prefix", str(folder), *quiet, *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip(
            f"npm cannot bring {', '.join(packages)} here: {installed.stderr.strip()[:200]}"
        )
    return folder


@pytest.fixture(scope="module")
def onnxruntime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ONNX Runtime's headers and library for C++, its classes for Java, and the file.

    They are what its releases have, packed for Unity and published on npm.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here: apt-get install npm")
    folder = tmp_path_factory.mktemp("onnxruntime")
    package = "com.github.asus4.onnxruntime@0.4.9"
    packed = subprocess.run(
        [npm, "pack", "--silent", package], cwd=folder, capture_output=True, text=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"npm cannot bring {package} here: {packed.stderr.strip()[:200]}")
    pack = folder / packed.stdout.strip()
    with tarfile.open(pack) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content and member.name.endswith("/Linux/x64/libonnxruntime.so"):
                (folder / "libonnxruntime.so.1").write_bytes(content.read())
            if content and member.name.endswith("/Android/onnxruntime.aar"):
                with zipfile.ZipFile(io.BytesIO(content.read())) as library:
                    names = library.namelist()
                    headers = [name for name in names if name.startswith("headers/")]
                    library.extractall(folder, ["classes.jar", *headers])  # noqa: S202
    pack.unlink()  # it is large
    shutil.copy(shipped.path("edge.picture.onnx"), folder)
    return folder


def programs(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def run_node(folder: Path, program: str, *arguments: str) -> str:
    (folder / "read.mjs").write_text(program, encoding="utf-8")
    finished = subprocess.run(
        ["node", "read.mjs", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_every_language_is_there_and_names_what_it_takes_and_gives() -> None:
    for language in ("js", "csharp", "java", "kotlin", "rust", "go", "cpp"):
        for program in programs(language):
            assert 10 < len(program.splitlines()) < 60
            assert "edge.picture.onnx" in program or language == "kotlin"
            for name in ("picture", "digit", "accepted"):
                assert name in program


PICTURES = (*laid_out(DIGITS.images[:3]), np.full((40, 30), 255, np.uint8))


def expected(answer: PictureAnswer) -> str:
    """What each of the programs prints."""
    if answer.digit < 0:
        return "no ink"
    return f"{answer.digit} {answer.probabilities.max():.4f} {str(answer.accepted).lower()}"


def test_the_program_for_node_prints_what_the_file_answers(node: Path, file: PictureEngine) -> None:
    program = next(each for each in programs("js") if "onnxruntime-node" in each)
    for pixels in PICTURES:
        Image.fromarray(pixels).save(node / "digit.png")
        assert run_node(node, program, "digit.png").strip() == expected(file.read(pixels))


def build(folder: Path, command: str) -> None:
    built = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


def test_the_program_in_c_plus_plus_prints_what_the_file_answers(
    onnxruntime: Path, file: PictureEngine
) -> None:
    if shutil.which("g++") is None or not Path("/usr/include/stb/stb_image.h").exists():
        pytest.skip("there is no g++ or stb here: apt-get install g++ libstb-dev")
    if platform.machine() != "x86_64":
        pytest.skip("the library is one for x86-64")
    (program,) = programs("cpp")
    (onnxruntime / "read.cpp").write_text(program, encoding="utf-8")
    build(
        onnxruntime,
        "g++ -std=c++17 -Wall -Werror -Iheaders read.cpp libonnxruntime.so.1 -Wl,-rpath,. -o read",
    )
    for pixels in PICTURES:
        Image.fromarray(pixels).save(onnxruntime / "digit.png")
        printed = subprocess.run(
            ["./read", "digit.png"], cwd=onnxruntime, capture_output=True, text=True, check=True
        )
        assert printed.stdout.strip() == expected(file.read(pixels))


def test_the_program_in_java_is_one(onnxruntime: Path) -> None:
    """It is not run: what the classes call is built for Android alone."""
    if shutil.which("javac") is None:
        pytest.skip("there is no javac here: apt-get install default-jdk-headless")
    (program,) = programs("java")
    (onnxruntime / "Read.java").write_text(program, encoding="utf-8")
    build(onnxruntime, "javac -Xlint:all -Werror -cp classes.jar Read.java")


def test_web_assembly_gives_the_same_answers(node: Path, file: PictureEngine) -> None:
    grey = list(laid_out(DIGITS.images))
    pictures = [*grey[:8], *(np.dstack([each] * 3) for each in grey[8:])]
    names = []
    for number, pixels in enumerate(pictures):
        names.append("-".join(map(str, (number, *pixels.shape))))
        (node / names[-1]).write_bytes(pixels.tobytes())
    for (probabilities, box, accepted), pixels in zip(
        json.loads(run_node(node, WEB, *names)), pictures, strict=True
    ):
        answer = file.read(pixels)
        np.testing.assert_allclose(probabilities, answer.probabilities, rtol=0, atol=1e-5)
        assert (tuple(box), bool(accepted)) == (answer.box, answer.accepted)
