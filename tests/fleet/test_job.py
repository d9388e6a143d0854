"""What a job leaves, which jobs are refused, and what it says when it cannot go on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_edge.data.pack import pack
from mnist_edge.errors import DataError, GateError, OutputError, ScoringError, UsageError
from mnist_edge.fleet import job, pool
from mnist_edge.fleet.job import Progress
from mnist_edge.fleet.shards import Shard, Task
from mnist_edge.runtime import shipped
from tests.fleet.conftest import MODEL, Pictures, Row, answers, files, in_order


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the work in this process, which is quicker for what is no matter of processes."""

    def run(task: Task, units: Any, workers: int | None) -> Any:  # noqa: ARG001
        yield from map(task.finish, units)

    monkeypatch.setattr(pool, "run", run)


@pytest.fixture
def few(pictures: Pictures, tmp_path: Path) -> Pictures:
    """The first 24 pictures, in a folder that a test may change."""
    rows = pictures.rows[:24]
    for row in rows:
        path = Path(row["id"].removeprefix("file://").replace("%20", " ").replace("%23", "#"))
        copy = tmp_path / "scans" / path.relative_to(pictures.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    old, new = pictures.folder.as_uri(), (tmp_path / "scans").as_uri()
    return Pictures(tmp_path / "scans", [row | {"id": row["id"].replace(old, new)} for row in rows])


def score(source: object, out: Path, **options: Any) -> Progress:
    return job.run(str(source), str(out), MODEL, pictures_per_shard=5, **options)


pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("format", ["parquet", "ndjson"])
def test_answers_manifest_and_success_are_left(few: Pictures, tmp_path: Path, format: str) -> None:  # noqa: A002
    out = tmp_path / "answers"
    done = score(few.folder, out, format=format)
    assert answers(out) == in_order(few.rows)
    manifest = json.loads((out / "_manifest.json").read_text())
    errors = sum(row["error"] is not None for row in few.rows)
    refused = sum(not row["accepted"] for row in few.rows) - errors
    assert (done.pictures, done.errors, done.refused) == (24, errors, refused)
    assert (manifest["pictures"], manifest["errors"], manifest["refused"]) == (24, errors, refused)
    assert errors
    assert refused
    names = sorted(path.name for path in out.iterdir() if path.name.startswith("part-"))
    assert [shard["name"] for shard in manifest["shards"]] == names
    assert [shard["pictures"] for shard in manifest["shards"]] == [5, 5, 5, 5, 4]
    assert manifest["model"]["weights_sha256"] == few.rows[0]["weights_sha256"]


def named(rows: list[Row]) -> list[Row]:
    """Rows without their ids, which differ from source to source."""
    return sorted(({**row, "id": ""} for row in rows), key=repr)


def test_every_kind_of_source_gives_the_same_answers(few: Pictures, tmp_path: Path) -> None:
    paths = sorted(few.folder.rglob("*.png"))
    pack(str(few.folder), str(tmp_path / "tar"), pictures=7)
    pack(str(few.folder), str(tmp_path / "parquet"), format="parquet", pictures=7)
    (tmp_path / "list.ndjson").write_text("".join(f'"{path.as_uri()}"\n' for path in paths))
    for name in ("tar", "parquet", "list.ndjson"):
        score(tmp_path / name, tmp_path / f"of {name}")
        found = answers(tmp_path / f"of {name}")
        assert named(found) == named(few.rows), name
        assert len({row["id"] for row in found}) == 24


def stop_after(shards: int) -> Callable[[Progress], None]:
    def progress(now: Progress) -> None:
        if now.shards == shards:
            raise ScoringError("stopped.", remedy="go on.")

    return progress


def test_what_is_resumed_ends_as_what_was_not_stopped(few: Pictures, tmp_path: Path) -> None:
    score(few.folder, tmp_path / "a")
    with pytest.raises(ScoringError, match="stopped"):
        score(few.folder, tmp_path / "b", resume=True, progress=stop_after(3))
    assert not (tmp_path / "b" / "_SUCCESS").exists()
    # As a worker leaves it that was killed while it wrote.
    (tmp_path / "b" / ".0123abcd.part-000004.parquet").write_bytes(b"PAR1")
    # As no worker leaves it, but a disk may.
    (tmp_path / "b" / "part-000001.parquet").write_bytes(b"PAR1")
    done = score(few.folder, tmp_path / "b", resume=True)
    assert (done.resumed, done.shards) == (2, 5)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert score(few.folder, tmp_path / "b", resume=True).resumed == 5
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("content", ["[1]", '{"accepted": "yes"}', "{", '"row"', "{}"])
def test_a_shard_that_is_none_is_made_again(content: str, few: Pictures, tmp_path: Path) -> None:
    score(few.folder, tmp_path / "a", format="ndjson")
    expected = files(tmp_path / "a")
    (tmp_path / "a" / "part-000001.ndjson").write_text(content)
    assert score(few.folder, tmp_path / "a", format="ndjson", resume=True).resumed == 4
    assert files(tmp_path / "a") == expected


def test_another_model_source_or_option_is_not_resumed(
    few: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "answers"
    with pytest.raises(ScoringError, match="stopped"):
        score(few.folder, out, progress=stop_after(2))
    before = files(out)
    other = shipped.path("tiny.onnx")
    with pytest.raises(ScoringError, match="of different model"):
        job.run(str(few.folder), str(out), other, pictures_per_shard=5, resume=True)
    with pytest.raises(ScoringError, match="of different options"):
        score(few.folder, out, format="ndjson", resume=True)
    with monkeypatch.context() as patch:
        patch.setattr("mnist_edge.__version__", "9.9")
        with pytest.raises(ScoringError, match="of different mnist_edge"):
            score(few.folder, out, resume=True)
    (few.folder / "0" / "another.png").touch()
    with pytest.raises(ScoringError, match="of different source"):
        score(few.folder, out, resume=True)
    assert files(out) == before


def test_pictures_of_more_pixels_than_are_allowed_are_errors(few: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "answers"
    done = score(few.folder, out, max_pixels=1000)
    assert done.errors == done.pictures == 24
    decoded = [row for row in few.rows if row["error"] is None]
    refused = [row["error"] for row in answers(out) if "than the 1,000 that" in row["error"]]
    assert len(refused) == len(decoded)
    with pytest.raises(ScoringError, match="of different options"):
        score(few.folder, out, resume=True)
    assert score(few.folder, out, max_pixels=1000, resume=True).resumed == 5


def test_a_folder_with_answers_or_anything_else_is_refused(few: Pictures, tmp_path: Path) -> None:
    score(few.folder, tmp_path / "a")
    before = files(tmp_path / "a")
    with pytest.raises(UsageError, match="answers of an earlier job"):
        score(few.folder, tmp_path / "a")
    assert files(tmp_path / "a") == before
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "diary.txt").touch()
    for resume in (False, True):
        with pytest.raises(UsageError, match=r"not empty: it holds 'diary\.txt'"):
            score(few.folder, tmp_path / "b", resume=resume)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["diary.txt"]
    with pytest.raises(UsageError, match="lies within the source"):
        score(few.folder, few.folder / "answers")
    with pytest.raises(OutputError, match="cannot write"):
        score(few.folder, tmp_path / "b" / "diary.txt")


def test_a_second_job_into_a_folder_is_refused_while_the_first_runs(
    few: Pictures, tmp_path: Path
) -> None:
    refused: list[str] = []

    def second(_: Progress) -> None:
        with pytest.raises(UsageError, match="answers of an earlier job"):
            score(few.folder, tmp_path / "a")
        with pytest.raises(ScoringError, match=rf"process '{os.getpid()}' is writing") as caught:
            score(few.folder, tmp_path / "a", resume=True)
        refused.append(caught.value.cause)

    score(few.folder, tmp_path / "a", progress=second)
    assert len(refused) == 5
    assert len(answers(tmp_path / "a")) == 24


def test_too_many_errors_end_a_job_which_goes_on_with_more(few: Pictures, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="--max-errors allows 1"):
        score(few.folder, tmp_path / "a", max_errors=1)
    with pytest.raises(GateError):
        score(few.folder, tmp_path / "a", max_errors=1, resume=True)
    done = score(few.folder, tmp_path / "a", max_errors=4, resume=True)
    assert done.errors == 4
    assert answers(tmp_path / "a") == in_order(few.rows)


def test_shards_that_never_come_are_not_a_success(
    few: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(task: Task, units: Any, _workers: int | None) -> Any:
        first: Shard = task.finish(next(iter(units)))
        yield first

    monkeypatch.setattr(pool, "run", forgetful)
    with pytest.raises(ScoringError, match="4 shards were not made"):
        score(few.folder, tmp_path / "a")
    assert not (tmp_path / "a" / "_SUCCESS").exists()


def test_parquet_of_nothing_but_a_header_is_answered_by_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "a.parquet")
    done = score(tmp_path / "a.parquet", tmp_path / "answers")
    assert done.pictures == 0
    assert answers(tmp_path / "answers") == []


def test_a_source_that_is_not_there_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        score(tmp_path / "missing", tmp_path / "answers")
    assert not (tmp_path / "answers").exists()


def test_progress_says_what_is_left() -> None:
    now = Progress(1500, 2, 30, shards=6, of=10, resumed=2, seconds=60.2, pictures_per_s=16.6)
    assert now.text == (
        "1,500 pictures, 2 errors, 30 refused, 17 pictures/s, 0:01:00, 0:01:00 left"
    )
    assert "left" not in Progress(9, 0, 0, 3, 3, 3, 0, 0).text
