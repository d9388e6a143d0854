"""The verified download of one file, from a local server that misbehaves."""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mnist_edge.data import download as module
from mnist_edge.data.download import download
from mnist_edge.errors import DownloadError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.data.conftest import Server

# Several pieces long, so that a download can be interrupted halfway.
CONTENT = random.Random(0).randbytes(5 * module.CHUNK + 17)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REMEDY = "put the file there by hand."


@pytest.fixture
def target(server: Server, tmp_path: Path) -> Path:
    server.files["digits.gz"] = CONTENT
    return tmp_path / "cache" / "digits.gz"


def only(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_good_mirror_delivers(server: Server, target: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    download(
        target,
        len(CONTENT),
        SHA256,
        [server.mirror("good"), server.mirror("missing")],
        remedy=REMEDY,
        progress=lambda *call: calls.append(call),
    )
    assert target.read_bytes() == CONTENT
    assert only(target.parent) == ["digits.gz"]
    assert server.requests == ["/good/digits.gz"]
    assert len(calls) > 1
    assert calls == sorted(calls)
    assert calls[-1] == ("digits.gz", len(CONTENT), len(CONTENT))


def test_a_mirror_that_does_not_tell_the_size_delivers(server: Server, target: Path) -> None:
    download(target, len(CONTENT), SHA256, [server.mirror("unsized")], remedy=REMEDY)
    assert target.read_bytes() == CONTENT


FAILURES = {
    "missing": "HTTP 404 Not Found",
    "truncated": f"stopped after {len(CONTENT) // 2:,} of {len(CONTENT):,} bytes",
    "corrupt": "not the published ones",
    "stalled": "timed out",
    "silent": "timed out",
    "longer": f"announces {len(CONTENT) + 1:,} bytes instead of {len(CONTENT):,}",
    "endless": f"goes on after {len(CONTENT):,} bytes",
    "moved": "HTTP 302 Found",
    "rude": "HTTP 404 Not Found",
    "unheard": "HTTP 799",
    "babble": r"\x1b[2J",
}


@pytest.mark.parametrize("mirror", FAILURES)
def test_the_second_mirror_steps_in(
    mirror: str, server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 1.0)
    download(
        target, len(CONTENT), SHA256, [server.mirror(mirror), server.mirror("good")], remedy=REMEDY
    )
    assert target.read_bytes() == CONTENT
    assert only(target.parent) == ["digits.gz"]
    assert server.requests == [f"/{mirror}/digits.gz", "/good/digits.gz"]


@pytest.mark.parametrize("mirror", ["dripping", "dripping_headers"])
def test_a_mirror_that_is_never_done_is_given_up(
    mirror: str, server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its bytes comes well within the time that it may be silent."""
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"not done after 0\.5 seconds"):
        download(target, len(CONTENT), SHA256, [server.mirror(mirror)], remedy=REMEDY)
    # Two rounds; what else a loaded machine takes is less than a mirror may be silent.
    assert time.monotonic() - start < 2 * 0.5 + module.TIMEOUT
    assert only(target.parent) == []


def test_nothing_is_read_past_the_published_size(server: Server, target: Path) -> None:
    received: list[int] = []
    with pytest.raises(DownloadError, match="goes on after"):
        download(
            target,
            len(CONTENT),
            SHA256,
            [server.mirror("endless")],
            remedy=REMEDY,
            progress=lambda _name, done, _total: received.append(done),
        )
    assert max(received) <= len(CONTENT)


def test_a_redirection_is_not_followed(server: Server, target: Path) -> None:
    with pytest.raises(DownloadError):
        download(target, len(CONTENT), SHA256, [server.mirror("moved")], remedy=REMEDY)
    assert {*server.requests} == {"/moved/digits.gz"}


def test_when_all_mirrors_fail_each_is_named_with_its_reason(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 1.0)
    monkeypatch.setattr(module, "PAUSES", (0.0,))
    mirrors = [server.mirror(name) for name in FAILURES] + ["http://127.0.0.1:1/closed/"]
    with pytest.raises(DownloadError) as caught:
        download(target, len(CONTENT), SHA256, mirrors, remedy=REMEDY)
    cause = caught.value.cause
    assert "digits.gz" in cause
    assert cause.isprintable()
    for mirror, reason in zip(mirrors, [*FAILURES.values(), "refused"], strict=True):
        start = cause.index(mirror)
        assert reason in cause[start:].split(";")[0]
    assert caught.value.remedy == REMEDY
    assert only(target.parent) == []


def test_a_mirror_that_fails_once_is_asked_again(server: Server, target: Path) -> None:
    download(target, len(CONTENT), SHA256, [server.mirror("flaky")], remedy=REMEDY)
    assert target.read_bytes() == CONTENT


def test_rounds_are_apart_and_end(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(module, "PAUSES", (0.0, 1.0, 3.0))
    monkeypatch.setattr("time.sleep", slept.append)
    with pytest.raises(DownloadError):
        download(target, len(CONTENT), SHA256, [server.mirror("missing")], remedy=REMEDY)
    assert slept == [0.0, 1.0, 3.0]
    assert len(server.requests) == 3


def test_what_was_there_before_stays_when_the_download_fails(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"before")
    with pytest.raises(DownloadError):
        download(target, len(CONTENT), SHA256, [server.mirror("truncated")], remedy=REMEDY)
    assert target.read_bytes() == b"before"


def test_ctrl_c_leaves_nothing(server: Server, target: Path) -> None:
    def interrupt(_name: str, done: int, _total: int) -> None:
        assert 0 < done < len(CONTENT)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(
            target, len(CONTENT), SHA256, [server.mirror("good")], remedy=REMEDY, progress=interrupt
        )
    assert only(target.parent) == []


def test_a_killed_download_leaves_nothing_that_is_taken_for_the_file(
    server: Server, target: Path
) -> None:
    script = f"""
from pathlib import Path
from mnist_edge.data.download import download
download(Path({str(target)!r}), {len(CONTENT)}, {SHA256!r}, [{server.mirror("stalled")!r}],
         remedy="", progress=lambda *call: print(*call, flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("digits.gz ")
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    download(target, len(CONTENT), SHA256, [server.mirror("good")], remedy=REMEDY)
    assert target.read_bytes() == CONTENT


def test_a_target_that_cannot_be_written_is_not_blamed_on_the_mirrors(
    server: Server, target: Path
) -> None:
    target.parent.write_text("a file in the place of the folder")
    with pytest.raises(OutputError, match="cannot write"):
        download(target, len(CONTENT), SHA256, [server.mirror("good")], remedy=REMEDY)


def test_a_disk_that_is_full_is_not_blamed_on_the_mirrors(server: Server, target: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            download(target, len(CONTENT), SHA256, [server.mirror("good")], remedy=REMEDY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert only(target.parent) == []
    assert len(server.requests) == 1
