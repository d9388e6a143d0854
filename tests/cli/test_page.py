"""`mnist-edge page`, as a user meets its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run


def test_without_a_network_there_is_one_line_of_cause_and_one_of_remedy(
    run: Run, tmp_path: Path
) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    finished = run("page", "--registry", "http://127.0.0.1:9", env=env)
    assert finished.code == 1
    cause, remedy = finished.stderr.splitlines()
    assert cause.startswith("error: cannot download onnxruntime-web-")
    assert "--registry" in remedy
    assert not (tmp_path / "site").exists()


def test_a_folder_of_something_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "letter.txt").write_text("Dear Sir")
    finished = run("page")
    assert finished.code == 2
    assert "letter.txt" in finished.stderr
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["letter.txt"]
