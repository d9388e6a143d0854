"""Listing, reading and writing on this machine, and on what only pyarrow knows."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'mnist-edge[fleet]'")

from pyarrow import fs

from mnist_edge.data.storage import Storage, locate
from mnist_edge.errors import DataError, OutputError, UsageError

FILES = ("b/2.png", "b/10.png", "a/x/1.png", "a/1.txt", ".hidden/1.png", "a/.1.png", "_done/1.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def remote(folder: Path) -> Storage:
    """The same folder behind pyarrow's interface alone, as a store is."""
    return Storage(fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["a/1.txt", "a/x/1.png", "b/10.png", "b/2.png"]),
        ("b", ["b/10.png", "b/2.png"]),
        ("b/2.png", ["b/2.png"]),
        ("*/*.png", ["b/10.png", "b/2.png"]),
        ("**/*.png", ["a/x/1.png", "b/10.png", "b/2.png"]),
        ("a/?", ["a/x/1.png"]),
        ("[ab]", ["a/1.txt", "a/x/1.png", "b/10.png", "b/2.png"]),
        ("c*", []),
    ],
)
def test_folders_files_and_patterns_are_listed_in_order(
    folder: Path, pattern: str, names: list[str]
) -> None:
    storage, path = locate(f"{folder}/{pattern}" if pattern else str(folder))
    listed = list(storage.files(path))
    assert [os.path.relpath(file.path, folder) for file in listed] == names
    assert [file.bytes for file in listed] == [len(name) for name in names]
    assert [file.path for file in remote(folder).files(pattern)] == names


def test_a_name_that_reads_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "a[1].png").touch()
    storage, path = locate(str(tmp_path / "a[1].png"))
    assert [file.path for file in storage.files(path)] == [path]


def test_a_link_back_is_not_followed(folder: Path) -> None:
    (folder / "b/back").symlink_to(folder)
    storage, path = locate(str(folder / "b"))
    assert len(list(storage.files(path))) == 2


def test_a_name_that_is_not_utf8_is_listed_and_has_an_address(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff 1#.png")).write_bytes(b"1")
    storage, path = locate(str(tmp_path))
    (file,) = storage.files(path)
    assert storage.read(file.path) == b"1"
    assert storage.uri(file.path) == f"{tmp_path.as_uri()}/%FF%201%23.png"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    storage, path = locate(str(tmp_path / "scans"))
    with pytest.raises(DataError, match="scans"):
        list(storage.files(path))


@pytest.mark.parametrize("address", ["nowhere://bucket/scans", "file://relative"])
def test_an_address_that_pyarrow_does_not_know_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"no address"):
        locate(address)


def test_an_address_and_a_path_name_the_same_file(folder: Path) -> None:
    storage, path = locate((folder / "b/2.png").as_uri())
    assert storage.is_local
    assert storage.read(path) == b"b/2.png"


def test_a_storage_is_sent_to_other_processes(folder: Path) -> None:
    for storage, path in (
        (locate(str(folder))[0], f"{folder}/b/2.png"),
        (remote(folder), "b/2.png"),
    ):
        again = pickle.loads(pickle.dumps(storage))  # noqa: S301
        assert again.read(path) == b"b/2.png"


def test_files_are_written_whole_wherever_they_lie(folder: Path) -> None:
    for storage, path in ((locate(str(folder))[0], f"{folder}/new/1"), (remote(folder), "b/new")):
        storage.write(path, b"1")
        assert storage.read(path) == b"1"
    assert sorted(path.name for path in (folder / "new").iterdir()) == ["1"]


def test_a_folder_that_is_a_file_cannot_be_written_to(folder: Path) -> None:
    for storage, path in (
        (locate(str(folder))[0], f"{folder}/b/2.png/1"),
        (remote(folder), "b/2.png/1"),
    ):
        with pytest.raises(OutputError, match="cannot write"):
            storage.write(path, b"1")


def test_names_of_a_folder_that_is_not_there_are_none(folder: Path) -> None:
    storage, path = locate(str(folder))
    assert storage.names(f"{path}/none") == set()
    assert remote(folder).names("none") == set()
    assert storage.names(f"{path}/b") == remote(folder).names("b") == {"2.png", "10.png"}
