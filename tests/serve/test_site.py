"""The page's files, as the service gives them and as a folder."""

from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest

from mnist_edge.errors import OutputError, UsageError
from mnist_edge.runtime import shipped
from mnist_edge.serve import onnxruntime_web, site

WEB = Path(__file__).parents[2] / "web"


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two small files in the place of onnxruntime-web."""
    files = {"ort.js": tmp_path / "ort.js", "ort.wasm": tmp_path / "ort.wasm"}
    for path in files.values():
        path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(onnxruntime_web, "cached", lambda: files)
    monkeypatch.chdir(tmp_path)
    return files


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def listed(folder: Path) -> dict[str, object]:
    text = (folder / "files.js").read_text(encoding="utf-8")
    document: dict[str, object] = json.loads(text.removeprefix("self.SITE = ").removesuffix(";\n"))
    return document


def test_the_folder_holds_the_page_the_model_and_the_runtime(tmp_path: Path) -> None:
    size = site.build(tmp_path / "site")
    found = names(tmp_path / "site")
    assert found == {
        *(path.name for path in WEB.iterdir()),
        *("config.json", "files.js", "model.wasm"),
        *("runtime/ort.js", "runtime/ort.wasm", "edge.picture.onnx"),
    }
    assert size == sum((tmp_path / "site" / name).stat().st_size for name in found)
    for name, model in {
        "model.wasm": "edge.wasm",
        "edge.picture.onnx": "edge.picture.onnx",
    }.items():
        content = (tmp_path / "site" / name).read_bytes()
        assert content == shipped.path(model).read_bytes()
    config = json.loads((tmp_path / "site" / "config.json").read_text())
    assert config == {"readers": ["browser"], "pictures": True}
    # What is kept for when there is no network is everything, the page's own address too.
    assert listed(tmp_path / "site")["files"] == ["./", *sorted(found - {"files.js"})]


def test_the_same_page_has_the_same_version_and_another_has_another(
    tmp_path: Path, runtime: dict[str, Path]
) -> None:
    versions = []
    for content in (b"x", b"x", b"y"):
        runtime["ort.js"].write_bytes(content)
        site.build(tmp_path / "site")
        versions.append(listed(tmp_path / "site")["version"])
    assert versions[0] == versions[1] != versions[2]


def test_another_folder_is_replaced_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "site"
    out.mkdir()
    site.build(out)
    (out / "CNAME").write_text("digits.example")
    with pytest.raises(UsageError, match="holds CNAME") as caught:
        site.build(out)
    assert "--force" in caught.value.remedy
    site.build(out, force=True)
    assert "CNAME" not in names(out)
    (out / "files.js").write_text("[" * 100_000)
    with pytest.raises(UsageError, match="did not write"):
        site.build(out)


def test_where_one_is_is_not_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path.parent, Path.home()):
        with pytest.raises(UsageError, match="is where you are, or your home"):
            site.build(out, force=True)
    with pytest.raises(UsageError, match="is a file"):
        site.build(tmp_path / "ort.js", force=True)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, runtime: dict[str, Path]) -> None:
    site.build(tmp_path / "site")
    before = listed(tmp_path / "site")
    runtime["ort.wasm"].write_bytes(b"x" * 500_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            site.build(tmp_path / "site")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert listed(tmp_path / "site") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ort.js", "ort.wasm", "site"]


def test_a_page_for_drawings_takes_no_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime_web, "cached", lambda: None)
    monkeypatch.setenv("PATH", "")
    own = tmp_path / "own.wasm"
    own.write_bytes(shipped.path("edge.wasm").read_bytes())
    for model in (None, own):
        site.build(tmp_path / "site", model=model, drawings_only=model is None)
        found = names(tmp_path / "site")
        assert "model.wasm" in found
        assert not any(name.startswith("runtime/") or name.endswith(".onnx") for name in found)
        config = json.loads((tmp_path / "site" / "config.json").read_text())
        assert config == {"readers": ["browser"], "pictures": False}


def test_the_service_offers_the_browser_only_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    files = site.served()
    assert {"index.html", "model.wasm", "runtime/ort.js", "edge.picture.onnx"} <= files.keys()
    assert files["config.json"] == b'{"readers": ["server", "browser"], "pictures": true}'
    monkeypatch.setattr(onnxruntime_web, "cached", lambda: None)
    files = site.served()
    assert files["config.json"] == b'{"readers": ["server", "browser"], "pictures": false}'
    assert "model.wasm" in files
    assert not any(name.startswith("runtime/") for name in files)


@pytest.mark.parametrize("path", sorted(WEB.iterdir()), ids=lambda path: path.name)
def test_the_page_names_no_other_host_and_every_file_has_a_type(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # Addresses of specifications, in comments, and of the language of drawings.
    addresses = re.findall(r"https?://[^\s\"')]+", text)
    assert {address.split("/")[2] for address in addresses} <= {
        *("github.com", "protobuf.dev", "www.w3.org"),
    }
    assert path.suffix in site.MEDIA_TYPES
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", text) or path.suffix == ".js"


def test_the_policy_lets_in_what_comes_with_the_page_alone() -> None:
    text = (WEB / "index.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe-inline" not in policy
