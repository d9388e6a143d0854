"""A header as a module of WebAssembly: what a page answers drawings with, without a runtime.

Its last section is a custom one with its contract:
https://webassembly.github.io/spec/core/binary/modules.html#custom-section.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from mnist_edge.contract import METADATA_KEY, Contract
from mnist_edge.errors import ModelError
from mnist_edge.formats.c import emit
from mnist_edge.formats.c.gate import WARNINGS, compiler, run

# What modules begin with.
_MAGIC = b"\0asm"
# The name of the section after its length, which is a single byte.
_NAME = bytes([len(METADATA_KEY)]) + METADATA_KEY.encode()


def wasm(header: str, name: str) -> bytes:
    """Return the module; `templates/wasm.c` says what it exports.

    Args:
        header: its text.
        name: of the model.

    Raises:
        ConversionError: there is no clang here, or no linker for WebAssembly.
        GateError: they find fault with it.
        ContractError: the header carries no contract.
    """
    contract, prefix = emit.read(header, name), emit.identifier(name)
    clang = compiler("clang", "wasm")
    compiler("wasm-ld", "wasm")
    with tempfile.TemporaryDirectory() as folder:
        source, module = Path(folder, "wasm.c"), Path(folder, "module.wasm")
        Path(folder, f"{prefix}.h").write_text(header, encoding="utf-8")
        source.write_text(emit.filled("wasm.c", prefix, {}), encoding="utf-8")
        # Without built-in functions loops stay loops, and nothing is missing.
        flags = ("--target=wasm32", "-std=c99", "-O2", "-ffreestanding", "-nostdlib", *WARNINGS)
        link = ("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=4096")
        run([clang, *flags, *link, str(source), "-o", str(module)], made="wasm")
        return module.read_bytes() + _section(_NAME + contract.to_json().encode())


def made_here(path: Path) -> bool:
    """Tell whether a file is such a module."""
    try:
        read(path)
    except ModelError:
        return False
    return True


def read(module: Path) -> Contract:
    """Return the contract that a module carries.

    Raises:
        ModelError: there is no such file, or it is no module.
        ContractError: it carries none, or one that this version cannot read.
    """
    if not module.is_file():
        raise ModelError(f"{module}: there is no such file.", remedy="check the path.")
    content = module.read_bytes()
    if not content.startswith(_MAGIC):
        raise ModelError(
            f"{module} is no module of WebAssembly.",
            remedy="make one with mnist-edge export --formats c --wasm.",
        )
    _, found, document = content.rpartition(_NAME)
    metadata = {METADATA_KEY: document.decode(errors="replace")} if found else {}
    return Contract.from_metadata(metadata, module)


def _section(content: bytes) -> bytes:
    """Return a custom section: its number, 0, and its size in LEB128 before the content."""
    size, rest = bytearray(), len(content)
    while rest > 127:
        size.append(rest & 127 | 128)
        rest >>= 7
    return bytes([0, *size, rest]) + content
