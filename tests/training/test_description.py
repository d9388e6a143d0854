"""The description of a training: what makes it another one, and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mnist_edge.data import Dataset, Split, synthetic
from mnist_edge.training.description import Description
from mnist_edge.training.recipes import RECIPES, Augmentation


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    split = synthetic.generate(60, seed=5)
    return Dataset.from_arrays("digits.npz", split, split)


@pytest.fixture(scope="module")
def description(dataset: Dataset) -> Description:
    return Description.of(RECIPES["edge"], dataset, seed=3, epochs=4)


def test_the_same_training_has_the_same_digest(dataset: Dataset, description: Description) -> None:
    again = Description.of(RECIPES["edge"], dataset, seed=3, epochs=4)
    assert again.sha256 == description.sha256
    assert description.provenance.run == description.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"epochs": 5},
        {"members": 3},
        {"teachers": ("0" * 64,)},
        {"unlabelled": 7},
        {"dataset": "others.npz"},
        {"pictures_sha256": "0" * 64},
        {"recipe": RECIPES["tiny"]},
        {"recipe": replace(RECIPES["edge"], batch=7)},
        {"recipe": replace(RECIPES["edge"], augmentation=Augmentation(1, 1, 1, 1))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_weights_changes_the_digest(
    change: dict[str, object], description: Description
) -> None:
    assert replace(description, **change).sha256 != description.sha256  # type: ignore[arg-type]


def test_words_about_a_recipe_do_not(description: Description) -> None:
    recipe = replace(RECIPES["edge"], summary="another summary", source="elsewhere")
    assert replace(description, recipe=recipe).sha256 == description.sha256


def test_every_picture_and_label_counts(dataset: Dataset, description: Description) -> None:
    def digest(**changed: object) -> str:
        other = replace(dataset, **changed)  # type: ignore[arg-type]
        return Description.of(RECIPES["edge"], other, seed=3, epochs=4).sha256

    images, labels = dataset.train
    brighter, relabelled = images.copy(), labels.copy()
    brighter[-1, 0, 0] ^= 1
    relabelled[0] = (relabelled[0] + 1) % 10
    digests = {
        description.sha256,
        digest(train=Split(brighter, labels)),
        digest(train=Split(images, relabelled)),
        digest(validation=dataset.train),
    }
    assert len(digests) == 4
    # What is only measured on decides nothing.
    assert digest(test=dataset.train) == description.sha256


def test_unlabelled_pictures_count_too(dataset: Dataset) -> None:
    pictures = np.zeros((2, 28, 28), np.uint8)
    one, other = (
        Description.of(RECIPES["edge"], dataset, seed=3, epochs=4, unlabelled=pictures + ink)
        for ink in (np.uint8(0), np.uint8(1))
    )
    assert one.unlabelled == other.unlabelled == 2
    assert one.sha256 != other.sha256


def test_the_members_of_an_ensemble_are_trainings_of_their_own(description: Description) -> None:
    ensemble = replace(description, members=3)
    assert [ensemble.member(number).seed for number in (1, 2, 3)] == [3, 4, 5]
    assert ensemble.member(1).sha256 == description.sha256
