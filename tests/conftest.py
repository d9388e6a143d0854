"""What all tests share: a small model that the real commands trained and exported."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import settings

from mnist_edge.data import Dataset, Split, npz, synthetic
from mnist_edge.formats.table import FORMATS
from tests import forking

if TYPE_CHECKING:
    import keras
    import onnx

    from tests.formats.theirs import Weights

# TensorFlow's notes, in the tests that import it; read when it is imported.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

# The same examples each time, however long they take where other tests run beside them.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


# Files that take longest, in the order in which they are begun: where several processes share the
# files, none of them is to be left with a long one at the end.
LONGEST = (
    "tests/test_docs.py",
    "tests/cli/test_errors.py",
    "tests/training/test_runs.py",
    "tests/cli/test_verbs.py",
    "tests/page/test_page.py",
    "tests/fleet/test_cluster.py",
    "tests/formats/test_export.py",
    "tests/fuzz/test_fuzz.py",
    "tests/cli/test_export.py",
    "tests/formats/onnx/test_picture.py",
    "tests/serve/test_workers.py",
    "tests/cli/test_bench.py",
    "tests/fleet/test_pool.py",
    "tests/serve/test_openapi.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


# Without a compiler the C header cannot be proved, and is not published.
ALL_FORMATS = "all" if shutil.which("cc") else ",".join(name for name in FORMATS if name != "c")


class Workspace(NamedTuple):
    """A folder in which the commands were run one after the other, as a user would.

    Attributes:
        folder: with `digits.npz`, and `runs/` as train and export left it.
        dataset: what `digits.npz` holds.
    """

    folder: Path
    dataset: Dataset

    @property
    def runs(self) -> Path:
        return self.folder / "runs"


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str


Run = Callable[..., Result]

# Seconds after which a command hangs, whatever the machine.
PATIENCE = 900

# Verbs that load TensorFlow, which takes seconds.
HEAVY = ("train", "export")

# Of the workspace's model: with as many, every format passes its gate with room to spare.
EPOCHS = "8"


def run_command(
    *arguments: str | Path, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> Result:
    """Run `mnist-edge …` in a process of its own."""
    words, env = [*map(str, arguments)], os.environ | (env or {})
    if words and words[0] in HEAVY:
        code, stdout, stderr = forking.run(words, cwd, stdin, env, PATIENCE)
        return Result(code, stdout.decode(), stderr.decode())
    finished = subprocess.run(
        [sys.executable, "-m", "mnist_edge", *words],
        cwd=cwd,
        input=stdin,
        env=env,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Result(finished.returncode, finished.stdout.decode(), finished.stderr.decode())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `mnist-edge …` in a process of its own, in an empty folder by default."""

    def run_here(*arguments: str | Path, cwd: Path = tmp_path, **options: object) -> Result:
        return run_command(*arguments, cwd=cwd, **options)  # type: ignore[arg-type]

    return run_here


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait until something holds; False where it does not within what any machine may take."""
    deadline = time.monotonic() + 60
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def write_digits(path: Path, train: Split, test: Split) -> None:
    """Write a dataset that `--data` takes."""
    np.savez(
        path,
        x_train=train.images,
        y_train=train.labels,
        x_test=test.images,
        y_test=test.labels,
    )


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the workspace that the processes of this run of the tests share."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    built = shared / "workspace-built"
    with built.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            build_workspace(shared / "workspace")
            built.touch()
    folder = shutil.copytree(shared / "workspace", base / "workspace-copy")
    return Workspace(folder, npz.load(folder / "digits.npz"))


def build_workspace(folder: Path) -> None:
    """Train on 16,500 of 18,000 synthetic digits and export in every format, in seconds.

    Enough of them for the gate to pass with a margin: of 5,000 test pictures 15 may flip.
    """
    folder.mkdir(exist_ok=True)
    train, test = synthetic.generate(18_000, seed=1), synthetic.generate(5000, seed=2)
    write_digits(folder / "digits.npz", train, test)
    for arguments in (
        ("train", "--data", "digits.npz", "--epochs", EPOCHS),
        ("export", "--formats", ALL_FORMATS),
    ):
        result = run_command(*arguments, cwd=folder)
        assert result.code == 0, result.stderr


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """Enough to tell well-fed models from others, and few enough for every file to read them."""
    return Dataset.from_arrays(
        "digits", synthetic.generate(8000, seed=1), synthetic.generate(400, seed=2)
    )


@pytest.fixture(scope="session")
def weights(digits: Dataset) -> Weights:
    """A network that was trained on ink 1 on paper 0; it reads more than 90 %."""
    from tests.formats import theirs

    return theirs.train(digits.train)


def data_folder(variable: str) -> Path:
    """Return the folder that an environment variable names, or skip the test."""
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set: this test needs data that is not in the repository")
    return Path(os.environ[variable])


def randomize(model: keras.Model) -> None:
    """Give a network random weights, statistics and biases, in place of a training."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        # Divided by what is summed, so that the answers are not all 0 and 1.
        weight.assign(rng.normal(0, 1 / np.sqrt(np.prod(weight.shape[:-1])), weight.shape))
    for weight in model.non_trainable_weights:  # means and variances
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))


def in_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model of pictures from 0 to 1 that takes uint8 grey levels, without its contract."""
    import onnx

    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    del twin.metadata_props[:]
    (image,) = twin.graph.input
    image.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    for node in twin.graph.node:
        node.input[:] = ["floats" if name == image.name else name for name in node.input]
    for name, value in (("step", np.float32(1 / 255)), ("zero", np.uint8(0))):
        twin.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value), name))
    inputs = [image.name, "step", "zero"]
    twin.graph.node.insert(0, onnx.helper.make_node("DequantizeLinear", inputs, ["floats"]))
    return twin
