"""The numbers of reading: a frozen dataclass per stage, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decoding:
    """Of opening a picture; costs are bytes of memory a pixel that Pillow's decoders take."""

    max_pixels: int = 50_000_000  # a larger one is a mistake, or an attack on the memory
    max_bytes: int = 1 << 28  # of a picture that is held in memory, as what comes through a pipe
    shortest_base64: int = 60  # characters: a path that begins like one is shorter
    cost: int = 4  # at most; where they take more, fewer pixels are allowed
    webp_cost: int = 16
    tiff_cost: int = 12
    frames_cost: int = 20
    band: int = 1 << 20  # pixels that are converted at once
    max_side: int = 1024  # pixels: a digit that fills a sixth of it still has MNIST's 20 six times
    card: float = 0.5  # of the pixels: who draws on a card covers more, who draws on nothing less
    extremes: tuple[int, int] = (1, 99)  # percentiles of its levels: the rest is noise
    contrast: int = 64  # grey levels between these: ink and a background of its own
    full_scales: tuple[int, ...] = (1, 255, 65535)  # what the values of an array may count in
    overshoot: float = 0.01  # of these, either way: resizing and tone curves leave their range


@dataclass(frozen=True)
class Viewing:
    """Of the part of a picture that is looked at, and its resolution."""

    side: int = 128  # pixels: six times what MNIST's digits have; more would cost and not help
    closer: float = 0.5  # of the view's side: a smaller digit is looked at again, closer


@dataclass(frozen=True)
class Foregrounds:
    """Of telling what stands out from its background."""

    grid: int = 16  # samples across the picture, and down: light is smoother than that
    rounds: int = 3  # of reweighting: ink has no weight left by then
    spread: tuple[float, float] = (1.5, 4.0)  # of Cauchy's function: times the median, grey levels
    faint: float = 0.5  # of Otsu's threshold: thin lines only graze some of their pixels
    paper: float = 0.75  # of the pixels: ink covers no more than the others
    noise: float = 4.0  # times what these stay below: fainter is noise
    ridge: float = 1e-6  # squared samples: the fit has a solution where few have any weight
    steepness: float = 7.0  # grey levels from pixel to pixel: a softer outline is a shadow's
    steep: float = 3.0  # how much it counts beside length: a page's border is long, and softer


@dataclass(frozen=True)
class Choosing:
    """Of telling which components are one digit, and nothing else."""

    contact: float = 0.35  # of an outline on the picture's edge: a table, a frame, the page itself
    colour: float = 0.9  # cosine between two inks' colours, as seen from the background's
    near: float = 0.2  # of the digit's length: the gap to a part of it
    companion: float = 0.2  # of a digit's length: shorter ink beside it is none
    path: float = 4.2  # of a digit's length: the path of the pen that draws it; an 8 has 3.5


@dataclass(frozen=True)
class Normalizing:
    """Of drawing a digit as MNIST's are. https://yann.lecun.com/exdb/mnist/."""

    box: int = 20  # pixels of 28: the longer side
    centre: int = 14  # the pixel in whose middle the centre of mass lies
    off_centre: float = 0.55  # pixels: MNIST was centred by whole ones
    min_stroke: float = 2.5  # pixels: thinner strokes are thickened
    max_stroke: float = 4.5  # pixels: fatter ones are thinned
    rim: float = 1.5  # pixels around the mask: the soft edge of a stroke is below the threshold
    disk: float = 0.5  # squared pixels beyond a radius squared: disks of few pixels are round
    supersampling: int = 4  # so that strokes are thickened by less than a pixel


@dataclass(frozen=True)
class Lines:
    """Of cutting a line into digits; shares are of its height. Chosen on MNIST's training split."""

    pieces: int = 100  # of ink in a line; more are a texture, or print
    parts: int = 8  # pieces in one digit
    widest: float = 1.4  # a digit; wider ink is cut
    cuttable: float = 0.6  # as wide as two narrow digits that touch
    apart: float = 0.2  # from cut to cut
    mark: float = 0.45  # a dash, a dot, a comma: as high as these, ink may be no digit
    # What speaks against it costs as much as minus the logarithm of the network's probability:
    skip: float = 1.0  # to take ink for a mark
    skip_tall: float = 1.5  # where it is as high as a digit, such as a plus
    # Cuts, in squared strokes; a gap; a second part, and what lacks in height, both squared.
    weights: tuple[float, float, float, float] = (0.03, 8.0, 0.7, 3.0)


@dataclass(frozen=True)
class Chance:
    """Weights of a logistic model: how likely a candidate is the digit, and read right.

    Fitted by `python tools/benchmarks/reading.py --fit`, on all candidates in the pictures of
    `photos` and `negatives`.
    """

    bias: float = -4.23
    support: float = 1.63  # per e-fold of edge support, beside that of the best candidate
    doubted: float = -0.58  # where there is any doubt
    network: float = 1.32  # per unit of the log odds of the network's two best answers together
    least: float = 1e-4  # the network is never surer than this of anything
    trusted: float = 0.97  # of what was chosen among several, an answer is trusted from here on


DECODING = Decoding()
VIEWING = Viewing()
FOREGROUNDS = Foregrounds()
CHOOSING = Choosing()
NORMALIZING = Normalizing()
LINES = Lines()
CHANCE = Chance()
