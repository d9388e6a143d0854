"""The options that say how somebody else's model is fed, for the verbs that take one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer

from mnist_edge.errors import UsageError
from mnist_edge.formats.feeding import FeedingOptions


class Ink(StrEnum):
    """Which of the values of a range ink has."""

    DARK = "dark"
    LIGHT = "light"


class Answers(StrEnum):
    """What a model's answers stand for."""

    PROBABILITIES = "probabilities"
    SCORES = "scores"
    LOG = "log"
    SIGMOIDS = "sigmoids"


Number = TypeVar("Number", int, float)

_WHOSE = "Of somebody else's model; measured by default: "

InputShape = Annotated[
    str | None,
    typer.Option(metavar="H,W,C", help=f"{_WHOSE}the shape of one picture, as 28,28,1 or 784."),
]
InputRange = Annotated[
    str | None, typer.Option(metavar="LOW,HIGH", help=f"{_WHOSE}the values of black and white.")
]
InputMean = Annotated[
    float | None,
    typer.Option(metavar="M", help="With --input-std, for inputs of (x / 255 - M) / S."),
]
InputStd = Annotated[float | None, typer.Option(metavar="S", help="See --input-mean.")]
InkIs = Annotated[Ink | None, typer.Option("--ink", help=f"{_WHOSE}whether ink is dark or light.")]
Transposed = Annotated[
    bool | None,
    typer.Option("--transposed/--upright", help=f"{_WHOSE}whether rows and columns are exchanged."),
]
AnswersAre = Annotated[
    Answers | None, typer.Option("--answers", help=f"{_WHOSE}what its answers stand for.")
]


# What a verb takes beside its own options, by the name of the parameter.
_OPTIONS = {
    "input_shape": InputShape,
    "input_range": InputRange,
    "input_mean": InputMean,
    "input_std": InputStd,
    "ink": InkIs,
    "transposed": Transposed,
    "answers": AnswersAre,
}


def takes_feeding(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb with a parameter `feeding` these options in its place."""
    signature = inspect.signature(verb, eval_str=True)
    own = [each for name, each in signature.parameters.items() if name != "feeding"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in _OPTIONS.items()
    ]

    @functools.wraps(verb)
    def command(**values: Any) -> None:
        verb(feeding=_options(**{name: values.pop(name) for name in _OPTIONS}), **values)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + added
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _options(
    input_shape: str | None,
    input_range: str | None,
    input_mean: float | None,
    input_std: float | None,
    ink: Ink | None,
    transposed: bool | None,
    answers: Answers | None,
) -> FeedingOptions | None:
    """Return what these options say together; None where none is given.

    Raises:
        UsageError: one is not what it should be, or two contradict each other.
    """
    if (input_mean is None) != (input_std is None) or (input_range and input_mean is not None):
        raise UsageError(
            "--input-mean and --input-std go together, and not with --input-range.",
            remedy="give either --input-range LOW,HIGH, or --input-mean M --input-std S.",
        )
    limits = None
    if input_range:
        low, high = _numbers("--input-range", input_range, float, 2)
        limits = (low, high)
    elif input_mean is not None and input_std is not None:
        if not input_std > 0:
            raise UsageError(f"--input-std is {input_std:g}.", remedy="give a number above 0.")
        limits = (-input_mean / input_std, (1 - input_mean) / input_std)
    options = FeedingOptions(
        shape=_numbers("--input-shape", input_shape, int) if input_shape else None,
        range=limits,
        ink=ink,
        transposed=transposed,
        answers="log-probabilities" if answers is Answers.LOG else answers,
    )
    return options if options != FeedingOptions() else None


def _numbers(
    option: str, text: str, kind: type[Number], count: int | None = None
) -> tuple[Number, ...]:
    try:
        numbers = tuple(kind(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or (count and len(numbers) != count):
        raise UsageError(
            f"{option} is {text!r}.",
            remedy=f"give {count or 'one to three'} numbers with commas between them.",
        )
    return numbers
