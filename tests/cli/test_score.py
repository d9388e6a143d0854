"""`mnist-edge score` and `data pack` as they are run: what they print, and how they end."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_errors import assert_error
from tests.conftest import PATIENCE, Run

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'mnist-edge[fleet]'")

SHARDS = 40


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Blank paper, and one file that is none."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(SHARDS):
        Image.new("L", (900, 900), 255).save(folder / f"{number:02}.png")
    (folder / "07.png").write_bytes(b"a seven")
    return folder


def test_score_prints_one_line_and_progress_beside_it(run: Run, scans: Path) -> None:
    result = run("score", scans, "--out", "answers", "--shard", 4, "--workers", 1)
    assert result.code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith("40 pictures, 1 errors, 39 refused, ")
    model, *steps = result.stderr.splitlines()
    assert model == "model: edge.onnx, the shipped one"
    assert [step.partition(" %: ")[0] for step in steps] == [str(10 * n) for n in range(1, 11)]
    assert all("errors" in step and "pictures/s" in step for step in steps)
    assert all(" left" in step for step in steps[:-1])


def test_score_json_is_one_object(run: Run, scans: Path) -> None:
    result = run("score", scans, "--out", "answers", "--json", "--format", "ndjson")
    report = json.loads(result.stdout)
    assert list(report) == [
        *("pictures", "errors", "refused", "shards", "of", "resumed", "seconds", "pictures_per_s")
    ]
    assert (report["pictures"], report["errors"], report["refused"]) == (40, 1, 39)
    assert (scans.parent / "answers" / "part-000000.ndjson").is_file()


def test_too_many_errors_exit_with_3(run: Run, scans: Path) -> None:
    result = run("score", scans, "--out", "answers", "--max-errors", 0)
    assert_error(result, 3, "--max-errors allows 0")
    assert run("score", scans, "--out", "answers", "--resume").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing", "--out", "answers"), 1, "missing"),
        (("nowhere://a", "--out", "answers"), 2, "nowhere://a"),
        (("empty", "--out", "answers"), 1, "holds nothing to read"),
        (("scans", "--out", "scans/answers"), 2, "within the source"),
        (("scans", "--out", "scans/07.png/answers"), 2, "within the source"),
        (("scans", "--out", "answers", "--format", "parket"), 2, "parket"),
        (("scans", "--out", "answers", "--model", "missing.onnx"), 1, "missing.onnx"),
        (("scans", "--out", "answers", "--connect-timeout", "nan"), 2, "for nan seconds"),
        (("scans", "--out", "answers", "--connect-timeout", "inf"), 2, "for inf seconds"),
        (("sca\x1b[31mns", "--out", "answers"), 1, r"sca\x1b[31mns"),
    ],
    ids=lambda value: (
        str(value[0]).encode("unicode_escape").decode() if isinstance(value, tuple) else ""
    ),
)
def test_bad_sources_and_options_are_one_line(
    run: Run, scans: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (scans.parent / "empty").mkdir()
    assert_error(run("score", *arguments), code, words)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_rights_are_one_line(run: Run, scans: Path) -> None:
    (scans.parent / "closed").mkdir(mode=0o500)
    assert_error(run("score", scans, "--out", "closed/answers"), 1, "cannot write")
    scans.chmod(0)
    assert_error(run("score", scans, "--out", "answers"), 1, "scans")


@pytest.mark.parametrize(
    "size", [20_000, 200_000], ids=["the copy of the model", "a shard of answers"]
)
def test_a_full_disk_is_one_line_and_leaves_nothing_by_halves(
    scans: Path, tmp_path: Path, size: int
) -> None:
    assert scans.is_dir()
    lines = [
        json.dumps({"path": f"scans/{number:02}.png", "name": 9000 * "x"}) for number in range(40)
    ]
    (tmp_path / "list.ndjson").write_text("\n".join(lines))
    # Every file ends at so many bytes, as on a disk that is full.
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "mnist_edge", "score", "list.ndjson", "--out", "answers"),
            *("--id-column", "name", "--format", "ndjson", "--workers", "1"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        # Coverage has files of its own to write.
        env={name: value for name, value in os.environ.items() if "COV" not in name},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-2].startswith("error: cannot write"), finished.stderr
    assert "Traceback" not in finished.stderr
    assert {path.name for path in (tmp_path / "answers").iterdir()} == {"_job.json", "_lock"}


def test_ctrl_c_keeps_what_is_done(run: Run, scans: Path, tmp_path: Path) -> None:
    # Pictures that take long, so that most are still to be read then.
    squares = Image.fromarray(np.random.default_rng(0).integers(0, 2, (60, 60), np.uint8) * 255)
    for path in scans.iterdir():
        squares.resize((900, 900), Image.Resampling.NEAREST).save(path)
    command = [sys.executable, "-m", "mnist_edge", "score", str(scans), "--out", "answers"]
    with subprocess.Popen(
        [*command, "--shard", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if "COV" not in name},
        # As a terminal does it: the signal goes to workers, too.
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("10 %"):
                os.killpg(process.pid, signal.SIGINT)
                break
        lines += process.stderr.readlines()
        assert process.wait(timeout=PATIENCE) == 130
    assert lines[-2].startswith("error: interrupted after ")
    assert "--resume" in lines[-1]
    assert "Traceback" not in "".join(lines)
    result = run("score", scans, "--out", "answers", "--shard", 1, "--resume", "--json")
    report = json.loads(result.stdout)
    assert report["pictures"] == SHARDS
    assert report["resumed"] >= SHARDS // 10


def test_pack_says_where_to_and_what_is_next(run: Run, scans: Path, tmp_path: Path) -> None:
    result = run("data", "pack", scans, "--out", "shards", "--pictures", 16)
    assert result.code == 0, result.stderr
    assert result.stdout == "shards: 3 shards\n"
    assert result.stderr == "packing: 100 %\n\nnext: mnist-edge score shards --out answers\n"
    with tarfile.open(tmp_path / "shards" / "pictures-000000.tar") as archive:
        assert archive.getnames() == [f"{number:02}.png" for number in range(16)]
    assert_error(run("data", "pack", scans, "--out", "shards"), 2, "not empty")


@pytest.mark.parametrize("address", [(), ("--address", "local")], ids=["processes", "Ray here"])
def test_one_machine_takes_only_so_many_workers(
    address: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    result = run("score", ".", "--out", "answers", "--workers", 257, *address)
    assert result.code == 2
    assert "--workers 257 is more than 256 processes of one machine" in result.stderr
    assert not (tmp_path / "answers").exists()
