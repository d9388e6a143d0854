"""Every kind of source gives the same pictures, and says which it cannot give."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'mnist-edge[fleet]'")

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_edge.data import pictures, plan
from mnist_edge.data.pictures import Picture
from mnist_edge.data.plan import Plan
from mnist_edge.errors import DataError, UsageError

CONTENTS = {f"{number // 4}/{number}.png": bytes([number]) * 99 for number in range(10)}


def read(location: str | Path, **options: object) -> list[Picture]:
    with Plan(str(location), **options) as plan:  # type: ignore[arg-type]
        units = list(plan)
        assert [unit.number for unit in units] == list(range(plan.count))
        return [picture for unit in units for picture in plan.source.pictures(unit)]


def digest(location: Path) -> str:
    with Plan(str(location)) as plan:
        return plan.digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in CONTENTS.items():
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "scans"


def tar(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix != ".tar" else "w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_files_are_pictures_by_their_address(folder: Path) -> None:
    (folder / "notes.txt").touch()
    found = read(folder, pictures_per_unit=3)
    assert found == [
        Picture((folder / name).as_uri(), content) for name, content in CONTENTS.items()
    ]
    assert read(f"{folder}/1/*.png") == found[4:8]


def test_a_file_that_goes_or_is_closed_to_us_is_a_picture_with_an_error(folder: Path) -> None:
    with Plan(str(folder)) as plan:
        (folder / "0/1.png").unlink()
        (unit,) = plan
        found = list(plan.source.pictures(unit))
    assert len(found) == 10
    assert found[1] == Picture((folder / "0/1.png").as_uri(), None, "No such file or directory")


def test_a_file_that_is_too_large_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 98)
    assert all(picture.data is None and picture.error for picture in read(folder))


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
def test_members_of_shards_are_pictures(tmp_path: Path, suffix: str) -> None:
    others = {"0/0.cls": b"0", "0/0.json": b"{}", "0/._0.png": b"of a Mac", "a b#.PNG": b"1"}
    path = tar(tmp_path / f"shard{suffix}", CONTENTS | others)
    uri = path.as_uri()
    expected = [Picture(f"{uri}#{name}", content) for name, content in CONTENTS.items()]
    assert read(tmp_path) == [*expected, Picture(f"{uri}#a%20b%23.PNG", b"1")]


def test_a_link_in_a_shard_is_a_picture_with_an_error(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo(f"{kind.decode()}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    (picture,) = read(tmp_path)
    assert picture[1:] == (None, "it is a link or a device")


def test_a_shard_that_is_cut_off_says_so_after_what_can_be_read(tmp_path: Path) -> None:
    path = tar(tmp_path / "shard.tar", CONTENTS)
    path.write_bytes(path.read_bytes()[:2600])  # within the third picture
    *whole, last = read(path)
    assert [picture.data for picture in whole] == [*CONTENTS.values()][:2]
    assert last.id == path.as_uri()
    assert last.data is None
    assert "cannot be read to its end" in (last.error or "")


@pytest.mark.parametrize(
    "content",
    [b"", b"no tar at all" * 100, gzip.compress(b"nor this")],
    ids=["empty", "no tar", "compressed"],
)
def test_a_shard_that_is_none_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shard.tar").write_bytes(content)
    (picture,) = read(tmp_path)
    assert picture.data is None


def test_rows_of_parquet_are_pictures_a_row_group_a_unit(tmp_path: Path) -> None:
    names, contents = list(CONTENTS), list(CONTENTS.values())
    nested = [{"bytes": content, "path": name} for name, content in CONTENTS.items()]
    table = pa.table({"name": names, "image": contents, "nested": nested})
    path = tmp_path / "part.parquet"
    pq.write_table(table, path, row_group_size=4)
    by_row = [Picture(f"{path.as_uri()}#{row}", content) for row, content in enumerate(contents)]
    assert read(path) == by_row
    assert read(path, image_column="nested") == by_row
    assert read(path, id_column="name") == [
        Picture(name, content) for name, content in CONTENTS.items()
    ]
    with Plan(str(path)) as plan:
        assert plan.count == 3


def test_a_row_without_a_picture_or_a_name_is_still_a_row(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    pq.write_table(pa.table({"image": [b"1", None], "name": [None, "two"]}), path)
    uri = path.as_uri()
    assert read(path, id_column="name") == [
        Picture(f"{uri}#0", b"1"),
        Picture("two", None, "no picture"),
    ]


def test_a_row_group_that_is_damaged_says_so(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    rng = random.Random(0)
    table = pa.table({"image": [rng.randbytes(99) for _ in range(100)]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    damaged = bytearray(path.read_bytes())
    damaged[4:4000] = rng.randbytes(3996)
    path.write_bytes(damaged)
    *_, last = read(path)
    assert last.data is None
    assert "row group 0 cannot be read" in (last.error or "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_column": "picture"}, "no column 'picture'"),
        ({"id_column": "name"}, "no column 'name'"),
        ({"image_column": "label"}, "holds int64"),
    ],
)
def test_parquet_without_the_columns_is_refused_at_once(
    tmp_path: Path, options: dict[str, str], words: str
) -> None:
    pq.write_table(pa.table({"image": [b"1"], "label": [1]}), tmp_path / "part.parquet")
    with pytest.raises(DataError, match=words):
        read(tmp_path, **options)


def test_two_columns_of_a_name_are_refused_at_once(tmp_path: Path) -> None:
    twice = pa.table([pa.array([b"1"]), pa.array([b"2"])], names=["image", "image"])
    pq.write_table(twice, tmp_path / "part.parquet")
    with pytest.raises(DataError, match="has 2 columns 'image'"):
        read(tmp_path)


def test_a_name_that_is_not_utf8_and_a_link_to_itself_stop_nothing(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png"))
    odd.write_bytes(b"1")
    (folder / "loop.png").symlink_to("loop.png")
    assert read(odd) == [Picture(odd.as_uri(), b"1")]
    assert len(read(folder)) == len(CONTENTS) + 1
    with pytest.raises(DataError, match="cannot be listed"):
        read(folder / "loop.png")


def test_lines_name_pictures(folder: Path, tmp_path: Path) -> None:
    names = list(CONTENTS)
    lines = [
        json.dumps(f"scans/{names[0]}"),
        json.dumps(str(folder / names[1])),
        json.dumps((folder / names[2]).as_uri()),
        json.dumps({"path": f"scans/{names[3]}", "name": "three"}),
        json.dumps({"path": f"scans/{names[4]}", "name": None}),
    ]
    path = tmp_path / "list.ndjson"
    path.write_text("\n".join(lines))
    for size in (1, 2, 5):
        found = read(path, id_column="name", pictures_per_unit=size)
        assert [picture.data for picture in found] == list(CONTENTS.values())[:5]
        uris = [(folder / name).as_uri() for name in names]
        assert [picture.id for picture in found] == [*uris[:3], "three", uris[4]]
    assert [picture.id for picture in read(path)] == uris[:5]


def test_a_line_that_names_nothing_is_a_picture_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"uri": "a.png"}\n12\n\nnot json\n"missing.png"\n"nowhere://a/b.png"\n')
    found = read(path)
    assert [picture.data for picture in found] == [None] * 6
    assert [picture.id for picture in found[:4]] == [f"{path.as_uri()}#{row}" for row in range(4)]
    assert all(picture.error for picture in found)


@pytest.mark.parametrize(
    "line",
    [
        '"a\\u0000.png"',
        '"\\ud800.png"',
        '"fifo.png"',
        '"/dev/zero"',
        '"."',
        '"file://[/a.png"',
        "[" * 100_000,
        "9" * 5000,
        '{"path": ["a.png"]}',
        '{"path": "missing.png", "name": "\\ud800"}',
        '"' + "a" * 100_000 + '.png"',
    ],
    ids=range(11),
)
def test_whatever_a_line_says_it_is_a_row_and_the_next_is_read(line: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "seven.png").write_bytes(b"7")
    path = tmp_path / "list.ndjson"
    path.write_text(f'{line}\n"seven.png"\n')
    first, second = read(path, id_column="name")
    assert first.error
    assert first.data is None
    (first.id + first.error).encode()
    assert second.data == b"7"


def test_a_line_without_end_is_never_held_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pictures, plan):
        monkeypatch.setattr(module, "LINE", 100)
    (tmp_path / "seven.png").write_bytes(b"7")
    path = tmp_path / "list.ndjson"
    path.write_text("x" * 250 + '\n"seven.png"\n')
    for size in (1, 3):
        *parts, last = read(path, pictures_per_unit=size)
        assert [part.data for part in parts] == [None] * 3
        assert last.data == b"7"


def test_names_that_are_not_utf8_cost_no_row(tmp_path: Path) -> None:
    names = pa.array([b"\xff", b"\x1b[31m", None]).view(pa.string())
    pq.write_table(pa.table({"image": [b"1", b"2", b"3"], "name": names}), tmp_path / "a.parquet")
    found = read(tmp_path, id_column="name")
    assert [picture.data for picture in found] == [b"1", b"2", b"3"]
    assert [picture.id for picture in found[:2]] == ["\\xff", "\x1b[31m"]


def test_sources_that_say_nothing_clear_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds nothing to read"):
        read(tmp_path / "empty")
    tar(folder / "shard.tar", CONTENTS)
    with pytest.raises(UsageError, match="of kind pictures and of kind tar"):
        read(folder)
    (tmp_path / "broken.parquet").write_bytes(b"not one")
    with pytest.raises(DataError, match="not a Parquet file"):
        read(tmp_path / "broken.parquet")


def test_another_source_has_another_digest(folder: Path) -> None:
    first = digest(folder)
    assert digest(folder) == first
    (folder / "9.png").write_bytes(b"1")
    second = digest(folder)
    (folder / "9.png").write_bytes(b"2")
    os.utime(folder / "9.png", ns=(0, 0))
    assert len({first, second, digest(folder)}) == 3


def test_pictures_of_a_store_are_read_together_and_stay_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "READERS", 4)
    with Plan(str(folder)) as plan:
        plan.source.storage.is_local = False  # so that pyarrow reads what lies here
        found = [picture for unit in plan for picture in plan.source.pictures(unit)]
    assert [picture.data for picture in found] == list(CONTENTS.values())
