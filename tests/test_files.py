"""Files are replaced whole or not at all, whatever happens in between."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_edge.errors import GateError, OutputError
from mnist_edge.files import crc32_of, replacing, sha256_of
from mnist_edge.formats.table import of_path


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result of an earlier run, alone in its folder."""
    path = tmp_path / "edge.onnx"
    path.write_text("old")
    return path


def assert_untouched(result: Path) -> None:
    assert result.read_text() == "old"
    assert list(result.parent.iterdir()) == [result]


def test_the_new_file_appears_only_when_the_block_has_ended(result: Path) -> None:
    with replacing(result) as temporary:
        # Writers choose their format by the suffix.
        assert temporary.suffix == result.suffix
        temporary.write_text("new")
        assert result.read_text() == "old"
    assert result.read_text() == "new"
    assert list(result.parent.iterdir()) == [result]


def test_folders_are_made_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "edge.onnx"
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [GateError("missed", remedy="train"), KeyboardInterrupt()])
def test_a_block_that_raises_leaves_the_old_file_alone(result: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        write_half(result, error)
    assert caught.value is error
    assert_untouched(result)


def test_a_full_disk_is_an_output_error_with_its_reason(result: Path) -> None:
    with pytest.raises(OutputError) as caught:
        write_half(result, OSError(errno.ENOSPC, "No space left on device"))
    assert caught.value.cause == f"cannot write {result}: No space left on device."
    assert caught.value.remedy
    assert_untouched(result)


def test_a_block_that_writes_nothing_does_not_delete_what_was_there(result: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*edge\.onnx"), replacing(result):
        pass
    assert_untouched(result)


def test_a_file_in_the_place_of_the_folder_is_named(result: Path) -> None:
    path = result / "edge.onnx"
    with pytest.raises(OutputError, match=f"cannot write {path}"), replacing(path):
        pytest.fail("the block must not be entered")
    assert_untouched(result)


def test_a_folder_in_the_place_of_the_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "edge.onnx"
    path.mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*edge\.onnx"), replacing(path) as new:
        new.write_text("new")
    assert path.is_dir()
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import sys
from pathlib import Path
from mnist_edge.formats.table import of_path
from mnist_edge.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("another's")
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_writer(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that has written its temporary file, and waits for stdin to end."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process


def test_two_processes_at_once_do_not_mix(result: Path) -> None:
    with another_writer(result), replacing(result) as temporary:
        temporary.write_text("one's own")
    assert result.read_text() == "another's"  # its block was the last to end
    assert list(result.parent.iterdir()) == [result]


def test_what_a_killed_process_leaves_is_not_taken_for_a_model(result: Path) -> None:
    with another_writer(result) as process:
        process.kill()
    assert result.read_text() == "old"
    assert [path for path in result.parent.iterdir() if of_path(path)] == [result]


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    # The example of FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(path) == expected
    path.write_bytes(bytes(3_000_001))
    assert sha256_of(path) == hashlib.sha256(bytes(3_000_001)).hexdigest()


def test_crc32_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123456789")
    # The check value of CRC-32/ISO-HDLC, https://reveng.sourceforge.io/crc-catalogue/all.htm
    assert crc32_of(path) == "cbf43926"
