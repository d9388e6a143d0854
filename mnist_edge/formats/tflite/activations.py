"""What each operation of a TFLite file gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnist_edge.formats.activations import Array, Network, connected, filters


def read(path: Path, batch: Array) -> Network:
    """Run a file on one picture, float32 as its input takes it."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    kinds = [
        names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes
    ]
    tensors, operations = model.subgraphs[0].tensors, model.subgraphs[0].operators
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    scale, zero_point = image["quantization"]
    pixels = batch
    if scale:
        limits = np.iinfo(image["dtype"])
        pixels = np.rint(batch / scale + zero_point).clip(limits.min, limits.max)
    interpreter.set_tensor(image["index"], pixels.astype(image["dtype"]).reshape(image["shape"]))
    interpreter.invoke()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}

    def value(index: int) -> Array:
        """Return a tensor's real values."""
        stored: Array = interpreter.get_tensor(index)
        parameters = details[index]["quantization_parameters"]
        if not len(parameters["scales"]):
            return stored
        axes = [1] * stored.ndim
        axes[parameters["quantized_dimension"]] = -1
        scales, zero_points = (parameters[key].reshape(axes) for key in ("scales", "zero_points"))
        real: Array = (stored.astype(np.float32) - zero_points) * scales
        return real

    nodes = connected(
        image["index"],
        batch,
        (
            (
                tensors[each.outputs[0]].name.decode().partition(";")[0],
                kinds[each.opcodeIndex],
                each.inputs,
                each.outputs[0],
            )
            for each in operations
        ),
        value,
    )
    kernels = (each.inputs[1] for each in operations if kinds[each.opcodeIndex] == "CONV_2D")
    kernel = next(map(value, kernels), None)
    return Network(nodes, None if kernel is None else filters(kernel.transpose(1, 2, 3, 0)))
