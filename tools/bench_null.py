"""Compare the shipped files with themselves, as often as told: python tools/bench_null.py [TIMES].

Every comparison is a `mnist-edge bench --quick --compare` of its own with the first one's report;
nothing has changed, so that each must pass. Exits with 1 where one does not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from mnist_edge.runtime import shipped

FILES = ("edge.onnx", "edge.int8.onnx", "edge.tflite", "edge.int8.tflite")
BENCH = (sys.executable, "-m", "mnist_edge", "bench", "--quick", "--json")


def main() -> None:
    """Print how each comparison ended, and its ratios."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    files = [str(shipped.path(name)) for name in FILES]
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        baseline = Path(folder, "baseline.json")
        baseline.write_bytes(_run(*files).stdout)
        for number in range(1, times + 1):
            finished = _run(*files, "--compare", str(baseline))
            passed += finished.returncode == 0
            changes = json.loads(finished.stdout)["changes"]
            ratios = ", ".join(f"{change['format']} {change['ratio']:.2f}" for change in changes)
            print(f"{number}: exit code {finished.returncode}; {ratios}", flush=True)
    print(f"{passed} of {times} passed")
    sys.exit(passed < times)


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*BENCH, *arguments], capture_output=True, check=False)


if __name__ == "__main__":
    main()
