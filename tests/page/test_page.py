"""The page: what a person draws, opens and corrects on it, and how server and browser read it."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from mnist_edge import Classifier, data
from mnist_edge.contract import Contract
from mnist_edge.data import synthetic
from mnist_edge.formats.c.wasm import wasm
from tests.conftest import run_command
from tests.formats.c.conftest import compiler, header
from tests.page import hosting
from tests.page.conftest import OpenTab, npm_package
from tests.page.hosting import Host, serving
from tests.page.pointer import Answer, Drawing, Tab, recorded

pytestmark = pytest.mark.browser

READERS = ("server", "browser")
MODELS = Path(__file__).parents[2] / "models"


def quick(digit: int) -> Drawing:
    """Return a drawing of a digit that takes a few movements."""
    return next(each for each in recorded() if (each["style"], each["digit"]) == ("fast", digit))


@pytest.fixture
def tab(service: Host, open_tab: OpenTab) -> Tab:
    """The page as the service gives it."""
    return open_tab(service)


def test_each_digit_is_read_alike_by_server_and_browser(tab: Tab) -> None:
    for drawing in (each for each in recorded() if each["style"] == "fast"):
        tab.draw(drawing)
        for reader in READERS:
            tab.read_by(reader)
            assert tab.answer() == Answer(str(drawing["digit"]), True, "", reader)
            assert tab.words().endswith("% sure.")
            assert reader in tab.page.locator("#by").inner_text()
        tab.press("clear")


def test_nothing_drawn_and_no_digit_are_said_in_words(tab: Tab) -> None:
    scrawl: Drawing = {
        "style": "",
        "digit": 0,
        "width": 10,
        "strokes": [[40, 40, 320, 320], [40, 360, 320, -320], [200, 20, 0, 360], [20, 200, 360, 0]],
    }
    for reader in READERS:
        tab.read_by(reader)
        assert tab.answer() == Answer("", False, "blank", reader)
        assert tab.words() == "Nothing is drawn yet."
        tab.draw(scrawl)
        assert tab.answer()[1:] == (False, "no-digit", reader)
        assert tab.words().startswith("No digit: ")
        tab.press("clear")


def test_an_ambiguous_answer_names_both_digits(service: Host, open_tab: OpenTab) -> None:
    answer = '{"digit": 4, "probabilities": [0,0,0,0,0.51,0,0,0,0,0.48], "accepted": false, '
    answer += '"reason": "ambiguous", "box": null}'
    tab = open_tab(service)
    tab.page.route("**/v1/predict", lambda route: route.fulfill(body=answer))
    tab.draw(quick(4))
    assert tab.words() == "Not sure: 4, or 9."


def test_any_pen_draws_what_the_browser_reads(tab: Tab) -> None:
    tab.read_by("browser")
    for width in (6, 60):
        for digit in (3, 6):
            tab.replay({**quick(digit), "width": width})
            assert tab.answer() == Answer(str(digit), True, "", "browser")
            tab.press("clear")


def test_what_was_erased_is_not_read(tab: Tab) -> None:
    tab.read_by("browser")
    for width in (6, 24):
        strokes = [[320, 60, 20, 60, -20, 80, 20, 80]]
        other: Drawing = {"style": "", "digit": 0, "width": width, "strokes": strokes}
        tab.replay(other)
        tab.page.get_by_label("Eraser").check()
        tab.replay({**other, "width": width + 12})
        tab.page.get_by_label("Pen", exact=True).check()
        assert tab.answer().reason == "blank"
        tab.replay({**quick(1), "width": width})
        assert tab.answer() == Answer("1", True, "", "browser")
        tab.press("clear")


def test_undo_redo_and_clear_go_back_and_forth(tab: Tab) -> None:
    assert tab.page.locator("#undo").is_disabled()
    tab.draw(quick(1))
    tab.press("undo")
    assert tab.answer().reason == "blank"
    tab.press("redo")
    assert tab.answer().digit == "1"
    tab.press("clear")
    assert tab.answer().reason == "blank"
    tab.page.keyboard.press("Control+z")
    assert tab.answer().digit == "1"
    tab.page.keyboard.press("Control+Shift+Z")
    assert tab.answer().reason == "blank"


def test_the_eraser_takes_ink_away(tab: Tab) -> None:
    one = quick(1)
    tab.draw(one)
    tab.page.get_by_label("Eraser").check()
    tab.draw({**one, "width": 60})
    assert tab.answer().reason == "blank"


def test_a_digit_is_drawn_with_keys_alone(tab: Tab) -> None:
    keyboard = tab.page.keyboard
    for _ in range(30):
        keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.id") == "pad":
            break
    for key in ("Space", *["ArrowDown"] * 22, "Space"):
        keyboard.press(key)
    assert tab.answer().digit == "1"
    keyboard.press("Delete")
    assert tab.answer().reason == "blank"
    # With the pen down, a new sheet is drawn on as the last one was.
    for key in ("Space", "ArrowUp", "Delete", *["ArrowUp"] * 22):
        keyboard.press(key)
    assert tab.answer().digit == "1"


@pytest.mark.parametrize("reader", READERS)
def test_a_line_of_digits_is_read(tab: Tab, reader: str) -> None:
    tab.read_by(reader)
    tab.page.get_by_label("A line of digits").check()
    for place, digit in enumerate((4, 7, 2)):
        tab.draw(quick(digit), across=400 * place)
    assert tab.answer() == Answer("472", True, "", reader)
    assert tab.words() == "3 digits, each of them sure."


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, int]:
    """Files as people have them: dark on light, light on dark, transparent, turned, JPEG."""
    folder = tmp_path_factory.mktemp("pictures")
    images, labels = synthetic.generate(5, seed=11)
    made = {}
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        ink = np.pad(np.kron(image, np.ones((9, 9), np.uint8)), 60)
        dark = Image.fromarray(255 - ink)
        path = folder / f"{number}.png"
        exif = Image.Exif()
        match number:
            case 0:
                dark.save(path)
            case 1:
                Image.fromarray(ink).save(path)
            case 2:
                dark.putalpha(Image.fromarray(ink))
                dark.save(path)
            case 3:
                path = folder / "turned.jpg"
                exif[0x0112] = 6  # to be turned by a quarter
                dark.rotate(90).save(path, quality=80, exif=exif)
            case _:
                dark.resize((1500, 1500)).convert("RGB").save(path)
        made[path] = int(label)
    return made


@pytest.mark.parametrize("reader", READERS)
def test_opened_pictures_are_read_as_predict_reads_them(
    tab: Tab, reader: str, pictures: dict[Path, int]
) -> None:
    tab.read_by(reader)
    classifier = Classifier.load()
    for path, label in pictures.items():
        tab.page.locator("#file").set_input_files(path)
        expected = classifier.predict(path)
        assert expected.digit == label
        assert tab.answer() == Answer(str(label), expected.accepted, "", reader)
    # All but the last went to those drawn before.
    expect(tab.page.locator("#strip li")).to_have_count(len(pictures) - 1)


def test_a_picture_is_pasted_and_dropped(
    service: Host, open_tab: OpenTab, pictures: dict[Path, int]
) -> None:
    tab = open_tab(service, permissions=["clipboard-read", "clipboard-write"])
    (path, label), *_ = pictures.items()
    pixels = [*path.read_bytes()]
    tab.page.evaluate(
        """bytes => navigator.clipboard.write([new ClipboardItem(
            {"image/png": new Blob([new Uint8Array(bytes)], {type: "image/png"})})])""",
        pixels,
    )
    tab.page.keyboard.press("Control+v")
    assert tab.answer().digit == str(label)
    tab.press("clear")
    assert tab.answer().reason == "blank"
    tab.press("paste")
    tab.page.wait_for_selector(f'#answer[data-digit="{label}"]')
    tab.press("clear")
    tab.page.evaluate(
        """bytes => {
            const dataTransfer = new DataTransfer();
            const file = new File([new Uint8Array(bytes)], "digit.png", {type: "image/png"});
            dataTransfer.items.add(file);
            const options = {dataTransfer, bubbles: true, cancelable: true};
            document.body.dispatchEvent(new DragEvent("drop", options));
        }""",
        pixels,
    )
    tab.page.wait_for_selector(f'#answer[data-digit="{label}"]')


def test_what_is_no_picture_is_said(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_text("Dear Sir")
    tab.page.locator("#file").set_input_files(tmp_path / "letter.png")
    tab.page.wait_for_selector("#answer[data-reason=unread]")
    assert tab.words() == "letter.png is no picture that this browser can show."


def test_the_camera_takes_a_picture(tab: Tab) -> None:
    tab.press("camera")
    tab.page.get_by_role("button", name="Take the picture").click()
    tab.page.wait_for_selector("#answer:not([data-reason=blank])")
    assert not tab.page.locator("#viewfinder").is_visible()
    assert tab.page.locator("#clear").is_enabled()


def test_corrected_drawings_are_a_dataset(tab: Tab, tmp_path: Path) -> None:
    for digit in (3, 3, 8, 8, 8, 3, 1, 1):
        tab.draw(quick(digit))
        tab.answer()
        label = 5 if digit == 1 else digit
        tab.page.locator("#bars button").nth(label).click()
        assert tab.answer().reason == "blank"
    tab.draw(quick(0))
    tab.answer()
    tab.press("clear")  # kept, and nothing said of it
    expect(tab.page.locator("#strip li")).to_have_count(9)
    with tab.page.expect_download() as download:
        tab.press("download")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    dataset = data.load(str(tmp_path / "digits"))
    labels = np.concatenate(
        [split.labels for split in (dataset.train, dataset.validation, dataset.test)]
    )
    assert np.bincount(labels, minlength=10).tolist() == [0, 0, 0, 3, 0, 2, 0, 0, 3, 0]
    # One of them is said to be something else.
    tab.page.locator("#strip select").nth(1).select_option("7")
    assert tab.page.locator("#download").inner_text() == "Download the 8 corrected"


def test_no_corrected_drawing_is_dropped(tab: Tab) -> None:
    kept = tab.page.evaluate("""async () => {
        const { History } = await import("./history.js");
        const history = new History(document);
        const canvas = new OffscreenCanvas(28, 28);
        canvas.getContext("2d");
        const file = await canvas.convertToBlob();
        for (let each = 0; each < 70; each += 1) history.keep(file, 3, each % 10);
        history.keep(file, 3, null);
        return document.querySelectorAll("#strip .corrected").length;
    }""")
    assert kept == 70
    expect(tab.page.locator("#strip li")).to_have_count(71)


def log_in(tab: Tab, address: str) -> None:
    """Let something else answer, as a proxy that wants a password does."""
    page = {"content_type": "text/html", "body": "<h1>Log in</h1>"}
    tab.page.route(address, lambda route: route.fulfill(**page))


def test_what_is_not_read_is_kept_by_its_name_and_the_next_one_read(tab: Tab) -> None:
    log_in(tab, "**/v1/predict")
    tab.draw(quick(3))
    assert tab.words() == "Not read: what answered (200) is not mnist-edge."
    tab.page.locator("#bars button").nth(3).click()
    expect(tab.page.locator("#strip .corrected")).to_have_count(1)
    tab.page.unroute("**/v1/predict")
    tab.draw(quick(8))
    assert tab.answer().digit == "8"


def test_an_answer_stands_where_it_cannot_be_explained(tab: Tab) -> None:
    log_in(tab, "**/v1/explain")
    with tab.page.expect_response("**/v1/explain"):
        tab.draw(quick(3))
    expect(tab.page.locator("#reading")).to_be_hidden()
    assert tab.answer().digit == "3"


def test_the_network_is_shown_layer_by_layer(tab: Tab) -> None:
    tab.draw(quick(5))
    tab.page.get_by_text("Layer by layer").click()
    layers = tab.page.locator("#maps figure")
    layers.first.wait_for()
    assert layers.count() > 5
    assert "Conv" in layers.first.inner_text()
    assert layers.last.inner_text().split() == ["Softmax", "10"]
    for reader in READERS:
        tab.read_by(reader)
        tab.page.locator("#fields > *").wait_for()


def test_a_finger_draws_and_does_not_scroll(service: Host, open_tab: OpenTab) -> None:
    tab = open_tab(service, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    box = tab.page.locator("#pad").bounding_box()
    assert box is not None
    session = tab.page.context.new_cdp_session(tab.page)
    x = box["x"] + box["width"] / 2
    touch = "Input.dispatchTouchEvent"
    session.send(touch, {"type": "touchStart", "touchPoints": [{"x": x, "y": box["y"] + 40}]})
    for step in range(20):
        point = {"x": x, "y": box["y"] + 40 + 10 * step}
        session.send(touch, {"type": "touchMove", "touchPoints": [point]})
    session.send(touch, {"type": "touchEnd", "touchPoints": []})
    assert tab.answer().digit == "1"
    assert tab.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_fits_and_is_accessible(
    service: Host, open_tab: OpenTab, axe: str, width: int, scheme: str
) -> None:
    tab = open_tab(service, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = tab.page
    tab.draw(quick(6))
    tab.answer()
    page.locator("#bars button").nth(6).click()
    tab.draw(quick(2))
    page.get_by_text("Layer by layer").click()
    page.get_by_text("How it was read").click()
    page.locator("#maps figure").first.wait_for()
    # Nothing sticks out of the screen: what is wider scrolls inside its own box.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) > 3 * 127) == (scheme == "light")
    page.evaluate(axe)  # the policy lets no script in, but a debugger
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(result => result.violations)")
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    return npm_package("axe-core", "4.14.1").joinpath("axe.min.js").read_text(encoding="utf-8")


def test_motion_stops_where_it_is_not_wanted(service: Host, open_tab: OpenTab) -> None:
    how = "getComputedStyle(document.querySelector('#bars i'), '::after').transitionDuration"
    for wanted, seconds in (("no-preference", "0.12s"), ("reduce", "0s")):
        assert open_tab(service, reduced_motion=wanted).page.evaluate(how) == seconds


def test_a_service_without_onnxruntime_web_reads_drawings_in_the_browser_too(
    open_tab: OpenTab, tmp_path: Path, pictures: dict[Path, int]
) -> None:
    with serving(env={"XDG_CACHE_HOME": str(tmp_path)}) as host:
        tab = open_tab(host)
        tab.draw(quick(7))
        for reader in READERS:
            tab.read_by(reader)
            assert tab.answer() == Answer("7", True, "", reader)
        tab.page.get_by_text("Layer by layer").click()
        assert "mnist-edge page" in tab.page.locator("#layers-note").inner_text()
        tab.page.locator("#file").set_input_files(next(iter(pictures)))
        assert tab.answer() == Answer("", False, "unread", "browser")
        assert tab.words().startswith("In this browser only drawings are read")
        tab.page.close()


def test_a_token_is_taken_from_behind_the_address(open_tab: OpenTab, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    with serving("--token-file", str(tmp_path / "token")) as host:
        tab = open_tab(Host(f"{host.address}#token=abc", host.stop))
        tab.draw(quick(7))
        assert tab.answer().digit == "7"
        tab.page.close()


def test_a_folder_on_a_static_host_reads_without_a_network(
    static: Host, open_tab: OpenTab, pictures: dict[Path, int]
) -> None:
    tab = open_tab(static)
    tab.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    path, label = next(iter(pictures.items()))
    tab.page.locator("#file").set_input_files(path)
    assert tab.answer() == Answer(str(label), True, "", "browser")
    static.stop()
    tab.page.context.set_offline(True)
    tab.page.reload()
    assert tab.page.locator("#mode").is_disabled()
    tab.draw(quick(3))
    assert tab.answer() == Answer("3", True, "", "browser")
    tab.page.locator("#file").set_input_files(path)
    assert tab.answer() == Answer(str(label), True, "", "browser")


def test_a_runtime_is_loaded_for_pictures_alone(
    static: Host, open_tab: OpenTab, pictures: dict[Path, int]
) -> None:
    tab = open_tab(static)
    asked: list[str] = []
    tab.page.context.on("request", lambda request: asked.append(request.url))
    tab.page.reload()
    tab.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    tab.draw(quick(7))
    assert tab.answer().digit == "7"
    size = round((MODELS / "edge.wasm").stat().st_size / 1000)
    assert f"edge.wasm, {size}\u00a0kB" in tab.page.locator("#by").inner_text()
    heavy = re.compile(r"/(runtime/.*|[^/]*\.onnx)$")
    assert any(url.endswith("/model.wasm") for url in asked)
    assert not any(map(heavy.search, asked))
    tab.page.locator("#file").set_input_files(next(iter(pictures)))
    assert tab.answer().digit
    assert re.search(r"edge\.picture\.onnx, 1\d\.\d\u00a0MB$", tab.page.locator("#by").inner_text())
    assert any(map(heavy.search, asked))


def test_a_page_of_another_model_reads_drawings(open_tab: OpenTab, tmp_path: Path) -> None:
    for program in ("clang", "wasm-ld"):
        compiler(program)
    tflite = MODELS / "tiny.int8.tflite"
    text = header(tflite.read_bytes(), Contract.from_sidecar(tflite))
    (tmp_path / "own.wasm").write_bytes(wasm(text, "tiny"))
    assert run_command("page", "--model", "own.wasm", cwd=tmp_path).code == 0
    with hosting.static(tmp_path, "site") as host:
        tab = open_tab(host)
        tab.draw(quick(7))
        assert tab.answer() == Answer("7", True, "", "browser")
        assert "tiny.wasm" in tab.page.locator("#by").inner_text()
        assert not tab.page.locator("#open").is_visible()
        assert not tab.page.locator("#layers").is_visible()
        tab.page.close()


def test_drawings_are_sent_black_on_white(tab: Tab) -> None:
    tab.draw(quick(1))
    tab.press("undo")
    tab.answer()
    with tab.page.expect_request("**/v1/predict") as request:
        tab.press("redo")
    body = request.value.post_data_buffer
    assert body is not None
    picture = np.asarray(Image.open(io.BytesIO(body)).convert("L"))
    assert picture.shape == (400, 400)
    assert (picture[0, 0], picture.min()) == (255, 0)
