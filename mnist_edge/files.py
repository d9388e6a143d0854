"""Writing files whole or not at all, alone or in pairs, in a folder that is one's own; checksums.

A temporary file is hidden and carries the process that writes it in its name, so that what a dead
one left is told from what a living one needs. A pair is replaced in several steps, which are
written down before the first of them is taken: whoever has the folder next takes the others.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of temporary files: process, what tells it from an earlier one of that number, and a number.
_TOKEN = os.urandom(4).hex()
_NUMBERS = itertools.count()
_TEMPORARY = re.compile(r"\.(?P<process>\d{1,9})-(?P<token>[0-9a-f]{8})-\d+\.")

_PLAN = ".plan"
_LOCK = ".lock"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    The temporary file keeps the ending of `path`, since several writers choose their format by
    it. When the block raises, the temporary file is removed and `path` is as it was.

    Raises:
        OutputError: the folder or the file cannot be written (no permission, disk full, …).
    """
    with _writing(path) as temporary:
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its place when the block ends well.

    When the block raises, the new folder is removed and `path` is as it was. What a process that
    was killed has left is put back or removed by the next that writes there.

    Raises:
        OutputError: the folder or what is in it cannot be written.
    """
    import shutil

    new = _temporary(path)
    old = new.with_name(f"{new.name}~")
    try:
        for left in filter(_is_left, path.parent.glob(".*")):
            if _of(left) == f"{path.name}~" and not path.exists():
                left.rename(path)
            elif _of(left) in (path.name, f"{path.name}~"):
                shutil.rmtree(left, ignore_errors=True)
        new.mkdir(parents=True)
        yield new
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def replacing_pair(path: Path, companion: Path) -> Iterator[tuple[Path, Path]]:
    """Yield temporary paths for two files of one folder that are worth nothing without each other.

    When the block ends well, both take their places; when it raises, both are as they were. The
    old companion goes before the new file comes, so that nobody ever reads one with the other's
    companion. A process that is killed in between leaves a plan that `holding` carries out.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    with _writing(companion) as second, _writing(path) as first:
        plan = path.with_name(f".{path.name}{_PLAN}")
        try:
            yield first, second
            for temporary, target in ((first, path), (second, companion)):
                _sync(temporary)
                if target.is_dir():
                    raise IsADirectoryError(None, "Is a directory", str(target))
            names = [item.name for item in (first, path, second, companion)]
            with replacing(plan) as temporary:
                temporary.write_text(json.dumps(names), encoding="utf-8")
        except BaseException:
            for temporary in (first, second):
                with suppress(OSError):
                    temporary.unlink()
            raise
        _carry_out(plan)


@contextmanager
def holding(folder: Path, purpose: str) -> Iterator[None]:
    """Have a folder of results to oneself among all processes that ask for that.

    What dead processes have left in it is finished or removed first. A process that dies lets go
    of the folder. Where the system or the file system knows no locks, nothing is locked.

    Args:
        folder: made where it is not there, and removed again where nothing is written to it.
        purpose: what others are told that it is needed for: one word.

    Raises:
        OutputError: another process has it, or it cannot be written.
    """
    try:
        made = not folder.exists()
        lock = _locked(folder, purpose)
    except OSError as error:
        raise _output_error(folder, error) from error
    try:
        _clear_up(folder)
        yield
    finally:
        try:
            # While it is still locked: whoever opened it meanwhile sees that it is gone.
            with suppress(OSError):
                (folder / _LOCK).unlink()
        finally:
            os.close(lock)
        if made:
            with suppress(OSError):
                folder.rmdir()


def _locked(folder: Path, purpose: str) -> int:
    path = folder / _LOCK
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(lock)
            with suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(lock).st_ino:
                    os.truncate(lock, 0)
                    os.write(lock, f"process {os.getpid()} ({purpose})".encode())
                    return lock
        except BlockingIOError as error:
            holder = os.read(lock, 100).decode("ascii", "replace")
            os.close(lock)
            known = re.fullmatch(r"process \d+ \(\w+\)", holder)
            raise OutputError(
                f"{folder} is in use by {holder if known else 'another process'}.",
                remedy="wait until it has finished, or choose another folder with --out.",
            ) from error
        except BaseException:
            os.close(lock)
            raise
        # The last holder removed the file after it was opened here.
        os.close(lock)


def _take(lock: int) -> None:
    """Lock an open file for as long as it is open.

    Raises:
        BlockingIOError: somebody else has locked it.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            # Others read who has it: the byte that is locked lies behind that.
            os.lseek(lock, 1 << 20, os.SEEK_SET)
            try:
                msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                raise BlockingIOError from error
            finally:
                os.lseek(lock, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        pass  # there are no locks here


def _clear_up(folder: Path) -> None:
    """Finish the plans and remove the temporary files of processes that are dead."""
    for plan in folder.glob(f".*{_PLAN}"):
        if not _TEMPORARY.match(plan.name):
            _carry_out(plan)
    for path in filter(_is_left, folder.glob(".*")):
        with suppress(OSError):
            path.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{os.getpid()}-{_TOKEN}-{next(_NUMBERS)}.{path.name}")


def _of(temporary: Path) -> str:
    """Return the name of what a temporary file or folder is to become."""
    return _TEMPORARY.sub("", temporary.name, count=1)


def _is_left(path: Path) -> bool:
    """Tell whether something is a temporary file or folder of a process that is dead."""
    name = _TEMPORARY.match(path.name)
    return name is not None and not _lives(int(name["process"]), name["token"])


def _lives(process: int, token: str) -> bool:
    if process == os.getpid():
        return token == _TOKEN
    if sys.platform == "win32":
        return True  # where asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _carry_out(plan: Path) -> None:
    """Take those steps of a plan that have not been taken, and remove it.

    Raises:
        OutputError: a file cannot be moved.
    """
    try:
        names = json.loads(plan.read_text(encoding="utf-8"))
        first, path, second, companion = (plan.with_name(str(name)) for name in names)
        # A plan that somebody else wrote moves nothing but temporary files.
        if _TEMPORARY.match(first.name) and _TEMPORARY.match(second.name):
            if first.exists():
                companion.unlink(missing_ok=True)
                first.replace(path)
            if second.exists():
                second.replace(companion)
    except (ValueError, TypeError):
        pass  # no plan of ours
    except OSError as error:
        raise _output_error(plan, error) from error
    with suppress(OSError):
        plan.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`; nothing is created yet but its folder."""
    try:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder.", remedy="name a file in it.")
        if path.exists() and not path.is_file():
            # Whoever may would replace the device, for everybody.
            raise OutputError(
                f"cannot write {path}: it is a pipe or a device.", remedy="name a file."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        yield _temporary(path)
    except OSError as error:
        raise _output_error(path, error) from error


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _output_error(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {error.strerror or error}.",
        remedy="free some space, or choose another folder.",
    )


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, or of a folder's files in order of their names."""
    import hashlib

    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def crc32_of(path: Path) -> str:
    """Return the hexadecimal CRC-32 of a file's bytes: enough to tell whether it was damaged.

    For SHA-256 Python loads OpenSSL, which takes more memory than reading a picture does.
    """
    return f"{zlib.crc32(path.read_bytes()):08x}"
