"""Answer with ncnn what pnnx converted: see turns.py."""

import shutil
import subprocess
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import ncnn
from turns import Answer, Picture, serve

PNNX = str(distribution("pnnx").locate_file("pnnx/pnnx"))


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    network = ncnn.Net()
    network.opt.num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(path, Path(folder, "model.onnx"))
        subprocess.run(
            [PNNX, "model.onnx", "inputshape=[1,1,28,28]"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        if network.load_param(str(Path(folder, "model.ncnn.param"))) or network.load_model(
            str(Path(folder, "model.ncnn.bin"))
        ):
            raise ValueError("ncnn does not load what pnnx makes of it")

    def answer(picture: Picture) -> Any:
        with network.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(picture[0]))
            return extractor.extract("out0")[1]

    return answer


serve(open_model)
