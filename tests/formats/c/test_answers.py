"""The rule of trust and the reading of pictures, as a program calls them."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.contract import Accept, Contract, Limits
from mnist_edge.data import mnist, synthetic
from mnist_edge.formats.c import gate
from mnist_edge.runtime.accept import doubt
from mnist_edge.runtime.answers import Place, Predictions
from mnist_edge.runtime.engines.tflite import _levels
from tests.conftest import data_folder
from tests.formats.c.conftest import CONTRACT, MODELS, built, compiler, fields, header, needs_cc

BLANK, FOUND, AS_IS = range(3)
REASONS = (None, "blank", "no-digit", "ambiguous")


class Answer(ctypes.Structure):
    _fields_ = (
        ("digit", ctypes.c_uint8),
        ("confidence", ctypes.c_uint8),
        ("accepted", ctypes.c_uint8),
        ("reason", ctypes.c_int),
    )


def compiled(folder: Path, contract: Contract) -> ctypes.CDLL:
    """The header of `tiny` as a library."""
    text = header((MODELS / "tiny.int8.tflite").read_bytes(), contract)
    main = '#define NET_1_IMPLEMENTATION\n#include "net_1.h"\n'
    path = built(folder, text, main, compiler("cc"), "-O2", "-shared", "-fPIC")
    loaded = ctypes.CDLL(str(path))
    loaded.net_1_accept.restype = Answer
    return loaded


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return compiled(tmp_path_factory.mktemp("c"), CONTRACT)


def accept(library: ctypes.CDLL, scores: NDArray[np.uint8], origin: int) -> Answer:
    answer = library.net_1_accept(scores.ctypes.data_as(ctypes.c_void_p), origin)
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("origin", [FOUND, AS_IS])
@pytest.mark.parametrize(
    "rule",
    [
        CONTRACT.accept,
        # Of models that are sure of nearly all they answer.
        Accept("two-best", 255 / 256, 254 / 256, Limits(1.0, 1.0)),
        # The limits lie between two steps: 0.8632 just below one, the other three above.
        Accept("two-best", 0.8633, 0.3359, Limits(0.8632, 0.3360)),
    ],
    ids=["usual", "confident", "between"],
)
def test_answers_are_trusted_as_the_runtime_does(rule: Accept, origin: int, tmp_path: Path) -> None:
    library = compiled(tmp_path, replace(CONTRACT, accept=rule))
    rng = np.random.default_rng(0)
    # Many have two that are equal, and many lie at a limit.
    scores = rng.integers(0, 32, (3000, 10)) * 8 * (rng.random((3000, 10)) < 0.3)
    sure = [(first, second, *(0,) * 8) for first in range(250, 256) for second in range(6)]
    # Sums from 218 to 224, and differences from 84 to 90.
    near = [(first, second, *(0,) * 8) for first in range(152, 156) for second in range(66, 70)]
    scores = np.concatenate([scores, sure, near]).astype(np.uint8)
    limits = Limits(rule.threshold, rule.margin) if origin == AS_IS else rule.found
    levels = _levels({"dtype": np.uint8, "quantization": (1 / 256, 0)})
    assert levels is not None
    probabilities = levels[scores]
    reasons = [doubt(answer, limits) for answer in probabilities]
    assert {*reasons} == {None, "no-digit", "ambiguous"}
    expected = Predictions(probabilities, reasons, [Place()] * len(scores), "net")
    for own, theirs in zip(scores, expected, strict=True):
        answer = accept(library, own, origin)
        assert (answer.digit, bool(answer.accepted), REASONS[answer.reason]) == (
            *(theirs.digit, theirs.accepted, theirs.reason),
        )
        assert levels[answer.confidence] == theirs.confidence


def test_what_is_blank_is_not_trusted(library: ctypes.CDLL) -> None:
    sure = np.array([255, *(0,) * 9], np.uint8)
    answer = accept(library, sure, BLANK)
    assert (answer.accepted, REASONS[answer.reason]) == (0, "blank")


@pytest.mark.parametrize("place", [0, 400, 783])
def test_a_field_with_any_ink_is_not_blank(library: ctypes.CDLL, place: int) -> None:
    field = ctypes.create_string_buffer(784)
    assert library.net_1_origin_of(field) == BLANK
    field[place] = b"\1"
    assert library.net_1_origin_of(field) == AS_IS


def test_the_program_of_the_page_reads_pictures(tmp_path: Path) -> None:
    page = (MODELS.parent / "docs" / "firmware.md").read_text(encoding="utf-8")
    (main,) = re.findall(r"^```c\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    path = MODELS / "edge.int8.tflite"
    text = header(path.read_bytes(), Contract.from_sidecar(path))
    (tmp_path / "edge.h").write_text(text, encoding="utf-8")
    program = built(tmp_path, "", main, compiler("cc"), "-std=c99", *gate.WARNINGS)
    pictures = digit(230, 20).tobytes() + bytes(320 * 240)
    printed = subprocess.run([program], input=pictures, capture_output=True, check=True).stdout
    seen, blank = printed.decode().splitlines()
    assert re.fullmatch(rf"{synthetic.generate(1, seed=5).labels[0]}, by \d+/256", seen)
    assert blank == "not to be trusted: reason 1"


Read = Callable[[NDArray[np.uint8]], tuple[int, NDArray[np.uint8]]]


@pytest.fixture
def read(library: ctypes.CDLL) -> Read:
    def call(gray: NDArray[np.uint8]) -> tuple[int, NDArray[np.uint8]]:
        field = np.full((28, 28), 7, np.uint8)
        scratch = ctypes.create_string_buffer(4096)
        height, width = gray.shape
        stride = ctypes.c_size_t(gray.strides[0])
        pixels = gray.ctypes.data_as(ctypes.c_void_p)
        places = (field.ctypes.data_as(ctypes.c_void_p), scratch)
        return library.net_1_read(pixels, width, height, stride, *places), field

    return call


def digit(paper: int, ink: int, zoom: int = 6) -> NDArray[np.uint8]:
    """A drawn digit enlarged, somewhere in a picture of 320x240."""
    drawn = np.kron(synthetic.generate(1, seed=5).images[0], np.ones((zoom, zoom)))
    picture = np.full((240, 320), float(paper))
    picture[40 : 40 + 28 * zoom, 90 : 90 + 28 * zoom] += drawn / 255 * (ink - paper)
    return picture.astype(np.uint8)


@pytest.mark.parametrize(("paper", "ink"), [(230, 20), (10, 200), (120, 60)])
def test_the_digit_is_drawn_as_mnist_would(read: Read, paper: int, ink: int) -> None:
    origin, field = read(digit(paper, ink))
    assert origin == FOUND
    assert field.max() == 255
    rows, columns = np.nonzero(field > 64)
    sides = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(sides) in {20, 21}
    middle = (np.indices(field.shape) * field).sum(axis=(1, 2)) / field.sum()
    # The centre of mass is in the middle of pixel 14, but for what is rounded.
    assert np.abs(middle - 14).max() < 0.1


def test_light_on_dark_is_read_as_dark_on_light(read: Read) -> None:
    picture = digit(230, 30)
    _, dark = read(picture)
    _, light = read(255 - picture)
    # The histogram's threshold is the last dark level, so that a level may fall on either side.
    assert np.abs(dark.astype(int) - light).max() <= 2


def test_rows_may_be_longer_than_the_picture(read: Read) -> None:
    picture = digit(230, 30)
    part = picture[30:220, 70:270]
    assert part.strides[0] > part.shape[1]
    origin, field = read(part)
    assert origin == FOUND
    assert (field == read(part.copy())[1]).all()


@pytest.mark.parametrize("inked", [True, False])
def test_a_pen_of_one_pixel_may_draw_diagonals(read: Read, inked: bool) -> None:
    picture = np.full((240, 320), 255 * inked, np.uint8)
    along = np.arange(100)
    picture[70 + along, 210 - along] = 255 * (not inked)
    origin, field = read(picture)
    assert origin == FOUND
    assert (np.ptp(np.argwhere(field > 64), axis=0) >= 19).all()


def test_specks_are_no_ink(read: Read) -> None:
    picture = digit(230, 30)
    clean = read(picture)[1]
    picture[5, 5] = picture[230, 300] = 0
    assert np.abs(read(picture)[1].astype(int) - clean).max() <= 2


@pytest.mark.parametrize(
    "picture",
    [
        np.full((240, 320), 90, np.uint8),
        np.random.default_rng(0).integers(100, 120, (240, 320)).astype(np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((321, 2), np.uint8),
        np.zeros((300, 300), np.uint8),
    ],
    ids=["even", "noise", "a pixel", "too high", "too large"],
)
def test_without_ink_the_field_is_blank(read: Read, picture: NDArray[np.uint8]) -> None:
    origin, field = read(picture)
    assert origin == BLANK
    assert not field.any()


@needs_cc
@pytest.mark.parametrize("name", ["edge", "tiny", "micro", "nano"])
def test_the_shipped_models_are_exact(name: str) -> None:
    path = MODELS / f"{name}.int8.tflite"
    content, contract = path.read_bytes(), Contract.from_sidecar(path)
    text = header(content, contract)
    gate.check(text, content, contract.name, fields(300, seed=2))
    gate.check(text, content, contract.name, synthetic.generate(300, seed=3).images)


@needs_cc
@pytest.mark.parametrize("name", ["edge", "tiny", "micro", "nano"])
def test_the_shipped_models_are_exact_on_mnist(name: str) -> None:
    data_folder("MNIST_EDGE_DATA")
    path = MODELS / f"{name}.int8.tflite"
    content, contract = path.read_bytes(), Contract.from_sidecar(path)
    # tools/firmware.py compares all 10,000.
    images = mnist.load().test.images[:1000]
    gate.check(header(content, contract), content, contract.name, images)
