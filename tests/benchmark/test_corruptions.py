"""What each corruption does to a picture, and that a seed decides it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.benchmark import corruptions as module
from mnist_edge.benchmark.corruptions import corruptions
from mnist_edge.data import synthetic

Images = NDArray[np.uint8]

NAMES = ["shift", "rotation", "thick", "thin", "blur", "noise", "invert", "occlusion"]
CLEAN = synthetic.generate(200, seed=5).images


@pytest.fixture(scope="module")
def corrupted() -> dict[str, Images]:
    return dict(corruptions(CLEAN, seed=1))


def test_there_are_eight_of_the_same_form(corrupted: dict[str, Images]) -> None:
    assert list(corrupted) == NAMES
    for images in corrupted.values():
        assert images.dtype == np.uint8
        assert images.shape == CLEAN.shape


def test_the_clean_pictures_stay_as_they_are() -> None:
    before = CLEAN.copy()
    list(corruptions(CLEAN))
    assert (before == CLEAN).all()


def test_the_seed_decides(corrupted: dict[str, Images]) -> None:
    for name, images in corruptions(CLEAN, seed=1):
        assert (images == corrupted[name]).all()
    different = {
        name for name, images in corruptions(CLEAN, 2) if (images != corrupted[name]).any()
    }
    assert different == {"shift", "rotation", "noise", "occlusion"}


def test_every_corruption_does_what_it_is_called(corrupted: dict[str, Images]) -> None:
    ink = {name: images.astype(int).sum(axis=(1, 2)) for name, images in corrupted.items()}
    clean = CLEAN.astype(int).sum(axis=(1, 2))
    assert (corrupted["thick"] >= CLEAN).all()
    assert (ink["thick"] > clean).all()
    assert (corrupted["thin"] <= CLEAN).all()
    assert (ink["thin"] < clean).all()
    assert (corrupted["invert"] == 255 - CLEAN.astype(int)).all()
    # Blurring moves ink and keeps it; rounding and the border take a little.
    assert ink["blur"] == pytest.approx(clean, rel=0.02)
    assert (corrupted["blur"].max(axis=(1, 2)) <= CLEAN.max(axis=(1, 2))).all()
    middle = (CLEAN > 3 * module.NOISE) & (CLEAN < 255 - 3 * module.NOISE)
    noise = corrupted["noise"].astype(int) - CLEAN
    assert noise[middle].std() == pytest.approx(module.NOISE, rel=0.05)
    hidden = (corrupted["occlusion"] != CLEAN).sum(axis=(1, 2))
    assert hidden.max() <= module.PATCH**2
    assert (corrupted["occlusion"][corrupted["occlusion"] != CLEAN] == 0).all()


def test_shifts_are_whole_and_go_all_ways() -> None:
    dot = np.zeros((400, 28, 28), np.uint8)
    dot[:, 14, 14] = 255
    shifted = dict(corruptions(dot))["shift"]
    number, down, right = shifted.nonzero()
    assert (number == np.arange(400)).all()  # one pixel in each, still
    assert set(down - 14) == set(right - 14) == set(range(-module.MAX_SHIFT, module.MAX_SHIFT + 1))


def test_rotations_are_about_the_middle_and_not_too_far() -> None:
    bar = np.zeros((400, 28, 28), np.uint8)
    bar[:, 13:15, 4:24] = 255
    rotated = dict(corruptions(bar))["rotation"].astype(float)
    y, x = np.mgrid[:28, :28] - 13.5
    angles = []
    for image in rotated:
        weights = image / image.sum()
        assert abs((weights * x).sum()) < 0.5
        spread = 2 * (weights * x * y).sum(), (weights * (x * x - y * y)).sum()
        angles.append(np.degrees(np.arctan2(*spread)) / 2)
    assert min(angles) < -0.8 * module.MAX_ROTATION
    assert max(angles) > 0.8 * module.MAX_ROTATION
    assert np.abs(angles).max() < module.MAX_ROTATION + 1
