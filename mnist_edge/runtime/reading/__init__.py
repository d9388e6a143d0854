"""From any picture to the digit in it: the whole algorithm, on one screen.

`decoding` opens the picture, `views` reduces it, `foregrounds` estimates what it would be without
ink and finds the connected components of what stands out from that, `rules` tells what a pen drew,
`candidates` what of it may be the digit, `normalization` draws that as MNIST would, and `lines`
cuts lines into digits. Their numbers are in `parameters`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.contract import SIZE, Limits
from mnist_edge.runtime import accept
from mnist_edge.runtime.reading.candidates import Candidate, candidates, chances, prior
from mnist_edge.runtime.reading.decoding import Source, decode, origin_of
from mnist_edge.runtime.reading.foregrounds import Foreground, connected_components, otsu
from mnist_edge.runtime.reading.normalization import own_form
from mnist_edge.runtime.reading.parameters import CHANCE, DECODING
from mnist_edge.runtime.reading.rules import active, in_use
from mnist_edge.runtime.reading.views import Box, View, scaled

Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

ANY = Limits(0.0, 0.0)


class Reading(NamedTuple):
    """What was found in a picture."""

    image: NDArray[np.uint8]  # (28, 28), ink 255 on 0, for the network; all 0 if it is blank
    candidates: tuple[Candidate, ...] = ()  # n; none if it is in MNIST's own form, or blank
    digits: NDArray[np.uint8] | None = None  # (n, 28, 28): the candidates as the network saw them
    probabilities: NDArray[np.float32] | None = None  # (n, 10): what it said
    chosen: int = 0  # the number of the likeliest candidate
    reason: str | None = None  # why not to trust its answer (`accept`); None if that is unknown too
    frames: int = 1  # how many the file has, of which this is the first
    scale: tuple[float, float] = (1.0, 1.0)  # by how much the source is wider and higher

    @property
    def candidate(self) -> Candidate | None:
        """What was chosen; None where the picture is in MNIST's own form, or blank."""
        return self.candidates[self.chosen] if self.candidates else None

    @property
    def own_form(self) -> bool:
        """Whether the picture is in MNIST's own form, and left as it is, inverted or moved."""
        return not self.candidates and self.reason is None

    @property
    def answer(self) -> NDArray[np.float32] | None:
        """What the network said about what was chosen, (10,); None where it was not asked."""
        return None if self.probabilities is None else self.probabilities[self.chosen]

    @property
    def chances(self) -> NDArray[np.float64] | None:
        """How likely each is the digit, and read right, (n,); None where there are no answers."""
        answers = self.probabilities
        return None if answers is None else chances(self.candidates, answers)

    @property
    def box(self) -> Box | None:
        """Where the digit is in the source, upright; None where it is blank."""
        if (one := self.candidate) is not None:
            return scaled(one.ink.view.in_picture(one.box), self.scale)
        return (0, 0, SIZE, SIZE) if self.own_form else None


def read(
    source: Source,
    network: Network | None = None,
    limits: Limits = ANY,
    max_pixels: int = DECODING.max_pixels,
) -> Reading:
    """Find the digit in a picture, and let the network choose where there is a choice.

    Args:
        source: as `decode` takes it.
        network: answers uint8 (N, 28, 28) with float32 (N, 10); without one, what is likeliest
            before any network has seen it is chosen, and not answered.
        limits: of an answer to be trusted. A picture in MNIST's own form is not answered here.
        max_pixels: as `decode` takes it.

    Raises:
        UnreadableImage: the source is missing, not a picture, damaged or too large.
    """
    # Decoding an array takes longer than a small network does.
    if isinstance(source, np.ndarray) and (image := own_form(source)) is not None:
        return Reading(image)
    picture = decode(source, max_pixels)
    if picture.size == (SIZE, SIZE) and (image := own_form(np.asarray(picture))) is not None:
        return Reading(image, frames=origin_of(picture)[0])
    reading = Reading(np.zeros((SIZE, SIZE), np.uint8), reason=accept.BLANK)
    for again in (False, True) if in_use("again") else (False,):
        if found := propose(picture, again=again):
            reading = _choose(found, network, limits)
        if not reading.reason:
            break
    frames, scale = origin_of(picture)
    return reading._replace(frames=frames, scale=scale)


def propose(picture: Image.Image, *, again: bool, line: bool = False) -> list[Candidate]:
    """List what may be the digit in a picture, the likeliest in the closest view first.

    Args:
        picture: of mode `L` or `RGB` and any size.
        again: whether it is looked at in every way; else only what is likeliest is returned, as a
            clean picture needs no more.
        line: whether a line of digits is looked for.
    """
    ways, found = None if again else 1, list[Candidate]()
    window: Box | None = (0, 0, *picture.size)
    while window:
        view, here, seen = View.of(picture, window, line=line), list[Candidate](), set[bytes]()
        beside = bool(found) and "other ink" in found[0].doubts
        for background in active("background")[:ways]:
            lighter = np.subtract(view.gray, background.apply(view.gray), dtype=np.int16)
            polarities, levels = (("dark", -lighter), ("light", lighter)), otsu(lighter)
            for threshold, (polarity, depth) in product(active("threshold")[:ways], polarities):
                mask = depth > threshold.apply(*levels)
                if mask.any() and (content := mask.tobytes()) not in seen:
                    seen.add(content)
                    way, parts = (background.name, threshold.name), connected_components(mask)
                    here += candidates(Foreground(view, way, polarity, depth, parts), beside=beside)
        found = sorted(here, key=prior, reverse=True) + found
        window = view.closer(found[0].box) if here and in_use("closer") else None
    return found[:ways]


def _choose(found: list[Candidate], network: Network | None, limits: Limits) -> Reading:
    """Draw candidates as MNIST would, and let the network choose; one alone is no choice."""
    digits, best, chance = np.stack([candidate.normalized() for candidate in found]), 0, 1.0
    if network is None:
        return Reading(digits[0], tuple(found), digits)
    probabilities = network(digits)
    if len(found) > 1:
        likely = chances(found, probabilities)
        best = int(likely.argmax())
        chance = float(likely[best])
    reason = accept.doubt(probabilities[best], limits)
    if found[best].doubts or (not reason and chance < CHANCE.trusted):
        reason = accept.NO_DIGIT
    return Reading(digits[best], tuple(found), digits, probabilities, best, reason)
