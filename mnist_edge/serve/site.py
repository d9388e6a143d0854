"""The page to draw on: the files that the service gives, and the same page as a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mnist_edge.errors import UsageError
from mnist_edge.files import replacing_folder
from mnist_edge.formats.c import wasm
from mnist_edge.runtime import shipped
from mnist_edge.serve import onnxruntime_web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What a file of the page is: where it lies, or its bytes.
Content: TypeAlias = Path | bytes

INDEX = "index.html"
# What reads drawings in the browser, by the name that the page knows it by, and what pictures.
DRAWINGS, PICTURES = "model.wasm", f"{shipped.DEFAULT}.picture.onnx"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}

# Lists a folder's files for its service worker, and for the command that made it.
_LIST, _BEFORE, _AFTER = "files.js", "self.SITE = ", ";\n"


def served() -> dict[str, Content]:
    """Return what the service gives, by its path; what reads pictures in the browser if cached.

    Raises:
        ModelError: a shipped model is missing or damaged.
        DataError: onnxruntime is installed without its licence.
    """
    return _page(["server", "browser"], _module(None), onnxruntime_web.cached())


def build(
    out: Path,
    *,
    model: Path | None = None,
    drawings_only: bool = False,
    force: bool = False,
    note: Callable[[str], None] = lambda _text: None,
) -> int:
    """Write the page, which then reads in the browser alone, as a folder for any static host.

    Args:
        out: the folder; it is written whole or not at all.
        model: what reads drawings, as `export --wasm` makes it, and nothing else then reads
            pictures; by default the shipped model reads both.
        drawings_only: leave out what reads pictures.
        force: whether to replace a folder that holds anything else.
        note: called with what there is to say.

    Returns:
        The bytes of all files.

    Raises:
        UsageError: `out` holds what this command did not write, or cannot be replaced.
        DownloadError: npm did not bring what reads pictures.
        OutputError: the folder, or the cache, cannot be written.
        ModelError: a model is missing or damaged, or `model` is no such file.
        DataError: onnxruntime is installed without its licence.
    """
    out = out.resolve()
    _check_replaceable(out, force)
    module = _module(model)
    runtime = None if model or drawings_only else onnxruntime_web.fetch(note)
    site = _page(["browser"], module, runtime)
    contents = {
        name: content if isinstance(content, bytes) else content.read_bytes()
        for name, content in site.items()
    }
    contents[_LIST] = _listed(contents)
    with replacing_folder(out) as temporary:
        for name, content in contents.items():
            path = temporary / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    return sum(map(len, contents.values()))


def policy() -> str:
    """Return the Content-Security-Policy that the page names: what it may load, and from where."""
    text = (_sources() / INDEX).read_text(encoding="utf-8")
    return text.partition('Content-Security-Policy" content="')[2].partition('"')[0]


def media_type(name: str) -> str:
    """Return how a file of the page is announced."""
    return MEDIA_TYPES.get(Path(name).suffix, MEDIA_TYPES[".txt"])


def _page(
    readers: list[str], module: Path, runtime: Mapping[str, Path] | None
) -> dict[str, Content]:
    site: dict[str, Content] = {path.name: path for path in sorted(_sources().iterdir())}
    config = {"readers": readers, "pictures": runtime is not None}
    site |= {"config.json": json.dumps(config).encode(), DRAWINGS: module}
    if runtime is not None:
        site |= {f"runtime/{name}": path for name, path in runtime.items()}
        site[PICTURES] = shipped.path(PICTURES)
    return site


def _module(model: Path | None) -> Path:
    if model is None:
        return shipped.path(f"{shipped.DEFAULT}.wasm")
    wasm.read(model)
    return model


def _sources() -> Path:
    """Return where the page's sources lie: inside the wheel, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "web"
    return installed if installed.is_dir() else package.parent / "web"


def _listed(contents: Mapping[str, bytes]) -> bytes:
    """Return the list: the names of the files, and a version that tells their bytes."""
    version = hashlib.sha256(b"".join(contents[name] for name in sorted(contents))).hexdigest()[:12]
    document = {"version": version, "files": ["./", *sorted(contents)]}
    return f"{_BEFORE}{json.dumps(document)}{_AFTER}".encode()


def _check_replaceable(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file.", remedy="name a folder with --out.")
    if any(place.is_relative_to(out) for place in (Path.cwd(), Path.home())):
        raise UsageError(
            f"{out} is where you are, or your home.", remedy="name a folder of its own with --out."
        )
    if not force and (others := _others(out)):
        raise UsageError(
            f"{out} holds {others[0]}, which this command did not write.",
            remedy="name another folder with --out, or replace all that is in it with --force.",
        )


def _others(folder: Path) -> list[str]:
    """Return what is in a folder beside the files that were listed when it was made."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    try:
        text = (folder / _LIST).read_text(encoding="utf-8")
        known = json.loads(text.removeprefix(_BEFORE).removesuffix(_AFTER))["files"]
        return sorted(found - {_LIST, *known})
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return sorted(found)
