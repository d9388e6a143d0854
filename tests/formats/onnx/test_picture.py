"""Files that read pictures: what they find in any picture, and how far they agree with Python."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image, ImageOps

from mnist_edge import Classifier, data
from mnist_edge.contract import Limits
from mnist_edge.data import Split, synthetic
from mnist_edge.errors import ContractError, ModelError
from mnist_edge.formats.onnx import picture
from mnist_edge.formats.onnx.convert import OPSET
from mnist_edge.formats.onnx.embedding import LIMITS, set_limits
from mnist_edge.formats.onnx.picture.gate import laid_out
from mnist_edge.formats.parity import compare
from mnist_edge.runtime import accept, shipped
from mnist_edge.runtime.engines import PictureEngine, open_engine, open_session, read_contract
from mnist_edge.runtime.labelled import items_of
from tests.conftest import Run, data_folder, write_digits

Pixels = NDArray[np.uint8]

DIGITS = synthetic.generate(300, seed=5)


@pytest.fixture(scope="module")
def path() -> Path:
    return shipped.path("edge.picture.onnx")


@pytest.fixture(scope="module")
def file(path: Path) -> PictureEngine:
    engine, _ = open_engine(path)
    assert isinstance(engine, PictureEngine)
    return engine


@cache
def network() -> onnx.ModelProto:
    return onnx.load(shipped.path("edge.onnx"))


def on_canvas(digit: Pixels, height: int, width: int, scale: int = 1) -> Pixels:
    """A digit in the middle, light on dark."""
    large = digit.repeat(scale, axis=0).repeat(scale, axis=1)
    canvas = np.zeros((height, width), np.uint8)
    top, left = (height - len(large)) // 2, (width - len(large)) // 2
    canvas[top : top + len(large), left : left + len(large)] = large
    return canvas


def coloured(levels: Pixels, ink: tuple[int, ...], paper: tuple[int, ...]) -> Pixels:
    share = levels[..., np.newaxis] / 255
    mixed: Pixels = np.rint(share * ink + (1 - share) * paper).astype(np.uint8)
    return mixed


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(40, 40, 1), (60, 35, 1), (300, 400, 8), (900, 700, 20)]
)
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_size_channels_and_polarity_make_no_difference(
    file: PictureEngine, height: int, width: int, scale: int, channels: int | None
) -> None:
    for digit, label in zip(DIGITS.images[:10], DIGITS.labels[:10], strict=True):
        grey = on_canvas(digit, height, width, scale)
        for shown in (grey, 255 - grey):
            pixels = shown if channels is None else np.stack([shown] * channels, axis=2)
            if channels == 4:
                pixels[..., 3] = 255
            assert file.read(pixels).digit == label


@pytest.mark.parametrize(
    "shape", [(1, 1), (28, 28), (1, 700, 3), (700, 1, 3), (300, 200), (50, 60, 4), (2000, 30, 1)]
)
@pytest.mark.parametrize("level", [0, 90, 255])
def test_an_empty_canvas_shows_no_digit(
    file: PictureEngine, shape: tuple[int, ...], level: int
) -> None:
    answer = file.read(np.full(shape, level, np.uint8))
    assert (answer.digit, answer.accepted, answer.box) == (-1, False, (0, 0, 0, 0))
    assert not answer.probabilities.any()
    assert not answer.field.any()


def test_a_nearly_even_canvas_shows_no_digit(file: PictureEngine) -> None:
    noise = np.random.default_rng(0).integers(200, 204, (300, 300, 3), np.uint8)
    assert file.read(noise).digit == -1


@pytest.mark.parametrize("scale", [1, 3, 10])
def test_the_box_is_the_digits_in_pixels_of_the_picture(file: PictureEngine, scale: int) -> None:
    for digit in DIGITS.images[:10]:
        grey = on_canvas(digit, 420, 330, scale)
        left, top, right, bottom = file.read(grey).box
        rows, columns = np.flatnonzero(grey.max(axis=1) > 90), np.flatnonzero(grey.max(axis=0) > 90)
        expected = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert (left, top, right, bottom) == pytest.approx(expected, abs=max(1.5, scale))


def test_the_field_is_what_the_network_answered(file: PictureEngine) -> None:
    session = open_session(shipped.path("edge.onnx"))
    for pixels in laid_out(DIGITS.images[:20]):
        answer = file.read(pixels)
        (expected,) = session.run(None, {"image": answer.field[np.newaxis, np.newaxis]})
        np.testing.assert_allclose(answer.probabilities, expected[0], atol=1e-6)


def test_what_is_in_mnists_own_form_is_left_as_it_is(file: PictureEngine) -> None:
    engine, _ = open_engine(shipped.path("edge.onnx"))
    for digit in DIGITS.images[:50]:
        expected = engine.run(digit[np.newaxis])[0]
        for pixels in (digit, 255 - digit, np.stack([digit] * 3, axis=2)):
            answer = file.read(pixels)
            np.testing.assert_allclose(answer.field, digit / 255, atol=1e-6)
            assert answer.box == (0, 0, 28, 28)
            np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)


def test_ink_on_nothing_is_read_dark_and_light(file: PictureEngine) -> None:
    for digit, label in zip(DIGITS.images[:10], DIGITS.labels[:10], strict=True):
        alpha = on_canvas(digit, 200, 200, 4)
        for level in (0, 255, 180):
            assert file.read(np.dstack([np.full_like(alpha, level)] * 3 + [alpha])).digit == label


def test_a_drawing_has_its_own_paper_continued_where_it_is_transparent(file: PictureEngine) -> None:
    digit, label = DIGITS.images[0], DIGITS.labels[0]
    drawn = coloured(on_canvas(digit, 200, 200, 4), (20, 40, 120), (250, 240, 200))
    alpha = np.full((200, 200), 255, np.uint8)
    alpha[:15, :15] = alpha[-15:, -15:] = 0
    assert file.read(np.dstack([drawn, alpha])).digit == label


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((200, 0, 0), (0, 102, 0)), ((0, 0, 255), (0, 140, 0)), ((250, 250, 0), (255, 255, 255))],
)
def test_colours_of_equal_brightness_are_told_apart(
    file: PictureEngine, ink: tuple[int, ...], paper: tuple[int, ...]
) -> None:
    for digit, label in zip(DIGITS.images[:10], DIGITS.labels[:10], strict=True):
        assert file.read(coloured(on_canvas(digit, 150, 150, 3), ink, paper)).digit == label


def test_light_that_falls_off_is_no_ink(file: PictureEngine) -> None:
    fall = np.linspace(1, 0.45, 300)[:, np.newaxis] * np.linspace(1, 0.8, 300)
    for digit, label in zip(DIGITS.images[:10], DIGITS.labels[:10], strict=True):
        shown = (255 - 0.6 * on_canvas(digit, 300, 300, 5)) * fall
        assert file.read(shown.astype(np.uint8)).digit == label


def test_answers_are_trusted_by_the_limits_of_the_contract(file: PictureEngine, path: Path) -> None:
    rule = read_contract(path).accept
    own, found = Limits(rule.threshold, rule.margin), rule.found
    rng = np.random.default_rng(0)
    trusted = []
    for digit in DIGITS.images[:100]:
        blended = np.maximum(digit, rng.permutation(DIGITS.images[:100])[0])
        for pixels, limits in ((digit, own), (on_canvas(blended, 50, 60), found)):
            answer = file.read(pixels)
            assert answer.accepted is (accept.doubt(answer.probabilities, limits) is None)
            trusted.append(answer.accepted)
    assert 50 < sum(trusted) < 190


def test_pictures_without_a_digit_are_mostly_not_accepted(file: PictureEngine) -> None:
    folder = data_folder("MNIST_EDGE_PICTURES") / "negatives"
    answers = [file.read(pixels_of(item.path)).accepted for item in items_of(folder)]
    assert sum(answers) <= 0.05 * len(answers)


def test_pictures_that_people_made_are_read(file: PictureEngine) -> None:
    folder = data_folder("MNIST_EDGE_PICTURES")
    items = [
        item
        for name in ("photos", "pictures2")
        for item in items_of(folder / name)
        if len(item.label) == 1 and item.kinds.get("kind", "single") == "single"
    ][::4]
    right = [str(file.read(pixels_of(item.path)).digit) == item.label for item in items]
    assert np.mean(right) >= 0.98


def pixels_of(path: Path) -> Pixels:
    opened = ImageOps.exif_transpose(Image.open(path))
    transparent = opened.has_transparency_data
    return np.asarray(opened.convert("RGBA" if transparent else "RGB"))


def test_of_mnists_digits_it_reads_as_many_as_python_does(path: Path) -> None:
    """At most a tenth of a point less, by what the gate measured when the file was made."""
    contract = read_contract(path)
    parity = contract.parity
    assert parity is not None
    assert parity.images == 10_000
    assert parity.agreement >= 0.997
    lost = sum(flip.reference == flip.label for flip in parity.flips)
    won = sum(flip.answer == flip.label for flip in parity.flips)
    assert lost - won <= 10
    assert contract.metrics.accuracy["onnx-picture"] >= 0.994


def test_an_export_is_judged_beside_python(run: Run, tmp_path: Path) -> None:
    digits = data.load(str(data_folder("MNIST_EDGE_DATA")))
    few = (Split(split.images[:1500], split.labels[:1500]) for split in (digits.train, digits.test))
    write_digits(tmp_path / "few.npz", *few)
    for file in ("edge.keras", "edge.keras.json"):
        shutil.copy(shipped.folder() / file, tmp_path)
    arguments = ("--formats", "onnx-picture", "--data", "few.npz", "--json")
    result = run("export", "edge.keras", *arguments)
    assert result.code == 0, result.stderr
    (made,) = json.loads(result.stdout)["files"]
    assert made["agreement"] >= 0.997
    assert made["accuracy"] > 0.99
    # On canvases answers differ, as they do not where digits are in MNIST's own form.
    assert 1e-3 < made["max_abs_diff"] < 1
    contract = read_contract(tmp_path / made["path"])
    assert contract.parity is not None
    assert contract.parity.images == 1500
    assert contract.input.is_picture


def test_python_reads_the_same_digits(file: PictureEngine) -> None:
    given = np.stack([file.read(pixels).probabilities for pixels in laid_out(DIGITS.images)])
    expected = Classifier.load().predict_batch(laid_out(DIGITS.images)).probabilities
    # Digits that the network has not seen the like of leave more undecided.
    assert compare(expected, given, DIGITS.labels).agreement >= 0.98


def test_canvases_are_of_all_sizes_and_both_polarities() -> None:
    canvases = list(laid_out(DIGITS.images))
    sides = [len(canvas) for canvas in canvases]
    assert min(sides) < 40
    assert max(sides) > 390
    assert 0.4 < np.mean([canvas.mean() > 127 for canvas in canvases]) < 0.6


def nodes_of(graph: onnx.GraphProto) -> Iterable[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def test_it_takes_any_rank_and_has_operators_of_one_opset(path: Path) -> None:
    model = onnx.load(path)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert {node.domain for node in nodes_of(model.graph)} == {""}
    (taken,) = model.graph.input
    assert taken.name == "picture"
    assert not taken.type.tensor_type.HasField("shape")


def test_the_same_network_gives_the_same_bytes() -> None:
    first, second = (picture.build(network()).SerializeToString(deterministic=True) for _ in "12")
    assert first == second


def test_a_shipped_file_is_made_of_the_shipped_network(path: Path) -> None:
    made = picture.build(network())
    set_limits(made, read_contract(path).accept)
    there = onnx.load(path)
    del there.metadata_props[:]
    for own, other in zip(made.graph.initializer, there.graph.initializer, strict=True):
        values, others = map(numpy_helper.to_array, (own, other))
        # Of orthogonal polynomials each version of NumPy's LAPACK leaves other zeros of 1e-17.
        assert (own.name, values.dtype) == (other.name, others.dtype)
        np.testing.assert_allclose(values, others, atol=1e-6)
        own.CopyFrom(other)
    assert there.SerializeToString(deterministic=True) == made.SerializeToString(deterministic=True)


def test_limits_are_written_into_files_that_read_pictures_only() -> None:
    rule = read_contract(shipped.path("edge.onnx")).accept
    made, plain = picture.build(network()), onnx.ModelProto()
    plain.CopyFrom(network())
    for model in (made, plain):
        set_limits(model, dataclasses.replace(rule, threshold=0.5, margin=0.25))
    (limits,) = (each for each in made.graph.initializer if each.name == LIMITS)
    expected = [[rule.found.threshold, rule.found.margin], [0.5, 0.25]]
    assert onnx.numpy_helper.to_array(limits) == pytest.approx(np.array(expected))
    assert plain == network()


def test_python_reads_with_the_other_files(path: Path, run: Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reads pictures itself") as caught:
        Classifier.load(path)
    assert "take the .onnx file of the same model" in caught.value.remedy
    with pytest.raises(ContractError, match="cannot feed an input of layout HWC"):
        Classifier.from_session(open_session(path))
    Image.fromarray(DIGITS.images[0]).save(tmp_path / "digit.png")
    result = run("predict", "digit.png", "--model", path)
    assert result.code == 1
    assert "reads pictures itself" in result.stderr


def test_info_and_bench_take_it(path: Path, run: Run) -> None:
    result = run("info", path)
    assert result.code == 0, result.stderr
    assert "picture: uint8 N × N × N (HWC), 0 to 255" in result.stdout
    rows = [line.split()[1:] for line in result.stdout.splitlines() if "network/conv1" in line]
    assert rows == [["Conv", "1", "×", "16", "×", "12", "×", "12", "416", "57,600"]]
    result = run("bench", path, "--data", "synthetic", "--quick")
    assert result.code == 0, result.stderr
    assert "onnx-picture" in result.stdout


def test_another_file_is_refused() -> None:
    with pytest.raises(ModelError, match="takes image and gives probabilities, not what"):
        PictureEngine(open_session(shipped.path("edge.onnx")), "edge.onnx")


def test_pixels_of_another_kind_are_refused(file: PictureEngine) -> None:
    with pytest.raises(ModelError, match="cannot be run"):
        file.read(np.zeros((3, 3, 3, 3), np.float32))
