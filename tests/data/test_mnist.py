"""MNIST: where it is looked for, fetched from, and how it is verified."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data import idx, mnist
from mnist_edge.errors import DataError, DownloadError
from mnist_edge.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.data.conftest import Server

Arrays = dict[str, NDArray[np.uint8]]
IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def published(
    server: Server,
    idx_files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Server:
    """The tiny dataset published as MNIST on the local server; an empty cache, no variable."""
    server.files = {f"{name}.gz": gzip.compress(data) for name, data in idx_files.items()}
    monkeypatch.setattr(
        mnist,
        "FILES",
        {
            name: mnist.Published(
                size=len(server.files[f"{name}.gz"]),
                compressed=hashlib.sha256(server.files[f"{name}.gz"]).hexdigest(),
                content=hashlib.sha256(content).hexdigest(),
            )
            for name, content in idx_files.items()
        },
    )
    monkeypatch.setattr(mnist, "MIRRORS", (server.mirror("good"),))
    # platformdirs takes the cache from the one on Linux and from the other on macOS.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MNIST_EDGE_DATA", raising=False)
    return server


def test_it_is_fetched_once(published: Server, arrays: Arrays) -> None:
    assert mnist.directory() is None
    dataset = mnist.load()
    assert dataset.name == "mnist"
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert published.requests == [f"/good/{name}.gz" for name in mnist.FILES]

    again = mnist.load()
    np.testing.assert_array_equal(again.train.images, dataset.train.images)
    assert len(published.requests) == 4
    assert mnist.directory() == mnist.cache_directory()


def test_it_is_not_there_before_the_last_byte_is(published: Server) -> None:
    seen: dict[str, int] = {}

    def progress(name: str, done: int, _total: int) -> None:
        seen[name] = done
        assert mnist.directory() is None

    folder = mnist.fetch(progress)
    assert mnist.directory() == folder
    assert seen == {name: len(content) for name, content in published.files.items()}


def test_the_variable_comes_before_the_cache(
    published: Server, idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mnist.fetch()
    published.requests.clear()
    monkeypatch.setenv("MNIST_EDGE_DATA", str(idx_folder))
    assert mnist.directory() == idx_folder
    assert mnist.load().name == "mnist"
    assert published.requests == []


def test_unpacked_files_are_mnist_as_well(
    published: Server,
    idx_files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in idx_files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("MNIST_EDGE_DATA", str(tmp_path))
    assert mnist.load().name == "mnist"
    assert published.requests == []


def test_a_variable_without_the_files_is_an_error_even_where_the_cache_has_them(
    published: Server, idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mnist.fetch()
    published.requests.clear()
    (idx_folder / f"{IMAGES}.gz").unlink()
    monkeypatch.setenv("MNIST_EDGE_DATA", str(idx_folder))
    for find in (mnist.directory, mnist.load):
        with pytest.raises(DataError) as caught:
            find()
        assert f"MNIST_EDGE_DATA is {idx_folder}" in caught.value.cause
        assert IMAGES in caught.value.cause
    assert published.requests == []


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_somebody_elses_files_are_not_called_mnist(
    suffix: str, idx_files: dict[str, bytes], idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (idx_folder / f"{IMAGES}.gz").unlink()
    # As whole and as large as the published file, but for one pixel.
    content = idx_files[IMAGES][:-1] + bytes((idx_files[IMAGES][-1] ^ 1,))
    path = idx_folder / f"{IMAGES}{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert idx.load(idx_folder)
    monkeypatch.setenv("MNIST_EDGE_DATA", str(idx_folder))
    with pytest.raises(DataError) as caught:
        mnist.load()
    assert str(path) in caught.value.cause
    assert f"--data {idx_folder}" in caught.value.remedy


def test_a_damaged_cache_is_reported_and_mended_by_fetch(
    published: Server, idx_files: dict[str, bytes]
) -> None:
    folder = mnist.fetch()
    published.requests.clear()
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(gzip.compress(idx_files[IMAGES] + b"\0"))
    with pytest.raises(DataError) as caught:
        mnist.load()
    assert str(path) in caught.value.cause
    assert "mnist-edge data fetch" in caught.value.remedy

    mnist.fetch()
    assert published.requests == [f"/good/{IMAGES}.gz"]
    assert mnist.load().name == "mnist"


def test_what_a_failed_fetch_has_got_is_kept(published: Server) -> None:
    last = f"{list(mnist.FILES)[-1]}.gz"
    content = published.files[last]
    published.files[last] = b"corrupt"
    with pytest.raises(DownloadError):
        mnist.load()
    assert mnist.directory() is None
    published.requests.clear()
    published.files[last] = content
    mnist.load()
    assert published.requests == [f"/good/{last}"]


def test_without_any_mirror_the_remedy_is_the_variable(
    published: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = (published.mirror("missing"), published.mirror("truncated"))
    monkeypatch.setattr(mnist, "MIRRORS", mirrors)
    with pytest.raises(DownloadError) as caught:
        mnist.load()
    assert all(mirror in caught.value.cause for mirror in mirrors)
    assert "MNIST_EDGE_DATA" in caught.value.remedy
    assert mnist.directory() is None


def test_the_table_has_the_files_in_the_order_they_are_read() -> None:
    assert tuple(mnist.FILES) == idx.NAMES
    assert len(mnist.MIRRORS) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in mnist.MIRRORS)


@pytest.mark.skipif("MNIST_EDGE_DATA" not in os.environ, reason="MNIST_EDGE_DATA is not set")
def test_the_real_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = mnist.load()
    assert dataset.train.images.shape == (55_000, 28, 28)
    assert dataset.validation.images.shape == (5_000, 28, 28)
    assert dataset.test.images.shape == (10_000, 28, 28)
    # The first labels of both files, as everybody knows them from tutorials.
    assert dataset.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.test.labels[:5].tolist() == [7, 2, 1, 0, 4]

    folder = mnist.directory()
    assert folder is not None
    for name, path in idx.find(folder).items():
        if path.suffix == ".gz":
            assert sha256_of(path) == mnist.FILES[name].compressed

    # One of the four exchanged: Fashion-MNIST and its like have the same names and sizes.
    for name, path in idx.find(folder).items():
        shutil.copy(path, tmp_path)
        if name == "t10k-labels-idx1-ubyte":
            (tmp_path / path.name).write_bytes(
                bytes((0, 0, 8, 1)) + (10_000).to_bytes(4, "big") + bytes(10_000)
            )
    monkeypatch.setenv("MNIST_EDGE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        mnist.load()
