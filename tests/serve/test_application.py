"""What every request passes: ids, the token, origins, failures, counters, the log."""

from __future__ import annotations

import io
import json
import logging
import re
from typing import Any

import pytest

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve import logs
from mnist_edge.serve.metrics import endpoint_of
from tests.serve.conftest import Serve

TOKEN = "3f0c9d2e"  # noqa: S105


def test_every_answer_has_an_id_which_may_be_the_clients(served: Serve) -> None:
    client = served(token=TOKEN)
    for path in ("/", "/v2/health/live", "/v1/models", "/nowhere"):
        assert re.fullmatch("[0-9a-f]{16}", client.get(path).headers["x-request-id"])
    mine = client.get("/", headers={"X-Request-ID": "mine-1"})
    assert mine.headers.get_list("x-request-id") == ["mine-1"]
    forged = client.get("/", headers={"X-Request-ID": "a b"})
    assert forged.headers["x-request-id"] != "a b"


def test_what_is_not_there_is_answered_as_json(served: Serve) -> None:
    client = served()
    for answer, status in (
        (client.get("/nowhere"), 404),
        (client.get("/v1/predict"), 405),
        (client.delete("/v1/models"), 405),
    ):
        assert answer.status_code == status
        assert list(answer.json()) == ["error", "remedy"]
    assert client.get("/v1/predict").headers["allow"] == "POST"


def test_what_can_be_got_can_be_asked_about(served: Serve) -> None:
    client = served()
    for path in ("/v2/health/live", "/v2/health/ready", "/v1/models", "/metrics", "/docs", "/"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == client.get(path).headers["content-type"]
    assert client.head("/v1/predict").status_code == 405


def test_nobody_is_sent_elsewhere(served: Serve, seven: bytes) -> None:
    assert served().get("/v1/models/", follow_redirects=False).status_code == 404
    answer = served().post("/v1/predict/", content=seven, follow_redirects=False)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "given", ["", TOKEN, "Bearer other", f"Bearer {TOKEN}2", f"Basic {TOKEN}", "Bearer \xe9"]
)
def test_a_token_is_asked_for(given: str, served: Serve, seven: bytes) -> None:
    client = served(token=TOKEN)
    headers = {b"Authorization": given.encode("latin-1")}
    for path in ("/v1/models", "/v2", "/metrics", "/docs", "/openapi.json", "/v2/models/edge"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "Bearer TOKEN" in answer.json()["remedy"]
    assert client.post("/v1/predict", content=seven, headers=headers).status_code == 401


def test_the_token_opens_and_health_is_open(served: Serve, seven: bytes) -> None:
    client = served(token=TOKEN)
    headers = {"Authorization": f"bearer {TOKEN}"}
    assert client.post("/v1/predict", content=seven, headers=headers).json()["digit"] == 7
    assert client.get("/metrics", headers=headers).status_code == 200
    for path in ("/v2/health/live", "/v2/health/ready", "/"):
        assert client.get(path).status_code == 200


def test_pages_of_an_origin_that_was_named_may_ask(served: Serve, seven: bytes) -> None:
    client = served(cors=("https://here.example",), token=TOKEN)
    asking = {
        "Origin": "https://here.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    allowed = client.options("/v1/predict", headers=asking)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://here.example"
    refused = client.options("/v1/predict", headers=asking | {"Origin": "https://there.example"})
    assert "access-control-allow-origin" not in refused.headers
    # A failure can be read, too.
    answer = client.post("/v1/predict", content=seven, headers={"Origin": "https://here.example"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://here.example"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
    plain = served().post("/v1/predict", content=seven, headers={"Origin": "https://here.example"})
    assert "access-control-allow-origin" not in plain.headers


def test_an_unexpected_error_is_logged_and_not_answered(
    served: Serve,
    seven: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the inside of it")

    monkeypatch.setattr(Classifier, "predict", fail)
    answer = served().post("/v1/predict", content=seven)
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert "Traceback" not in answer.text
    assert "x-request-id" in answer.headers
    assert "the inside of it" in caplog.text


def samples(text: str) -> dict[str, float]:
    """The numbers of Prometheus' text, by their names with labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_requests_and_pictures_are_counted(served: Serve, seven: bytes) -> None:
    client = served(max_bytes=100_000)
    files = [("picture", ("a", seven)), ("picture", ("b", b"no picture"))]
    for content in (seven, b"no picture", bytes(200_000)):
        client.post("/v1/predict", content=content)
    client.post("/v1/predict", files=files)
    client.get("/v2/models/edge")
    client.get("/.git/config")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    counted = samples(answer.text)
    requests = 'mnist_edge_requests_total{endpoint="/v1/predict",status="%d"}'
    assert [counted[requests % status] for status in (200, 422, 413)] == [2, 1, 1]
    assert counted['mnist_edge_requests_total{endpoint="other",status="404"}'] == 1
    assert counted['mnist_edge_requests_total{endpoint="/v2/models/{model}",status="200"}'] == 1
    assert counted['mnist_edge_request_seconds_count{endpoint="/v1/predict"}'] == 4
    assert counted['mnist_edge_rejected_total{reason="large"}'] == 1
    assert counted['mnist_edge_pictures_total{reason="accepted"}'] == 2
    assert counted['mnist_edge_pictures_total{reason="unreadable"}'] == 2
    assert counted["mnist_edge_requests_in_flight"] == 1  # this one


def test_paths_from_outside_make_no_more_counters() -> None:
    paths = ("/v2/models/a", "/v2/models/b/ready", "/v2/models/a/infer", "/v2/models/a/b/c", "/x")
    assert [endpoint_of(path) for path in paths] == [
        "/v2/models/{model}",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/infer",
        "other",
        "other",
    ]


@pytest.fixture
def log() -> Any:
    """Return what configures the log and what it is written to; undone at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configure(form: str) -> io.StringIO:
        stream = io.StringIO()
        logs.configure(form, stream)
        return stream

    yield configure
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_request_is_a_line_of_json(log: Any, served: Serve, seven: bytes) -> None:
    stream = log("json")
    client = served()
    client.post("/v1/predict", content=seven, headers={"X-Request-ID": "one"})
    client.get("/%0a%1b[31mred", headers={"X-Request-ID": "two"})
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert list(first) == [
        *("time", "level", "request_id", "method", "path", "status", "ms", "bytes", "client")
    ]
    assert (first["request_id"], first["method"], first["status"]) == ("one", "POST", 200)
    assert first["path"] == "/v1/predict"
    assert second["path"] == r"/\n\x1b[31mred"


def test_a_request_is_a_line_of_text(
    log: Any, served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = log("text")
    client = served()
    client.get("/v2/health/live", headers={"X-Request-ID": "one"})
    assert re.fullmatch(
        r"\S+ info one GET /v2/health/live 200 [\d.]+ ms 14 bytes testclient\n", stream.getvalue()
    )

    def fail(*_: object) -> None:
        raise RuntimeError("the inside of it")

    monkeypatch.setattr(Classifier, "predict", fail)
    client.post("/v1/predict", content=b"x", headers={"X-Request-ID": "two"})
    lines = stream.getvalue().splitlines()[1:]
    assert any("Traceback" in line for line in lines)
    assert all(" two " in line for line in lines)


def test_the_page_of_the_api_names_all_and_loads_nothing(served: Serve) -> None:
    client = served()
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
    assert not re.search(r"<script|<link|src=|https?://", page.text)


def test_the_description_is_of_openapi(served: Serve) -> None:
    api = served().get("/openapi.json").json()
    assert api["openapi"].startswith("3.1")
    predict = api["paths"]["/v1/predict"]["post"]
    assert set(predict["responses"]) == {"200", "401", "408", "413", "415", "422", "503"}
