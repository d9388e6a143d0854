"""Scoring with Ray: on a cluster, any process and all machines but the driver's may die.

A task makes the shard of a unit. Ray repeats tasks that were lost with a worker or a node, and a
shard that is made twice is the same; what is done is in the folder of answers, not in a checkpoint
of Ray's, so that either engine goes on where the other was stopped. Tasks rather than actors: these
would wait for the processors of a node that is gone, and their units with them, and tasks find the
model loaded in the process that they are given, too. Tasks rather than Ray Data: no data passes
from one to the next, and its executor leaves processors idle from block to block.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import mnist_edge
from mnist_edge.errors import MnistEdgeError, ScoringError, first_line
from mnist_edge.extras import require
from mnist_edge.fleet.pool import PATIENCE

if TYPE_CHECKING:
    from mnist_edge.data.pictures import Unit
    from mnist_edge.fleet.shards import Shard, Task

# Seconds until a cluster, and each of its nodes, must have answered.
CONNECT_TIMEOUT, LONGEST_TIMEOUT = 30.0, 86_400.0
# Of an instance that is started here: rows are names of files, and shards do not pass through it.
OBJECT_STORE_BYTES = 100 << 20


def run(
    task: Task,
    units: Iterable[Unit],
    workers: int | None = None,
    address: str = "auto",
    connect_timeout: float = CONNECT_TIMEOUT,
) -> Generator[Shard]:
    """Finish units, in any order, on all nodes of a cluster.

    Args:
        task: what is done.
        units: what it is done to.
        workers: how many units at once; as many as there are processors by default.
        address: `auto`, `host:port`, or `local` for an instance that ends with this run.
        connect_timeout: seconds until the cluster, and then its nodes, must have answered.

    Raises:
        MissingExtra: ray is not installed.
        ScoringError: the cluster does not answer, a node has another mnist-edge or does not see
            the files, or a task failed.
        OutputError: a shard cannot be written.
    """
    require("ray", extra="fleet")
    if not (rows := list(units)):
        return
    with _connected(address, workers, connect_timeout) as ray:
        finish = ray.remote(_finish).options(num_cpus=1, max_retries=PATIENCE)
        shared = ray.put(task), mnist_edge.__version__
        left, running = iter(rows), list[Any]()
        try:
            _check_nodes(ray, _files_to_see(task, rows[0]), connect_timeout)
            while True:
                # As many again wait at the nodes, so that no processor waits for this loop.
                room = workers or max(1, 2 * int(ray.cluster_resources().get("CPU", 0)))
                for unit in islice(left, max(0, room - len(running))):
                    running.append(finish.remote(unit, *shared))
                if not running:
                    return
                (done,), running = ray.wait(running)
                answer = ray.get(done)
                if isinstance(answer, MnistEdgeError):
                    raise answer
                yield answer
        except ray.exceptions.RayError as error:
            raise ScoringError(
                f"a task failed on the cluster: {_last_line(error)}.",
                remedy="see the logs of Ray; what is done is kept for --resume.",
            ) from error
        finally:
            for lost in running:
                ray.cancel(lost)


def _finish(unit: Unit, task: Task, version: str) -> Shard | MnistEdgeError:
    """Make the shard of a unit; an error of ours is a result, as Ray would wrap it."""
    try:
        if mnist_edge.__version__ != version:
            raise _other_version("a worker", mnist_edge.__version__)
        return task.finish(unit)
    except MnistEdgeError as error:
        return error


@contextmanager
def _connected(address: str, workers: int | None, timeout: float) -> Iterator[Any]:
    """Yield ray, connected; an instance that was there before, here or elsewhere, stays."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"address": address}
    if address == "local":
        options |= {"num_cpus": workers, "object_store_memory": OBJECT_STORE_BYTES}
        options |= {"include_dashboard": False}
    failures: list[BaseException] = []

    def connect() -> None:
        try:
            ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL)
        except BaseException as error:
            failures.append(error)

    attempt = threading.Thread(target=connect, daemon=True)
    if address == "local":
        connect()  # here, as what Ray starts ends with the thread that starts it
    else:  # where Ray would try for a minute
        attempt.start()
        attempt.join(timeout)
    if failures or attempt.is_alive():
        why = first_line(failures[0]) if failures else f"not within {timeout:g} s"
        raise ScoringError(
            f"no Ray cluster answers at {address!r}: {why.rstrip('.')}.",
            remedy="start one with ray start --head, or give the HOST:PORT of one and, where it "
            "is slow, a longer --connect-timeout.",
        ) from (failures[0] if failures else None)
    try:
        yield ray
    finally:
        ray.shutdown()


def _files_to_see(task: Task, unit: Unit) -> list[str]:
    """Return files on this machine that every node has to see as well."""
    files = [f"{task.folder}/_job.json"] if task.storage.is_local else []
    return files + [unit.paths[0]] * task.source.storage.is_local


def _check_nodes(ray: Any, files: list[str], timeout: float) -> None:
    """Ask every node that may work what version it has, and whether it sees the files.

    A node that has gone meanwhile takes no part: a cluster lists one that was switched off until
    it has missed it for a while.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Sent by value: a node that has no mnist-edge has to be able to say so.
    def probe() -> tuple[str | None, list[str]]:
        missing = [file for file in files if not os.path.exists(file)]  # noqa: PTH110
        try:
            import mnist_edge
        except ImportError:
            return None, missing
        return mnist_edge.__version__, missing

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    asked = {
        ray.remote(probe)
        .options(
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        )
        .remote(): f"node {node['NodeManagerAddress']}"
        for node in nodes
    }
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=timeout)
    if silent:
        raise ScoringError(
            f"{asked[silent[0]]} does not answer.",
            remedy="see ray status; give a longer --connect-timeout where it is only slow.",
        )
    present = 0
    for answer in answered:
        try:
            version, missing = ray.get(answer)
        except ray.exceptions.TaskUnschedulableError:
            continue
        present += 1
        if version != mnist_edge.__version__:
            raise _other_version(asked[answer], version)
        if missing:
            raise ScoringError(
                f"{asked[answer]} does not see {missing[0]!r}.",
                remedy="read and write where all nodes can: a shared folder, or a store such as "
                "s3://bucket/folder.",
            )
    if not present:
        raise ScoringError(
            "no node has a processor.", remedy="start one with ray start; see ray status."
        )


def _other_version(where: str, version: str | None) -> ScoringError:
    return ScoringError(
        f"{where} has {f'mnist-edge {version}' if version else 'no mnist-edge'}, this machine has "
        f"{mnist_edge.__version__}.",
        remedy=f"pip install 'mnist-edge[fleet]=={mnist_edge.__version__}' on every node.",
    )


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].rstrip(".")
