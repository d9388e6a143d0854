"""Sets that are dark on light or transposed are refused, whatever they are kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge import data
from mnist_edge.data import orientation, synthetic
from mnist_edge.errors import DataError
from tests.conftest import data_folder

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data.dataset import Dataset, Split

TRAIN, TEST = synthetic.generate(240, seed=5), synthetic.generate(60, seed=6)


def write(path: Path, train: Split, test: Split) -> str:
    np.savez(
        path, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels
    )
    return str(path)


def inverted(split: Split) -> Split:
    return split._replace(images=orientation.inverted(split.images))


def transposed(split: Split) -> Split:
    return split._replace(images=orientation.transposed(split.images))


def assert_upright(dataset: Dataset) -> None:
    np.testing.assert_array_equal(dataset.train.images, TRAIN.images[:220])
    np.testing.assert_array_equal(dataset.validation.images, TRAIN.images[220:])
    np.testing.assert_array_equal(dataset.test.images, TEST.images)
    assert dataset.train.images.flags.c_contiguous


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digits.npz"


def test_upright_light_on_dark_is_taken_as_it_is(path: Path) -> None:
    dataset = data.load(write(path, TRAIN, TEST))
    assert_upright(dataset)
    assert dataset.notes == ()


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (40, 120), (150, 230)])
def test_dark_on_light_is_refused_until_it_is_inverted(path: Path, ink: int, paper: int) -> None:
    def drawn(split: Split) -> Split:
        faded = paper + (ink - paper) * (split.images / 255)
        return split._replace(images=np.rint(faded).astype(np.uint8))

    source = write(path, drawn(TRAIN), drawn(TEST))
    with pytest.raises(DataError, match=r"digits\.npz \(training split\): 100% .* dark on light"):
        data.load(source)
    if paper == 255:
        assert_upright(data.load(source, invert=True))


def test_a_transposed_set_is_refused_until_it_is_transposed(path: Path) -> None:
    source = write(path, transposed(TRAIN), transposed(TEST))
    with pytest.raises(DataError, match=r"digits\.npz \(training split\): the pictures are tra"):
        data.load(source)
    assert_upright(data.load(source, transpose=True))


def test_both_at_once_are_said_one_after_the_other(path: Path) -> None:
    source = write(path, inverted(transposed(TRAIN)), inverted(transposed(TEST)))
    cases: list[tuple[dict[str, Any], str]]
    cases = [({}, "--invert"), ({"invert": True}, "--transpose")]
    for flags, named in cases:
        with pytest.raises(DataError) as caught:
            data.load(source, **flags)
        assert caught.value.remedy.startswith(f"{named} swaps")
        assert f"--no-{named[2:]} takes them as they are" in caught.value.remedy
    assert_upright(data.load(source, invert=True, transpose=True))


@pytest.mark.parametrize("source", ["mnist", "synthetic", "digits.npz"])
@pytest.mark.parametrize("flag", ["invert", "transpose"])
def test_a_flag_that_does_harm_is_refused(
    source: str, flag: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = data.load(write(path, TRAIN, TEST))
    monkeypatch.setattr("mnist_edge.data.mnist.load", lambda _progress: given)
    monkeypatch.setattr("mnist_edge.data.synthetic.load", lambda: given)
    monkeypatch.chdir(path.parent)
    flags: Any = {flag: True}
    with pytest.raises(DataError, match=f"with --{flag} ") as caught:
        data.load(source, **flags)
    assert f"leave --{flag} out" in caught.value.remedy


def test_what_is_insisted_on_is_taken_as_it_is(path: Path) -> None:
    wrong = inverted(transposed(TRAIN)), inverted(transposed(TEST))
    dataset = data.load(write(path, *wrong), invert=False, transpose=False)
    np.testing.assert_array_equal(dataset.test.images, wrong[1].images)
    assert dataset.notes == ()


def test_a_test_split_that_differs_is_named(path: Path) -> None:
    for change in (inverted, transposed):
        with pytest.raises(DataError, match=r"digits\.npz \(test split\): "):
            data.load(write(path, TRAIN, change(TEST)))


def test_some_that_are_dark_on_light_are_told_of(path: Path) -> None:
    images = TRAIN.images.copy()
    images[:55] = 255 - images[:55]  # of the 220 that are left to train
    dataset = data.load(write(path, TRAIN._replace(images=images), TEST))
    assert dataset.notes == ("digits.npz (training split): 25% of the pictures are dark on light",)


def test_pictures_that_are_no_upright_digits_are_told_of(path: Path) -> None:
    def turned(split: Split) -> Split:
        return split._replace(images=np.rot90(split.images, axes=(1, 2)))

    notes = data.load(write(path, turned(TRAIN), turned(TEST))).notes
    assert [note.partition(":")[0] for note in notes] == [
        "digits.npz (training split)",
        "digits.npz (test split)",
    ]
    assert all("see that they are upright digits" in note for note in notes)


@pytest.mark.parametrize("swapped", [False, True], ids=["upright", "transposed"])
def test_fifty_pictures_in_folders_are_enough(tmp_path: Path, swapped: bool) -> None:
    for number, (image, label) in enumerate(zip(*synthetic.generate(50, seed=7), strict=True)):
        folder = tmp_path / str(label)
        folder.mkdir(exist_ok=True)
        # Dark on light, as people draw; reading finds the ink either way.
        Image.fromarray(255 - (image.T if swapped else image)).save(folder / f"{number}.png")
    if swapped:
        with pytest.raises(DataError, match="the pictures are transposed"):
            data.load(str(tmp_path))
    dataset = data.load(str(tmp_path), transpose=swapped or None)
    assert not orientation.dark_on_light(dataset.train.images).any()


def test_ink_that_touches_the_border_is_not_taken_for_paper() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, :, 10:18] = 255  # a 1 from edge to edge
    assert not orientation.dark_on_light(images).any()
    assert orientation.dark_on_light(255 - images).tolist() == [True, False]  # one is blank


@pytest.mark.parametrize("digits", [[0, 8], [1], [6, 9]], ids=str)
def test_digits_that_look_alike_either_way_raise_no_alarm(digits: list[int], path: Path) -> None:
    kept = [
        type(split)(split.images[chosen], split.labels[chosen])
        for split in (synthetic.generate(600, seed=8), synthetic.generate(300, seed=9))
        for chosen in [np.isin(split.labels, digits)]
    ]
    assert data.load(write(path, *kept)).notes == ()


def test_the_real_mnist_either_way() -> None:
    dataset = data.load(str(data_folder("MNIST_EDGE_DATA")))
    assert dataset.notes == ()
    for flags in ({"invert": True}, {"transpose": True}):
        with pytest.raises(DataError, match=r"\(training split\): with --"):
            orientation.oriented(dataset, **{"invert": None, "transpose": None, **flags})


def test_pictures_of_people_raise_no_alarm() -> None:
    assert len(data.load(str(data_folder("MNIST_EDGE_PICTURES") / "photos")).notes) == 1
