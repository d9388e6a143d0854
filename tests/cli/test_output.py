"""What moves on a terminal, and stays away from everything else."""

from __future__ import annotations

import io
import sys
from contextlib import suppress

import pytest

from mnist_edge.cli.output import live_line, note

WIPE = "\r\x1b[K"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_gives_way_to_the_next_to_a_note_and_to_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with suppress(KeyboardInterrupt), live_line() as draw:
        draw("one")
        draw("two")
        draw("")
        note("kept")
        draw("three")
        raise KeyboardInterrupt
    assert terminal.getvalue() == f"{WIPE}one{WIPE}two{WIPE}kept\n{WIPE}three{WIPE}"


def test_a_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "20")
    with live_line() as draw:
        draw("x" * 50)
    assert terminal.getvalue() == f"{WIPE}{'x' * 19}{WIPE}"


def test_there_is_no_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with live_line() as draw:
        draw("one")
    assert capsys.readouterr() == ("", "")
