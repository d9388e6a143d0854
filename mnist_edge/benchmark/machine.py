"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mnist_edge

_PACKAGES = ("numpy", "onnxruntime", "ai-edge-litert", "tensorflow", "keras")

# What kernels of small networks are chosen by, of the hundred flags there are.
_FLAGS = ("sse4", "avx", "fma", "f16c", "amx", "neon", "asimd", "fphp", "sve", "i8mm", "bf16")

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True)
class Machine:
    """A machine at the moment a benchmark starts; None where it does not tell.

    Attributes:
        cpu: the processor's name.
        flags: its vector and matrix instructions, as Linux calls them.
        cores: how many this process may use.
        governor: what decides the clock rate.
        load: processes that wanted to run, on average over the last minute.
        system: the operating system.
        python: its version.
        versions: of mnist-edge and the engines that are installed.
    """

    cpu: str
    flags: list[str]
    cores: int | None
    governor: str | None
    load: float | None
    system: str
    python: str
    versions: dict[str, str]

    def __str__(self) -> str:
        """Return what is said of it beside figures."""
        return self.cpu if self.load is None else f"{self.cpu}, load {self.load:.2f}"


def describe() -> Machine:
    """Return what there is to know of this machine now."""
    described = cpuinfo()
    flags = (described.get("flags") or described.get("Features") or "").split()
    return Machine(
        cpu=described.get("model name") or platform.processor() or platform.machine(),
        flags=sorted(flag for flag in flags if flag.startswith(_FLAGS)),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        governor=_read(_GOVERNOR).strip() or None,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        system=platform.platform(),
        python=platform.python_version(),
        versions={"mnist-edge": mnist_edge.__version__, **dict(_versions())},
    )


def cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first processor."""
    first = _read(Path("/proc/cpuinfo")).partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read(path: Path) -> str:
    """Return a file's text, empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found
