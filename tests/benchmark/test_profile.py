"""The profile parser, on three calls of the shipped model that were recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark.profile import Kernel, parse, record
from mnist_edge.errors import ModelError
from mnist_edge.runtime import shipped

RECORDED = Path(__file__).with_name("profile.json").read_text()


def changed(**durations: list[int]) -> str:
    """The recorded profile with other durations of some kernels, one per call."""
    events = json.loads(RECORDED)
    for name, wanted in durations.items():
        of_kernel = [event for event in events if event["name"] == f"{name}_kernel_time"]
        for event, duration in zip(of_kernel, wanted, strict=True):
            event["dur"] = duration
    return json.dumps(events)


def test_kernels_come_in_the_order_in_which_they_ran() -> None:
    kinds = [(kernel.name, kernel.kind) for kernel in parse(RECORDED, calls=3)]
    assert kinds == [
        *((f"relu{number}_nchwc", "Conv") for number in (1, 2, 3, 4)),
        ("ReorderOutput", "ReorderOutput"),
        *(("flatten1", "Flatten"), ("gemm1", "Gemm"), ("softmax1", "Softmax")),
    ]


def test_a_time_is_of_the_last_calls_without_the_slower_ones() -> None:
    # The first call is the warm-up, and of the others one was interrupted.
    profile = changed(relu1_nchwc=[900, 4, 60], gemm1=[900, 7, 7])
    kernels = {kernel.name: kernel.microseconds for kernel in parse(profile, calls=2)}
    assert (kernels["relu1_nchwc"], kernels["gemm1"]) == (4, 7)


def test_a_time_is_the_mean_of_the_faster_half() -> None:
    event = {"cat": "Node", "name": "a_kernel_time", "args": {"op_name": "Conv"}}
    profile = json.dumps([event | {"dur": number} for number in (50, 1, 2, 3, 1, 2, 3, 1, 2, 3)])
    assert parse(profile, calls=10) == [Kernel("a", "Conv", 1.4)]


def test_a_profile_without_kernels_is_refused() -> None:
    with pytest.raises(ModelError, match="no kernel"):
        parse('[{"cat": "Session", "name": "model_run", "dur": 3, "args": {}}]', calls=1)


def test_a_file_is_profiled_with_every_layer_that_multiplies() -> None:
    image = np.zeros((2, 1, 28, 28), np.float32)
    kernels = record(shipped.path("edge.onnx"), {"image": image}, calls=4)
    # In whole microseconds, of which the quickest take none.
    assert sum(kernel.microseconds for kernel in kernels) > 0
    assert kernels[-1].kind == "Softmax"
    assert {"Conv", "Gemm"} <= {kernel.kind for kernel in kernels}
