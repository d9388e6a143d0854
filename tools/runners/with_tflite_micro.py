"""Answer with TFLite Micro, as a microcontroller does: see turns.py."""

from typing import Any

from tflite_micro.python.tflite_micro import runtime
from turns import Answer, Picture, serve


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    interpreter = runtime.Interpreter.from_file(path)

    def answer(picture: Picture) -> Any:
        interpreter.set_input(picture, 0)
        interpreter.invoke()
        return interpreter.get_output(0)

    return answer


serve(open_model)
