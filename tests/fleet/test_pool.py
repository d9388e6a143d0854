"""The process pool: every picture once, whoever is killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.fleet.conftest import (
    Job,
    Pictures,
    answers,
    command_line,
    files,
    in_order,
    kill_driver,
    kill_workers,
    pool_workers,
)

Start = Callable[..., Job]


@pytest.fixture(scope="module")
def undisturbed(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "answers"
    code, _, stderr = Job(pictures.folder, "--out", out, "--shard", "1", "--workers", "2").end()
    assert code == 0, stderr
    return out


def test_every_row_is_what_predict_says(pictures: Pictures, undisturbed: Path) -> None:
    assert answers(undisturbed) == in_order(pictures.rows)


def test_ten_workers_are_killed_and_nothing_is_lost(
    pictures: Pictures, undisturbed: Path, tmp_path: Path, jobs: Start
) -> None:
    job = jobs(pictures.folder, "--out", tmp_path / "a", "--shard", "1", "--workers", "2")
    kill_workers(job, 10, seed=1, workers=lambda: pool_workers(job))
    code, _, stderr = job.end()
    assert code == 0, stderr
    assert files(tmp_path / "a") == files(undisturbed)


def test_the_driver_is_killed_ten_times_and_nothing_is_lost(
    pictures: Pictures, undisturbed: Path, tmp_path: Path, jobs: Start
) -> None:
    def start() -> Job:
        return jobs(pictures.folder, "--out", tmp_path / "a", "--shard", "1", "--resume")

    code, _, stderr = kill_driver(10, seed=2, start=start).end()
    assert code == 0, stderr
    assert files(tmp_path / "a") == files(undisturbed)


def test_workers_end_with_a_driver_that_is_killed(
    pictures: Pictures, tmp_path: Path, jobs: Start
) -> None:
    job = jobs(pictures.folder, "--out", tmp_path / "a", "--shard", "1", "--workers", "2")
    assert job.wait_for_shards(2)
    orphans = pool_workers(job)
    assert len(orphans) == 2
    job.kill()
    assert eventually(lambda: not any("spawn_main" in command_line(pid) for pid in orphans))


def test_a_worker_that_dies_each_time_ends_the_job(
    pictures: Pictures, tmp_path: Path, jobs: Start
) -> None:
    # Python runs this first; workers alone are started with that option.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif '--multiprocessing-fork' in sys.orig_argv: os.kill(os.getpid(), 9)\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    out = ("--out", tmp_path / "a", "--workers", "1")
    job = jobs(pictures.folder, *out, env={"PYTHONPATH": path})
    code, stdout, stderr = job.end()
    assert (code, stdout) == (1, "")
    assert "a worker died before it began, 5 times" in stderr
    assert "Traceback" not in stderr
