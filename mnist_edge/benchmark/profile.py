"""Where the time of a call goes, node by node: onnxruntime's own profile."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnist_edge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Times are in whole microseconds, so that only a mean tells small ones apart; of calls that are
# slower than this share of all, some were interrupted.
UNDISTURBED = 0.5

_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class Kernel:
    """One node of the graph that onnxruntime made of a file.

    Attributes:
        name: its name in that graph.
        kind: the operation.
        microseconds: of one call, the mean of the faster half; taking the profile adds one or
            two.
    """

    name: str
    kind: str
    microseconds: float


def record(path: Path, feeds: Mapping[str, NDArray[np.generic]], calls: int) -> list[Kernel]:
    """Run an ONNX file with one thread and profile it.

    Args:
        path: the file.
        feeds: its inputs, the same for all calls.
        calls: how many to take the mean over, after half as many to warm up.

    Raises:
        ModelError: onnxruntime cannot run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        for _ in range(calls // 2 + calls):
            session.run(None, feeds)
        return parse(Path(session.end_profiling()).read_text(encoding="utf-8"), calls)


def parse(profile: str, calls: int) -> list[Kernel]:
    """Return the kernels of a profile that onnxruntime wrote, in the order in which they ran.

    Args:
        profile: its JSON.
        calls: of how many calls, the last ones, to take the mean.

    Raises:
        ModelError: it tells of no kernel.
    """
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in json.loads(profile):
        if event["cat"] == "Node" and event["name"].endswith(_SUFFIX):
            name = event["name"].removesuffix(_SUFFIX)
            times[name, event["args"]["op_name"]].append(event["dur"])
    if not times:
        raise ModelError(
            "the profile tells of no kernel.", remedy="profile a model of more than its ends."
        )
    kernels = []
    for (name, kind), durations in times.items():
        last = np.sort(durations[-calls:])
        kept = last[: max(1, int(UNDISTURBED * len(last)))]
        kernels.append(Kernel(name, kind, float(kept.mean())))
    return kernels
