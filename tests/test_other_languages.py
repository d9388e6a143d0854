"""The programs of docs/other-languages.md, where what they need can be had."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data import synthetic
from mnist_edge.formats.onnx.picture.gate import laid_out
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import PictureEngine, open_engine

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


def test_the_program_for_node_prints_what_the_file_answers(node: Path, file: PictureEngine) -> None:
    program = next(each for each in programs("js") if "onnxruntime-node" in each)
    for pixels in (*laid_out(DIGITS.images[:3]), np.full((40, 30), 255, np.uint8)):
        Image.fromarray(pixels).save(node / "digit.png")
        answer = file.read(pixels)
        expected = "no ink"
        if answer.digit >= 0:
            accepted = str(answer.accepted).lower()
            expected = f"{answer.digit} {answer.probabilities.max():.4f} {accepted}"
        assert run_node(node, program, "digit.png").strip() == expected


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
