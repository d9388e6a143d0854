"""A header as WebAssembly: what a page answers drawings with, without a runtime."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mnist_edge.formats.c.emit import filled, identifier
from mnist_edge.formats.c.gate import WARNINGS, compiler, run


def wasm(header: str, name: str) -> bytes:
    """Return the module; `templates/wasm.c` says what it exports.

    Args:
        header: its text.
        name: of the model.

    Raises:
        ConversionError: there is no clang here, or no linker for WebAssembly.
        GateError: they find fault with it.
    """
    clang = compiler("clang")
    compiler("wasm-ld")
    with tempfile.TemporaryDirectory() as folder:
        source, module = Path(folder, "wasm.c"), Path(folder, "module.wasm")
        Path(folder, f"{identifier(name)}.h").write_text(header, encoding="utf-8")
        source.write_text(filled("wasm.c", name, {}), encoding="utf-8")
        # Without built-in functions loops stay loops, and nothing is missing.
        flags = ("--target=wasm32", "-std=c99", "-O2", "-ffreestanding", "-nostdlib", *WARNINGS)
        link = ("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=4096")
        run([clang, *flags, *link, str(source), "-o", str(module)])
        return module.read_bytes()
