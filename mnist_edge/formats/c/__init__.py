"""The format `c`: an int8 TFLite file as one C99 header that answers with the same bytes.

The header computes what TFLite's reference kernels do (`OpResolverType.BUILTIN_REF` of
ai-edge-litert), in integers alone. `parse` reads the file, `plan` gives each tensor its place in
one buffer, `emit` writes the code, and `gate` compiles it and compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mnist_edge.contract import Contract, Quantization, TensorSpec
from mnist_edge.errors import ModelError
from mnist_edge.formats.family import INT8, Conversion, Family, Format

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.formats.activations import Array, Network
    from mnist_edge.formats.layers import Layer
    from mnist_edge.runtime.engines import Engine

# Fields of random bytes that a header is compared on beside the calibration pictures.
RANDOM_FIELDS = 1_000


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


def _convert(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Make a header, and see that it answers the calibration pictures, and noise, to the bit."""
    import numpy as np

    from mnist_edge.formats.c import gate
    from mnist_edge.formats.tflite import convert

    tflite = convert.int8(model, calibration)
    text = draft(tflite)
    shape = (RANDOM_FIELDS, *calibration.shape[1:])
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    gate.check(text, tflite, "model", np.concatenate([calibration, noise]))
    return text.encode()


class _Compiled:
    """A draft that was just made, as the host's compiler makes a program of it."""

    def __init__(self, path: Path) -> None:
        self._header = path.read_text(encoding="utf-8")

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10)."""
        import numpy as np

        from mnist_edge.formats.c import gate

        levels = np.arange(256, dtype=np.float32) / np.float32(256)
        # As in `runtime.engines.tflite`: there is no step for 1, for which the last stands.
        levels[-1] = 1
        answers: NDArray[np.float32] = levels[gate.scores(self._header, "model", images)]
        return answers


def _bare(path: Path, _spec: TensorSpec, _answers: str, _threads: int) -> Engine:
    return _Compiled(path)


def _contract(path: Path) -> Contract:
    from mnist_edge.formats.c import emit

    return emit.read(path.read_text(encoding="utf-8", errors="replace"), path)


def _embed(path: Path, contract: Contract) -> None:
    from mnist_edge.formats.c import emit

    path.write_text(emit.embed(path.read_text(encoding="utf-8"), contract), encoding="utf-8")


def _refuse(path: Path) -> NoReturn:
    raise ModelError(
        f"{path} is code, which is never run or looked into here.",
        remedy="compile it into a program of yours, or take tflite-int8, which answers the same.",
    )


def _layers(path: Path) -> Iterable[Layer]:
    _refuse(path)


def _activations(path: Path, _batch: Array) -> Network:
    _refuse(path)


C = Family(
    (".h",),
    (
        Format(
            "c",
            ".h",
            "one C99 header of integers, exact to tflite-int8 on TFLite's reference kernels",
            Conversion(
                _convert,
                "named",
                TensorSpec("field", "NHWC", (1, 28, 28, 1), "uint8", (0.0, 255.0)),
                TensorSpec("scores", "NC", (1, 10), "uint8", (0.0, 1.0)),
                INT8,
                Quantization("full integer", "int8", "int8", per_channel=True, calibration=None),
                calibrated=True,
                proof="compiled, it gives the scores of TFLite's reference kernels for the "
                f"calibration pictures and {RANDOM_FIELDS:,} fields of noise, all of them",
            ),
        ),
    ),
    library=None,
    reader=("ai_edge_litert", "export"),
    contract=_contract,
    open=lambda path, _threads: _refuse(path),
    bare=_bare,
    runner=lambda path, _threads: _refuse(path),
    adopt=lambda _runner, path, _feeding: _refuse(path),
    embed=_embed,
    layers=_layers,
    activations=_activations,
)
