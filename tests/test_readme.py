"""The README's tables are those of the code."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_tables_are_rendered_from_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    rendered = runpy.run_path(str(ROOT / "tools" / "render_readme.py"))["rendered"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert rendered(text) == text
    assert rendered(text.replace("`onnx-int8`", "`onnx-int9`")) == text
