"""Answer with onnxruntime: see turns.py."""

import onnxruntime
from turns import Answer, serve


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    return lambda picture: session.run(None, {image.name: picture})[0]


serve(open_model)
