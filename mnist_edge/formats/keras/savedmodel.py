"""TensorFlow's SavedModels, as a frozen graph that computes and does nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import ModelError, first_line

if TYPE_CHECKING:
    import tensorflow as tf

_TAGS = {"serve"}
_SIGNATURE = "serving_default"

# Where a model names the operation that makes it ready: a signature, or of older ones a collection.
_STARTING = ("__saved_model_init_op", "saved_model_main_op", "legacy_init_op")

# What keeps a state may read or write files, but for variables and what calls functions. Some that
# keeps none does so, too, or runs code, or sends what it is given elsewhere.
_VARIABLES = {
    *("Assign", "AssignVariableOp", "PartitionedCall", "ReadVariableOp", "StatefulPartitionedCall"),
    *("VarHandleOp", "VarIsInitializedOp", "Variable", "VariableV2"),
}
_MORE = re.compile("^Copy|Debug|File|Dataset|Proto|PyFunc|ImmutableConst|Iterator|Reader|Load")
_RESTORING = {"RestoreV2"}


def load(folder: Path) -> tf.types.experimental.ConcreteFunction:
    """Load a SavedModel's function from pictures to answers, its variables made constants.

    What is run is no more than that function needs, and what restores its variables and makes it
    ready. The rest, as what initializes or saves them, is left out.

    Raises:
        ModelError: it is damaged, has no signature for serving, or one with several inputs, or it
            does more than compute.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    document = saved_model_pb2.SavedModel()
    try:
        document.ParseFromString((folder / "saved_model.pb").read_bytes())
        model = next(one for one in document.meta_graphs if {*one.meta_info_def.tags} == _TAGS)
    except Exception as error:
        raise _damaged(folder, error) from error
    if _SIGNATURE not in model.signature_def:
        raise ModelError(
            f"{folder} has no signature {_SIGNATURE}.",
            remedy="save it as Keras does: model.export(folder)",
        )
    signature, saver = model.signature_def[_SIGNATURE], model.saver_def
    inputs = [tensor.name for tensor in signature.inputs.values()]
    outputs = [tensor.name for tensor in signature.outputs.values()]
    if len(inputs) != 1:
        raise ModelError(
            f"{folder} takes {len(inputs)} inputs, not one picture.",
            remedy="choose a model that takes a picture alone.",
        )
    answering = [*inputs, outputs[0], *_starting(model)]
    restoring = [saver.restore_op_name, saver.filename_tensor_name]
    _refuse_more(_part(model.graph_def, answering), _VARIABLES, folder)
    _refuse_more(_part(model.graph_def, restoring), _VARIABLES | _RESTORING, folder)
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.import_graph_def(
                _part(model.graph_def, answering + restoring),
                name="",
                producer_op_list=model.meta_info_def.stripped_op_list,
            )
            if saver.restore_op_name:
                variables = str(folder / "variables" / "variables")
                session.run(saver.restore_op_name, {saver.filename_tensor_name: variables})
            for operation in _starting(model):
                session.run(operation)
            frozen = tf.compat.v1.graph_util.convert_variables_to_constants(
                session, session.graph_def, [_operation(outputs[0])]
            )
        _rename_functions(frozen)
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.compat.v1.import_graph_def(frozen, name=""), []
        )
        # With the functions that it calls put in place, which converters lose track of.
        return convert_variables_to_constants_v2(wrapped.prune(inputs[0], outputs[0]))
    except Exception as error:
        # TensorFlow raises what it likes for a graph that is not what it expects.
        raise _damaged(folder, error) from error


def _starting(model: Any) -> list[str]:
    """Return the operation that makes a model ready, if it has one."""
    for key in _STARTING:
        if key in model.signature_def:
            return [_operation(each.name) for each in model.signature_def[key].outputs.values()]
        if key in model.collection_def:
            return [_operation(name) for name in model.collection_def[key].node_list.value]
    return []


def _operation(tensor: str) -> str:
    """Return the operation that a tensor comes of, or that has to be run before another."""
    return tensor.removeprefix("^").partition(":")[0]


def _part(graph: Any, names: Iterable[str]) -> Any:
    """Return what of a graph is needed for some of its tensors, with the functions it calls."""
    nodes = {node.name: node for node in graph.node}
    functions = {each.signature.name: each for each in graph.library.function}
    part = type(graph)(versions=graph.versions)
    wanted = [*names]
    while wanted:
        if node := nodes.pop(_operation(wanted.pop()), None):
            part.node.append(node)
            # By the second a variable's value is taken, when it is made a constant.
            wanted += [*node.input, f"{node.name}/Read/ReadVariableOp"]
    calling = [*part.node]
    while calling:
        node = calling.pop()
        called = [node.op, *(each.name for value in node.attr.values() for each in _called(value))]
        for function in filter(None, (functions.pop(name, None) for name in called)):
            part.library.function.append(function)
            calling += function.node_def
    return part


def _refuse_more(graph: Any, allowed: set[str], folder: Path) -> None:
    """Refuse a graph that does more than compute, and than what is allowed besides.

    Raises:
        ModelError: it does.
    """
    from tensorflow.python.framework import op_def_registry

    functions = graph.library.function
    allowed = allowed | {each.signature.name for each in functions}
    for node in [*graph.node, *(node for each in functions for node in each.node_def)]:
        definition = op_def_registry.get(node.op)
        computes = definition is not None and not definition.is_stateful
        if node.op not in allowed and (not computes or _MORE.search(node.op)):
            raise ModelError(
                f"{folder} does more than compute, by an operation {node.op}: that is never run.",
                remedy="save it without that, or export it to ONNX where it was made.",
            )


def _called(value: Any) -> list[Any]:
    """Return the functions that an attribute of a node names."""
    return [value.func, *value.list.func]


def _rename_functions(graph: Any) -> None:
    """Give functions names that no other model's have: TensorFlow knows them by these alone."""
    mark = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()[:12]
    functions = graph.library.function
    names = {each.signature.name: f"{each.signature.name}_{mark}" for each in functions}
    for each in functions:
        each.signature.name = names[each.signature.name]
    for node in [*graph.node, *(node for each in functions for node in each.node_def)]:
        node.op = names.get(node.op, node.op)
        for value in node.attr.values():
            for function in _called(value):
                if function.name in names:
                    function.name = names[function.name]


def _damaged(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{folder} cannot be loaded as a SavedModel: {first_line(error)}",
        remedy="save it again: model.export(folder)",
    )
