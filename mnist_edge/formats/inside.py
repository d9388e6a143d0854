"""A look inside any model file: its layers, and what each gives for a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import MnistEdgeError, ModelError, first_line
from mnist_edge.extras import require
from mnist_edge.formats.table import family_of
from mnist_edge.runtime.engines.encoding import encoder

if TYPE_CHECKING:
    from mnist_edge.contract import TensorSpec
    from mnist_edge.formats.activations import Network
    from mnist_edge.formats.layers import Layer


def read_layers(path: Path) -> list[Layer]:
    """Read the layers of a model file, in the order of the file.

    Raises:
        ModelError: it is damaged, carries code, or is of no known ending.
        MissingExtra: the package that reads this format is not installed.
    """
    family = family_of(path)
    package, extra = family.reader
    require(package, extra=extra)
    try:
        return list(family.layers(path))
    except MnistEdgeError:
        raise  # which says what is wrong already
    except Exception as error:
        # Neither Keras nor the readers of protocol and flat buffers have exceptions of their own.
        raise ModelError(
            f"{path} cannot be read as a {path.suffix} file: {first_line(error)}",
            remedy="check where it comes from; files that carry code are never run.",
        ) from error


def read_activations(path: Path, spec: TensorSpec, image: NDArray[np.uint8]) -> Network:
    """Run a model file on one picture and keep what every layer gives.

    Args:
        path: the file.
        spec: its input.
        image: uint8 (28, 28), ink 255 on 0.

    Raises:
        ModelError: it is damaged, or cannot be run layer by layer.
        MissingExtra: the package that reads this format is not installed.
    """
    family = family_of(path)
    package, extra = family.reader
    require(package, extra=extra)
    try:
        return family.activations(path, encoder(spec)(image[np.newaxis]))
    except Exception as error:
        # Each library raises what it likes for a graph that is not what it expects.
        raise ModelError(
            f"{path} cannot be run layer by layer: {first_line(error)}",
            remedy="look at another format of the same model.",
        ) from error
