"""Whatever bytes come: an answer, or an error of the package; never another, nor a hang."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.campaign import fuzz
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import HANG, finding

CORPUS = Path(__file__).parent / "corpus"

# What all kinds together take; `python tools/fuzz.py` goes on for hours.
SECONDS = float(os.environ.get("MNIST_EDGE_FUZZ_SECONDS", "30"))

# A library may end the process, which only a process of its own survives.
NATIVE = ("onnx", "tflite")

pytestmark = [pytest.mark.fuzz, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    "row", sorted(CORPUS.glob("*/*")), ids=lambda row: f"{row.parent.name}/{row.name}"
)
def test_what_was_wrong_once_is_right(row: Path, tmp_path: Path) -> None:
    target = TARGETS[row.parent.name]
    path = tmp_path / target.file
    path.write_bytes(row.read_bytes())
    assert finding(target, path) is None


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in NATIVE])
@settings(
    max_examples=round(SECONDS * 4),
    deadline=None,  # by the clock, which goes on while other processes work
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(random=st.randoms(use_true_random=False))
def test_mutations_are_answered_or_refused(
    name: str, random: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = TARGETS[name]
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}" / target.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(mutate(target.seeds(), random))
    began = time.process_time()
    assert finding(target, path) is None
    assert time.process_time() - began < HANG


@pytest.mark.parametrize("name", NATIVE)
def test_mutated_models_are_answered_or_refused(name: str) -> None:
    outcome = fuzz(name, SECONDS / 4)
    assert outcome.ran
    assert outcome.findings == {}
    # A damaged file can end LiteRT itself, which no exception tells of.
    assert name == "tflite" or not outcome.ended
