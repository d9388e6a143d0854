"""The examples of the documentation run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from mnist_edge.runtime.reading.decoding import FORMATS

DOCS = Path(__file__).parents[1] / "docs"


def test_the_examples_for_python_run_one_after_the_other(tmp_path: Path) -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    # Half as many digits as usual.
    fewer = (
        "from mnist_edge.data import synthetic as s; s.TRAINING_COUNT, s.TEST_COUNT = 30_000, 5000"
    )
    finished = subprocess.run(
        [sys.executable, "-c", "\n".join([fewer, *blocks])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    for printed in ("| onnx-int8 |", "is finished already.", "there is no recipe called 'egde'."):
        assert printed in finished.stdout
    assert (tmp_path / "theirs" / "edge.onnx").is_file()


def test_the_page_on_security_names_the_kinds_of_pictures_and_constants_that_there_are() -> None:
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"opened by Pillow as ([\w, ]+), which", text)
    assert kinds.upper().replace(" OR", ",").split(", ") == list(FORMATS)
    constants = re.findall(r"`([a-z_.]+)\.([A-Z_]+)`", text)
    assert len(constants) > 5
    for module, constant in constants:
        assert hasattr(import_module(f"mnist_edge.{module}"), constant)
