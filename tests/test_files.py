"""Files are replaced whole or not at all, whatever happens in between."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import mnist_edge
from mnist_edge.errors import GateError, OutputError
from mnist_edge.files import (
    crc32_of,
    holding,
    replacing,
    replacing_folder,
    replacing_pair,
    sha256_of,
)
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


def test_a_pipe_or_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(os.devnull)
    for name in ("pipe.png", "link.png"):
        with pytest.raises(OutputError, match=r"it is a pipe or a device"):
            write_half(tmp_path / name, OSError())
        assert not (tmp_path / name).is_file()


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


@contextmanager
def another(code: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that does something with a path, says so, and waits for stdin to end."""
    lines = ("import sys", "from pathlib import Path", "from mnist_edge import files", code)
    command = [sys.executable, "-c", "\n".join(lines), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process


WRITER = """
with files.replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("another's")
    print("ready", flush=True)
    sys.stdin.read()
"""

HOLDER = """
with files.holding(Path(sys.argv[1]), "export"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_two_processes_at_once_do_not_mix(result: Path) -> None:
    with another(WRITER, result), replacing(result) as temporary:
        temporary.write_text("one's own")
    assert result.read_text() == "another's"  # its block was the last to end
    assert list(result.parent.iterdir()) == [result]


def test_what_a_killed_process_leaves_is_no_model_and_does_not_stay(result: Path) -> None:
    with another(WRITER, result) as process:
        process.kill()
    assert result.read_text() == "old"
    assert [path for path in result.parent.iterdir() if of_path(path)] == [result]
    assert len(list(result.parent.iterdir())) == 2
    with holding(result.parent, "train"):
        pass
    assert_untouched(result)


FOLDER = """
import os, signal
calls = {"rename": 0}
def killed(name):
    real = getattr(Path, name)
    def call(*arguments, **options):
        calls[name] = calls.get(name, 0) + 1
        if [name, str(calls[name])] == sys.argv[2].split():
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    setattr(Path, name, call)
for name in ("rename", "write_text"):
    killed(name)
with files.replacing_folder(Path(sys.argv[1])) as temporary:
    (temporary / "page").write_text("new")
    (temporary / "list").write_text("new")
"""


@pytest.mark.parametrize("moment", ["write_text 2", "rename 1", "rename 2"])
@pytest.mark.parametrize("before", [True, False])
def test_a_folder_is_whole_again_after_a_kill(before: bool, moment: str, tmp_path: Path) -> None:
    if before:
        with replacing_folder(tmp_path / "site") as temporary:
            (temporary / "page").write_text("old")
    lines = ("import sys", "from pathlib import Path", "from mnist_edge import files", FOLDER)
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "site"), moment]
    subprocess.run(command, check=False)
    for attempt in range(2):
        with suppress(GateError), replacing_folder(tmp_path / "site") as temporary:
            (temporary / "page").write_text("newer")
            if attempt == 0:
                raise GateError("not yet", remedy="again")
        names = [path.name for path in tmp_path.iterdir()]
        if attempt:
            assert (tmp_path / "site" / "page").read_text() == "newer"
        elif before:
            assert (tmp_path / "site" / "page").read_text() == "old"
        assert names == (["site"] if before or attempt or moment == "rename 2" else [])


def test_what_a_living_process_writes_stays(result: Path) -> None:
    with another(WRITER, result), holding(result.parent, "train"):
        pass
    assert result.read_text() == "another's"


def test_a_folder_is_held_by_one_process_which_is_named(tmp_path: Path) -> None:
    with another(HOLDER, tmp_path) as process:
        with pytest.raises(OutputError) as caught, holding(tmp_path, "train"):
            pytest.fail("the block must not be entered")
        assert caught.value.cause == f"{tmp_path} is in use by process {process.pid} (export)."
        assert "wait" in caught.value.remedy
    with holding(tmp_path, "train"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_lets_go_of_its_folder(tmp_path: Path) -> None:
    with another(HOLDER, tmp_path) as process:
        process.kill()
    assert (tmp_path / ".lock").exists()
    with holding(tmp_path, "train"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "verb",
    [
        lambda folder: mnist_edge.train(data="synthetic", out=folder),
        lambda folder: mnist_edge.export(out=folder),
    ],
    ids=["train", "export"],
)
def test_training_and_export_leave_a_folder_to_whoever_has_it(
    verb: Callable[[Path], object], tmp_path: Path
) -> None:
    with (
        holding(tmp_path, "export"),
        pytest.raises(OutputError, match=f"in use by process {os.getpid()} .export."),
    ):
        verb(tmp_path)


def test_many_processes_hold_a_folder_one_after_the_other(tmp_path: Path) -> None:
    """Each adds a line to a file that it would overwrite if another one did so meanwhile."""
    code = """
import sys, time
from pathlib import Path
from mnist_edge.errors import OutputError
from mnist_edge.files import holding
folder, lines = Path(sys.argv[1]), 0
while lines < 20:
    try:
        with holding(folder, "train"):
            text = (folder / "lines").read_text()
            time.sleep(0.001)
            (folder / "lines").write_text(text + "line\\n")
            lines += 1
    except OutputError:
        pass
"""
    (tmp_path / "lines").touch()
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert len((tmp_path / "lines").read_text().splitlines()) == 80


def test_a_folder_that_is_made_for_nothing_is_removed(tmp_path: Path) -> None:
    with holding(tmp_path / "runs", "train"):
        assert (tmp_path / "runs").is_dir()
    assert not (tmp_path / "runs").exists()
    with holding(tmp_path / "runs", "train"):
        (tmp_path / "runs" / "edge.onnx").touch()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["edge.onnx"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two files of an earlier run that belong together, alone in their folder."""
    path, companion = tmp_path / "edge.keras", tmp_path / "edge.keras.json"
    path.write_text("old")
    companion.write_text("old")
    return path, companion


def write_pair(path: Path, companion: Path) -> None:
    with replacing_pair(path, companion) as (first, second):
        assert (first.suffix, second.suffix) == (path.suffix, companion.suffix)
        first.write_text("new")
        second.write_text("new")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_both_files_of_a_pair_appear_and_nothing_else(pair: tuple[Path, Path]) -> None:
    write_pair(*pair)
    assert contents(pair[0].parent) == {"edge.keras": "new", "edge.keras.json": "new"}


def write_half_a_pair(pair: tuple[Path, Path], error: BaseException) -> None:
    with replacing_pair(*pair) as (first, second):
        first.write_text("half")
        second.touch()
        raise error


@pytest.mark.parametrize(
    "error", [GateError("missed", remedy="train"), KeyboardInterrupt(), OSError(errno.ENOSPC, "")]
)
def test_a_block_that_raises_leaves_both_files_alone(
    error: BaseException, pair: tuple[Path, Path]
) -> None:
    before = contents(pair[0].parent)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_half_a_pair(pair, error)
    assert contents(pair[0].parent) == before


def test_a_folder_in_the_place_of_either_file_is_left_alone(tmp_path: Path) -> None:
    for name in ("edge.keras", "edge.keras.json"):
        folder = tmp_path / f"around {name}"
        (folder / name).mkdir(parents=True)
        with pytest.raises(OutputError, match="cannot write"):
            write_pair(folder / "edge.keras", folder / "edge.keras.json")
        assert list(folder.iterdir()) == [folder / name]


# Kills itself in front of, or behind, the n-th call that changes what is on the disk.
KILLED = """
import itertools, os, signal, sys
from pathlib import Path
from mnist_edge.files import holding, replacing_pair
count, behind, folder = int(sys.argv[1]), sys.argv[2] == "behind", Path(sys.argv[3])
numbers = itertools.count(1)
def deadly(function):
    def call(*values, **options):
        mine = next(numbers) == count
        if mine and not behind:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*values, **options)
        finally:
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
    return call
for name in ("open", "replace", "rename", "unlink", "fsync", "mkdir", "write", "close"):
    setattr(os, name, deadly(getattr(os, name)))
with holding(folder, "train"):
    with replacing_pair(folder / "edge.keras", folder / "edge.keras.json") as (first, second):
        first.write_text("new")
        second.write_text("new")
"""


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_pair_is_old_or_new_wherever_its_writer_is_killed(
    where: str, pair: tuple[Path, Path]
) -> None:
    path, companion = pair
    seen = set()
    for count in range(1, 100):
        path.write_text("old")
        companion.write_text("old")
        command = [sys.executable, "-c", KILLED, str(count), where, str(path.parent)]
        code = subprocess.run(command, check=False).returncode
        # As it was left: never one with the other's companion.
        assert not companion.exists() or companion.read_text() == path.read_text()
        with holding(path.parent, "train"):
            pass
        left = contents(path.parent)
        assert left in ({path.name: age, companion.name: age} for age in ("old", "new"))
        seen.add(left[path.name])
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0
    assert count > 10
    assert seen == {"old", "new"}


def test_a_pair_is_old_or_new_if_whoever_finishes_it_is_killed_too(pair: tuple[Path, Path]) -> None:
    path, companion = pair
    (path.parent / ".1-00000000-0.edge.keras").write_text("new")
    (path.parent / ".1-00000000-1.edge.keras.json").write_text("new")
    names = [".1-00000000-0.edge.keras", path.name, ".1-00000000-1.edge.keras.json", companion.name]
    (path.parent / ".edge.keras.plan").write_text(json.dumps(names))
    finisher = KILLED.partition("    with replacing_pair")[0] + "    pass"
    for count in range(1, 100):
        command = [sys.executable, "-c", finisher, str(count), "before", str(path.parent)]
        if subprocess.run(command, check=False).returncode == 0:
            break
    assert contents(path.parent) == {path.name: "new", companion.name: "new"}


@pytest.mark.parametrize(
    "plan",
    ["", "[]", "7", "{", '["../x", "edge.keras", "y", "edge.keras.json"]', '["a", "b", "c", "d"]'],
)
def test_a_plan_of_somebody_else_moves_nothing(plan: str, pair: tuple[Path, Path]) -> None:
    before = contents(pair[0].parent)
    (pair[0].parent / ".edge.keras.plan").write_text(plan)
    with holding(pair[0].parent, "train"):
        pass
    assert contents(pair[0].parent) == before


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


@pytest.mark.parametrize("name", [".", "..", "/", "here"])
def test_a_folder_is_never_replaced(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    with pytest.raises(OutputError, match="it is a folder"), replacing(Path(name)) as temporary:
        temporary.write_text("digits")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
