"""Whether the gate lets only exact headers through."""

from __future__ import annotations

import pytest

from mnist_edge.errors import ConversionError, GateError
from mnist_edge.formats.c import gate
from tests.formats.c.conftest import CONTRACT, MODELS, fields, header, needs_cc

TFLITE = (MODELS / "tiny.int8.tflite").read_bytes()
HEADER = header(TFLITE, CONTRACT)


@needs_cc
def test_an_exact_header_passes() -> None:
    gate.check(HEADER, TFLITE, CONTRACT.name, fields(50))


@needs_cc
def test_one_that_differs_in_a_single_bias_does_not() -> None:
    before, found, after = HEADER.partition("net_1_biases_5[] NET_1_FLASH = {\n    ")
    first, _, rest = after.partition(",")
    changed = f"{before}{found}{int(first) + 30_000},{rest}"
    with pytest.raises(GateError, match=r"differ for [0-9]+ of 50 pictures"):
        gate.check(changed, TFLITE, CONTRACT.name, fields(50))


@needs_cc
def test_what_does_not_compile_is_told_by_the_compilers_first_error() -> None:
    with pytest.raises(GateError, match=r"cc ended with 1: .*error"):
        gate.check(HEADER.replace("int32_t sum", "sum", 1), TFLITE, CONTRACT.name, fields(1))


def test_without_a_compiler_there_is_no_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConversionError, match="no program called cc"):
        gate.check(HEADER, TFLITE, CONTRACT.name, fields(1))
