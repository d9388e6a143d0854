"""Fetching the browser's onnxruntime, from a registry on this machine that has a small one."""

from __future__ import annotations

import functools
import hashlib
import io
import resource
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from mnist_edge.data import download
from mnist_edge.errors import DownloadError, MnistEdgeError, OutputError, UsageError
from mnist_edge.serve import onnxruntime_web as module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENTS = {"ort.js": b"export {};", "ort-wasm-simd-threaded.wasm": b"\0asm" * 1000}


class Registry:
    """A folder that is served as a registry of npm.

    Attributes:
        address: where it is.
        archive: the file that it has of onnxruntime-web.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.archive = folder / "onnxruntime-web" / "-" / module.ARCHIVE


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry whose archive is the published one; the cache is empty."""
    folder = tmp_path / "registry"
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = Registry(folder, server.server_port)
    found.archive.parent.mkdir(parents=True)
    with tarfile.open(found.archive, "w:gz") as archive:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(module.PARTS[name].member)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    parts = {
        name: module.Part(part.member, hashlib.sha256(CONTENTS[name]).hexdigest())
        for name, part in module.PARTS.items()
    }
    published = found.archive.read_bytes()
    monkeypatch.setattr(module, "PARTS", parts)
    monkeypatch.setattr(module, "SIZE", len(published))
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(published).hexdigest())
    monkeypatch.setattr(download, "PAUSES", (0.0,))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(module.VARIABLE, raising=False)
    yield found
    server.shutdown()
    server.server_close()


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_it_is_fetched_once_with_its_licence(registry: Registry, tmp_path: Path) -> None:
    assert module.cached() is None
    progress: list[int] = []
    files = module.fetch(registry.address, lambda _name, done, _total: progress.append(done))
    assert {name: files[name].read_bytes() for name in CONTENTS} == CONTENTS
    assert "MIT License" in files["LICENSE"].read_text(encoding="utf-8")
    assert files["ThirdPartyNotices.txt"].is_file()
    assert progress[-1] == module.SIZE
    assert kept(tmp_path) == sorted(CONTENTS)
    registry.archive.unlink()
    assert module.fetch(registry.address) == module.cached() == files


def test_the_registry_is_npms_own_setting(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.VARIABLE, f"{registry.address}/")
    assert module.fetch().keys() >= CONTENTS.keys()


def test_what_is_damaged_in_the_cache_is_fetched_again(registry: Registry) -> None:
    files = module.fetch(registry.address)
    files["ort.js"].write_bytes(b"alert(1)")
    assert module.cached() is None
    assert module.fetch(registry.address)["ort.js"].read_bytes() == CONTENTS["ort.js"]


@pytest.mark.parametrize("fault", ["another", "missing", "unreachable"])
def test_a_registry_without_the_published_archive_leaves_nothing(
    registry: Registry, tmp_path: Path, fault: str
) -> None:
    address, cause = registry.address, "the bytes are not the published ones"
    if fault == "another":
        registry.archive.write_bytes(registry.archive.read_bytes()[:-1] + b"!")
    elif fault == "missing":
        registry.archive.unlink()
        cause = "HTTP 404"
    else:
        address, cause = "http://127.0.0.1:9", "refused"
    with pytest.raises(DownloadError, match=cause) as caught:
        module.fetch(address)
    assert "--registry" in caught.value.remedy
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "address", ["file:///etc", "registry.example", "\x1b[31m", "https://", "http://[1"]
)
def test_only_an_address_is_a_registry(registry: Registry, address: str) -> None:
    assert registry
    with pytest.raises(UsageError, match="is no address of a registry"):
        module.fetch(address)


def test_a_full_disk_is_said(registry: Registry, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENTS["ort.js"]), limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            module.fetch(registry.address)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert kept(tmp_path) == []


def test_a_cache_that_cannot_be_made_is_said(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MnistEdgeError, match="cannot write"):
        module.fetch(registry.address)
