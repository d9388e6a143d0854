"""Digits of which the outline is drawn."""

from __future__ import annotations

import numpy as np

from mnist_edge.runtime.reading.components import connected_components
from mnist_edge.runtime.reading.ink import Ink
from mnist_edge.runtime.reading.morphology import pad, thicken
from mnist_edge.runtime.reading.rules import outline_of, path_length

# Of a filled digit.
WIDEST_STROKE = 0.3  # of its length: what is wider is the hole in a zero
MUCH_MORE = 1.5  # times the ink there was


def filled(ink: Ink) -> Ink | None:
    """Fill a digit of which the outline is drawn; None where it can be none, or is filled already.

    Its outermost strokes are its outline, those within them the outlines of its holes.
    """
    if ink.filled:
        return None
    mask = pad(ink.mask, 2)
    line = thicken(mask, 1)  # closes gaps
    ground, pieces = connected_components(~line).labels, connected_components(line).labels
    outside = ground == ground[0, 0]
    outermost = line & np.isin(pieces, pieces[line & thicken(outside, 1)])
    within = ~line & np.isin(ground, ground[~outside & thicken(outermost, 1)])
    solid = mask | thicken(within, 1)
    area = np.count_nonzero(solid)
    stroke_width = area / path_length(outline_of(solid))
    if stroke_width > WIDEST_STROKE * ink.side or area < MUCH_MORE * np.count_nonzero(mask):
        return None
    solid = solid[2:-2, 2:-2]
    depth = np.where(solid & ~ink.mask, np.int16(ink.contrast), ink.depth)
    return ink._replace(mask=solid, depth=depth, stroke_width=stroke_width, filled=True)
