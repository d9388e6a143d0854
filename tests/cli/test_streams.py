"""Streams that are closed or full, and names that are no text: never a traceback, never a loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge.data import synthetic
from tests.conftest import PATIENCE

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="/dev/full is not there")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, image in enumerate(synthetic.generate(2, seed=3).images):
        Image.fromarray(255 - image).save(tmp_path / f"{number}.png")
    return tmp_path


def shell(folder: Path, arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run `mnist-edge …` as a shell does, so that streams can be closed; bytes as they come."""
    command = f"{sys.executable} -m mnist_edge {arguments}"
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, timeout=PATIENCE, check=False
    )


def assert_one_line_of_cause(finished: subprocess.CompletedProcess[bytes], cause: str) -> None:
    lines = finished.stderr.decode().splitlines()
    assert finished.returncode == 1, lines
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == [f"error: {cause}"]
    assert "Traceback" not in finished.stderr.decode()


@needs_full
@pytest.mark.parametrize("arguments", ["predict 0.png", "predict 0.png --json", "--help"])
def test_a_full_stdout_is_said_in_one_line(arguments: str, folder: Path) -> None:
    finished = shell(folder, f"{arguments} >{FULL}")
    assert_one_line_of_cause(finished, "cannot write to stdout: No space left on device.")


def test_a_closed_stdout_is_no_success(folder: Path) -> None:
    finished = shell(folder, "predict 0.png >&-")
    assert_one_line_of_cause(finished, "cannot write to stdout: Bad file descriptor.")


@pytest.mark.parametrize("where", ["2>&-", pytest.param(f"2>{FULL}", marks=needs_full)])
def test_results_come_where_notes_cannot(where: str, folder: Path) -> None:
    finished = shell(folder, f"predict 0.png nowhere.png 1.png --json {where}")
    assert finished.returncode == 1
    answers = map(json.loads, finished.stdout.decode().splitlines())
    assert [answer["source"] for answer in answers] == ["0.png", "1.png"]
    assert shell(folder, f"predict 0.png {where}").returncode == 0


def test_with_every_stream_closed_a_command_ends_by_its_code(folder: Path) -> None:
    assert shell(folder, "predict 0.png <&- >&- 2>&-").returncode == 1


def test_a_closed_stdin_holds_no_picture(folder: Path) -> None:
    finished = shell(folder, "predict - <&-")
    assert_one_line_of_cause(finished, "<0 bytes> is empty or not a picture in a known format.")


def test_a_reader_who_has_seen_enough_is_no_error(folder: Path) -> None:
    finished = shell(folder, "predict 0.png 1.png 0.png 1.png | head -n 1")
    assert finished.returncode == 0
    assert b"error" not in finished.stderr


def test_what_is_raised_where_nobody_can_catch_it_is_not_shown() -> None:
    program = """
import sys
from mnist_edge.cli.streams import mute_libraries, open_streams
class Archive:
    def __del__(self):
        raise OSError("no space left")
open_streams()
mute_libraries()
Archive()
print("here", file=sys.stderr)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert finished.stderr == b"here\n"


def test_names_that_are_not_utf8_are_read_and_shown(folder: Path) -> None:
    (folder / "0.png").rename(os.fsdecode(os.fsencode(folder) + b"/\xff.png"))
    finished = shell(folder, r"predict $'\xff.png' 1.png --json")
    assert finished.returncode == 0, finished.stderr
    first, second = map(json.loads, finished.stdout.decode().splitlines())
    assert os.fsencode(first["source"]) == b"\xff.png"
    assert second["source"] == "1.png"
    plain = shell(folder, r"predict $'\xff.png' 1.png $'no\xff.png'")
    assert plain.stdout.decode().startswith("\\udcff.png")
    assert "no\\udcff.png: " in plain.stderr.decode()


def test_a_model_may_have_such_a_name(folder: Path) -> None:
    shipped = Path(__file__).parents[2] / "models" / "tiny.onnx"
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.onnx")).write_bytes(shipped.read_bytes())
    assert shell(folder, r"predict 0.png --model $'\xff.onnx'").returncode == 0
    missing = shell(folder, r"predict 0.png --model $'no\xff.onnx'")
    assert_one_line_of_cause(missing, "no\\udcff.onnx: there is no such model file.")


def test_what_commands_a_terminal_is_shown_escaped(folder: Path) -> None:
    (folder / "0.png").rename(folder / "\x1b[31m.png")
    finished = shell(folder, r"predict $'\e[31m.png' 1.png $'no\e[2J.png'")
    assert b"\x1b" not in finished.stdout + finished.stderr
    assert b"\\x1b[31m.png" in finished.stdout
    assert b"no\\x1b[2J.png" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("train --seed 4294967296", "seed"),
        ("bench --threads 0", "--threads"),
        (f"predict 0.png --digits {'9' * 5000}", "--digits"),
        ("predict 0.png --digits 0", "--digits"),
        ("predict 0.png --explain-to .", "--explain-to"),
    ],
)
def test_numbers_out_of_bounds_are_wrong_usage(arguments: str, option: str, folder: Path) -> None:
    finished = shell(folder, arguments)
    assert finished.returncode == 2
    assert option in finished.stderr.decode()
    assert b"unexpected" not in finished.stderr


@pytest.mark.parametrize("verb", ["predict", "evaluate", "info", "score --out o", "bench"])
def test_a_path_that_is_too_long_is_said_in_one_line(verb: str, folder: Path) -> None:
    finished = shell(folder, f"{verb} {'a' * 5000}.onnx")
    assert finished.returncode == 1
    cause, _ = finished.stderr.decode().splitlines()[-2:]
    assert cause.startswith("error: ")
    assert "unexpected" not in cause
    assert "name too long" in cause


def test_what_never_ends_is_no_picture(folder: Path) -> None:
    finished = shell(folder, "predict 0.png - /dev/zero 1.png --json < /dev/zero")
    assert finished.returncode == 1
    answers = map(json.loads, finished.stdout.decode().splitlines())
    assert [answer["source"] for answer in answers] == ["0.png", "1.png"]
    assert "more than 268,435,456 bytes" in finished.stderr.decode()
