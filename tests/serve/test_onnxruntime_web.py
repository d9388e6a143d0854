"""Fetching the browser's onnxruntime by npm, from a registry on this machine with a small one."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import shutil
import tarfile
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from mnist_edge.errors import DownloadError, MnistEdgeError, OutputError
from mnist_edge.serve import onnxruntime_web as module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENTS = {"ort.js": b"export {};", "ort-wasm-simd-threaded.wasm": b"\0asm" * 1000}


class Registry(ThreadingHTTPServer):
    """A registry of npm that has one package.

    Attributes:
        archive: of the package; None where it is gone.
    """

    archive: bytes | None


class _Answers(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        archive = self.server.archive
        if archive is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(archive if self.path.endswith(".tgz") else self._document(archive))

    def _document(self, archive: bytes) -> bytes:
        name, version = module.PACKAGE.split("@")
        integrity = f"sha512-{b64encode(hashlib.sha512(archive).digest()).decode()}"
        address = f"http://127.0.0.1:{self.server.server_port}/{name}.tgz"
        described = {"name": name, "version": version, "dist": {"tarball": address}}
        described["dist"] |= {"integrity": integrity}  # type: ignore[operator]
        return json.dumps({"name": name, "versions": {version: described}}).encode()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """What npm is set up to ask; its archive is the published one, and the cache is empty."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here: apt-get install npm")
    server = Registry(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    packed = io.BytesIO()
    members = {module.PARTS[name].member: content for name, content in CONTENTS.items()}
    members["package/package.json"] = b'{"name": "onnxruntime-web", "version": "1.30.0"}'
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    server.archive = packed.getvalue()
    parts = {
        name: module.Part(part.member, hashlib.sha256(CONTENTS[name]).hexdigest())
        for name, part in module.PARTS.items()
    }
    monkeypatch.setattr(module, "PARTS", parts)
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(server.archive).hexdigest())
    for name, value in {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "npm_config_registry": f"http://127.0.0.1:{server.server_port}",
        "npm_config_cache": str(tmp_path / "npm"),
        "npm_config_fetch_retries": "0",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_it_is_fetched_once_with_its_licence(registry: Registry, tmp_path: Path) -> None:
    assert module.cached() is None
    said: list[str] = []
    files = module.fetch(said.append)
    assert {name: files[name].read_bytes() for name in CONTENTS} == CONTENTS
    assert "MIT License" in files["LICENSE"].read_text(encoding="utf-8")
    assert files["ThirdPartyNotices.txt"].is_file()
    assert kept(tmp_path) == sorted(CONTENTS)
    registry.archive = None
    assert module.fetch(said.append) == module.cached() == files
    assert said == ["fetching onnxruntime-web@1.30.0 by npm, 33 MB"]


def test_what_is_damaged_in_the_cache_is_fetched_again(registry: Registry) -> None:
    assert registry
    files = module.fetch()
    files["ort.js"].write_bytes(b"alert(1)")
    assert module.cached() is None
    assert module.fetch()["ort.js"].read_bytes() == CONTENTS["ort.js"]


@pytest.mark.parametrize("fault", ["another", "missing", "without npm"])
def test_without_the_published_archive_nothing_is_left(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "another":
        monkeypatch.setattr(module, "SHA256", "0" * 64)
        cause = "npm pack brought other bytes than are published"
    elif fault == "missing":
        registry.archive = None
        cause = "npm pack failed: .*404"
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
        cause = "there is no npm here"
    with pytest.raises(DownloadError, match=cause) as caught:
        module.fetch()
    assert "--drawings-only" in caught.value.remedy
    assert kept(tmp_path) == []


def test_a_full_disk_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    assert registry
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENTS["ort.js"]), limits[1]))
    try:
        with pytest.raises(MnistEdgeError):
            module.fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert kept(tmp_path) == []


def test_a_cache_that_cannot_be_made_is_said(registry: Registry, tmp_path: Path) -> None:
    assert registry
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        module.fetch()
