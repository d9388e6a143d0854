"""The rules of reading, one by one: what each is for, and that it can be left out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_edge.runtime.reading import propose
from mnist_edge.runtime.reading.candidates import Candidate
from mnist_edge.runtime.reading.rules import RULES, active, without
from mnist_edge.runtime.reading.views import Box
from tests.runtime.reading.conftest import read

SEVEN = [(60, 40), (140, 40), (95, 160)]


def seven(*, pen: int = 16, mode: str = "L", ink: object = 0, paper: object = 255) -> Image.Image:
    picture = Image.new(mode, (200, 200), paper)  # type: ignore[arg-type]
    ImageDraw.Draw(picture).line(SEVEN, fill=ink, width=pen, joint="curve")  # type: ignore[arg-type]
    return picture


def likeliest(picture: Image.Image) -> Candidate:
    return propose(picture, again=False)[0]


def place(candidate: Candidate) -> Box:
    return candidate.ink.view.in_picture(candidate.box)


def is_a_seven(box: tuple[int, ...]) -> bool:
    return bool(np.abs(np.array(box) - (54, 34, 148, 166)).max() < 8)


def badged() -> Image.Image:
    picture = seven(mode="RGB", ink=(0, 0, 0), paper=(255, 255, 255))
    ImageDraw.Draw(picture).rectangle((140, 130, 190, 160), fill=(255, 0, 100))
    return picture


def on_a_table() -> Image.Image:
    picture = seven()
    ImageDraw.Draw(picture).rectangle((0, 180, 200, 200), fill=40)
    return picture


@pytest.mark.parametrize(("rule", "picture"), [("colours", badged()), ("edge", on_a_table())])
def test_what_is_dropped_is_none_of_the_digit(rule: str, picture: Image.Image) -> None:
    candidate = likeliest(picture)
    assert rule in dict(candidate.dropped)
    assert is_a_seven(place(candidate))
    with without(rule):
        other = likeliest(picture)
        assert rule not in dict(other.dropped)
        assert place(other) != place(candidate) or other.doubts


def test_a_broken_digit_is_put_together() -> None:
    picture = seven()
    ImageDraw.Draw(picture).rectangle((0, 70, 200, 110), fill=255)
    choices = {one.choice: place(one) for one in propose(picture, again=True)}
    assert is_a_seven(choices["scattered"])
    assert not is_a_seven(choices["near"])


def two() -> Image.Image:
    picture = Image.new("L", (400, 200), 255)
    for left in (0, 200):
        picture.paste(seven(), (left, 0))
    return picture


def scribble() -> Image.Image:
    points = np.random.default_rng(0).integers(40, 170, (30, 2)).ravel().tolist()
    picture = Image.new("L", (210, 210), 255)
    ImageDraw.Draw(picture).line(points, fill=0, width=3)
    return picture


@pytest.mark.parametrize(
    ("rule", "picture"),
    [
        ("other ink", two()),
        ("long path", scribble()),
    ],
)
def test_what_is_more_or_less_than_a_digit_is_doubted(rule: str, picture: Image.Image) -> None:
    assert any(rule in one.doubts for one in propose(picture, again=True))
    with without(rule):
        assert not any(rule in one.doubts for one in propose(picture, again=True))


def test_a_small_digit_is_seen_closer() -> None:
    picture = Image.new("L", (900, 900), 255)
    picture.paste(seven().resize((100, 100)), (600, 300))
    candidate = read(picture).candidate
    assert candidate is not None
    assert np.abs(np.array(place(candidate)) - (627, 317, 674, 383)).max() < 10
    with without("closer"):
        other = propose(picture, again=False)[0]
        assert other.ink.view.factor > candidate.ink.view.factor
        assert other.ink.view.window == (0, 0, *picture.size)


def test_every_rule_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.why and (rule.apply is None) is (rule.stage == "pass") for rule in RULES)


def test_an_unknown_rule_cannot_be_left_out_and_what_is_left_out_comes_back() -> None:
    with pytest.raises(KeyError, match="nonsense"), without("nonsense"):
        pass
    with without("closer"), without("edge"):
        assert [rule.name for rule in active("drop")] == ["colours"]
    assert [rule.name for rule in active("drop")] == ["edge", "colours"]
