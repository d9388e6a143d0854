"""`mnist-edge info`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli import workspace
from mnist_edge.cli.output import result, result_json

if TYPE_CHECKING:
    from mnist_edge.contract import Contract, TensorSpec


def info(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="Default: the newest in ./runs, else the shipped."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the contract as JSON.")] = False,
) -> None:
    """Print what a model file says of itself."""
    from mnist_edge.runtime.engine import read_contract

    path = model or workspace.latest("onnx", "onnx-int8", "keras")
    contract = read_contract(path)
    if json:
        result_json(dataclasses.asdict(contract))
    else:
        result(_card(path, contract))


def _card(path: Path, contract: Contract) -> str:
    quantization, parity = contract.quantization, contract.parity
    lines = {
        "file": f"{path} ({path.stat().st_size:,} bytes)",
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
        "accepts": f"{contract.accept.rule} of at least {contract.accept.threshold}",
        "weights": f"sha256 {contract.weights_sha256}",
        "made with": ", ".join(f"{name} {value}" for name, value in contract.tools.items()),
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines.items())


def _tensor(spec: TensorSpec) -> str:
    shape = " × ".join("N" if size is None else str(size) for size in spec.shape)
    low, high = spec.range
    return f"{spec.name}: {spec.dtype} {shape} ({spec.layout}), {low:g} to {high:g}"
