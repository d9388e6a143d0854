"""What the user says of how a model without a contract is fed. Importing it loads no library."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge.contract import NARROWEST, WIDEST
from mnist_edge.errors import UsageError


@dataclass(frozen=True)
class FeedingOptions:
    """How a model is fed, as far as it is known; what is None is measured.

    Attributes:
        shape: of one picture: (28, 28, 1), (1, 28, 28), (28, 28) or (784,), say.
        range: the values of black and of white.
        ink: `dark` where ink is the range's first value, `light` where it is the second.
        transposed: True where rows and columns are exchanged.
        answers: `probabilities`, `scores`, `log-probabilities` or `sigmoids`.

    Raises:
        UsageError: the range has no width, or no end, as far as float32 can tell.
    """

    shape: tuple[int, ...] | None = None
    range: tuple[float, float] | None = None
    ink: str | None = None
    transposed: bool | None = None
    answers: str | None = None

    def __post_init__(self) -> None:
        if self.range and not NARROWEST <= abs(self.range[1] - self.range[0]) <= WIDEST:
            raise UsageError(
                f"an input cannot go from {self.range[0]:g} to {self.range[1]:g}.",
                remedy="give two finite numbers that differ.",
            )
