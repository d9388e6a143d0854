"""Write docs/bench.schema.json, the form of `bench --json`, from the dataclasses it is made of.

python tools/render_schema.py; a test holds that it has been run.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from mnist_edge.benchmark import bootstrap, latency, machine, rows

SCHEMA = Path(__file__).parents[1] / "docs" / "bench.schema.json"

# What the dataclasses' annotations mean, also those that are imported for type checkers only.
NAMES = {
    "Change": rows.Change,
    "Interval": bootstrap.Interval,
    "Effort": latency.Effort,
    "Machine": machine.Machine,
}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def main() -> None:
    """Rewrite the file in place."""
    SCHEMA.write_text(rendered(), encoding="utf-8")


def rendered() -> str:
    """Return the schema as the code has it now."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mnist-edge bench --json",
        **_object(rows.Report),
    }
    return json.dumps(document, indent=2) + "\n"


def _object(kind: type[Any]) -> dict[str, Any]:
    summary, _, described = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")
    texts = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", described, flags=re.MULTILINE))
    hints = get_type_hints(kind, localns=NAMES)
    return {
        "description": " ".join(summary.split()),
        "type": "object",
        "properties": {
            field.name: {"description": " ".join(texts[field.name].split())}
            | _schema(hints[field.name])
            for field in dataclasses.fields(kind)
        },
        "required": [field.name for field in dataclasses.fields(kind)],
        "additionalProperties": False,
    }


def _schema(kind: Any) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is types.UnionType:
        return {"anyOf": [_schema(argument) for argument in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is tuple:
        count = len(arguments)
        return {
            "type": "array",
            "items": _schema(arguments[0]),
            "minItems": count,
            "maxItems": count,
        }
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return {key: value for key, value in _object(kind).items() if key != "description"}
    return {"type": SCALARS[kind]}


if __name__ == "__main__":
    main()
