"""Ray: every picture once, whoever is killed, and whichever engine ends it."""

from __future__ import annotations

import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fleet.conftest import (
    MODEL,
    Job,
    Pictures,
    answers,
    command_line,
    descendants,
    files,
    in_order,
    kill,
    pool_workers,
)

pytest.importorskip("ray", reason="ray is not installed: pip install 'mnist-edge[fleet]'")

pytestmark = pytest.mark.ray

Start = Callable[..., Job]


def start_node(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a node, which ends with its process, and wait until it is there."""
    node = subprocess.Popen(
        [
            *(str(Path(sys.executable).with_name("ray")), "start", "--block", *arguments),
            *("--object-store-memory", str(100 << 20), "--disable-usage-stats"),
        ],
        # Coverage would be written by each of Ray's own processes.
        env={name: value for name, value in os.environ.items() if "COV" not in name}
        | env
        | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert node.stdout is not None
    lines = []
    for line in node.stdout:
        lines.append(line)
        if "Ray runtime started" in line:
            return node
    raise AssertionError("".join(lines))


class Ray(NamedTuple):
    """A cluster of this machine: its first node, address, and what a process needs to be let in."""

    head: subprocess.Popen[str]
    address: str
    env: dict[str, str]


def end(node: subprocess.Popen[str]) -> None:
    """Kill a node as a machine that is switched off: all its processes at once."""
    for pid in [node.pid, *descendants(node.pid)]:
        kill(pid)
    node.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[Ray]:
    """One cluster for all tests, with one processor, so that who is killed is missed."""
    # The paths of its sockets have to be short.
    folder = tempfile.mkdtemp(prefix="ray")
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    port = str(free_port())
    head = start_node(
        env,
        *("--head", "--port", port, "--num-cpus", "1", "--include-dashboard", "false"),
        *("--temp-dir", folder),
    )
    yield Ray(head, f"127.0.0.1:{port}", env)
    end(head)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def score(ray_cluster: Ray, pictures: Pictures, jobs: Start, tmp_path: Path) -> Start:
    """Start a job on the cluster, or without."""

    def start(*arguments: str) -> Job:
        out = ("--out", tmp_path / "a", "--shard", "1", "--resume", "--connect-timeout", "120")
        return jobs(pictures.folder, *out, *arguments, env=ray_cluster.env)

    return start


@pytest.fixture(scope="module")
def undisturbed(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the process pool leaves."""
    out = tmp_path_factory.mktemp("undisturbed") / "answers"
    code, _, stderr = Job(pictures.folder, "--out", out, "--shard", "1").end()
    assert code == 0, stderr
    return out


def workers(node: subprocess.Popen[str]) -> list[int]:
    """The processes of a node that are making shards."""
    return [pid for pid in descendants(node.pid) if command_line(pid).startswith("ray::_finish")]


def test_drivers_and_workers_are_killed_and_nothing_is_lost(
    ray_cluster: Ray, score: Start, pictures: Pictures, undisturbed: Path, tmp_path: Path
) -> None:
    rng = random.Random(3)
    kills = ["driver"] * 5 + ["worker"] * 6
    rng.shuffle(kills)
    job = score("--address", ray_cluster.address)
    for number, victim in enumerate(kills):
        assert job.wait_for_shards(rng.randint(1, 4)), job.end()
        time.sleep(rng.uniform(0, 0.02))
        if victim == "worker":
            while not (running := workers(ray_cluster.head) + pool_workers(job)):
                assert job.process.poll() is None, job.end()
            kill(rng.choice(running))
        else:
            job.kill()
            # The other engine goes on in between, and is killed, too.
            job = score() if number % 4 == 0 else score("--address", ray_cluster.address)
    code, _, stderr = job.end()
    assert code == 0, stderr
    assert files(tmp_path / "a") == files(undisturbed)
    assert answers(tmp_path / "a") == in_order(pictures.rows)


def test_a_node_is_lost_and_nothing_else(
    ray_cluster: Ray, score: Start, undisturbed: Path, tmp_path: Path
) -> None:
    node = start_node(ray_cluster.env, "--address", ray_cluster.address, "--num-cpus", "4")
    try:
        job = score("--address", ray_cluster.address)
        while not workers(node):
            assert job.process.poll() is None, job.end()
            time.sleep(0.01)
    finally:
        end(node)
    code, _, stderr = job.end()
    assert code == 0, stderr
    assert files(tmp_path / "a") == files(undisturbed)


def test_a_cluster_that_does_not_answer_is_one_line(
    ray_cluster: Ray, jobs: Start, pictures: Pictures, tmp_path: Path
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        job = jobs(
            *(pictures.folder, "--out", tmp_path / "a", "--address", address),
            *("--connect-timeout", "1"),
            env=ray_cluster.env,
        )
        code, stdout, stderr = job.end()
    assert (code, stdout) == (1, "")
    cause, remedy = stderr.splitlines()[-2:]
    assert cause == f"error: no Ray cluster answers at '{address}': not within 1 s."
    assert "ray start --head" in remedy
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            "mnist_edge.__version__ = '9.9'",
            r"node .* has mnist-edge [0-9.]+, this machine has 9.9\.",
        ),
        (
            "mnist_edge.fleet.cluster._files_to_see = lambda *_: ['/only/here']",
            r"node .* does not see '/only/here'\.",
        ),
    ],
    ids=["another version", "no shared folder"],
)
def test_a_node_that_cannot_take_part_is_named(
    ray_cluster: Ray, pictures: Pictures, tmp_path: Path, change: str, cause: str
) -> None:
    code = f"import mnist_edge.cli, mnist_edge.fleet.cluster; {change}; mnist_edge.cli.main()"
    finished = subprocess.run(
        [
            *(sys.executable, "-c", code),
            *("score", pictures.folder, "--out", tmp_path / "a", "--address", ray_cluster.address),
            *("--connect-timeout", "120"),
        ],
        env=os.environ | ray_cluster.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert re.fullmatch(f"error: {cause}", finished.stderr.splitlines()[-2]), finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_node_that_is_gone_and_still_listed_takes_no_part(
    ray_cluster: Ray, pictures: Pictures, undisturbed: Path, tmp_path: Path
) -> None:
    code = (
        "import ray, mnist_edge.cli\n"
        "listed = ray.nodes\n"
        "ray.nodes = lambda: [*listed(), listed()[0] | {'NodeID': 'ab' * 28}]\n"
        "mnist_edge.cli.main()"
    )
    finished = subprocess.run(
        [
            *(sys.executable, "-c", code, "score", pictures.folder, "--out", tmp_path / "a"),
            *("--model", MODEL, "--shard", "1", "--address", ray_cluster.address),
            *("--connect-timeout", "120"),
        ],
        env=os.environ | ray_cluster.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert files(tmp_path / "a") == files(undisturbed)


def test_what_a_worker_cannot_write_is_one_line(
    ray_cluster: Ray, score: Start, undisturbed: Path, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed, tmp_path / "a")
    (tmp_path / "a" / "part-000003.parquet").unlink()
    (tmp_path / "a" / "part-000003.parquet").mkdir()
    code, _, stderr = score("--address", ray_cluster.address).end()
    assert code == 1
    assert stderr.splitlines()[-2].startswith("error: cannot write ")
    assert "Traceback" not in stderr
