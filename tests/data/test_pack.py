"""Packing loses nothing, and gives the same bytes for the same pictures."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'mnist-edge[fleet]'")

import pyarrow.parquet as pq

from mnist_edge.data import pack as packing
from mnist_edge.data import pictures
from mnist_edge.data.pack import pack
from mnist_edge.data.plan import Plan
from mnist_edge.data.storage import Storage
from mnist_edge.errors import DataError, OutputError, UsageError
from tests.data.test_pictures import CONTENTS, folder, read

__all__ = ["folder"]


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_tar_shards_hold_every_picture_by_its_name(folder: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    names = pack(
        str(folder), str(tmp_path / "a"), pictures=4, progress=lambda *step: steps.append(step)
    )
    shards = [members(tmp_path / "a" / name) for name in names]
    assert [len(shard) for shard in shards] == [4, 4, 2]
    assert {name: data for shard in shards for name, data in shard.items()} == CONTENTS
    assert [picture.data for picture in read(tmp_path / "a")] == list(CONTENTS.values())
    assert steps[-1] == (1, 1)
    pack(str(folder), str(tmp_path / "b"), pictures=4)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_parquet_shards_hold_names_and_bytes(folder: Path, tmp_path: Path) -> None:
    (name,) = pack(str(folder), str(tmp_path / "a"), format="parquet")
    table = pq.read_table(tmp_path / "a" / name)
    assert dict(zip(*table.to_pydict().values(), strict=True)) == CONTENTS
    assert [picture.id for picture in read(tmp_path / "a", id_column="id")] == list(CONTENTS)


@pytest.mark.parametrize(
    ("pattern", "expected"), [("1/*.png", "4.png"), ("*/4.png", "1/4.png"), ("1/4.png", "4.png")]
)
def test_names_begin_where_a_pattern_does(
    folder: Path, tmp_path: Path, pattern: str, expected: str
) -> None:
    (name,) = pack(f"{folder}/{pattern}", str(tmp_path / "a"))
    assert next(iter(members(tmp_path / "a" / name))) == expected


def test_a_shard_takes_no_more_than_its_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "BYTES", 250)
    names = pack(str(folder), str(tmp_path / "a"))
    assert [len(members(tmp_path / "a" / name)) for name in names] == [2] * 5


def test_a_picture_that_cannot_be_read_ends_the_packing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 98)
    with pytest.raises(DataError, match=r"0\.png' cannot be read: it has more than"):
        pack(str(folder), str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def test_what_was_not_finished_is_neither_read_nor_added_to(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Storage.write
    begun = iter(range(4))

    def fail(storage: Storage, path: str, data: Any) -> None:
        if next(begun, None) is None:
            raise OutputError("no space", remedy="make some")
        write(storage, path, data)

    monkeypatch.setattr(Storage, "write", fail)
    with pytest.raises(OutputError):
        pack(str(folder), str(tmp_path / "a"), pictures=2)
    assert len([*(tmp_path / "a").glob("*.tar")]) == 3
    with pytest.raises(DataError, match="shards that were never finished"):
        Plan(str(tmp_path / "a"))
    with pytest.raises(UsageError, match="shards that were never finished"):
        pack(str(folder), str(tmp_path / "a"), pictures=2)


def test_what_makes_no_sense_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no format of shards"):
        pack(str(folder), str(tmp_path / "a"), format="zip")
    pack(str(folder), str(tmp_path / "a"))
    with pytest.raises(UsageError, match="lies within the source"):
        pack(str(folder), str(folder / "shards"))
    with pytest.raises(UsageError, match="is not empty"):
        pack(str(folder), str(tmp_path / "a"))
    with pytest.raises(UsageError, match="packed already, as tar"):
        pack(str(tmp_path / "a"), str(tmp_path / "b"))
