"""Mutations of bytes, and of JSON's values: what damage, chance and malice do to files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

# Sizes, counts and offsets that programs trip over.
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

# What a document may hold where something else is expected.
WORDS = tuple(
    word.encode()
    for word in (
        *("NaN", "-Infinity", "1e999", "-1", "0", "null", "true", '""', "[]", "{}", "[[[[[["),
        *(f"{'9' * 400}", '"\\u001b[2J"', '"\\ud800"', "\x00", "\x1b[31m"),
    )
)

# What a value of a JSON document becomes: few of those whose bytes were edited can be parsed.
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 0.5, -1e308, 5e-324, 2**40, 2**70, float("nan"), float("inf")),
    *("", "x", "NC", "HWC", "uint8", "\x1b[2J", "\ud800", (), (1,), (None,) * 3, {}),
)

MOST_EDITS = 8


def mutate(seeds: list[bytes], random: Random) -> bytes:
    """Return one of the seeds with one to eight edits."""
    content = bytearray(random.choice(seeds))
    if content.startswith(b"{") and random.random() < 0.5:
        return _with_other_values(json.loads(content), random)
    for _ in range(random.randint(1, MOST_EDITS)):
        place = random.randint(0, len(content))
        # Headers are short, and more is decided there.
        if random.random() < 0.3:
            place = min(place, random.randint(0, 64))
        _edit(content, place, seeds, random)
    return bytes(content)


def _edit(content: bytearray, place: int, seeds: list[bytes], random: Random) -> None:
    length = random.choice((1, 2, 4, 16, 256))
    kind = random.randrange(8)
    if kind == 0 and place < len(content):
        content[place] ^= 1 << random.randrange(8)
    elif kind == 1:
        content[place : place + 1] = random.randbytes(1)
    elif kind == 2:
        number = random.choice(NUMBERS).to_bytes(4, random.choice(("little", "big")))
        content[place : place + 4] = number
    elif kind == 3:
        content[place : place + length] = random.randbytes(length)
    elif kind == 4:
        del content[place : place + length]
    elif kind == 5:
        content[place:place] = content[place : place + length]
    elif kind == 6:
        content[place : place + length] = random.choice(WORDS)
    elif random.random() < 0.3:
        other = random.choice(seeds)
        content[place:] = other[random.randint(0, len(other)) :]


def _with_other_values(document: dict[str, Any], random: Random) -> bytes:
    """Return a document of which one to three values are others, or are missing."""
    for _ in range(random.randint(1, 3)):
        parent, key = random.choice([*_places(document)])
        if random.random() < 0.2:
            del parent[key]
        else:
            parent[key] = random.choice(VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the places of all values in a JSON value, each as what it is in and its key there."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
