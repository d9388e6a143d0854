"""TensorFlow's SavedModels, as a frozen graph that computes and does nothing else."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import ModelError, first_line

if TYPE_CHECKING:
    import tensorflow as tf

_SIGNATURE = "serving_default"

# What is stateful in a model that is being restored. All else that is might read or write files.
# Some that are not stateful read files all the same.
_FILES = re.compile("File|Dataset|Proto|ImmutableConst|Iterator|Reader|Load")
_RESTORING = {
    *("AssignVariableOp", "DisableCopyOnRead", "Identity", "IdentityN", "MergeV2Checkpoints"),
    *("PartitionedCall", "Placeholder", "ReadVariableOp", "RestoreV2", "SaveV2"),
    *("ShardedFilename", "StatefulPartitionedCall", "VarHandleOp", "VarIsInitializedOp"),
    *("VariableV2", "Variable", "Assign", "NoOp"),
}


def load(folder: Path) -> tf.types.experimental.ConcreteFunction:
    """Load a SavedModel's function from pictures to answers, its variables made constants.

    The loader of TensorFlow 1 reads the models of every version.

    Raises:
        ModelError: it is damaged, has no signature for serving, or one with several inputs, or it
            does more than compute.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework import op_def_registry
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    document = saved_model_pb2.SavedModel()
    try:
        document.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:
        raise _damaged(folder, error) from error
    for graph in document.meta_graphs:
        functions = graph.graph_def.library.function
        nodes = [*graph.graph_def.node, *(node for each in functions for node in each.node_def)]
        for node in nodes:
            definition = op_def_registry.get(node.op)
            known = definition is not None and not definition.is_stateful
            if node.op not in _RESTORING and (not known or _FILES.search(node.op)):
                raise ModelError(
                    f"{folder} does more than compute, by an operation {node.op}: that is never "
                    "run.",
                    remedy="save it without that, or export it to ONNX where it was made.",
                )
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
            if _SIGNATURE not in loaded.signature_def:
                raise ModelError(
                    f"{folder} has no signature {_SIGNATURE}.",
                    remedy="save it as Keras does: model.export(folder)",
                )
            signature = loaded.signature_def[_SIGNATURE]
            inputs = [tensor.name for tensor in signature.inputs.values()]
            outputs = [tensor.name for tensor in signature.outputs.values()]
            if len(inputs) != 1:
                raise ModelError(
                    f"{folder} takes {len(inputs)} inputs, not one picture.",
                    remedy="choose a model that takes a picture alone.",
                )
            frozen = tf.compat.v1.graph_util.convert_variables_to_constants(
                session, session.graph_def, [outputs[0].partition(":")[0]]
            )
        _refuse_files(frozen, folder)
        _rename_functions(frozen)
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.compat.v1.import_graph_def(frozen, name=""), []
        )
        # With the functions that it calls put in place, which converters lose track of.
        return convert_variables_to_constants_v2(wrapped.prune(inputs[0], outputs[0]))
    except ModelError:
        raise
    except Exception as error:
        # TensorFlow raises what it likes for a graph that is not what it expects.
        raise _damaged(folder, error) from error


def _refuse_files(graph: Any, folder: Path) -> None:
    """Refuse a graph that would restore or save variables when it answers.

    Raises:
        ModelError: it is one.
    """
    functions = {each.signature.name: each for each in graph.library.function}
    wanted = list(graph.node)
    while wanted:
        node = wanted.pop()
        called = [node.op, *(each.name for value in node.attr.values() for each in _called(value))]
        for function in (functions.pop(name, None) for name in called):
            wanted += function.node_def if function else []
        if node.op in {"RestoreV2", "SaveV2", "MergeV2Checkpoints"}:
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
