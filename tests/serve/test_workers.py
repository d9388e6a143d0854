"""A service in processes of its own: start and end, workers, limits, clients of all kinds."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from mnist_edge.runtime import shipped
from mnist_edge.serve.process import MOST_HEADER_BYTES
from tests.conftest import Run, eventually
from tests.serve.conftest import Running, png, running
from tests.serve.test_application import samples


def children(process: int) -> list[int]:
    """The processes that a process has started and that serve."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    found = []
    for child in listed:
        with suppress(FileNotFoundError):  # of one that has ended meanwhile
            if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def under_way(service: Running, count: int) -> bool:
    """Wait until so many requests have come and have not been answered."""
    name = "mnist_edge_requests_in_flight"  # this one's own among them
    return eventually(lambda: samples(service.client.get("/metrics").text)[name] == count + 1)


def test_it_prints_its_address_and_the_next_command(tmp_path: Path, seven: bytes) -> None:
    with running(tmp_path) as service:
        assert service.address == f"http://127.0.0.1:{service.port}"
        assert service.client.post("/v1/predict", content=seven).json()["digit"] == 7
        assert service.stop() == 0
        log = service.log.read_text()
    assert f"next: curl --data-binary @digit.png {service.address}/v1/predict" in log
    assert "POST /v1/predict 200" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_named(workers: str, run: Run, tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as service:
        refused = run("serve", "--port", str(service.port), "--workers", workers)
    assert (refused.code, refused.stdout) == (1, "")
    cause, remedy = refused.stderr.splitlines()[-2:]
    assert f"cannot listen on port {service.port} of 127.0.0.1: Address already in use" in cause
    assert "--port" in remedy


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_under_way_is_finished_at_the_end(
    workers: str, number: int, tmp_path: Path, slow_picture: bytes
) -> None:
    options = ("--workers", workers, "--max-concurrency", "1")
    with running(tmp_path, *options) as service, ThreadPoolExecutor(1) as pool:
        files = [("picture", slow_picture)] * 20
        answer = pool.submit(service.client.post, "/v1/predict", files=files)
        assert under_way(service, 1)
        below = children(service.process.pid)
        service.process.send_signal(number)
        assert service.process.wait(60) == 0
        assert answer.result().status_code == 200
        assert len(answer.result().json()) == 20
        assert not any(map(lives, below))
        assert "Traceback" not in service.log.read_text()


def test_a_folder_for_metrics_of_somebody_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "none"))
    with running(tmp_path) as service:
        assert service.client.get("/metrics").status_code == 200


def test_what_takes_too_long_is_given_up_at_the_end(tmp_path: Path, slow_picture: bytes) -> None:
    options = ("--max-concurrency", "1", "--max-bytes", "20000000")
    with running(tmp_path, *options) as service, ThreadPoolExecutor(1) as pool:
        with Image.open(io.BytesIO(slow_picture)) as small:
            slower = png(small.resize((2400, 2400), Image.Resampling.NEAREST))
        # As many as a form may have take twice as long as the service waits, on any machine of now.
        files = [("picture", slower)] * 900
        answer = pool.submit(service.client.post, "/v1/predict", files=files, timeout=120)
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1")
            assert under_way(service, 2)
            service.process.terminate()
            assert service.process.wait(60) == 0
        assert answer.result().status_code == 503


def test_counters_add_up_over_workers(tmp_path: Path, seven: bytes) -> None:
    with running(tmp_path, "--workers", "2") as service:
        assert len(children(service.process.pid)) == 2
        for _ in range(30):
            # A connection each, so that both workers get some.
            httpx2.post(f"{service.address}/v1/predict", content=seven)
        expected = {
            'mnist_edge_requests_total{endpoint="/v1/predict",status="200"}': 30,
            'mnist_edge_pictures_total{reason="accepted"}': 30,
            "mnist_edge_requests_in_flight": 1,
        }

        def counted() -> bool:
            found = samples(httpx2.get(f"{service.address}/metrics").text)
            return expected.items() <= found.items()

        for _ in range(5):
            assert eventually(counted)  # a worker counts a request when it has answered it
        assert service.stop() == 0


def test_a_worker_that_dies_is_replaced_and_its_counts_are_kept(
    tmp_path: Path, seven: bytes
) -> None:
    with running(tmp_path, "--workers", "2", "--log", "json") as service:
        for _ in range(10):
            httpx2.post(f"{service.address}/v1/predict", content=seven)
        victim, other = children(service.process.pid)
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda: len({*children(service.process.pid)} - {victim}) == 2)
        assert other in children(service.process.pid)

        def answered() -> bool:
            try:
                return httpx2.post(f"{service.address}/v1/predict", content=seven).is_success
            except httpx2.TransportError:
                return False

        assert eventually(lambda: all(answered() for _ in range(10)))

        def counted() -> bool:
            found = samples(httpx2.get(f"{service.address}/metrics").text)
            done = found['mnist_edge_requests_total{endpoint="/v1/predict",status="200"}']
            return (done >= 20, found["mnist_edge_requests_in_flight"]) == (True, 1)

        assert eventually(counted)
        lines = [json.loads(line) for line in service.log.read_text().splitlines() if "{" in line]
        assert any("is replaced" in line.get("message", "") for line in lines)


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as service:
        below = children(service.process.pid)
        service.process.kill()
        service.process.wait()
        assert eventually(lambda: not any(map(lives, below)))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_model_that_cannot_be_loaded_is_an_error(workers: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for name in ("bad.onnx", "none.onnx"):
        refused = run("serve", "--model", name, "--port", "0", "--workers", workers)
        assert (refused.code, refused.stdout) == (1, "")
        assert name in refused.stderr
        assert "Traceback" not in refused.stderr


def overload(service: Running, body: bytes, clients: int) -> Counter[int]:
    """Ask from many threads at once, and count the statuses of the answers."""

    def one(_: int) -> int:
        answer = httpx2.post(f"{service.address}/v1/predict", content=body, timeout=30)
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert "busy" in answer.json()["error"]
        return answer.status_code

    with ThreadPoolExecutor(clients) as pool:
        return Counter(pool.map(one, range(clients)))


def test_more_than_it_can_do_is_refused_at_once_and_health_is_answered(
    tmp_path: Path, slow_picture: bytes
) -> None:
    with running(tmp_path, "--max-concurrency", "1") as service:

        def ask(pictures: int) -> int:
            files = [("picture", slow_picture)] * pictures
            answer = httpx2.post(f"{service.address}/v1/predict", files=files, timeout=300)
            return answer.status_code

        with ThreadPoolExecutor(2) as pool:
            taken = [pool.submit(ask, 120)]  # some seconds of work
            assert under_way(service, 1)
            taken.append(pool.submit(ask, 1))
            assert under_way(service, 2)
            time.sleep(0.5)  # until it has been read and is in the queue
            assert overload(service, slow_picture, 8) == {503: 8}
            for path in ("/v2/health/live", "/v2/health/ready", "/metrics"):
                assert service.client.get(path).status_code == 200
            assert not any(asked.done() for asked in taken)
            assert [asked.result() for asked in taken] == [200, 200]
        assert service.client.post("/v1/predict", content=slow_picture).status_code == 200
        counted = samples(service.client.get("/metrics").text)
        assert counted['mnist_edge_rejected_total{reason="busy"}'] == 8


def test_two_hundred_slow_clients_do_not_stop_a_quick_one(tmp_path: Path, seven: bytes) -> None:
    head = f"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(seven)}\r\n\r\n".encode()
    with running(tmp_path, "--max-concurrency", "1") as service:
        slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(200)]
        for number, client in enumerate(slow):
            # Some do not even end their headers.
            client.sendall(head[:20] if number % 2 else head + seven[:10])
        for _ in range(20):
            assert service.client.post("/v1/predict", content=seven).json()["digit"] == 7
        # And one of the slow ones is answered as it gets ready.
        slow[0].sendall(seven[10:])
        assert slow[0].recv(100).startswith(b"HTTP/1.1 200")
        for client in slow:
            client.close()
        assert service.stop() == 0


def test_a_body_without_an_announced_length_is_refused_before_it_is_read_whole(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "--max-bytes", "100000") as service:
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.settimeout(60)
            client.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
            # A second's worth is taken after the refusal, which may be gigabytes, and then no more.
            began = time.monotonic()
            with suppress(OSError):
                while time.monotonic() < began + 30:
                    client.sendall(chunk)
            assert time.monotonic() < began + 30
        answer = service.client.post("/v1/predict", content=iter([bytes(60_000)] * 2))
        assert answer.status_code == 413
        announced = service.client.post("/v1/predict", content=bytes(100_001))
        assert announced.status_code == 413
        assert "more than 100,000 bytes" in announced.json()["error"]
        memory = Path(f"/proc/{service.process.pid}/status").read_text()
        peak = int(memory.partition("VmHWM:")[2].split()[0])
        assert peak < 300_000  # KiB


def test_a_client_that_has_gone_is_dropped(tmp_path: Path, slow_picture: bytes) -> None:
    with running(tmp_path, "--max-concurrency", "1") as service:
        began = time.monotonic()
        assert service.client.post("/v1/predict", content=slow_picture).is_success
        one = time.monotonic() - began
        form = httpx2.Request("POST", service.address, files=[("picture", slow_picture)] * 1000)
        head = (
            f"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(form.read())}\r\n"
            f"Content-Type: {form.headers['content-type']}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(head.encode() + form.read())
            assert under_way(service, 1)
        began = time.monotonic()
        # The thread is free again as soon as a few pictures are done.
        assert eventually(
            lambda: service.client.post("/v1/predict", content=slow_picture).is_success
        )
        assert time.monotonic() - began < 200 * one
        assert eventually(lambda: " 499 " in service.log.read_text())


def test_headers_that_never_end_are_not_waited_for(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.settimeout(60)
            # No more than is too much: what it does not take would reset the connection.
            filler = b"X-Filler: " + b"a" * 5000 + b"\r\n"
            many = MOST_HEADER_BYTES // 5000 + 1
            client.sendall(b"GET / HTTP/1.1\r\n" + filler * many + b"X")
            head, _, body = client.recv(1000).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"connection: close" in head
        assert list(json.loads(body)) == ["error", "remedy"]
        assert service.client.get("/v2/health/live").status_code == 200
        (request_id,) = re.findall(rb"x-request-id: (\w+)", head)
        assert f" info {request_id.decode()} refused " in service.log.read_text()


def test_what_asks_for_another_protocol_is_answered_by_this_one(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        asking = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert service.client.get("/v2/health/live", headers=asking).status_code == 200
        assert "pip install" not in service.log.read_text()


@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_the_body_behind_an_offer_of_http_2_is_read_and_never_a_request_of_its_own(
    pieces: int, tmp_path: Path, seven: bytes
) -> None:
    """As curl --http2 and the HTTP client of Java send it."""
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"
    smuggled = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    with running(tmp_path) as service:
        for body, status in ((seven, b"200"), (smuggled, b"422")):
            head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{offer}"
            request = [f"{head}\r\n\r\n".encode(), body]
            if pieces == 1:
                request = [b"".join(request)]
            if pieces == 3:  # in the middle of the word
                at = request[0].index(b"grade: h2c")
                request[:1] = [request[0][:at], request[0][at:]]
            with socket.create_connection(("127.0.0.1", service.port)) as client:
                for part in request:
                    client.sendall(part)
                    time.sleep(0.2)
                client.settimeout(5)
                answered = client.recv(1 << 16)
            if pieces < 3:
                assert answered.startswith(b"HTTP/1.1 " + status)
        assert "/v1/models" not in service.log.read_text()


def test_the_shipped_model_is_served_where_none_is_named(run: Run) -> None:
    # In a folder without runs/; the address is taken, so that it ends at once.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run("serve", "--port", str(taken.getsockname()[1]))
    assert f"model: {shipped.DEFAULT}.onnx, the shipped one" in refused.stderr
