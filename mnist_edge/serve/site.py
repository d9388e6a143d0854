"""The page to draw on: the files that the service gives, and the same page as a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mnist_edge.errors import UsageError
from mnist_edge.files import replacing_folder
from mnist_edge.runtime import shipped
from mnist_edge.serve import onnxruntime_web

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mnist_edge.data.download import Progress

# What a file of the page is: where it lies, or its bytes.
Content: TypeAlias = Path | bytes

INDEX, MODEL = "index.html", "edge.picture.onnx"

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
    """Return what the service gives, by its path: the page, and the browser's reader if cached.

    Raises:
        ModelError: the shipped model is missing or damaged.
        DataError: onnxruntime is installed without its licence.
    """
    runtime = onnxruntime_web.cached()
    return _page(["server"]) if runtime is None else _page(["server", "browser"], runtime)


def build(
    out: Path,
    *,
    registry: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the page, which then reads in the browser alone, as a folder for any static host.

    Args:
        out: the folder; it is written whole or not at all.
        registry: where onnxruntime-web is fetched from, where it is not in the cache.
        force: whether to replace a folder that holds anything else.
        progress: called while that is received.

    Returns:
        The bytes of all files.

    Raises:
        UsageError: `out` holds what this command did not write, or cannot be replaced.
        DownloadError: the registry did not deliver what is published.
        OutputError: the folder, or the cache, cannot be written.
        ModelError: the shipped model is missing or damaged.
        DataError: onnxruntime is installed without its licence.
    """
    out = out.resolve()
    _check_replaceable(out, force)
    site = _page(["browser"], onnxruntime_web.fetch(registry, progress))
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


def _page(readers: Iterable[str], runtime: Mapping[str, Path] | None = None) -> dict[str, Content]:
    site: dict[str, Content] = {path.name: path for path in sorted(_sources().iterdir())}
    site["config.json"] = json.dumps({"readers": [*readers]}).encode()
    if runtime is not None:
        site |= {f"runtime/{name}": path for name, path in runtime.items()}
        site[MODEL] = shipped.path(MODEL)
    return site


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
