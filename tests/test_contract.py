"""The contract: written and read back alike, and refused with the key that is wrong."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.contract import (
    ANSWERS,
    CHECKSUM,
    FITS,
    METADATA_KEY,
    SCHEMA,
    VALUES,
    Accept,
    Calibration,
    Content,
    Contract,
    Flip,
    Limits,
    Metrics,
    Parity,
    Preprocess,
    Provenance,
    Quantization,
    Source,
    TensorSpec,
    sidecar,
)
from mnist_edge.errors import ContractError, MissingContract, ModelError
from mnist_edge.runtime.engines import encoding

EXAMPLE = Contract(
    schema=SCHEMA,
    name="edge",
    recipe="edge",
    labels=tuple("0123456789"),
    input=TensorSpec("image", "NCHW", (None, 1, 28, 28), "float32", (0.0, 1.0)),
    output=TensorSpec("probabilities", "NC", (None, 10), "float32", (0.0, 1.0)),
    preprocess=Preprocess(1, {"box": 20, "note": "any JSON at all", "nested": {"a": [1, None]}}),
    quantization=Quantization("static QDQ", "int8", "uint8", True, Calibration(1000, 0, "train")),
    accept=Accept("two-best", 0.9, 0.25, Limits(0.95, 0.5)),
    metrics=Metrics("mnist", {"keras": 0.9962, "onnx-int8": 0.9960}),
    parity=Parity(10_000, 0.9999, 0.03, (Flip(42, 4, 4, 9, 0.0123, 0.0045),)),
    weights_sha256="0" * 64,
    tools={"mnist-edge": "0.1.0"},
    provenance=Provenance(0, 40, members=3, teachers=("0" * 64,), unlabelled=7, run="1" * 64),
    history=({"epoch": 1, "loss": 0.5},),
    source=Source(
        "theirs.h5",
        "2" * 64,
        TensorSpec("image", "NHW", (None, 28, 28), "float32", (-1.0, 1.0)),
        "scores",
    ),
    content=Content.of(b"a network"),
)
FREE_FORM = ("parameters", "accuracy", "tools", "history")


def document(**changes: Any) -> dict[str, Any]:
    """The example as JSON has it, without a checksum, with other values where asked for."""
    result: dict[str, Any] = json.loads(EXAMPLE.to_json())
    del result[CHECKSUM]
    for where, value in changes.items():
        *parents, key = where.split("__")
        section = result
        for parent in parents:
            section = section[parent]
        section[key] = value
    return result


def keys(section: dict[str, Any], *parents: str) -> Iterator[tuple[str, ...]]:
    """The path of every key that the dataclasses name, from the top down."""
    for key, value in section.items():
        yield (*parents, key)
        if isinstance(value, dict) and key not in FREE_FORM:
            yield from keys(value, *parents, key)


def refusal(text: str) -> ContractError:
    """Read a document that must be refused, in one line of cause and one of remedy."""
    with pytest.raises(ContractError) as caught:
        Contract.from_json(text, "edge.onnx")
    assert caught.value.cause.startswith("edge.onnx: ")
    assert "\n" not in caught.value.cause
    assert caught.value.remedy
    assert "\n" not in caught.value.remedy
    return caught.value


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "contract", [EXAMPLE, replace(EXAMPLE, quantization=None, parity=None, history=None)]
)
def test_what_is_written_is_read_back(contract: Contract, indent: int | None) -> None:
    assert Contract.from_json(contract.to_json(indent=indent), "edge.onnx") == contract


def test_the_document_has_the_keys_of_the_design_in_their_order() -> None:
    assert list(json.loads(EXAMPLE.to_json())) == [
        *("schema", "name", "recipe", "labels", "input", "output", "preprocess", "quantization"),
        *("accept", "metrics", "parity", "weights_sha256", "tools", "provenance"),
        *("history", "answers", "source", "content", "crc32"),
    ]


# What files may leave out: those of other versions, and those that it does not concern.
OPTIONAL = {
    *("provenance", "history", "members", "teachers", "unlabelled", "run"),
    *("values", "fit", "transposed", "answers", "source", "content"),
}


@pytest.mark.parametrize("path", list(keys(document())), ids=".".join)
def test_a_missing_key_is_named(path: tuple[str, ...]) -> None:
    broken = document()
    section = broken
    for parent in path[:-1]:
        section = section[parent]
    del section[path[-1]]
    if path[-1] in OPTIONAL and path != ("source", "answers"):
        Contract.from_json(json.dumps(broken), "edge.onnx")
    elif path == ("schema",):
        assert "schema None" in refusal(json.dumps(broken)).cause
    else:
        assert f"contract.{'.'.join(path)} is missing" in refusal(json.dumps(broken)).cause


WRONG = {
    "a number for a name": ({"name": 7}, "contract.name is 7"),
    "a name for a number": ({"accept__threshold": "low"}, 'contract.accept.threshold is "low"'),
    "true for a count": ({"quantization__calibration__count": True}, "calibration.count is true"),
    "a fraction for a version": ({"preprocess__version": 1.5}, "contract.preprocess.version is"),
    "a string for labels": ({"labels": "0123456789"}, "contract.labels is"),
    "a label that is a number": ({"labels": ["0", 1]}, r"contract.labels[1] is 1"),
    "three ends of a range": ({"input__range": [0, 0.5, 1]}, "contract.input.range is"),
    "a fractional size": ({"output__shape": [1, 9.5]}, "contract.output.shape[1] is 9.5"),
    "a list for a section": ({"metrics": []}, "contract.metrics is []"),
    "null for a section": ({"accept": None}, "contract.accept is null"),
    "text for a version of a tool": ({"tools": {"keras": 3}}, "contract.tools.keras is 3"),
    "a flip that is none": ({"parity__flips": [3]}, "contract.parity.flips[0] is 3"),
    # No float holds it, and JSON has no limit.
    "a number without bounds": ({"accept__threshold": 10**400}, "accept.threshold is 1000"),
}


@pytest.mark.parametrize(("changes", "cause"), WRONG.values(), ids=WRONG.keys())
def test_a_value_of_the_wrong_type_is_named(changes: dict[str, Any], cause: str) -> None:
    assert cause in refusal(json.dumps(document(**changes))).cause


OUT_OF_BOUNDS = {
    "no number": ({"accept__threshold": float("nan")}, "accept.threshold is NaN"),
    "without end": ({"input__range": [0.0, float("inf")]}, "input.range"),
    "a range that float32 has not": ({"input__range": [0.0, 1e308]}, "input.range goes from 0.0"),
    "a range of a hair": ({"output__range": [0.0, 1e-300]}, "output.range goes from 0.0 to 1e-300"),
    "a share over 1": ({"accept__found__margin": 1.5}, "accept.found.margin is 1.5"),
    "an accuracy under 0": ({"metrics__accuracy": {"onnx": -1.0}}, "metrics.accuracy.onnx is -1"),
    "paper as bright as ink": ({"input__range": [1.0, 1.0]}, "input.range goes from 1.0 to 1.0"),
    "another layout": ({"input__layout": "WHCN"}, "input.layout is 'WHCN'"),
    "a letter for a label": (
        {"labels": [*"012345678", "\x1b"]},
        r"labels are not 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, but 0, 1, 2, 3, 4, 5, 6, 7, 8, \x1b",
    ),
    "eleven labels": ({"labels": [*"0123456789", "x"]}, "but 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, x"),
    "another rule": ({"accept__rule": "hope"}, "accept.rule is 'hope'"),
    "one size of four": ({"input__shape": [1]}, "input.shape is (1,), not 4 sizes"),
    "three sizes of two": ({"output__shape": [1, 1, 10]}, "output.shape is (1, 1, 10), not 2"),
    "a size below 0": (
        {"input__shape": [None, 1, 28, -1]},
        "input.shape is (None, 1, 28, -1), which are no sizes",
    ),
    "no picture at all": ({"input__shape": [0, 1, 28, 28]}, "input.shape is (0, 1, 28, 28)"),
    "another encoding": ({"input__values": "cubes"}, "input.values are 'cubes'"),
    "another fit": ({"input__fit": "torn"}, "input.fit is 'torn'"),
    "other answers": ({"answers": "hopes"}, "answers are 'hopes'"),
    "an origin fed otherwise": (
        {"source__input__values": "cubes"},
        "source.input.values are 'cubes'",
    ),
    "an origin that answers otherwise": ({"source__answers": "hopes"}, "source.answers are"),
    "a file without bytes": ({"content__size": 0}, "content.size is 0"),
    "fewer bytes than none": ({"content__size": -1}, "content.size is -1"),
    "twenty answers": ({"output__shape": [1, 20]}, "output.shape ends with (20,), not with 10"),
    "a name that leads elsewhere": ({"name": "../edge"}, "name is '../edge'"),
    "a name that commands a terminal": ({"name": "edge\x1b[2J"}, r"name is 'edge\x1b[2J'"),
}


@pytest.mark.parametrize(("changes", "cause"), OUT_OF_BOUNDS.values(), ids=OUT_OF_BOUNDS.keys())
def test_a_value_out_of_its_bounds_is_named(changes: dict[str, Any], cause: str) -> None:
    assert cause in refusal(json.dumps(document(**changes))).cause


def test_the_runtime_computes_what_a_contract_may_ask_for() -> None:
    for names, table in (
        (VALUES, encoding.VALUES),
        (FITS, encoding.FITS),
        (ANSWERS, encoding.PROBABILITIES_OF),
    ):
        assert set(names) == set(table)


def test_a_document_too_long_to_be_a_contract_is_not_read() -> None:
    assert "are no contract" in refusal(EXAMPLE.to_json() + " " * (5 << 20)).cause


def test_a_damaged_file_is_named_by_the_checksum_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "edge.tflite"
    path.write_bytes(b"a network")
    EXAMPLE.check_content(path)
    for damaged in (b"a netwurk", b"a net", b""):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"edge\.tflite is damaged"):
            EXAMPLE.check_content(path)


@pytest.mark.parametrize("size", [2**40, 2**70])
def test_no_more_of_a_file_is_read_than_there_is(size: int, tmp_path: Path) -> None:
    path = tmp_path / "edge.tflite"
    path.write_bytes(b"a network")
    contract = replace(EXAMPLE, content=replace(Content.of(b"a network"), size=size))
    with pytest.raises(ModelError, match=r"edge\.tflite is damaged"):
        contract.check_content(path)


@pytest.mark.parametrize("indent", [None, 1])
def test_a_document_of_which_any_character_was_changed_is_refused_or_says_the_same(
    indent: int | None,
) -> None:
    text = EXAMPLE.to_json(indent=indent)
    refused = 0
    for place in range(len(text)):
        for character in '0-"x':
            try:
                damaged = text[:place] + character + text[place + 1 :]
                assert Contract.from_json(damaged, "edge.onnx") == EXAMPLE
            except ContractError:
                refused += 1
    assert refused > len(text)


def test_a_document_that_was_changed_says_so() -> None:
    changed = EXAMPLE.to_json().replace("[0.0,1.0]", "[0.0,71.0]", 1)
    assert "its contract is damaged, or was changed by hand" in refusal(changed).cause
    assert "is damaged" in refusal(EXAMPLE.to_json().replace('"crc32":"', '"crc32":"0')).cause


def test_a_document_that_was_only_set_anew_is_whole() -> None:
    """As JavaScript or jq writes it: 1.0 as 1, keys perhaps in another order."""
    text = re.sub(r"\.0(?=[,\]}])", "", EXAMPLE.to_json())
    assert "1.0," not in text
    anew = json.dumps(json.loads(text), sort_keys=True, indent=2)
    assert Contract.from_json(anew, "edge.onnx") == EXAMPLE


def test_a_document_that_can_be_parsed_but_not_written_is_refused() -> None:
    limit = sys.getrecursionlimit()
    for depth in range(limit - 200, limit):
        deep = "[" * depth + "]" * depth
        refusal(EXAMPLE.to_json().replace('"box":20', f'"box":{deep}'))


@pytest.mark.parametrize("schema", [SCHEMA + 1, 99, 0, "1", None, [1]])
def test_another_schema_is_refused_before_anything_else_is_looked_at(schema: object) -> None:
    error = refusal(json.dumps({"schema": schema, "whatever": "the future holds"}))
    assert f"schema {schema}, this version reads {SCHEMA}" in error.cause
    assert "pip install -U mnist-edge" in error.remedy


@pytest.mark.parametrize(
    "text", ["", "not JSON", "{", EXAMPLE.to_json()[:-1], "[" * 100_000], ids=lambda text: text[:8]
)
def test_what_is_not_json_is_refused(text: str) -> None:
    assert "is not JSON" in refusal(text).cause


@pytest.mark.parametrize("text", ["[]", "null", "1", '"1"'])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert "schema None" in refusal(text).cause


def test_keys_of_later_versions_are_tolerated() -> None:
    later = document(motto="onwards", input__colour="grey", accept__rule_version=2)
    assert Contract.from_json(json.dumps(later), "edge.onnx") == EXAMPLE


def test_a_whole_number_is_a_real_number_too() -> None:
    contract = Contract.from_json(json.dumps(document(accept__threshold=0)), "edge.onnx")
    assert contract.accept.threshold == 0.0
    assert isinstance(contract.accept.threshold, float)


def test_metadata_of_somebody_elses_model_holds_no_contract() -> None:
    metadata = {"author": "somebody else"}
    with pytest.raises(ContractError, match=r"^theirs\.onnx carries no contract") as caught:
        Contract.from_metadata(metadata, "theirs.onnx")
    assert "mnist-edge export" in caught.value.remedy
    metadata[METADATA_KEY] = EXAMPLE.to_json()
    assert Contract.from_metadata(metadata, "theirs.onnx") == EXAMPLE


def test_a_sidecar_lies_beside_its_model_and_is_read_back(tmp_path: Path) -> None:
    model = tmp_path / "edge.int8.tflite"
    EXAMPLE.write(sidecar(model))
    assert [path.name for path in tmp_path.iterdir()] == ["edge.int8.tflite.json"]
    assert Contract.from_sidecar(model) == EXAMPLE
    written = sidecar(model).read_bytes()
    EXAMPLE.write(sidecar(model))
    assert sidecar(model).read_bytes() == written


def test_a_model_without_a_sidecar_has_no_contract(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"edge\.tflite carries no contract"):
        Contract.from_sidecar(tmp_path / "edge.tflite")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{}"])
def test_a_damaged_sidecar_is_named(content: bytes, tmp_path: Path) -> None:
    model = tmp_path / "edge.tflite"
    sidecar(model).write_bytes(content)
    with pytest.raises(ContractError, match=r"edge\.tflite\.json") as caught:
        Contract.from_sidecar(model)
    assert not isinstance(caught.value, MissingContract)
