"""What a report says of the machine: enough to tell two of them apart, wherever it runs."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

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


def read(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """Let the system say this of itself, and nothing else."""
    read_text = Path.read_text

    def instead(path: Path, *arguments: Any, **options: Any) -> str:
        if not str(path).startswith(("/proc/", "/sys/")):  # as versions of packages are
            return read_text(path, *arguments, **options)
        if str(path) not in files:
            raise FileNotFoundError
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", instead)


def test_linux_tells_the_processor_its_instructions_and_its_governor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {
        "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Edge 9000: the fast one\n"
        "flags\t\t: fpu avx2 sse4_2 avx512_vnni rdrand\n\nmodel name\t: another\n",
        str(machine._GOVERNOR): "performance\n",
    }
    read(monkeypatch, files)
    described = machine.describe()
    assert described.cpu == "Edge 9000: the fast one"
    assert described.flags == ["avx2", "avx512_vnni", "sse4_2"]
    assert described.governor == "performance"


def test_arm_calls_its_instructions_features(monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch, {"/proc/cpuinfo": "Features\t: fp asimd crc32 asimddp i8mm\n"})
    assert machine.describe().flags == ["asimd", "asimddp", "i8mm"]


def test_other_systems_are_described_too(monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch, {})
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    described = machine.describe()
    assert described.cpu == platform.machine()
    assert described.cores == os.cpu_count()
    assert (described.flags, described.governor, described.load) == ([], None, None)
