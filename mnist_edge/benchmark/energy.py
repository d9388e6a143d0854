"""The energy that the processor says it has used: RAPL, where Linux exposes it to this user.

https://www.kernel.org/doc/html/latest/power/powercap/powercap.html
"""

from __future__ import annotations

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class Meter:
    """The processor packages' counters of microjoules, which start again at their ranges.

    Args:
        packages: the folders of their power zones.

    Raises:
        OSError: a counter cannot be read; on most systems root alone may.
    """

    def __init__(self, packages: list[Path]) -> None:
        self._counters = [package / "energy_uj" for package in packages]
        self._ranges = [_number(package / "max_energy_range_uj") for package in packages]
        self.read()

    def read(self) -> list[int]:
        """Return the counters."""
        return [_number(counter) for counter in self._counters]

    def since(self, before: list[int]) -> int:
        """Return the microjoules used since the counters were at `before`, read by `read`."""
        return sum(
            (now - then) % size
            for now, then, size in zip(self.read(), before, self._ranges, strict=True)
        )


def find(powercap: Path = POWERCAP) -> Meter | None:
    """Return the meter of this machine; None where it has none or does not let it be read."""
    try:
        packages = [
            zone.parent
            for zone in sorted(powercap.glob("intel-rapl:*/name"))
            if zone.read_text(encoding="ascii").startswith("package")
        ]
        return Meter(packages) if packages else None
    except OSError:
        return None


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
