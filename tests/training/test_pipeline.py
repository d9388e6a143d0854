"""The training batches: pure functions of seed and step, and distortions that stay in bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from mnist_edge.data import Split, synthetic
from mnist_edge.training import pipeline
from mnist_edge.training.recipes import RECIPES, Augmentation, Recipe

EDGE = RECIPES["edge"]
STILL = Augmentation(rotation=0, shift=0, zoom=0, shear=0)


@pytest.fixture(scope="module")
def split() -> Split:
    return synthetic.generate(1000, seed=5)


def take(split: Split, first_step: int, count: int, seed: int = 0) -> list[np.ndarray]:
    stream = pipeline.batches(EDGE, split, seed=seed, first_step=first_step)
    return [pictures.numpy() for pictures, _ in stream.take(count)]


def test_a_stream_from_the_middle_is_the_rest_of_the_whole_stream(split: Split) -> None:
    whole, rest = take(split, 0, 12), take(split, 9, 3)
    for expected, given in zip(whole[9:], rest, strict=True):
        np.testing.assert_array_equal(expected, given)


def test_another_seed_gives_other_batches(split: Split) -> None:
    assert not np.array_equal(take(split, 0, 1, seed=0)[0], take(split, 0, 1, seed=1)[0])


def test_an_epoch_visits_every_picture_once_in_an_order_of_its_own() -> None:
    # Pictures that are told apart by their one grey value, and a batch that divides their number.
    images = np.repeat(np.arange(200, dtype=np.uint8), 28 * 28).reshape(-1, 28, 28)
    split = Split(images, np.zeros(200, np.uint8))
    recipe = replace(EDGE, augmentation=None, batch=40)
    stream = pipeline.batches(recipe, split, seed=3, first_step=0)
    seen = np.concatenate(
        [np.rint(batch.numpy()[:, 0, 0, 0] * 255) for batch, _ in stream.take(10)]
    )
    first, second = seen[:200], seen[200:]
    assert sorted(first) == sorted(second) == list(range(200))
    assert not np.array_equal(first, second)


def test_labels_belong_to_their_pictures(split: Split) -> None:
    recipe = replace(EDGE, augmentation=None, batch=100)
    label_of = {image.tobytes(): label for image, label in zip(*split, strict=True)}
    pictures, labels = next(iter(pipeline.batches(recipe, split, seed=0, first_step=0)))
    for picture, label in zip(np.rint(pictures.numpy() * 255), labels.numpy(), strict=True):
        assert label_of[picture[..., 0].astype(np.uint8).tobytes()] == label.argmax()


def test_a_picture_without_a_digit_is_to_leave_the_network_undecided(split: Split) -> None:
    labels = np.where(split.labels < 5, split.labels, 10).astype(np.uint8)
    recipe = replace(EDGE, augmentation=None, batch=100)
    _, targets = next(
        iter(pipeline.batches(recipe, Split(split.images, labels), seed=0, first_step=0))
    )
    undecided = targets.numpy().max(axis=1) < 1
    assert 0.3 < undecided.mean() < 0.7  # half of the labels
    np.testing.assert_allclose(targets.numpy()[undecided], 0.1, rtol=1e-6)


def test_a_split_smaller_than_a_batch_still_fills_it(split: Split) -> None:
    small = Split(split.images[:50], split.labels[:50])
    assert pipeline.steps_per_epoch(EDGE, small) == 1
    assert take(small, 0, 1)[0].shape == (128, 28, 28, 1)


def as_images(split: Split) -> tf.Tensor:
    return tf.constant(split.images[:200, ..., np.newaxis] / 255, tf.float32)


def test_no_deviation_changes_nothing(split: Split) -> None:
    images = as_images(split)
    # Bilinear weights of 1 and 0, up to the rounding of the centre's coordinates.
    np.testing.assert_allclose(pipeline.distort(images, STILL, seed=(0, 0)), images, atol=1e-4)


def test_distortion_fades_away_towards_the_end_of_a_training(split: Split) -> None:
    recipe = replace(EDGE, fade=0.5)

    def pictures(recipe: Recipe, last_step: int | None, step: int) -> np.ndarray:
        stream = pipeline.batches(recipe, split, seed=0, first_step=step, last_step=last_step)
        images: np.ndarray = next(iter(stream))[0].numpy()
        return images

    distorted, still = (
        [pictures(row, None, step) for step in (0, 10, 15, 20)]
        for row in (EDGE, replace(EDGE, augmentation=None))
    )
    faded = [pictures(recipe, 20, step) for step in (0, 10, 15, 20)]
    np.testing.assert_array_equal(faded[:2], distorted[:2])
    np.testing.assert_allclose(faded[3], still[3], atol=1e-4)
    # Half of each deviation moves strokes half as far, which is more than half of the difference.
    change = np.abs(faded[2] - still[2]).mean() / np.abs(distorted[2] - still[2]).mean()
    assert 0.4 < change < 0.9


def centre(images: np.ndarray) -> np.ndarray:
    """Return the centre of mass (N, 2) of pictures, x before y."""
    grid = np.stack(np.meshgrid(np.arange(28), np.arange(28)), axis=-1)
    weights = images[..., 0]
    places: np.ndarray = np.einsum("nyx,yxc->nc", weights, grid)
    places /= weights.sum(axis=(1, 2))[:, None]
    return places


def test_shifts_stay_within_their_bound_and_reach_it(split: Split) -> None:
    images = as_images(split)
    moved = pipeline.distort(images, replace(STILL, shift=3), seed=(0, 1)).numpy()
    shift = np.abs(centre(moved) - centre(images.numpy()))
    # Digits have four pixels of margin, so nothing is cut off; interpolation keeps the centre.
    assert shift.max() <= 3.01
    assert shift.max(axis=0).min() > 2.5


def spread(images: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the ink along x and y, (N, 2)."""
    grid = np.stack(np.meshgrid(np.arange(28), np.arange(28)), axis=-1)
    weights = images[..., 0] / images[..., 0].sum(axis=(1, 2))[:, None, None]
    offset = grid[None] - centre(images)[:, None, None]
    deviation: np.ndarray = np.sqrt(np.einsum("nyx,nyxc->nc", weights, offset**2))
    return deviation


def test_zoom_stays_within_its_bound_and_goes_both_ways() -> None:
    squares = np.zeros((200, 28, 28, 1), np.float32)
    squares[:, 8:20, 8:20] = 1
    zoomed = pipeline.distort(tf.constant(squares), replace(STILL, zoom=0.1), seed=(0, 2)).numpy()
    ratio = spread(zoomed) / spread(squares)
    # A tenth either way; interpolation blurs the edges of the square by a fraction of a pixel.
    assert 0.89 < ratio.min() < 0.92
    assert 1.08 < ratio.max() < 1.12


def test_rotation_keeps_the_ink_and_its_distance_from_the_centre(split: Split) -> None:
    images = as_images(split)
    turned = pipeline.distort(images, replace(STILL, rotation=15), seed=(0, 3)).numpy()
    middle = np.array([13.5, 13.5])
    before = np.linalg.norm(centre(images.numpy()) - middle, axis=1)
    after = np.linalg.norm(centre(turned) - middle, axis=1)
    np.testing.assert_allclose(after, before, atol=0.1)
    assert not np.allclose(turned, images, atol=0.1)


def test_elastic_bends_strokes_and_leaves_the_ink_where_it_is_on_average(split: Split) -> None:
    images = as_images(split)
    bent = pipeline.distort(images, replace(STILL, elastic=1.5), seed=(0, 4)).numpy()
    assert np.abs(bent - images.numpy()).max(axis=(1, 2, 3)).min() > 0.2
    shift = centre(bent) - centre(images.numpy())
    # 200 random shifts of less than a pixel each: their mean is nought within a tenth.
    assert np.abs(shift.mean(axis=0)).max() < 0.1
    assert 0.1 < shift.std() < 1


def test_strokes_get_thicker_and_thinner_but_no_picture_leaves_its_range(split: Split) -> None:
    images = as_images(split)
    changed = pipeline.distort(images, replace(STILL, stroke=1), seed=(0, 5)).numpy()
    ratio = changed.sum(axis=(1, 2, 3)) / images.numpy().sum(axis=(1, 2, 3))
    # A pen stroke is two to four pixels wide, and changes by up to one on either side.
    assert ratio.min() < 0.6
    assert ratio.max() > 1.6
    assert changed.min() >= -1e-6
    assert changed.max() <= 1 + 1e-6
