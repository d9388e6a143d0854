"""The verified download of one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from mnist_edge.errors import DownloadError
from mnist_edge.files import replacing, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Called with the file's name, the bytes done, and the bytes in total where the server says so.
Progress: TypeAlias = Callable[[str, int, int | None], None]

# Seconds that a mirror may be silent.
TIMEOUT = 10.0
# Seconds to wait before each round through the mirrors.
PAUSES = (0.0, 1.0, 3.0)
CHUNK = 1 << 16


class _MirrorFailure(Exception):
    """One mirror did not deliver, and why."""


def download(
    target: Path,
    sha256: str,
    mirrors: Sequence[str],
    *,
    remedy: str,
    progress: Progress | None = None,
) -> None:
    """Fetch `target.name` from the first mirror that has it, and put it at `target`.

    Every mirror is tried in turn; where all fail, they are tried again after a pause. The file
    appears at `target` once its bytes are verified; whatever interrupts the download before,
    nothing is there that was not there before.

    Args:
        target: where the file is to be.
        sha256: the hexadecimal SHA-256 of the published file.
        mirrors: addresses that the file's name is appended to.
        remedy: what to do where no mirror delivers.
        progress: called after every piece received; starts anew with every attempt.

    Raises:
        DownloadError: no mirror gave the published bytes; the cause has each mirror's failure.
        OutputError: the file could not be written.
    """
    failures: dict[str, str] = {}
    for pause in PAUSES:
        time.sleep(pause)
        for mirror in mirrors:
            try:
                with replacing(target) as temporary:
                    with temporary.open("wb") as file:
                        for piece, total in _receive(mirror + target.name):
                            file.write(piece)
                            if progress:
                                progress(target.name, file.tell(), total)
                    if sha256_of(temporary) != sha256:
                        raise _MirrorFailure("the bytes are not the published ones")
            except _MirrorFailure as failure:
                failures[mirror] = str(failure)
            else:
                return
    reasons = "; ".join(f"{mirror} failed: {reason}" for mirror, reason in failures.items())
    raise DownloadError(f"cannot download {target.name}: {reasons}.", remedy=remedy)


def _receive(url: str) -> Iterator[tuple[bytes, int | None]]:
    """Yield a file's bytes in pieces, each with the size of the whole where the server tells."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310 - the mirrors are constants
            total = response.length
            done = 0
            while piece := response.read1(CHUNK):
                done += len(piece)
                yield piece, total
    except HTTPError as error:
        error.close()
        raise _MirrorFailure(f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise _MirrorFailure(str(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise _MirrorFailure(str(error)) from error
    if total is not None and done < total:
        raise _MirrorFailure(f"it stopped after {done} of {total} bytes")
