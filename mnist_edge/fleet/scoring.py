"""The scoring function: a table of pictures in, a table of answers out, whoever calls it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import UnreadableImage, first_line

if TYPE_CHECKING:
    from mnist_edge.data.pictures import Picture
    from mnist_edge.runtime.classifier import Classifier, Prediction

# Pictures in a table: enough for the network's batches, whatever is larger only takes memory.
ROWS = 256
BYTES = 1 << 26


def pictures_schema() -> Any:
    """Return the columns that are scored: `id`, `image`, and `error` where there is no image."""
    import pyarrow as pa

    return pa.schema([("id", pa.string()), ("image", pa.binary()), ("error", pa.string())])


def answers_schema() -> Any:
    """Return the columns of answers.

    `id`; `digit`, null without ink; `confidence`, 0 to 1; `probabilities` of the digits 0 to 9;
    `accepted`; `reason`, why it is not; `error`, why there is no answer, in which case all before
    it but `id` and `accepted` are null; `model` and `weights_sha256`, what answered.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("digit", pa.int8()),
            ("confidence", pa.float32()),
            ("probabilities", pa.list_(pa.float32())),
            ("accepted", pa.bool_()),
            ("reason", pa.string()),
            ("error", pa.string()),
            ("model", pa.string()),
            ("weights_sha256", pa.string()),
        ]
    )


def tables(pictures: Iterable[Picture]) -> Iterator[Any]:
    """Gather pictures in tables of bounded size."""
    rows: list[Picture] = []
    size = 0
    for picture in pictures:
        rows.append(picture)
        size += len(picture.data or b"")
        if len(rows) == ROWS or size >= BYTES:
            yield _table(rows)
            rows, size = [], 0
    if rows:
        yield _table(rows)


def _table(rows: Sequence[Picture]) -> Any:
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, field.type)
        for column, field in zip(columns, pictures_schema(), strict=True)
    ]
    return pa.table(arrays, schema=pictures_schema())


def score(table: Any, classifier: Classifier) -> Any:
    """Answer the pictures of an Arrow table, row by row.

    Args:
        table: a `pyarrow.Table` with the columns of `pictures_schema`.
        classifier: what answers; it is not shared with other threads while it does.

    Returns:
        A `pyarrow.Table` with the columns of `answers_schema`: each picture has the answer that
        `Classifier.predict` gives it, and one that cannot be read has its error.
    """
    import pyarrow as pa

    images, errors = table.column("image").to_pylist(), table.column("error").to_pylist()
    answers = iter(_answers(classifier, [image for image in images if image is not None]))
    rows = [
        _row(next(answers) if image is not None else (error or "no picture"))
        for image, error in zip(images, errors, strict=True)
    ]
    named = (classifier.model, classifier.contract.weights_sha256)
    columns = [
        table.column("id"),
        *([row[number] for row in rows] for number in range(6)),
        *([value] * len(rows) for value in named),
    ]
    return pa.table(columns, schema=answers_schema())


def _row(answer: Prediction | str) -> tuple[Any, ...]:
    """Return digit, confidence, probabilities, accepted, reason and error."""
    if isinstance(answer, str):
        return None, None, None, False, None, answer
    digit, confidence, probabilities = answer.digit, answer.confidence, answer.probabilities
    return digit, confidence, probabilities, answer.accepted, answer.reason, None


def _answers(classifier: Classifier, images: Sequence[bytes]) -> list[Prediction | str]:
    """Answer all at once, and part by part where one of them cannot be read."""
    try:
        return [*classifier.predict_batch(images)]
    except UnreadableImage as error:
        reason = error.cause
    # Of millions of pictures one may meet a mistake of ours, and is not to end the job.
    except Exception as error:
        reason = f"unexpected {type(error).__name__}: {first_line(error)}"
    if len(images) == 1:
        return [reason.encode("utf-8", "backslashreplace").decode()]
    half = len(images) // 2
    return [*_answers(classifier, images[:half]), *_answers(classifier, images[half:])]
