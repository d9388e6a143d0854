"""Whatever the API's description allows, and what it does not: no fault, nothing undeclared."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.application import build
from mnist_edge.serve.settings import Settings
from tests.serve.conftest import MODEL

# Inputs of each kind for each endpoint: half a minute for all of them together.
EXAMPLES = int(os.environ.get("MNIST_EDGE_API_EXAMPLES", "25"))

CHECKED = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "allow_header_conformance"),
)

# What is sent to others is any bytes, or nothing: there is no way for it to be wrong.
STRUCTURED = ("/v1/predict", "/v1/line", "/v2/models/{model}/infer")


def test_every_answer_is_one_that_was_declared(classifier: Classifier) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.checks import CHECKS
    from schemathesis.generation import GenerationMode

    limits = Settings(MODEL, max_bytes=100_000, max_pixels=1_000_000)
    api = schemathesis.openapi.from_asgi("/openapi.json", build(classifier, limits))
    checks = CHECKS.get_by_names([*CHECKED])
    tried = set()
    for result in api.get_all_operations():
        operation = result.ok()
        tried.add(operation.label)
        for mode in GenerationMode:
            if mode is GenerationMode.NEGATIVE and operation.path not in STRUCTURED:
                continue

            @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                case.call_and_validate(checks=checks)

            check()
    assert len(tried) == 11
