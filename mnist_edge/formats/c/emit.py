"""A planned network as the text of a C header; the code itself stands in `templates/`."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mnist_edge
from mnist_edge.contract import METADATA_KEY, SIZE, Contract
from mnist_edge.errors import ConversionError
from mnist_edge.formats.c.graph import (
    Add,
    AveragePool,
    Convolution,
    Dense,
    Depthwise,
    Layer,
    MaxPool,
    Network,
    Pad,
    Rescale,
    Shape,
    Softmax,
    Window,
)
from mnist_edge.formats.c.pack import Packed, pack
from mnist_edge.formats.c.plan import Plan, workspace
from mnist_edge.formats.c.quantize import Range

TEMPLATES = Path(__file__).with_name("templates")

# What the reading of a picture takes of the scratch buffer: a histogram.
READ_BYTES = 768

# Which templates a layer needs, in the order they have to stand in.
TEMPLATES_OF: dict[type[Layer], tuple[str, ...]] = {
    Convolution: ("window", "layer", "gather", "output", "dot", "convolution"),
    Depthwise: ("window", "layer", "gather", "output", "depthwise"),
    Dense: ("window", "layer", "dot", "dense"),
    MaxPool: ("window", "visible", "max_pool"),
    AveragePool: ("window", "visible", "average_pool"),
    Rescale: ("rescale",),
    Pad: ("window", "pad"),
    Add: ("add",),
    Softmax: ("softmax",),
}

_KERNELS: dict[type[Layer], str] = {
    Convolution: "model_convolve",
    Depthwise: "model_convolve_depthwise",
    Dense: "model_connect",
}


# What stands before the contract in a header's first comment.
SAYS = "What the model says of itself:\n\n"


def emit(network: Network, plan: Plan, checksum: str) -> str:
    """Return a draft of the header: one of a model called `model`, of which nothing is said.

    Args:
        network: what the file computes.
        plan: where its tensors lie.
        checksum: the hexadecimal CRC-32 of the file it was made from.
    """
    facts = {
        "VERSION": mnist_edge.__version__,
        "CRC32": checksum,
        "CLASSES": str(network.output.shape.size),
        "SIDE": str(SIZE),
        "FIELD": str(network.input.shape.size),
        "SCRATCH": str(scratch_bytes(plan)),
        "NEVER": _steps(math.inf),
        "CODE": "\n".join(_code(network, plan)),
    }
    return filled("header.h", "model", facts)


def scratch_bytes(plan: Plan) -> int:
    """Return the size of the buffer that a header asks for, to answer and to read pictures in."""
    return max(plan.size, READ_BYTES)


def trained_bytes(network: Network) -> int:
    """Return how much a header has of what was trained: weights with tables, biases, factors."""
    layers = [layer for layer in network.layers if isinstance(layer, Convolution)]
    return sum(array.nbytes for layer in layers for array in _arrays(layer).values())


def embed(draft: str, contract: Contract) -> str:
    """Return the header of a model from its draft and what it says of itself.

    Raises:
        ConversionError: the header would be called like one that it includes.
    """
    if f"{contract.name}.h" in re.findall(r"#\s*include <(.+)>", draft):
        raise ConversionError(
            f"c: the header includes one that is called {contract.name}.h, too.",
            remedy="rename the model file, or leave c out with --formats.",
        )
    accept = contract.accept
    constants = {
        "AS_IS_SUM": _steps(accept.threshold),
        "AS_IS_MARGIN": _steps(accept.margin),
        "FOUND_SUM": _steps(accept.found.threshold),
        "FOUND_MARGIN": _steps(accept.found.margin),
    }
    # `*/` would end the comment, and `/*` is warned of; JSON has another word for an asterisk.
    document = contract.to_json(indent=1).replace("*", "\\u002a")
    for name, value in constants.items():
        draft = re.sub(rf"(?<=#define MODEL_{name} )\d+", value, draft)
    before, _, after = _named(draft, contract.name).partition(f"{SAYS}{{}}")
    return f"{before}{SAYS}{document}{after}"


def read(header: str, source: str | Path) -> Contract:
    """Return the contract that a header carries.

    Raises:
        MissingContract: it carries none.
        ContractError: it carries one that this version cannot read.
    """
    _, says, after = header.partition(SAYS)
    document = after.partition("\n*/")[0]
    return Contract.from_metadata({METADATA_KEY: document} if says else {}, source)


def filled(template: str, name: str, facts: Mapping[str, str]) -> str:
    """Return a template with what it has between `@`, and with the model's name in all names.

    Where it names the header, the file is called `<name>.h`.
    """
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return _named(re.sub(r"@([A-Z0-9_]+)@", lambda match: facts[match[1]], text), name)


def _named(text: str, name: str) -> str:
    prefix = identifier(name)
    text = re.sub(r"\bmodel(?=_)", prefix, text)
    text = re.sub(r"\bMODEL(?=_)", prefix.upper(), text)
    return re.sub(r"\bmodel\.h\b", lambda _: f"{name}.h", text)


def identifier(name: str) -> str:
    """Return what a model's names begin with in C."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII).lower()
    return word if word[:1].isalpha() else f"model_{word}"


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.h").read_text(encoding="utf-8")


def _steps(probability: float) -> str:
    """Return the least number of 1/256 that reaches a limit; what none does stays so."""
    return str(math.ceil(min(probability, 3.0) * 256))


def _code(network: Network, plan: Plan) -> Iterable[str]:
    needed = {name for layer in network.layers for name in TEMPLATES_OF[type(layer)]}
    order = [name for names in TEMPLATES_OF.values() for name in names if name in needed]
    for name in ("arithmetic", "scale", *dict.fromkeys(order)):
        if name == "dot":
            yield from _dots(network)
        else:
            yield _template(name)
    constants, calls = [], []
    for number, layer in enumerate(network.layers, 1):
        source, *others = (_place(tensor.number, network, plan) for tensor in layer.inputs)
        result = _place(layer.output.number, network, plan)
        if layer.workspace:
            others.append(_place(workspace(number - 1), network, plan))
        text, call = _layer(layer, number, source, result, *others)
        constants.append(f"/* {number}: {_described(layer)} */\n{text}")
        calls.append(_wrapped(f"    {call}"))
    yield from constants
    memory = "uint8_t *const memory = (uint8_t *)scratch;\n" if plan.size else "(void)scratch;"
    yield "void model_predict(const uint8_t field[MODEL_FIELD_BYTES],"
    yield "                   uint8_t scores[MODEL_CLASSES], void *scratch)"
    yield "\n".join(("{", f"    {memory}", *calls, "}", ""))
    yield _template("accept")
    yield _template("read").replace("@READ_BYTES@", str(READ_BYTES)).rstrip()


def _dots(network: Network) -> Iterable[str]:
    """Yield the function that sums products, and those it calls for weights of so many bits."""
    *fewer, most = sorted(
        {
            _packed(layer).bits
            for layer in network.layers
            if isinstance(layer, Convolution) and not isinstance(layer, Depthwise)
        }
    )
    call = "return model_dot_{}(input, layer->weights, channel, count);"
    cases = [
        f"    if (layer->bits == {bits}) {{\n        {call.format(bits)}\n    }}" for bits in fewer
    ]
    yield f"{_template('dot_helium')}#else"
    for bits in (most, *fewer):
        yield _template(f"dot_{bits}")
    yield _template("dot").replace("@DOTS@", "\n".join([*cases, f"    {call.format(most)}"]))
    yield "#endif\n"


def _packed(layer: Convolution) -> Packed:
    return Packed(8, layer.weights.ravel()) if isinstance(layer, Depthwise) else pack(layer.weights)


def _place(number: int, network: Network, plan: Plan) -> str:
    if number == network.input.number:
        return "field"
    if number == network.output.number:
        return "scores"
    offset = plan.offsets[number]
    return f"memory + {offset}" if offset else "memory"


def _described(layer: Layer) -> str:
    """Return in words what a layer does."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(layer).__name__).lower()
    before, after = ("x".join(map(str, tensor.shape)) for tensor in (layer.input, layer.output))
    return f"{kind}, {before} to {after}"


def _layer(layer: Layer, number: int, source: str, result: str, other: str = "") -> tuple[str, str]:
    """Return the constants of a layer, and the call that runs it."""
    match layer:
        case Convolution():
            arguments = ", ".join(filter(None, (f"&model_layer_{number}", source, result, other)))
            return _convolution(layer, number), f"{_KERNELS[type(layer)]}({arguments});"
        case MaxPool() | AveragePool():
            kind = "max" if isinstance(layer, MaxPool) else "average"
            shape = _shape(layer.input.shape, layer.output.shape, layer.window)
            text = (
                f"static const model_shape model_shape_{number} = {shape};\n"
                f"{_range_of(layer.range, number)}"
            )
            arguments = f"&model_shape_{number}, &model_range_{number}, {source}, {result}"
            return text, f"model_pool_{kind}({arguments});"
        case Pad():
            window = Window(1, 1, top=layer.top, left=layer.left)
            shape = _shape(layer.input.shape, layer.output.shape, window)
            text = f"static const model_shape model_shape_{number} = {shape};\n"
            zero = layer.output.zero
            return text, f"model_pad(&model_shape_{number}, {source}, {result}, {zero});"
        case Rescale():
            mantissa, exponent, _ = layer.multiplier
            size, zero = layer.input.shape.size, layer.input.zero
            arguments = f"{size}, {zero}, {mantissa}, {exponent}, &model_range_{number}"
            return _range_of(
                layer.range, number
            ), f"model_rescale({source}, {result}, {arguments});"
        case Add():
            terms = zip((layer.input, layer.other), layer.multipliers[:2], strict=True)
            a, b = (_braces(tensor.zero, *multiplier[:2]) for tensor, multiplier in terms)
            text = (
                f"static const model_term model_terms_{number}[] = {{{a}, {b}}};\n"
                f"{_range_of(layer.range, number)}"
            )
            inputs = f"{source}, &model_terms_{number}[0], {other}, &model_terms_{number}[1]"
            mantissa, exponent, _ = layer.multipliers[2]
            size = layer.input.shape.size
            arguments = f"{result}, {size}, {mantissa}, {exponent}, &model_range_{number}"
            return text, f"model_add({inputs}, {arguments});"
        case Softmax():
            (mantissa, exponent, _), reach = layer.scale
            size = layer.input.shape.size
            arguments = f"{size}, {mantissa}, {exponent}, {min(reach, 255)}"
            return "", f"model_softmax({source}, {result}, {arguments});"
    raise AssertionError(layer)  # pragma: no cover


def _convolution(layer: Convolution, number: int) -> str:
    arrays = {f"model_{what}_{number}": array for what, array in _arrays(layer).items()}
    shape = _shape(layer.input.shape, layer.output.shape, layer.window)
    kept = _braces(*layer.range)
    fields = _braces(shape, layer.input.zero, kept, _packed(layer).bits, *arrays)
    constants = "".join(_array(name, array) for name, array in arrays.items())
    table = _wrapped(f"static const model_layer model_layer_{number} MODEL_FLASH = {fields};")
    return f"{constants}{table}\n"


def _arrays(layer: Convolution) -> dict[str, NDArray[np.int8] | NDArray[np.int32]]:
    """Return what was trained of a layer, in the order of `model_layer`."""
    mantissas = [factor.mantissa for factor in layer.multipliers]
    if isinstance(layer, Dense):
        mantissas = [word for mantissa, _, rest in layer.multipliers for word in (mantissa, rest)]
    return {
        "weights": _packed(layer).content,
        "biases": layer.biases.astype(np.int32),
        "multipliers": np.array(mantissas, np.int32),
        "exponents": np.array([factor.exponent for factor in layer.multipliers], np.int8),
    }


def _shape(source: Shape, result: Shape, window: Window) -> str:
    return _braces(*source, *result, *window)


def _range_of(kept: Range, number: int) -> str:
    return f"static const model_range model_range_{number} = {_braces(*kept)};\n"


def _braces(*items: object) -> str:
    return f"{{{', '.join(map(str, items))}}}"


def _wrapped(statement: str) -> str:
    indent = statement[: len(statement) - len(statement.lstrip())]
    return textwrap.fill(statement, 100, subsequent_indent=f"{indent}    ")


def _array(name: str, numbers: NDArray[np.int8] | NDArray[np.int32]) -> str:
    listed = textwrap.fill(
        ", ".join(map(str, numbers)), 100, initial_indent="    ", subsequent_indent="    "
    )
    return f"static const {numbers.dtype}_t {name}[] MODEL_FLASH = {{\n{listed}\n}};\n"
