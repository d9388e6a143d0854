"""Answer with tract: see turns.py."""

import tract
from turns import Answer, serve


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    inference = tract.onnx().load(path)
    inference.set_input_fact(0, "1,1,28,28,f32")
    inference.analyse()
    model = inference.into_model().into_runnable()
    return lambda picture: model.run([picture])[0].to_numpy()


serve(open_model)
