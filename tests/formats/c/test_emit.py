"""What a header says, whatever the contract holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mnist_edge.contract import Limits
from mnist_edge.errors import ConversionError, MissingContract
from mnist_edge.formats.c import draft
from mnist_edge.formats.c.emit import embed, identifier, read
from mnist_edge.runtime.accept import fit_accept
from tests.formats.c.conftest import CONTRACT, MODELS

DRAFT = draft((MODELS / "tiny.int8.tflite").read_bytes())


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("edge", "edge"), ("dropout-cnn", "dropout_cnn"), ("3x Ä", "model_3x__"), ("_x", "model__x")],
)
def test_names_become_names_of_c(name: str, prefix: str) -> None:
    assert identifier(name) == prefix


@pytest.mark.parametrize("name", ["edge", "2 Sharp v1.5"])
def test_it_says_how_its_file_is_called(name: str) -> None:
    comment = embed(DRAFT, replace(CONTRACT, name=name)).partition("#ifndef")[0]
    assert comment.startswith(f"/* {name}.h: ")
    assert f'#include "{name}.h"\n' in comment


def test_the_contract_can_be_read_back() -> None:
    hostile = replace(CONTRACT, recipe="*/ /* model_x MODEL_Y \\ @SIDE@ \n*/ ??/")
    header = embed(DRAFT, hostile)
    assert read(header, "net.h") == hostile
    comment = header.partition("*/")[0]
    assert comment.count("/*") == 1
    assert comment.endswith("}\n")


def test_no_header_is_called_like_one_that_it_includes() -> None:
    with pytest.raises(ConversionError, match=r"includes one that is called stdint\.h"):
        embed(DRAFT, replace(CONTRACT, name="stdint"))


def test_a_header_of_others_carries_none() -> None:
    with pytest.raises(MissingContract):
        read("#include <stdio.h>\n", "stdio.h")


def test_the_rule_of_trust_is_in_steps_of_scores() -> None:
    accept = replace(CONTRACT.accept, threshold=0.75, margin=0.1, found=Limits(0.8632, 5.0))
    header = embed(DRAFT, replace(CONTRACT, accept=accept))
    assert "#define NET_1_AS_IS_SUM 192\n" in header
    assert "#define NET_1_AS_IS_MARGIN 26\n" in header
    # 221/256, to four digits.
    assert "#define NET_1_FOUND_SUM 221\n" in header
    # More than any difference of scores.
    assert "#define NET_1_FOUND_MARGIN 768\n" in header


def test_a_limit_is_the_step_that_it_was_fitted_to() -> None:
    for step in range(257):
        scores = np.zeros((1, 10), np.float32)
        scores[0, 0] = step / 256
        header = embed(DRAFT, replace(CONTRACT, accept=fit_accept(scores)))
        assert f"#define NET_1_AS_IS_SUM {step}\n" in header


def test_the_same_file_gives_the_same_header() -> None:
    assert draft((MODELS / "tiny.int8.tflite").read_bytes()) == DRAFT


def test_lines_are_short_enough_to_read() -> None:
    code = embed(DRAFT, CONTRACT).partition("#ifndef")[2]
    assert max(map(len, code.splitlines())) <= 100
