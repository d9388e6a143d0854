"""The API's description in the terms of OpenAPI 3.1, and as a page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
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

_A_PICTURE = "A picture: PNG, JPEG, BMP, GIF, WebP or TIFF, of any size and polarity."


def _pictures(description: str, in_a_form: dict[str, Any]) -> dict[str, Any]:
    form = {"type": "object", "required": ["picture"], "properties": {"picture": in_a_form}}
    content = {"application/octet-stream": _BYTES, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


PICTURE = _pictures(f"{_A_PICTURE} Or a form with one.", _BYTES["schema"])
PICTURES = _pictures(
    f"{_A_PICTURE} Or many, each a part of a form.",
    {"type": "array", "minItems": 1, "items": _BYTES["schema"]},
)

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

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 .25rem; }}
code, pre {{ font: .9rem/1.4 ui-monospace, monospace; }}
pre {{ overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .25rem; }}
td {{ padding: .1rem 1rem .1rem 0; vertical-align: top; }}
p {{ margin: .25rem 0; }}
</style>
"""


def document(api: dict[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    info = api["info"]
    return "\n".join(
        (
            _HEAD.format(title=escape(info["title"])),
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            f"<p>{escape(info['summary'])}</p>",
            '<p>As OpenAPI: <a href="openapi.json">openapi.json</a>.</p>',
            *(
                line
                for path, methods in api["paths"].items()
                for method, operation in methods.items()
                for line in _operation(path, method, operation)
            ),
            "<h1>Schemas</h1>",
            *(
                f'<h2 id="{escape(name)}">{escape(name)}</h2>\n'
                f"<pre>{escape(json.dumps(_properties(schema), indent=2))}</pre>"
                for name, schema in api["components"]["schemas"].items()
            ),
            "</html>\n",
        )
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    for parameter in operation.get("parameters", ()):
        schema = escape(json.dumps(_properties(parameter["schema"])))
        yield f"<p><code>{escape(parameter['name'])}</code> in the {parameter['in']}: {schema}</p>"
    if body := operation.get("requestBody"):
        kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in body["content"])
        yield f"<p>Body: {escape(body['description'])} As {kinds}.</p>"
    yield "<table>"
    for status, answer in operation["responses"].items():
        schemas = (content.get("schema", {}) for content in answer.get("content", {}).values())
        said = " or ".join(text for text in map(_reference, schemas) if text)
        yield f"<tr><td>{status}<td>{escape(answer['description'])}<td>{said}"
    yield "</table>"


def _reference(schema: dict[str, Any]) -> str:
    """Return links to what a schema is made of."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_reference, schema["anyOf"]))
    return f"list of {_reference(schema['items'])}" if "items" in schema else ""


def _properties(schema: Any) -> Any:
    """Return a schema without what only repeats its names."""
    if isinstance(schema, dict):
        return {key: _properties(value) for key, value in schema.items() if key != "title"}
    return [*map(_properties, schema)] if isinstance(schema, list) else schema
