"""The recipes: what the design promises of every row, and of the default."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.training.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_a_digit_classifier(name: str) -> None:
    recipe = RECIPES[name]
    model = recipe.network()
    assert recipe.name == name
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    answers = model(np.random.default_rng(0).random((3, 28, 28, 1), np.float32))
    assert np.allclose(np.sum(answers, axis=1), 1, atol=1e-5)  # float32 softmax
    assert recipe.optimizer(1000).get_config()


def test_the_default_recipe_is_as_small_as_it_says() -> None:
    recipe = RECIPES["edge"]
    model = recipe.network()
    macs = 0
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            positions = np.prod(layer.output.shape[1:-1])
            macs += int(positions * np.prod(layer.kernel.shape))
    assert macs <= 800_000
    assert f"{model.count_params():,} parameters" in recipe.summary
    assert f"{macs / 1e6:.2f} million multiply-accumulates" in recipe.summary
