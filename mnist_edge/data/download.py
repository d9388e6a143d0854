"""The verified download of one file."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from mnist_edge.errors import DownloadError, printable
from mnist_edge.files import replacing, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from urllib.request import OpenerDirector

# Called with the file's name, the bytes done, and the bytes in total.
Progress: TypeAlias = Callable[[str, int, int], None]

# Seconds that a mirror may be silent, and that it may take in all: MNIST's largest file then comes
# at 17 kB a second.
TIMEOUT = 10.0
PATIENCE = 600.0
# Seconds to wait before each round through the mirrors.
PAUSES = (0.0, 1.0, 3.0)
CHUNK = 1 << 16


class _MirrorFailure(Exception):
    """One mirror did not deliver, and why."""


def download(
    target: Path,
    size: int,
    sha256: str,
    mirrors: Sequence[str],
    *,
    remedy: str,
    progress: Progress | None = None,
) -> None:
    """Fetch `target.name` from the first mirror that has it, and put it at `target`.

    Every mirror is tried in turn; where all fail, they are tried again after a pause. The file
    appears at `target` once its bytes are verified; whatever interrupts the download before,
    nothing is there that was not there before. No more than `size` bytes are taken, redirections
    are not followed, and a mirror that takes longer than `PATIENCE` is given up.

    Args:
        target: where the file is to be.
        size: the bytes of the published file.
        sha256: their hexadecimal SHA-256.
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
                        for piece in _pieces(mirror + target.name, size):
                            file.write(piece)
                            if progress:
                                progress(target.name, file.tell(), size)
                    if sha256_of(temporary) != sha256:
                        raise _MirrorFailure("the bytes are not the published ones")
            except _MirrorFailure as failure:
                failures[mirror] = str(failure)
            else:
                return
    reasons = "; ".join(f"{mirror} failed: {reason}" for mirror, reason in failures.items())
    raise DownloadError(f"cannot download {target.name}: {reasons}.", remedy=remedy)


def _pieces(url: str, size: int) -> Iterator[bytes]:
    """Yield a file's bytes in pieces, `size` in all, within `PATIENCE`.

    A thread of its own receives, since a server that sends a byte now and then, of its headers
    for example, keeps whoever waits for it.
    """
    pieces: queue.Queue[bytes | Exception] = queue.Queue(maxsize=1)
    given_up = threading.Event()

    def receive() -> None:
        try:
            for piece in _receive(url, size):
                pieces.put(piece)
                if given_up.is_set():
                    return
            pieces.put(b"")
        except Exception as error:  # which whoever waits for it is to see
            pieces.put(error)

    threading.Thread(target=receive, daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                piece = pieces.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise _MirrorFailure(f"not done after {PATIENCE:g} seconds") from None
            if isinstance(piece, Exception):
                raise piece
            if not piece:
                return
            yield piece
    finally:
        given_up.set()
        with suppress(queue.Empty):
            pieces.get_nowait()  # so that the thread does not wait to put another


def _receive(url: str, size: int) -> Iterator[bytes]:
    """Yield a file's bytes in pieces, `size` in all."""
    from http import HTTPStatus
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError

    try:
        with _opener().open(url, timeout=TIMEOUT) as response:
            if response.length not in (None, size):
                raise _MirrorFailure(f"it announces {response.length:,} bytes instead of {size:,}")
            done = 0
            while piece := response.read1(min(CHUNK, size + 1 - done)):
                done += len(piece)
                if done > size:
                    raise _MirrorFailure(f"it goes on after {size:,} bytes")
                yield piece
    except HTTPError as error:
        error.close()
        known = error.code in [*HTTPStatus]
        reason = f"HTTP {error.code}" + (f" {HTTPStatus(error.code).phrase}" if known else "")
        raise _MirrorFailure(reason) from error
    except URLError as error:
        raise _MirrorFailure(printable(str(error.reason))) from error
    except (OSError, HTTPException) as error:
        raise _MirrorFailure(printable(str(error)) or type(error).__name__) from error
    if done < size:
        raise _MirrorFailure(f"it stopped after {done:,} of {size:,} bytes")


def _opener() -> OpenerDirector:
    """Return what opens an address and no other that it might lead to."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class Straight(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            """Leave the redirection an error."""

    return build_opener(Straight)
