"""A line on stderr for each request, and for whatever else is worth one, with the request's id."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from mnist_edge.errors import printable

LOGGER = logging.getLogger("mnist_edge.serve")

# The request that is being answered; - where there is none.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="-")


def configure(form: str, stream: TextIO) -> None:
    """Send all log lines of this process to a stream.

    Args:
        form: `text` or `json`.
        stream: where they go.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    # What no line has, and each would be found out for it.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # What is wrong with a request is answered, and in its own line.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    LOGGER.setLevel(logging.INFO)


class _Text(logging.Formatter):
    """`2026-01-31T12:00:00.000+00:00 info 3f0c9d2e POST /v1/predict 200 1.2 ms`."""

    def format(self, record: logging.LogRecord) -> str:
        start = f"{_time(record)} {record.levelname.lower()} {REQUEST_ID.get()} "
        lines = _message(record).splitlines()
        return "\n".join(start + line for line in lines)


class _Json(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None) or {"message": _message(record)}
        start = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "request_id": REQUEST_ID.get(),
        }
        return json.dumps(start | fields)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    if record.exc_info:
        return f"{record.getMessage()}\n{logging.Formatter().formatException(record.exc_info)}"
    return record.getMessage()


def log_request(
    method: str, path: str, status: int, seconds: float, size: int, client: str
) -> None:
    """Log a request that was answered; 499 is the status of one whose client has gone."""
    fields = {
        "method": printable(method),
        "path": printable(path),
        "status": status,
        "ms": round(1000 * seconds, 2),
        "bytes": size,
        "client": client,
    }
    text = "{method} {path} {status} {ms} ms {bytes} bytes {client}".format_map(fields)
    LOGGER.info(text, extra={"fields": fields})
