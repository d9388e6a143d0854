"""A header as a library that the Arduino programs install from a zip file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import mnist_edge
from mnist_edge.formats.c.emit import SAYS, filled, identifier

# The earliest date that a zip file can hold: the same model gives the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def made_here(path: Path) -> bool:
    """Tell whether a file is such a library."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("_digits/library.properties") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def library(header: str, name: str) -> bytes:
    """Return the zip file: the header, a sketch that reads fields over serial, a bare program.

    Args:
        header: its text.
        name: of the model.
    """
    # Arduino finds no header whose name has a space in it: here it is called by an identifier.
    prefix = identifier(name)
    facts = {"VERSION": mnist_edge.__version__, "NAME": prefix}
    before, says, after = header.partition(SAYS)
    before = before.replace(f"{name}.h", f"{prefix}.h")
    files = {
        "library.properties": filled("arduino/library.properties", prefix, facts),
        f"src/{prefix}.h": f"{before}{says}{after}",
        f"src/{prefix}.c": filled("arduino/model.c", prefix, facts),
        "examples/serial/serial.ino": filled("arduino/serial.ino", prefix, facts),
        "extras/main.c": filled("arduino/main.c", prefix, facts),
        "extras/CMakeLists.txt": filled("arduino/CMakeLists.txt", prefix, facts),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            entry = zipfile.ZipInfo(f"{prefix}_digits/{path}", _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode("utf-8"))
    return content.getvalue()
