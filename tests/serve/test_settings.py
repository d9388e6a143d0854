"""How a service is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import MissingExtra, UsageError
from mnist_edge.serve.settings import concurrency, token_in
from tests.conftest import Run


def test_a_token_is_what_a_file_holds(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  3f-0c.9d \n")
    assert token_in(tmp_path / "token") == "3f-0c.9d"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"two\nlines", b"\xff", b"\x1b"])
def test_what_is_no_token_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UsageError, match="--token-file"):
        token_in(tmp_path / "token")
    with pytest.raises(UsageError, match="cannot be read"):
        token_in(tmp_path / "none")


def test_a_missing_package_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mnist_edge.cli.serve import serve

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra) as missing:
        serve()
    assert missing.value.cause == "fastapi is not installed here."
    assert missing.value.remedy == "pip install 'mnist-edge[serve]'"


def test_all_processors_are_used_and_each_process_answers() -> None:
    assert concurrency(1) >= 1
    assert concurrency(10_000) == 1


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--log", "xml"), "--log"),
        (("--token-file", "none"), "--token-file"),
        (("--port", "65536"), "--port"),
        (("--workers", "0"), "--workers"),
        (("--cors", "https://here.example/"), "--cors"),
        (("--cors", "here.example"), "--cors"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(
    options: tuple[str, ...], word: str, run: Run
) -> None:
    refused = run("serve", *options)
    assert (refused.code, refused.stdout) == (2, "")
    assert word in refused.stderr
