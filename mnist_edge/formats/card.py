"""What a contract says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_edge.contract import Accept, Contract, Limits, TensorSpec


def card(contract: Contract) -> dict[str, str]:
    """Return what a contract says, by what it says it of."""
    quantization, parity = contract.quantization, contract.parity
    return {
        "model": f"{contract.name}, {_origin(contract)}",
        "input": _tensor(contract.input),
        "output": _tensor(contract.output),
        "accuracy": ", ".join(
            f"{name} {value:.2%}" for name, value in contract.metrics.accuracy.items()
        )
        + f" on {contract.metrics.dataset}'s test split",
        "parity": f"{parity.agreement:.2%} of {parity.images:,} answers agree with the model, "
        f"largest difference {parity.max_abs_diff:.1e}, {len(parity.flips)} flips"
        if parity
        else "this is the reference",
        "quantization": f"{quantization.scheme}: {quantization.weights} weights, "
        f"{quantization.activations} activations"
        if quantization
        else "none",
        "preprocessing": f"version {contract.preprocess.version}",
        "accepted if": _limits(contract.accept),
        "found digits": _limits(contract.accept.found),
        "weights": f"sha256 {contract.weights_sha256}",
        "made with": ", ".join(f"{name} {value}" for name, value in contract.tools.items()),
    }


def _limits(limits: Accept | Limits) -> str:
    return (
        f"the two best probabilities add up to at least {limits.threshold} "
        f"and differ by at least {limits.margin}"
    )


def _tensor(spec: TensorSpec) -> str:
    low, high = spec.range
    stored = ", stored as 0 to 255" if spec.dtype == "uint8" and high != 255 else ""
    what = f"{spec.name}: {spec.dtype} {sizes(spec.shape)} ({spec.layout})"
    return f"{what}, {low:g} to {high:g}{stored}"


def sizes(shape: tuple[int | None, ...]) -> str:
    """Return a shape in words."""
    return " × ".join("N" if size is None else str(size) for size in shape)


def _origin(contract: Contract) -> str:
    source = contract.source
    if source is None:
        return f"recipe {contract.recipe}"
    from mnist_edge.formats.foreign import describe

    return f"made from {source.file}, {describe(source.input)}, answers {source.answers}"
