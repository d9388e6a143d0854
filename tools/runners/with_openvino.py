"""Answer with OpenVINO: see turns.py."""

import openvino
from turns import Answer, serve


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.compile_model(path, "CPU", settings).create_infer_request()
    return lambda picture: request.infer([picture], share_inputs=True)[0]


serve(open_model)
