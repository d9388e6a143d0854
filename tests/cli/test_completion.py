"""What a shell offers after the Tab key, and that it does not wait for it."""

from __future__ import annotations

import pytest

from tests.conftest import Run
from tests.test_package import HEAVY, command, top_level


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tr", ["train"]),
        ("train --re", ["--recipe", "--resume"]),
        ("train --recipe ed", ["edge"]),
        ("bench --table m", ["markdown"]),
        ("data f", ["fetch"]),
    ],
)
def test_verbs_and_options_are_completed(run: Run, words: str, offered: list[str]) -> None:
    env = {
        "_MNIST_EDGE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"mnist-edge {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    assert run(env=env).stdout.split() == offered


def test_completing_loads_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MNIST_EDGE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "mnist-edge train --re")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert not top_level(command()) & HEAVY


def test_the_script_of_a_named_shell_is_shown(run: Run) -> None:
    # Typer's own switch: without it, the shell is that which the tests were started from.
    env = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    result = run("--show-completion", "bash", env=env)
    assert result.code == 0
    assert "_MNIST_EDGE_COMPLETE=complete_bash" in result.stdout
    assert result.stdout.rstrip().endswith("mnist-edge")
