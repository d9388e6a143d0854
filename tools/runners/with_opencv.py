"""Answer with OpenCV's dnn module: see turns.py."""

from typing import Any

import cv2
from turns import Answer, Picture, serve


def open_model(path: str) -> Answer:
    """Return what answers one picture."""
    cv2.setNumThreads(1)
    read = cv2.dnn.readNetFromONNX if path.endswith(".onnx") else cv2.dnn.readNetFromTFLite
    network = read(path)

    def answer(picture: Picture) -> Any:
        # Channels first, also where the file has them last: it turns such files around.
        network.setInput(picture.reshape(1, 1, 28, 28))
        return network.forward()

    return answer


serve(open_model)
