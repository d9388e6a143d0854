"""Whatever the API's description allows, and what it does not: no fault, nothing undeclared."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.application import build
from mnist_edge.serve.settings import Settings
from tests.serve.conftest import MODEL

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def api() -> Any:
    limits = Settings(MODEL, max_bytes=100_000, max_pixels=1_000_000)
    return schemathesis.openapi.from_asgi("/openapi.json", build(Classifier.load(MODEL), limits))


schema = schemathesis.pytest.from_fixture("api")

# Inputs of each kind for each endpoint; a minute on two cores for all of them together.
EXAMPLES = int(os.environ.get("MNIST_EDGE_API_EXAMPLES", "60"))


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
def test_every_answer_is_one_that_was_declared(case: Any) -> None:
    checks = schemathesis.checks
    case.call_and_validate(
        checks=[
            checks.not_a_server_error,
            *(
                checks.CHECKS.get_one(name)
                for name in (
                    "status_code_conformance",
                    "content_type_conformance",
                    "response_headers_conformance",
                    "response_schema_conformance",
                )
            ),
        ]
    )
