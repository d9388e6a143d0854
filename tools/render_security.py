"""Write the limits of docs/security.md as they stand in the code.

python tools/render_security.py
"""

from __future__ import annotations

from pathlib import Path

from markers import between

from mnist_edge import contract
from mnist_edge.data import download, limits, pictures
from mnist_edge.files import replacing
from mnist_edge.formats import foreign
from mnist_edge.runtime.engines import engine, onnx
from mnist_edge.runtime.reading.parameters import DECODING
from mnist_edge.tables import markdown
from mnist_edge.training import keras_model

PAGE = Path(__file__).parents[1] / "docs" / "security.md"

_PIXELS = f"{DECODING.max_pixels:,} pixels"
_FEWER = ", ".join(
    f"{DECODING.max_pixels * DECODING.cost // cost:,} of {what}"
    for what, cost in (
        ("a WebP picture", DECODING.webp_cost),
        ("a JPEG picture with colours at full resolution", 6),
        ("a TIFF picture in colour", DECODING.tiff_cost),
        ("each frame of an animation", DECODING.frames_cost),
    )
)
_MOST = DECODING.max_pixels * DECODING.cost / 1e6

LIMITS = (
    ("a picture, and an array", _PIXELS, "`max_pixels=`, `--max-pixels`"),
    ("where decoding takes more memory a pixel", _FEWER, "in proportion"),
    ("memory to decode a picture", f"{_MOST:,.0f} MB and 64 MiB", "in proportion"),
    (
        "a picture in memory, as from a pipe",
        f"{DECODING.max_bytes >> 20} MiB",
        "fixed",
    ),
    (
        "a picture file that `score` reads",
        f"{pictures.LARGEST >> 20} MiB",
        "`data.pictures.LARGEST`",
    ),
    ("a line that names one", f"{pictures.LINE >> 20} MiB", "fixed"),
    ("a contract", f"{contract.LARGEST >> 20} MiB", "`contract.LARGEST`"),
    (
        "the pictures or labels in one file of a dataset",
        f"{limits.CEILING >> 30} GiB",
        "`data.limits.CEILING`, before and while it is unpacked",
    ),
    (
        "a Keras file, unpacked",
        f"{keras_model.LARGEST >> 30} GiB",
        "`training.keras_model.LARGEST`",
    ),
    (
        "the description of its network",
        f"{keras_model.LARGEST_CONFIG >> 20} MiB",
        "`training.keras_model.LARGEST_CONFIG`",
    ),
    ("a download", "the published size to the byte", "fixed"),
    ("a mirror that is silent", f"{download.TIMEOUT:g} s", "`data.download.TIMEOUT`"),
    ("a mirror in all", f"{download.PATIENCE:g} s", "`data.download.PATIENCE`"),
    (
        "the batch that an ONNX file may fix",
        f"{onnx.LARGEST_BATCH:,} pictures",
        "`runtime.engines.onnx.LARGEST_BATCH`",
    ),
    (
        "the side of what somebody else's model takes",
        f"{foreign.LARGEST_SIDE} pixels",
        "`formats.foreign.LARGEST_SIDE`",
    ),
    ("threads", f"{engine.MOST_THREADS:,}", "`threads=`, `--threads`"),
)


def main() -> None:
    """Write the table."""
    text = PAGE.read_text(encoding="utf-8")
    table = markdown(("what", "at most", "where it is set"), LIMITS, left=3)
    with replacing(PAGE) as temporary:
        temporary.write_text(between(text, "limits", table), encoding="utf-8")


if __name__ == "__main__":
    main()
