"""Results as JSON: dataclasses become objects."""

from __future__ import annotations

import dataclasses
import json
from typing import Any


def _attributes(instance: Any) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}


# `dataclasses.asdict` copies every number of an answer, which takes longer than to encode them.
_ENCODER = json.JSONEncoder(allow_nan=False, default=_attributes)


def to_json(document: Any) -> str:
    """Return a document of dataclasses, lists and objects as one line of JSON.

    Raises:
        ValueError: a number in it is not finite.
    """
    return _ENCODER.encode(document)
