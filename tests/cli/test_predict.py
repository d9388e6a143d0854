"""`mnist-edge predict` over many pictures: folders, patterns, bad files, lines, explanations."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped
from tests.conftest import Run

MODEL = shipped.folder() / "edge.onnx"


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    picture = Image.new("L", (200, 200), 255)
    pen = ImageDraw.Draw(picture)
    pen.line([(60, 40), (140, 40), (95, 160)], fill=0, width=16, joint="curve")
    picture.save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


def test_folders_and_patterns_are_opened_in_their_order(
    run: Run, seven: Path, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    for name in ("b.png", "a.PNG", "deep/c.png", ".hidden/d.png", ".e.png", "notes[1].png"):
        (scans / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(seven, scans / name)
    (scans / "readme.txt").write_text("no picture")
    # The shell of subprocess expands nothing.
    arguments = ("scans", "scans/?.png", "scans/notes[1].png", "scans/**/c.png", "-")
    result = run("predict", *arguments, "--model", MODEL, "--json", stdin=seven.read_bytes())
    assert result.code == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    in_folder = ["scans/a.PNG", "scans/b.png", "scans/deep/c.png", "scans/notes[1].png"]
    expected = [*in_folder, "scans/b.png", "scans/notes[1].png", "scans/deep/c.png", "-"]
    assert [answer["source"] for answer in answers] == expected
    assert {answer["digit"] for answer in answers} == {7}
    table = run("predict", *arguments, "--model", MODEL, stdin=seven.read_bytes())
    rows = table.stdout.splitlines()
    assert [row.split()[:2] for row in rows] == [[source, "7"] for source in expected]
    assert len({row.index("7 (") for row in rows}) == 1  # a column


def test_a_pattern_that_matches_a_folder_and_what_is_in_it_answers_each_once(
    run: Run, seven: Path, tmp_path: Path
) -> None:
    (tmp_path / "scans" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        shutil.copy(seven, tmp_path / "scans" / name)
    result = run("predict", "scans/**", "--model", MODEL)
    assert [row.split()[0] for row in result.stdout.splitlines()] == [
        "scans/a.png",
        "scans/deep/b.png",
    ]


def test_a_data_url_of_any_length_is_a_picture(run: Run, seven: Path) -> None:
    noise = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(noise, "PNG")
    long, short = (
        f"data:image/png;base64,{base64.b64encode(content).decode()}"
        for content in (noise.getvalue(), seven.read_bytes())
    )
    assert len(long) > os.pathconf("/", "PC_PATH_MAX")
    result = run("predict", short, long, "--model", MODEL)
    assert result.code == 0, result.stderr
    assert "  7 (" in result.stdout.splitlines()[0]
    assert max(map(len, result.stdout.splitlines())) < 120


def test_a_name_of_several_lines_is_one_row(run: Run, seven: Path, tmp_path: Path) -> None:
    shutil.copy(seven, tmp_path / "two\nlines.png")
    result = run("predict", seven, "two\nlines.png", "--model", MODEL)
    first, second = result.stdout.splitlines()
    assert second.startswith(r"two\nlines.png ")
    assert first.index("7 (") == second.index("7 (")
    result = run("predict", "two\nlines.png", "--model", MODEL, "--json")
    assert json.loads(result.stdout)["source"] == "two\nlines.png"


def test_bad_files_of_many_are_named_and_the_others_answered(
    run: Run, seven: Path, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(120):
        shutil.copy(seven, scans / f"{number:03}.png")
    bad = [0, 40, 64, 119]
    for number in bad:
        (scans / f"{number:03}.png").write_text("no picture")
    result = run("predict", "scans", "none-*.png", "--model", MODEL, "--json")
    assert result.code == 1
    sources = [json.loads(line)["source"] for line in result.stdout.splitlines()]
    good = [number for number in range(120) if number not in bad]
    assert sources == [f"scans/{number:03}.png" for number in good]
    faults = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    named = [*(f"scans/{number:03}.png" for number in bad), "none-*.png"]
    assert len(faults) == len(named)
    for fault, name in zip(faults, named, strict=True):
        assert name in fault


def test_a_line_of_digits_is_read(run: Run, tmp_path: Path) -> None:
    split = synthetic.generate(40, seed=6)
    chosen = [int(np.flatnonzero(split.labels == digit)[0]) for digit in (1, 0, 7)]
    line = Image.fromarray(255 - np.hstack([split.images[index] for index in chosen]))
    line.save(tmp_path / "line.png")
    result = run("predict", "line.png", "--digits", "3", "--model", MODEL, "--json")
    assert result.code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert list(answer) == ["source", "text", "accepted", "reason", "digits", "model"]
    assert (answer["source"], answer["model"]) == ("line.png", "edge.onnx")
    assert answer["text"] == "".join(str(digit["digit"]) for digit in answer["digits"])
    boxes = [digit["box"] for digit in answer["digits"]]
    assert [box[0] // 28 for box in boxes] == [0, 1, 2]
    result = run("predict", "line.png", "--digits", "auto", "--model", MODEL, "--explain")
    assert result.stdout.startswith(answer["text"])
    assert result.stderr.count("in the box") == 3


def test_an_explanation_says_why_and_shows_the_field(run: Run, seven: Path) -> None:
    result = run("predict", seven, "--model", MODEL, "--explain")
    assert result.code == 0
    assert result.stdout.startswith("7 (")
    for words in (
        "background; 1 proposed",
        "box: ",
        "strokes: ",
        "top three: 7 (",
    ):
        assert words in result.stderr
    assert "warning" not in result.stderr
    lines = result.stderr.splitlines()
    top, bottom = lines.index(f"┌{'─' * 28}┐"), lines.index(f"└{'─' * 28}┘")
    assert bottom - top == 15
    field = lines[top + 1 : bottom]
    assert {len(line) for line in field} == {30}
    assert sum(line.count("█") for line in field) > 20


def test_an_explanation_warns_of_what_makes_reading_hard(run: Run, tmp_path: Path) -> None:
    picture = Image.new("L", (300, 200), 140)
    for left in (0, 150):
        points = [(left + 60, 0), (left + 100, 0), (left + 80, 120)]
        ImageDraw.Draw(picture).line(points, fill=120, width=12, joint="curve")
    picture.save(tmp_path / "pale.png")
    Image.new("L", (50, 50)).save(tmp_path / "blank.png")
    result = run("predict", "pale.png", "blank.png", "--model", MODEL, "--explain")
    for words in ("little contrast", "touches the picture's edge", "--digits auto"):
        assert words in result.stderr
    assert "no ink was found" in result.stderr


def test_an_explanation_is_of_the_ink_that_the_network_chose(run: Run, tmp_path: Path) -> None:
    digits = synthetic.generate(40, seed=3)
    seven = digits.images[int(np.flatnonzero(digits.labels == 7)[0])]
    picture = Image.new("L", (200, 200), 150)
    ImageDraw.Draw(picture).polygon([(110, 30), (185, 60), (140, 170)], fill=255)
    picture.paste(50, (10, 60), Image.fromarray(seven).resize((90, 90)))
    picture.save(tmp_path / "two.png")
    result = run("predict", "two.png", "--explain", "--model", MODEL)
    assert result.stdout.startswith("7 (")
    assert "dark ink on a lighter background" in result.stderr
    proposed = [line for line in result.stderr.splitlines() if "chance" in line]
    assert len(proposed) > 1
    assert [line.split()[1] for line in proposed if line.startswith(">")] == ["dark"]
    assert any(line.split()[0] == "light" for line in proposed)


def test_an_explanation_is_drawn(run: Run, seven: Path, tmp_path: Path) -> None:
    result = run("predict", seven, "--model", MODEL, "--explain-to", "how.png")
    assert result.code == 0, result.stderr
    assert "drawn: how.png" in result.stderr.splitlines()
    with Image.open(tmp_path / "how.png") as drawing:
        pixels = np.asarray(drawing.convert("RGB"), int)
    # The picture with a red box, 280 pixels wide, and beside it what the network saw, 140.
    picture, digit = pixels[10:290, 10:290], pixels[10:150, 300:440]
    assert ((picture == (255, 60, 60)).all(axis=2)).sum() > 100
    assert np.median(picture) == 255
    assert np.median(digit) == 0
    assert digit.max() == 255


def test_frames_are_answered_one_by_one_and_told_of(run: Run, seven: Path, tmp_path: Path) -> None:
    with Image.open(seven) as picture:
        blank = Image.new("L", picture.size, 255)
        picture.save(tmp_path / "two.gif", save_all=True, append_images=[blank])
    first = run("predict", "two.gif", "--model", MODEL)
    assert first.stdout.startswith("7 (")
    assert "two.gif has more frames than the first" in first.stderr
    result = run("predict", "two.gif", "--frames", "--json", "--model", MODEL)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(item["frame"], item["frames"], item["digit"]) for item in answers] == [
        (0, 2, 7),
        (1, 2, None),
    ]
    assert "more frames" not in result.stderr


def test_a_damaged_frame_comes_after_the_answers_to_those_before(
    run: Run, seven: Path, tmp_path: Path
) -> None:
    with Image.open(seven) as picture:
        others = [picture.rotate(angle, fillcolor=255) for angle in (5, 10, 15)]
        picture.save(tmp_path / "four.png", save_all=True, append_images=others)
    content = (tmp_path / "four.png").read_bytes()
    (tmp_path / "four.png").write_bytes(content[: 2 * len(content) // 3])
    result = run("predict", "four.png", "--frames", "--model", MODEL)
    assert result.code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["0", "1"]
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--digits", "0"), "--digits 0"),
        (("--digits", "many"), "--digits many"),
        (("--digits", "3", "--explain-to", "how.png"), "--explain-to"),
        (("--digits", "auto", "--top", "3"), "--digits and --top do not go together."),
        (("--frames", "--explain"), "--frames and --explain do not go together."),
        (("seven.png", "--explain-to", "how.png"), "one picture, not 2"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: tuple[str, ...], word: str, run: Run, seven: Path, tmp_path: Path
) -> None:
    result = run("predict", seven, *options, "--model", MODEL)
    assert (result.code, result.stdout) == (2, "")
    assert word in result.stderr
    assert not (tmp_path / "how.png").exists()
