"""The format `c`: an int8 TFLite file as one C99 header that answers with the same bytes.

The header computes what TFLite's reference kernels do (`OpResolverType.BUILTIN_REF` of
ai-edge-litert), in integers alone. `parse` reads the file, `plan` gives each tensor its place in
one buffer, `emit` writes the code, and `gate` compiles it and compares.
"""

from __future__ import annotations

from mnist_edge.contract import Contract


def header(tflite: bytes, contract: Contract) -> str:
    """Return the header of a model.

    Args:
        tflite: the int8 file, uint8 (1, 28, 28, 1) in and uint8 (1, 10) out.
        contract: what it says of itself; its name is what all names in the header begin with.

    Raises:
        ConversionError: the file has another form, or an operator that the header has not.
    """
    from mnist_edge.formats.c.emit import embed

    return embed(draft(tflite), contract)


def draft(tflite: bytes) -> str:
    """Return the header of a model called `model` that trusts no answer, for `emit.embed`.

    Args:
        tflite: the int8 file, uint8 (1, 28, 28, 1) in and uint8 (1, 10) out.

    Raises:
        ConversionError: the file has another form, or an operator that the header has not.
    """
    import zlib

    from mnist_edge.formats.c.emit import emit
    from mnist_edge.formats.c.parse import parse
    from mnist_edge.formats.c.plan import plan

    network = parse(tflite)
    return emit(network, plan(network), f"{zlib.crc32(tflite):08x}")
