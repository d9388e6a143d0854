"""`mnist-edge info`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mnist_edge.cli.options import Json, Model, ModelArgument, chosen, one_model
from mnist_edge.cli.output import note, result, result_json
from mnist_edge.errors import MissingExtra, ModelError
from mnist_edge.formats.card import card, sizes
from mnist_edge.tables import table

if TYPE_CHECKING:
    from mnist_edge.formats.layers import Layer

_HEADERS = ("layer", "kind", "output", "parameters", "MACs")


def info(
    path: ModelArgument = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Print what a model file says of itself, and its layers.

    MACs are multiply-accumulates, for one picture.
    """
    from mnist_edge.formats import layers
    from mnist_edge.formats.identify import contract_of, size_of
    from mnist_edge.formats.inside import read_layers

    path = chosen(one_model(path, model), "onnx", "onnx-int8", "keras", "tflite")
    rows = None
    contract = contract_of(path)
    if contract:
        contract.check_content(path)
    else:
        note(f"{path} carries no contract: it was not exported here.")
    try:
        rows = read_layers(path)
    except (MissingExtra, ModelError) as error:
        if contract is None:
            raise
        note(f"no layer table: {error.cause} {error.remedy}")
    if json:
        document = dataclasses.asdict(contract) if contract else {}
        result_json(document | {"layers": None if rows is None else [*map(vars, rows)]})
        return
    lines = {"file": f"{path} ({size_of(path):,} bytes)"}
    if contract:
        lines |= card(contract)
    width = max(map(len, lines))
    result("\n".join(f"{name:<{width}}  {value}" for name, value in lines.items()))
    if rows:
        total = ("total", "", "", *map(_count, layers.totals(rows)))
        result("\n" + table(_HEADERS, [*map(_cells, rows), total], left=3))


def _cells(layer: Layer) -> tuple[str, ...]:
    return (
        layer.name,
        layer.kind,
        "-" if layer.output is None else sizes(layer.output),
        _count(layer.parameters),
        _count(layer.multiply_accumulates),
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
