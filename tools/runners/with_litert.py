"""Answer with LiteRT: see turns.py."""

from typing import Any

from ai_edge_litert.interpreter import Interpreter
from turns import Answer, Picture, serve


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answer(picture: Picture) -> Any:
        interpreter.set_tensor(image["index"], picture)
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])

    return answer


serve(open_model)
