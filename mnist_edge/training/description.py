"""The description of a training: all that decides its weights, hashed once.

It tells an unfinished training from another, finds the teachers' answers again, and stands in the
contract of what came out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnist_edge.data import Dataset
    from mnist_edge.training.recipes import Recipe

# Of a recipe: texts, and what the description has itself.
_TOLD_OTHERWISE = ("name", "summary", "source", "epochs")


@dataclass(frozen=True)
class Description:
    """A training, or several for an ensemble.

    Attributes:
        recipe: what is trained, and how.
        dataset: the name of what it is trained on.
        pictures_sha256: of all pictures and labels that it is trained and validated on.
        seed: of weights, order and augmentation.
        epochs: how many.
        members: how many networks are averaged.
        teachers: the `weights_sha256` of each network whose answers are the targets; without any
            the labels are.
        unlabelled: how many unlabelled pictures there are for the teachers to answer as well.
    """

    recipe: Recipe
    dataset: str
    pictures_sha256: str
    seed: int
    epochs: int
    members: int = 1
    teachers: tuple[str, ...] = ()
    unlabelled: int = 0

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        dataset: Dataset,
        *,
        seed: int,
        epochs: int,
        members: int = 1,
        teachers: Sequence[str] = (),
        unlabelled: NDArray[np.uint8] | None = None,
    ) -> Description:
        """Describe a training on these pictures."""
        digest = hashlib.sha256()
        parts = [*dataset.train, *dataset.validation]
        if unlabelled is not None:
            parts.append(unlabelled)
        for part in parts:
            digest.update(str(part.shape).encode() + np.ascontiguousarray(part).data)
        return cls(
            recipe,
            dataset.name,
            digest.hexdigest(),
            seed,
            epochs,
            members,
            tuple(teachers),
            0 if unlabelled is None else len(unlabelled),
        )

    def member(self, number: int) -> Description:
        """Describe the training of an ensemble's member of that number, from 1."""
        return dataclasses.replace(self, seed=self.seed + number - 1, members=1)

    @cached_property
    def document(self) -> dict[str, Any]:
        """What is hashed, as JSON has it; the functions of the recipe go by its name."""
        document = dataclasses.asdict(self)
        recipe = document.pop("recipe")
        settings = {
            key: value
            for key, value in recipe.items()
            if not callable(value) and key not in _TOLD_OTHERWISE
        }
        decoded: dict[str, Any] = json.loads(
            json.dumps({"recipe": self.recipe.name, **document, **settings})
        )
        return decoded

    @cached_property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of the document."""
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()

    @property
    def provenance(self) -> Provenance:
        """What the contract says of it."""
        return Provenance(
            self.seed, self.epochs, self.members, self.teachers, self.unlabelled, self.sha256
        )
