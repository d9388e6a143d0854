"""The endpoints of pictures answer as the commands do."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.contract import Contract
from mnist_edge.data import synthetic
from mnist_edge.documents import to_json
from mnist_edge.runtime.classifier import Classifier
from tests.conftest import Run
from tests.serve.conftest import MODEL, Serve, png

FORM = "multipart/form-data; boundary=b"


def test_a_picture_is_answered_as_predict_does(
    run: Run, served: Serve, seven: bytes, tmp_path: Path
) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    said = run("predict", "seven.png", "--json", "--model", MODEL).stdout
    answer = served().post("/v1/predict", content=seven)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == said.strip().replace('"source": "seven.png"', '"source": null')


def test_a_picture_of_mnists_size_is_answered_like_any_other(
    served: Serve, classifier: Classifier
) -> None:
    client = served()
    for image in synthetic.generate(5, seed=8).images:
        for body in (png(Image.fromarray(image)), png(Image.fromarray(image).convert("RGBA"))):
            answer = client.post("/v1/predict", content=body)
            assert answer.text == to_json(classifier.predict(body))
    damaged = client.post("/v1/predict", content=body[:60])
    assert damaged.status_code == 422
    assert "cannot be decoded" in damaged.json()["error"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "image/png", None])
def test_any_type_of_body_but_a_form_is_a_picture(
    kind: str | None, served: Serve, seven: bytes
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert served().post("/v1/predict", content=seven, headers=headers).json()["digit"] == 7


def test_many_pictures_are_answered_in_their_places_and_errors_too(
    served: Serve, seven: bytes
) -> None:
    blank, huge = png(Image.new("L", (50, 50))), png(Image.new("1", (3000, 1000)))
    parts = [("seven.png", seven), ("no.txt", b"no picture"), ("huge.png", huge), ("", blank)]
    files = [("picture", (name, content)) for name, content in parts]
    answer = served(max_pixels=1_000_000).post("/v1/predict", files=files)
    assert answer.status_code == 200
    first, second, third, fourth = answer.json()
    assert first == json.loads(served().post("/v1/predict", content=seven).text) | {
        "source": "seven.png"
    }
    assert list(second) == ["source", "error", "remedy"]
    assert second["source"] == "no.txt"
    assert "not a picture" in second["error"]
    assert "more than the 1,000,000" in third["error"]
    assert (fourth["source"], fourth["digit"], fourth["reason"]) == ("picture", None, "blank")


def test_forty_of_a_form_are_answered_as_singly(served: Serve, classifier: Classifier) -> None:
    pictures = [png(Image.fromarray(image)) for image in synthetic.generate(40, seed=5).images]
    files = [("picture", (str(number), each)) for number, each in enumerate(pictures)]
    answers = served().post("/v1/predict", files=files).json()
    assert [answer["source"] for answer in answers] == [str(number) for number in range(40)]
    singly = [classifier.predict(each) for each in pictures]
    assert [answer["digit"] for answer in answers] == [each.digit for each in singly]
    np.testing.assert_allclose(
        [answer["probabilities"] for answer in answers],
        [each.probabilities for each in singly],
        atol=1e-6,
    )


def test_what_is_no_picture_is_refused_with_cause_and_remedy(served: Serve) -> None:
    answer = served().post("/v1/predict", content=b"no picture")
    assert answer.status_code == 422
    assert list(answer.json()) == ["error", "remedy"]
    assert "not a picture" in answer.json()["error"]
    assert "PNG" in answer.json()["remedy"]
    assert served().post("/v1/predict").status_code == 422


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/line", "/v1/explain"])
def test_a_picture_of_too_many_pixels_is_refused(path: str, served: Serve) -> None:
    picture = png(Image.new("1", (1001, 1000)))
    answer = served(max_pixels=1_000_000).post(path, content=picture)
    assert answer.status_code == 413
    assert "more than the 1,000,000" in answer.json()["error"]
    # Pillow itself warns of the first of these, and refuses the second.
    for side in (10_000, 14_000):
        picture = png(Image.new("1", (side, side)))
        assert served(max_pixels=1_000_000).post(path, content=picture).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b\r\n",
        b"--b--\r\n",
        b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf",
        b"--b\r\nContent-Disposition: form-data; name=a\r\n--b--\r\n",
        b"--b and more\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n\r\nx\r\n--bb--\r\n",
        b"no form at all",
    ],
)
def test_a_damaged_form_is_refused(body: bytes, served: Serve) -> None:
    answer = served().post("/v1/predict", content=body, headers={"Content-Type": FORM})
    assert answer.status_code == 422
    assert "multipart" in answer.json()["error"]


@pytest.mark.parametrize(
    ("disposition", "source"),
    [
        (b'form-data; name="picture"; filename="a b.png"', "a b.png"),
        (b"form-data; name=picture", "picture"),
        (b'FORM-DATA; filename="\xc3\xa9.png"; name=b', "é.png"),
        (b'form-data; filename="\x1b[31mred"', r"\x1b[31mred"),
        (b'form-data; filename="' + 500 * b"a" + b'"', 300 * "a" + "…"),
        (b"", ""),
    ],
)
def test_a_part_is_called_as_its_file(
    disposition: bytes, source: str, served: Serve, seven: bytes
) -> None:
    head = b"content-type: image/png\r\nCONTENT-Disposition: " + disposition
    body = b"ignored\r\n--b \t\r\n" + head + b"\r\n\r\n" + seven + b"\r\n--b--\r\nignored"
    answer = served().post("/v1/predict", content=body, headers={"Content-Type": FORM})
    assert [(each["source"], each["digit"]) for each in answer.json()] == [(source, 7)]


def test_a_form_without_a_boundary_is_refused(served: Serve) -> None:
    kind = {"Content-Type": "multipart/form-data"}
    assert served().post("/v1/predict", content=b"--b", headers=kind).status_code == 422


def test_more_pictures_than_a_thousand_are_refused(served: Serve) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="picture"\r\n\r\nx\r\n'
    body = 1001 * part + b"--b--\r\n"
    answer = served().post("/v1/predict", content=body, headers={"Content-Type": FORM})
    assert answer.status_code == 413
    assert "1,000 pictures" in answer.json()["error"]


def test_a_line_is_read(served: Serve) -> None:
    split = synthetic.generate(40, seed=6)
    chosen = [int(np.flatnonzero(split.labels == digit)[0]) for digit in (1, 0, 7)]
    line = png(Image.fromarray(255 - np.hstack([split.images[index] for index in chosen])))
    client = served()
    answer = client.post("/v1/line", content=line).json()
    assert list(answer) == ["source", "text", "accepted", "reason", "digits", "model"]
    assert len(answer["text"]) == 3
    assert client.post("/v1/line?digits=3", content=line).json() == answer
    for digits in ("0", "1000", "many"):
        refused = client.post(f"/v1/line?digits={digits}", content=line)
        assert refused.status_code == 422
        assert "digits" in refused.json()["error"]


@pytest.mark.parametrize("path", ["/v1/line", "/v1/explain"])
def test_one_picture_may_come_in_a_form(path: str, served: Serve, seven: bytes) -> None:
    client = served()
    answer = client.post(path, files={"picture": seven})
    assert (answer.status_code, answer.text) == (200, client.post(path, content=seven).text)
    several = client.post(path, files=[("picture", seven)] * 2)
    assert several.status_code == 422
    assert "one picture" in several.json()["error"]


def test_an_explanation_says_and_draws_how_a_picture_was_read(served: Serve, seven: bytes) -> None:
    answer = served().post("/v1/explain", content=seven).json()
    assert answer["prediction"] == served().post("/v1/predict", content=seven).json()
    assert any("dark ink" in line for line in answer["words"])
    sizes = {}
    for name in ("image", "drawing"):
        start, _, content = answer[name].partition(",")
        assert start == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            sizes[name] = picture.size
    assert sizes["image"] == (28, 28)
    assert sizes["drawing"][1] > 280


def test_models_are_described(served: Serve, classifier: Classifier) -> None:
    (model,) = served().get("/v1/models").json()
    assert (model["name"], model["file"], model["format"]) == ("edge", "edge.onnx", "onnx")
    assert model["bytes"] == MODEL.stat().st_size
    assert model["formats"]["onnx-int8"] == "edge.int8.onnx"
    assert Contract.from_json(json.dumps(model["contract"]), "served") == classifier.contract
    assert model["metrics"]["accuracy"]["onnx"] > 0.99
