"""What a report says of the machine: enough to tell two of them apart, wherever it runs."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import pytest

import mnist_edge
from mnist_edge.benchmark import machine


def test_the_description_is_json_and_names_everything() -> None:
    described = machine.describe()
    assert json.loads(json.dumps(vars(described))) == vars(described)
    assert described.cpu
    assert described.python == platform.python_version()


def test_versions_are_those_of_the_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PACKAGES", ("numpy", "no-such-package", "onnxruntime"))
    assert machine.describe().versions == {
        "mnist-edge": mnist_edge.__version__,
        "numpy": version("numpy"),
        "onnxruntime": version("onnxruntime"),
    }


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no processes")
def test_cores_are_those_that_the_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    assert machine.describe().cores == len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert machine.describe().cores == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_linux_tells_the_processor_its_instructions_and_its_governor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {
        "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Edge 9000: the fast one\n"
        "flags\t\t: fpu avx2 sse4_2 avx512_vnni rdrand\n\nmodel name\t: another\n",
        str(machine._GOVERNOR): "performance\n",
    }
    monkeypatch.setattr(Path, "read_text", lambda path, **_: files[str(path)])
    described = machine.describe()
    assert described.cpu == "Edge 9000: the fast one"
    assert described.flags == ["avx2", "avx512_vnni", "sse4_2"]
    assert described.governor == "performance"


def test_arm_calls_its_instructions_features(monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = "Features\t: fp asimd crc32 asimddp i8mm\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: cpuinfo)
    assert machine.describe().flags == ["asimd", "asimddp", "i8mm"]


def test_other_systems_are_described_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    described = machine.describe()
    assert described.cpu == platform.machine()
    assert described.cores == os.cpu_count()
    assert (described.flags, described.governor, described.load) == ([], None, None)
