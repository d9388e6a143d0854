"""Packing many small picture files into few large shards, which are quick to list and to read."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

from mnist_edge.data.plan import UNFINISHED, Plan
from mnist_edge.data.storage import fixed_part, locate_apart
from mnist_edge.errors import DataError, UsageError, did_you_mean
from mnist_edge.extras import require

# A shard is made in memory; as large ones as these are read no faster than larger ones.
PICTURES, BYTES = 10_000, 1 << 28

Entry = tuple[str, bytes]


def pack(
    source: str,
    out: str,
    *,
    format: str = "tar",  # noqa: A002
    pictures: int = PICTURES,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[str]:
    """Write the picture files of a folder or a pattern as shards, in the order of their names.

    In a tar shard, a picture is a member that is called as it was in the folder, as WebDataset
    has it; in a Parquet shard, it is a row with that name as `id` and its bytes as `image`. The
    same pictures give the same bytes.

    Args:
        source: a path, a pattern or an address.
        out: the path or address of a folder that is empty, or is yet to be made.
        format: `tar` or `parquet`.
        pictures: in a shard, at most; one of 256 MiB takes no more.
        progress: called with how much is done, of how much.

    Returns:
        The names of the shards.

    Raises:
        UsageError: `source` is packed already, `out` is not empty or within it, or there is no
            such format.
        DataError: there are no pictures, or one cannot be read.
        OutputError: a shard cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    require("pyarrow", extra="fleet")
    if format not in _WRITERS:
        raise UsageError(
            f"there is no format of shards {format!r}.",
            remedy=f"{did_you_mean(format, _WRITERS)}accepted are {', '.join(_WRITERS)}.",
        )
    storage, folder = locate_apart(out, source)
    names = storage.names(folder)
    if UNFINISHED in names:
        raise UsageError(
            f"{folder!r} holds shards that were never finished.", remedy="remove them, and it."
        )
    if names:
        raise UsageError(
            f"{folder!r} is not empty: it holds {min(names)!r}.", remedy="choose another folder."
        )
    written: list[str] = []
    with Plan(source) as plan:
        if plan.source.kind != "pictures":
            raise UsageError(
                f"{source!r} is packed already, as {plan.source.kind}.",
                remedy="name a folder or a pattern of picture files.",
            )
        for entries in _shards(_entries(plan, progress), pictures):
            if not written:
                storage.write(f"{folder}/{UNFINISHED}", b"")
            written.append(f"pictures-{len(written):06}.{format}")
            storage.write(f"{folder}/{written[-1]}", _WRITERS[format](entries))
        storage.remove(f"{folder}/{UNFINISHED}")
    return written


def _entries(plan: Plan, progress: Callable[[int, int], None]) -> Iterator[Entry]:
    """Yield names and bytes of all pictures."""
    root = plan.source.path
    for unit in plan:
        for path, picture in zip(unit.paths, plan.source.pictures(unit), strict=True):
            if picture.data is None:
                raise DataError(
                    f"{path!r} cannot be read: {picture.error}.",
                    remedy="make it readable or remove it, and pack again into another folder.",
                )
            if not path.startswith(f"{root}/"):  # a pattern, or the picture itself
                root = fixed_part(root) if fixed_part(root) != root else root.rpartition("/")[0]
            yield path[len(root) + 1 :], picture.data
        progress(unit.number + 1, plan.count)


def _shards(entries: Iterator[Entry], pictures: int) -> Iterator[list[Entry]]:
    some: list[Entry] = []
    size = 0
    for entry in entries:
        if len(some) == pictures or (some and size + len(entry[1]) > BYTES):
            yield some
            some, size = [], 0
        some.append(entry)
        size += len(entry[1])
    yield some


def _tar(entries: list[Entry]) -> Any:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in entries:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getbuffer()


def _parquet(entries: list[Entry]) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    names, images = zip(*entries, strict=True)
    ids = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    table = pa.table({"id": ids, "image": pa.array(images, pa.binary())})
    buffer = pa.BufferOutputStream()
    # Pictures are compressed already, and each is another.
    parquet.write_table(table, buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[list[Entry]], Any]] = {"tar": _tar, "parquet": _parquet}
