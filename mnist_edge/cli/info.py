"""`mnist-edge info`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli.options import chosen
from mnist_edge.cli.output import note, result, result_json, table
from mnist_edge.errors import MissingContract, MissingExtra

if TYPE_CHECKING:
    from mnist_edge.contract import Accept, Contract, Limits, TensorSpec
    from mnist_edge.formats.layers import Layer, Shape

_HEADERS = ("layer", "kind", "output", "parameters", "MACs")


def info(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="Default: the newest in ./runs, else the shipped."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print contract and layers as JSON.")
    ] = False,
) -> None:
    """Print what a model file says of itself, and its layers.

    MACs are multiply-accumulates, for one picture.
    """
    from mnist_edge.formats import layers
    from mnist_edge.formats.inside import read_layers
    from mnist_edge.runtime.engines import read_contract

    path = chosen(model, "onnx", "onnx-int8", "keras")
    contract = rows = None
    try:
        contract = read_contract(path)
    except MissingContract as error:
        note(error.cause)
    try:
        rows = read_layers(path)
    except MissingExtra as error:
        if contract is None:
            raise
        note(f"no layer table: {error.cause} {error.remedy}")
    if json:
        document = dataclasses.asdict(contract) if contract else {}
        result_json(document | {"layers": None if rows is None else [*map(vars, rows)]})
        return
    lines = {"file": f"{path} ({path.stat().st_size:,} bytes)"}
    if contract:
        lines |= _card(contract)
    width = max(map(len, lines))
    result("\n".join(f"{name:<{width}}  {value}" for name, value in lines.items()))
    if rows:
        total = ("total", "", "", *map(_count, layers.totals(rows)))
        result("\n" + table(_HEADERS, [*map(_cells, rows), total], left=3))


def _card(contract: Contract) -> dict[str, str]:
    quantization, parity = contract.quantization, contract.parity
    return {
        "model": f"{contract.name}, recipe {contract.recipe}",
        "input": _tensor(contract.input),
        "output": _tensor(contract.output),
        "accuracy": ", ".join(
            f"{name} {value:.2%}" for name, value in contract.metrics.accuracy.items()
        )
        + f" on {contract.metrics.dataset}'s test split",
        "parity": f"{parity.agreement:.2%} of {parity.images:,} answers agree with keras, "
        f"largest difference {parity.max_abs_diff:.1e}, {len(parity.flips)} flips"
        if parity
        else "this is the reference",
        "quantization": f"{quantization.scheme}: {quantization.weights} weights, "
        f"{quantization.activations} activations"
        if quantization
        else "none",
        "preprocessing": f"version {contract.preprocess.version}",
        "accepts": _limits(contract.accept),
        "where found": _limits(contract.accept.found),
        "weights": f"sha256 {contract.weights_sha256}",
        "made with": ", ".join(f"{name} {value}" for name, value in contract.tools.items()),
    }


def _limits(limits: Accept | Limits) -> str:
    return (
        f"two best answers with a sum of at least {limits.threshold} "
        f"and a difference of at least {limits.margin}"
    )


def _tensor(spec: TensorSpec) -> str:
    low, high = spec.range
    return f"{spec.name}: {spec.dtype} {_shape(spec.shape)} ({spec.layout}), {low:g} to {high:g}"


def _shape(shape: Shape) -> str:
    return " × ".join("N" if size is None else str(size) for size in shape)


def _cells(layer: Layer) -> tuple[str, ...]:
    return (
        layer.name,
        layer.kind,
        "-" if layer.output is None else _shape(layer.output),
        _count(layer.parameters),
        _count(layer.multiply_accumulates),
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
