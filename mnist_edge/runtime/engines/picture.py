"""The engine of ONNX files that read pictures themselves: of any size in, the answer out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS
from mnist_edge.errors import ModelError, first_line
from mnist_edge.runtime.engines.engine import Images, Probabilities, Reopened, check_answers

if TYPE_CHECKING:
    import onnxruntime

OUTPUTS = ("digit", "probabilities", "accepted", "box", "field")


class PictureAnswer(NamedTuple):
    """What such a file says.

    Attributes:
        digit: 0 to 9; -1 where there is no ink.
        probabilities: float32 (10,), of the digits; all 0 where there is no ink.
        accepted: whether the answer is to be trusted.
        box: left, top, right and bottom of the digit in pixels of the picture, the latter two past
            the end; all 0 where there is no ink.
        field: float32 (28, 28), what the network saw, ink 1 on 0.
    """

    digit: int
    probabilities: Probabilities
    accepted: bool
    box: tuple[int, int, int, int]
    field: NDArray[np.float32]


class PictureEngine(Reopened):
    """An onnxruntime session of such a file.

    Args:
        session: the session to run; it decides the threads.
        source: what errors call it.

    Raises:
        ModelError: the model has other inputs or outputs.
    """

    def __init__(self, session: onnxruntime.InferenceSession, source: object) -> None:
        ends = session.get_inputs(), session.get_outputs()
        names = tuple(tuple(each.name for each in end) for end in ends)
        if names != (("picture",), OUTPUTS):
            raise ModelError(
                f"{source} takes {', '.join(names[0])} and gives {', '.join(names[1])}, not what "
                "a file does that reads pictures.",
                remedy="export it again.",
            )
        self._session, self._source = session, source

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), each a picture, with float32 (N, 10); any N."""
        answers = np.empty((len(images), len(LABELS)), np.float32)
        for number, image in enumerate(images):
            answers[number] = self.read(image).probabilities
        return answers

    def read(self, pixels: NDArray[np.uint8]) -> PictureAnswer:
        """Read one picture, uint8 (H, W) or (H, W, 1, 3 or 4)."""
        try:
            (digit,), probabilities, (accepted,), box, field = self._session.run(
                OUTPUTS, {"picture": pixels}
            )
        except Exception as error:
            # onnxruntime's exceptions have no public base class below Exception.
            raise ModelError(
                f"{self._source} cannot be run: {first_line(error)}", remedy="export it again."
            ) from error
        if digit >= 0:
            check_answers(probabilities[np.newaxis], self._source)
        left, top, right, bottom = box.tolist()
        return PictureAnswer(
            int(digit), probabilities, bool(accepted), (left, top, right, bottom), field
        )
