"""Answer with MNN what its converter made: see turns.py."""

import tempfile
from pathlib import Path
from typing import Any

import _tools  # MNN's, without the command around it, which installs packages and reports home
import numpy
from MNN import expr, nn
from turns import Answer, Picture, serve

TYPES = {"float32": expr.float, "uint8": expr.uint8}


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    family = "ONNX" if path.endswith(".onnx") else "TFLITE"
    with tempfile.TemporaryDirectory() as folder:
        converted = str(Path(folder, "model.mnn"))
        _tools.mnnconvert(
            ["", "-f", family, "--modelFile", path, "--MNNModel", converted, "--bizCode", "digits"]
        )
        ends = (["image"], ["probabilities"])
        manager = nn.create_runtime_manager(({"numThread": 1},))
        network = nn.load_module_from_file(converted, *ends, runtime_manager=manager)

    def answer(picture: Picture) -> Any:
        values = expr.const(picture, [1, 1, 28, 28], expr.NCHW, TYPES[picture.dtype.name])
        return numpy.array(expr.convert(network.forward(values), expr.NCHW).read())

    return answer


serve(open_model)
