"""How a service is configured, and its default limits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mnist_edge.errors import UsageError

LOGS = ("text", "json")

# Characters that are read of a file: headers of HTTP are no longer.
LONGEST_TOKEN = 1 << 13

# The variable that says where processes keep their numbers for each other to add up;
# prometheus_client looks for it when it is imported.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


# As browsers send it, to be compared letter by letter.
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@A-Z\s]+")


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes:
        model: its file.
        host: the address that is listened on.
        port: the port; 0 for any that is free.
        workers: processes.
        max_bytes: of a request's body.
        max_pixels: of a picture.
        max_concurrency: answers at a time in each process, one thread each.
        token: what requests have to bring as a bearer token; None where anybody may ask.
        cors: the origins whose pages may ask.
        log: `text` or `json`, a line a request on stderr.
        body_seconds: until a request's body must be there.
    """

    model: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    max_bytes: int = 8 << 20
    max_pixels: int = 25_000_000
    max_concurrency: int = 2
    token: str | None = None
    cors: tuple[str, ...] = ()
    log: str = "text"
    body_seconds: float = 30

    def __post_init__(self) -> None:
        if self.log not in LOGS:
            raise UsageError(f"--log {self.log!r} is no form of a log.", remedy="text or json.")
        for origin in self.cors:
            if not _ORIGIN.fullmatch(origin):
                raise UsageError(
                    f"--cors {origin!r} is no origin.",
                    remedy="give scheme, host and port alone, as https://example.org; * for all.",
                )


def concurrency(workers: int) -> int:
    """Return how many answers at a time each of so many processes is good for here."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return max(1, processors // workers)


def token_in(file: Path) -> str:
    """Return the token that a file holds, without the white space around it.

    Raises:
        UsageError: it cannot be read, or there is none in it.
    """
    try:
        with file.open(encoding="ascii") as content:
            token = content.read(LONGEST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        raise UsageError(
            f"--token-file {file} cannot be read: {reason}.", remedy="name a file with a token."
        ) from error
    if not token.isprintable() or " " in token or not token:
        raise UsageError(
            f"--token-file {file} holds no token.",
            remedy="write one line into it, such as openssl rand -hex 32 prints.",
        )
    return token
