"""What the API's description says of bodies and of refusals, in the terms of OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from mnist_edge.serve.problems import Failure

_BYTES = {"schema": {"type": "string", "format": "binary"}}


Responses = dict[int | str, dict[str, Any]]


def failures(*statuses: int) -> Responses:
    """Return what is said of answers of these statuses."""
    return {status: {"model": Failure, "description": _WHY[status]} for status in sorted(statuses)}


_WHY = {
    400: "The request is not of the protocol.",
    401: "The token is missing or wrong.",
    404: "There is no such model.",
    408: "The request's body takes too long.",
    413: "The body, or a picture, is larger than it may be.",
    415: "The body has a Content-Encoding.",
    422: "It cannot be read.",
    503: "The service is busy; Retry-After says when to ask again.",
}

# Of whatever reads a body and answers it.
OF_A_BODY = (401, 408, 413, 415, 503)

PICTURE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A picture: PNG, JPEG, BMP, GIF, WebP or TIFF, of any size and polarity.",
        "content": {"application/octet-stream": _BYTES},
    }
}

PICTURES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"{PICTURE['requestBody']['description']} Or many, each a part of a form.",
        "content": {
            "application/octet-stream": _BYTES,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["picture"],
                    "properties": {
                        "picture": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
        },
    }
}

_PARAMETERS = {"type": "object"}

TENSORS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Pictures in MNIST's own form: FP32 from 0 to 1, or UINT8, n times 28×28.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "parameters": _PARAMETERS,
                        "inputs": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["name", "shape", "datatype"],
                                "properties": {
                                    "name": {"const": "image"},
                                    "shape": {"type": "array", "items": {"type": "integer"}},
                                    "datatype": {"enum": ["FP32", "UINT8"]},
                                    "parameters": _PARAMETERS,
                                    "data": {"type": "array"},
                                },
                            },
                        },
                        "outputs": {"type": "array", "items": {"type": "object"}},
                    },
                }
            },
            "application/octet-stream": _BYTES,
        },
    }
}
