"""The tensors of the Open Inference Protocol, as JSON and with its extension for binary data.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and
https://docs.nvidia.com/deeplearning/triton-inference-server, extension_binary_data.

Whatever the file that is served wants to be fed with, the service takes pictures in MNIST's own
form: n of them as UINT8, ink 255 on 0, or as FP32, ink 1 on 0, in any shape of n times 784
numbers, such as (n, 28, 28), (n, 1, 28, 28) and (n, 784). FP32 is rounded to grey levels.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE
from mnist_edge.errors import printable
from mnist_edge.runtime.engines import Images, Probabilities
from mnist_edge.serve.problems import Problem

INPUT, OUTPUT = "image", "probabilities"

# More than any layout of pictures has.
MOST_AXES = 8

# NumPy's names of the types that are taken; binary data are little-endian.
_DTYPES = {"FP32": "<f4", "UINT8": "u1"}


@dataclass(frozen=True)
class Asked:
    """What a request asks.

    Attributes:
        id: its own name for itself, which the answer repeats.
        images: uint8 (N, 28, 28), ink 255 on 0.
        binary: whether the numbers of the answer follow its JSON as bytes.
    """

    id: str | None
    images: Images
    binary: bool


def parse(body: bytes, header_length: str | None) -> Asked:
    """Read a request.

    Args:
        body: its body.
        header_length: its header Inference-Header-Content-Length, where it has one: how many of
            the bytes are JSON.

    Raises:
        Problem: it is not of this protocol, or not of pictures in MNIST's form.
    """
    size = len(body)
    if header_length is not None:
        if not re.fullmatch("[0-9]{1,9}", header_length) or int(header_length) > size:
            raise _bad("Inference-Header-Content-Length is no number of bytes of the body")
        size = int(header_length)
    try:
        document = json.loads(body[:size])
    except (ValueError, RecursionError) as error:
        raise _bad(f"the request is not JSON: {printable(str(error))}") from error
    match document:
        case {"inputs": [{"name": str(name), "shape": shape, "datatype": str(datatype)} as tensor]}:
            pass
        case _:
            raise _bad("the request has not one input with name, shape and datatype")
    if name != INPUT:
        raise _bad(f"there is no input called {printable(repr(name))}")
    identity = document.get("id")
    if not isinstance(identity, str | None):
        raise _bad("id is no text")
    values = _values(tensor, datatype, body[size:])
    return Asked(identity, _images(values, shape), _binary(document))


def answer(model: str, asked: Asked, probabilities: Probabilities) -> tuple[bytes, int | None]:
    """Return the body of an answer (N, 10), and the length of its JSON where bytes follow that."""
    output: dict[str, Any] = {
        "name": OUTPUT,
        "datatype": "FP32",
        "shape": list(probabilities.shape),
    }
    document = {"model_name": model, "outputs": [output]}
    if asked.id is not None:
        document["id"] = asked.id
    if not asked.binary:
        output["data"] = probabilities.ravel().tolist()
        return json.dumps(document).encode(), None
    data = probabilities.astype("<f4").tobytes()
    output["parameters"] = {"binary_data_size": len(data)}
    header = json.dumps(document).encode()
    return header + data, len(header)


def _bad(cause: str) -> Problem:
    return Problem(
        400,
        f"{cause}.",
        f"send one input called {INPUT}: FP32 from 0 to 1 or UINT8, of shape [n, {SIZE}, {SIZE}].",
    )


def _values(tensor: dict[str, Any], datatype: str, rest: bytes) -> NDArray[Any]:
    """Return a tensor's numbers, in one row, from the JSON or from what follows it."""
    if datatype not in _DTYPES:
        raise _bad(f"the datatype is {printable(repr(datatype))}")
    parameters = tensor.get("parameters") or {}
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    dtype = np.dtype(_DTYPES[datatype])
    if size is not None:
        if size != len(rest) or len(rest) % dtype.itemsize:
            raise _bad(f"binary_data_size is not that of the {len(rest):,} bytes that follow")
        return np.frombuffer(rest, dtype)
    try:
        values = np.asarray(tensor.get("data"))
    except ValueError:  # lists of different lengths
        raise _bad("data is no array of numbers") from None
    if values.dtype.kind not in ("iu" if datatype == "UINT8" else "iuf"):
        raise _bad(f"data are no numbers of {datatype}")
    if datatype == "UINT8" and not ((values >= 0) & (values <= 255)).all():
        raise _bad("data are not within 0 to 255")
    return values.ravel().astype(dtype)


def _images(values: NDArray[Any], shape: object) -> Images:
    """Return numbers as pictures uint8 (N, 28, 28)."""
    if not isinstance(shape, list) or not all(type(part) is int and part > 0 for part in shape):
        raise _bad("shape is no list of sizes")
    # Of many huge sizes the product alone would take minutes.
    if len(shape) > MOST_AXES or max(shape, default=0) > values.size:
        raise _bad(f"{values.size:,} numbers are no pictures of that shape")
    if len(shape) < 2 or math.prod(shape[1:]) != SIZE * SIZE or math.prod(shape) != values.size:
        raise _bad(f"{values.size:,} numbers in the shape {printable(str(shape))} are no pictures")
    if values.dtype != np.uint8:
        if not ((values >= 0) & (values <= 1)).all():
            raise _bad("FP32 numbers are not within 0 to 1")
        values = np.rint(values * 255).astype(np.uint8)
    return values.reshape(-1, SIZE, SIZE)


def _binary(document: dict[str, Any]) -> bool:
    """Tell whether the answer's numbers are to follow as bytes."""
    binary = _flag(document, "binary_data_output")
    match document.get("outputs"):
        case None | []:
            return bool(binary)
        case [{"name": name} as output] if name == OUTPUT:
            own = _flag(output, "binary_data")
            return bool(binary if own is None else own)
    raise _bad(f"there is no output but {OUTPUT}")


def _flag(described: dict[str, Any], name: str) -> bool | None:
    parameters = described.get("parameters") or {}
    value = parameters.get(name) if isinstance(parameters, dict) else None
    if not isinstance(value, bool | None):
        raise _bad(f"{name} is neither true nor false")
    return value
