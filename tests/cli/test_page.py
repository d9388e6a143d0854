"""`mnist-edge page`, as a user meets its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run


def test_without_npm_there_is_one_line_of_cause_and_one_of_remedy(run: Run, tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path)}
    finished = run("page", env=env)
    assert finished.code == 1
    _, cause, remedy = finished.stderr.splitlines()
    assert cause.startswith("error: onnxruntime-web@")
    assert "--drawings-only" in remedy
    assert not (tmp_path / "site").exists()
    finished = run("page", "--drawings-only", env=env)
    assert finished.code == 0
    size = sum(path.stat().st_size for path in (tmp_path / "site").iterdir())
    assert finished.stdout == f"site: {size:,} bytes\n"
    assert size < 200_000


def test_a_model_that_is_no_module_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "digits.wasm").write_bytes(b"\0asm\1\0\0\0")
    (tmp_path / "letter.wasm").write_text("Dear Sir")
    for name, cause in {
        "digits.wasm": " carries no contract",
        "letter.wasm": " is no module of WebAssembly",
        "nowhere.wasm": ": there is no such file",
    }.items():
        finished = run("page", "--model", name)
        assert finished.code == 1
        assert f"{name}{cause}" in finished.stderr
        assert not (tmp_path / "site").exists()


def test_a_folder_of_something_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "letter.txt").write_text("Dear Sir")
    finished = run("page")
    assert finished.code == 2
    assert "letter.txt" in finished.stderr
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["letter.txt"]
