"""The page: what it says of files of every kind, and how it behaves in a browser."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from mnist_edge.benchmark.latency import QUICK
from mnist_edge.contract import sidecar
from mnist_edge.data import Dataset, synthetic
from mnist_edge.data.dataset import Split
from mnist_edge.errors import ModelError, UsageError
from mnist_edge.report.page import SECTIONS, Page, build
from mnist_edge.runtime import shipped

BRIEFLY = dataclasses.replace(QUICK, rounds=1, turn=0.0, batch=50)

# What has no history, since it has no `.keras` file beside it.
NO_HISTORY = {"training": "No file of this model records how it was trained."}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Digits that are foreign to the shipped model, for it to make mistakes; no 9 in the test."""
    test = synthetic.generate(400, seed=4)
    known = test.labels != 9
    return Dataset.from_arrays(
        "<i>digits</i>",
        synthetic.generate(600, seed=3),
        Split(test.images[known], test.labels[known]),
    )


def report(dataset: Dataset, *paths: Path, digit: int = 7) -> Page:
    return build(paths, paths[0], dataset, BRIEFLY, digit=digit)


def strip_contract(source: Path, target: Path) -> Path:
    model = onnx.load(source)
    del model.metadata_props[:]
    onnx.save(model, target)
    return target


@pytest.fixture(scope="module")
def page(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """About a model with its contract and history, beside others; `tiny` answers differently."""
    folder = tmp_path_factory.mktemp("models")
    names = ["edge.onnx", "edge.int8.onnx", "tiny.onnx", "edge.tflite"]
    paths = [Path(shutil.copy(shipped.path(name), folder)) for name in names]
    keras = Path(shutil.copy(shipped.path("edge.keras"), folder))
    for path in (paths[-1], keras):
        shutil.copy(sidecar(shipped.folder() / path.name), folder)
    other = strip_contract(paths[0], folder / "<img src=x>.onnx")
    return report(dataset, *paths, keras, other)


def test_every_section_can_be_drawn(page: Page) -> None:
    assert page.missing == {}
    for name, title in SECTIONS.items():
        assert f'<section id="{name}">\n<h2>{title}</h2>' in page.html


def test_the_page_is_small_and_holds_the_names_as_text(page: Page) -> None:
    assert len(page.html.encode()) < 2_000_000
    assert "&lt;img src=x&gt;.onnx" in page.html
    assert "<img src=x>" not in page.html
    assert "<i>digits" not in page.html


def test_somebody_elses_model_is_drawn_without_card_and_training(
    dataset: Dataset, tmp_path: Path
) -> None:
    other = strip_contract(shipped.path("edge.onnx"), tmp_path / "other.onnx")
    page = report(dataset, other)
    assert page.missing == NO_HISTORY | {
        "card": "other.onnx carries no contract.",
        "parity": "There is no second file to compare with.",
    }
    assert "other.onnx: 1x28x28, ink 1 on paper 0 (loss " in page.html


def test_scores_are_drawn_as_probabilities_and_a_file_that_cannot_run_has_its_reason(
    dataset: Dataset, tmp_path: Path
) -> None:
    model = onnx.load(strip_contract(shipped.path("edge.onnx"), tmp_path / "scores.onnx"))
    softmax = model.graph.node.pop()
    model.graph.node[-1].output[0] = softmax.output[0]
    onnx.save(model, tmp_path / "scores.onnx")
    broken = tmp_path / "broken.tflite"
    broken.write_text("weights")
    page = report(dataset, tmp_path / "scores.onnx", broken)
    assert "answers are scores, a softmax is added" in page.html
    assert "reliability" not in page.missing
    assert "broken.tflite was not measured: " in page.html
    with pytest.raises(ModelError, match=r"broken\.tflite cannot run here"):
        report(dataset, broken, tmp_path / "scores.onnx")


def test_a_digit_that_is_not_there_is_refused(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="has no test picture of a 9"):
        report(dataset, shipped.path(), digit=9)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium, or another of that name."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_every_section_and_asks_for_nothing_else(
    page: Page, browser: object, width: int, scheme: str, tmp_path: Path
) -> None:
    path = tmp_path / "edge.html"
    path.write_text(page.html, encoding="utf-8")
    tab = browser.new_page(  # type: ignore[attr-defined]
        viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    for name in SECTIONS:
        assert tab.locator(f"section#{name} h2").is_visible()
    for name in ("parity", "errors", "filters", "features", "data"):
        assert tab.locator(f"section#{name} img").count()
    pictures = tab.locator("img")
    assert pictures.count() > 20
    assert pictures.evaluate_all("all => all.every(img => img.complete && img.naturalWidth)")
    # Nothing sticks out of the screen: what is wider scrolls inside its own box.
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    text = tab.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    light = [sum(map(int, colour[4:-1].split(","))) > 3 * 127 for colour in (background, text)]
    assert light == [scheme == "light", scheme == "dark"]
    tab.close()
