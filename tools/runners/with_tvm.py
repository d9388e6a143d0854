"""Answer with TVM, compiled for this processor: see turns.py."""

from pathlib import Path

import tvm
from turns import Answer, serve
from tvm import relax


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    if path.endswith(".onnx"):
        import onnx
        from tvm.relax.frontend.onnx import from_onnx

        module = from_onnx(onnx.load(path), shape_dict={"image": [1, 1, 28, 28]})
    else:
        import tflite
        from tvm.relax.frontend.tflite import from_tflite

        module = from_tflite(tflite.Model.GetRootAsModel(Path(path).read_bytes(), 0))
    machine = relax.VirtualMachine(relax.build(module, "llvm"), tvm.cpu())
    return lambda picture: machine["main"](tvm.runtime.tensor(picture)).numpy()


serve(open_model)
