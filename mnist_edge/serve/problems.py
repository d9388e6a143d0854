"""What a request is answered where it has no better answer: a cause and a remedy, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from mnist_edge.documents import to_json
from mnist_edge.errors import ImageTooLarge, UnreadableImage, escaped

RETRY_AFTER = "1"  # second: a queue is shorter than that


@dataclass(frozen=True)
class Failure:
    """Why there is no answer.

    Attributes:
        error: one line of cause.
        remedy: one line of what to do about it.
    """

    error: str
    remedy: str


class Problem(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        cause: one line.
        remedy: one line.
        headers: beside the usual ones.
    """

    def __init__(
        self, status: int, cause: str, remedy: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(cause)
        self.status = status
        self.failure = Failure(escaped(cause), escaped(remedy))
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: UnreadableImage) -> Problem:
        """Say that what was sent cannot be read, as the error does."""
        status = 413 if isinstance(error, ImageTooLarge) else 422
        return cls(status, error.cause, error.remedy)

    def response(self) -> Response:
        """Return the answer."""
        return json_response(self.failure, self.status, self.headers)


def busy() -> Problem:
    """Say that there is more to do than can be done soon."""
    return Problem(
        503, "the service is busy.", "ask again a little later.", {"Retry-After": RETRY_AFTER}
    )


def json_response(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a document of dataclasses, lists and objects as an answer."""
    return Response(to_json(document), status, headers, "application/json")
