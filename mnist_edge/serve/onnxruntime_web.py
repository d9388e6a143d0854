"""onnxruntime for the browser: which build, where it is fetched from, and where it is kept.

The package on npm has four builds of 14 to 28 MB; two of its files are what one thread on plain
WebAssembly takes: https://onnxruntime.ai/docs/tutorials/web/deploy.html.
"""

from __future__ import annotations

import importlib.util
import os
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

from mnist_edge.data.download import Progress, download
from mnist_edge.errors import DataError, OutputError, UsageError, printable
from mnist_edge.files import replacing, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "1.30.0"
ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
# Of the archive, as the registry publishes it.
SIZE = 33_106_585
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"

VARIABLE = "npm_config_registry"
REGISTRY = "https://registry.npmjs.org"


class Part(NamedTuple):
    """A file of the archive.

    Attributes:
        member: its name there.
        sha256: hexadecimal, of its bytes.
    """

    member: str
    sha256: str


# By the names that the page knows them by. Not all servers know that `.mjs` is JavaScript.
PARTS: Mapping[str, Part] = {
    "ort.js": Part(
        "package/dist/ort.wasm.bundle.min.mjs",
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    ),
    "ort-wasm-simd-threaded.wasm": Part(
        "package/dist/ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
}

# The archive lacks these; they come with onnxruntime for Python, of the same sources.
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")


def cached() -> dict[str, Path] | None:
    """Return the files by their names, licences among them; None where they are not kept here.

    Raises:
        DataError: onnxruntime is installed without its licence.
    """
    folder = _folder()
    for name, part in PARTS.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != part.sha256:
            return None
    return {name: folder / name for name in PARTS} | _licences()


def _is_address(registry: str) -> bool:
    try:
        parts = urlsplit(registry)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)


def fetch(registry: str | None = None, progress: Progress | None = None) -> dict[str, Path]:
    """Return the files by their names, from the user's cache or else from a registry of npm.

    Args:
        registry: its address; by default that of `$npm_config_registry`, else the public one.
        progress: called while the archive, of 33 MB, is received.

    Raises:
        UsageError: the address of the registry is none.
        DownloadError: the registry did not deliver the published archive.
        OutputError: the cache cannot be written.
        DataError: onnxruntime is installed without its licence.
    """
    if files := cached():
        return files
    registry = registry or os.environ.get(VARIABLE) or REGISTRY
    if not _is_address(registry):
        raise UsageError(
            f"{printable(registry)} is no address of a registry.", remedy=f"as in {REGISTRY}."
        )
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            archive = Path(temporary) / ARCHIVE
            download(
                archive,
                SIZE,
                SHA256,
                [f"{registry.rstrip('/')}/onnxruntime-web/-/"],
                remedy="name another registry of npm with --registry, or run it where there is a "
                f"network and copy {folder} from there.",
                progress=progress,
            )
            with tarfile.open(archive) as members:
                for name, part in PARTS.items():
                    content = cast("IO[bytes]", members.extractfile(part.member))
                    with replacing(folder / name) as target:
                        target.write_bytes(content.read())
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror or error}.", remedy="free some space there."
        ) from error
    return {name: folder / name for name in PARTS} | _licences()


def _folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("mnist-edge", appauthor=False) / f"onnxruntime-web-{VERSION}"


def _licences() -> dict[str, Path]:
    found = importlib.util.find_spec("onnxruntime")
    package = Path(found.origin).parent if found and found.origin else Path("onnxruntime")
    for name in LICENCES:
        if not (package / name).is_file():
            raise DataError(
                f"{package / name} is missing, without which onnxruntime may not be passed on.",
                remedy="pip install --force-reinstall onnxruntime",
            )
    return {name: package / name for name in LICENCES}
