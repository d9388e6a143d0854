"""`report`: a model file in, an HTML page about it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.benchmark.bench import chosen, files_beside
from mnist_edge.benchmark.latency import FULL, QUICK
from mnist_edge.extras import require
from mnist_edge.files import replacing
from mnist_edge.formats.identify import contract_of, name_of
from mnist_edge.formats.latest import latest
from mnist_edge.workspace import RUNS, load_dataset

if TYPE_CHECKING:
    from mnist_edge.data import Progress
    from mnist_edge.formats.feeding import FeedingOptions


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Attributes:
        path: where it is.
        model: the file that it is about.
        bytes: its size.
        missing: why a section could not be drawn, by its name in `page.SECTIONS`.
    """

    path: Path
    model: Path
    bytes: int
    missing: dict[str, str]

    def to_dict(self) -> dict[str, object]:
        """Return it as `report --json` prints it."""
        return vars(self) | {"path": str(self.path), "model": str(self.model)}


def report(
    models: Iterable[str | Path] = (),
    *,
    file: str | Path | None = None,
    data: str | None = None,
    invert: bool | None = None,
    transpose: bool | None = None,
    digit: int = 7,
    quick: bool = False,
    feeding: FeedingOptions | None = None,
    note: Callable[[str], None] = lambda _text: None,
    on_round: Callable[[int, int], None] = lambda _done, _total: None,
    progress: Progress | None = None,
) -> Report:
    """Draw a model, its formats and its mistakes on one HTML page.

    Args:
        models: the file that the page is about, by default that of the newest model in `./runs`,
            else of the shipped model; and others to compare it with beside its own formats.
        file: where to write; `./runs/NAME.html` by default.
        data: the dataset to measure on, as `train` takes it; that of the training by default.
        invert: how that is to be read, as in `mnist_edge.data.load`; so is `transpose`.
        transpose: likewise.
        digit: 0 to 9; its first test picture is followed through the network.
        quick: measure for seconds only.
        feeding: what is known of how files without a contract are fed, and need not be measured.
        note: called with what there is to say.
        on_round: called with the number of finished rounds of timing and of all.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Raises:
        MissingExtra: a package of the extra `plot` is not installed.
        ModelError: a file is missing, or the first cannot run here.
        DataError: the dataset is not at hand.
        UsageError: the test split has no picture of `digit`.
        OutputError: the page cannot be written.
    """
    require("matplotlib", "jinja2", extra="plot")
    from mnist_edge.report.page import SECTIONS, build

    given = [Path(model) for model in models]
    subject, *others = given or [latest("keras", "onnx", "onnx-int8", "tflite")[0]]
    paths = chosen(list(dict.fromkeys([*files_beside(subject), subject, *others])))
    dataset = load_dataset(
        data,
        contract_of(subject),
        subject.parent,
        invert=invert,
        transpose=transpose,
        progress=progress,
    )
    effort = QUICK if quick else FULL
    note(
        f"measuring {len(paths)} file{'s' * (len(paths) > 1)} on the "
        f"{len(dataset.test.labels):,} test pictures of {dataset.name}"
    )
    page = build(
        paths,
        subject,
        dataset,
        effort,
        digit=digit,
        feeding=feeding,
        note=note,
        on_round=lambda number: on_round(number, effort.rounds),
    )
    target = Path(file) if file else RUNS / f"{name_of(subject)}.html"
    with replacing(target) as temporary:
        temporary.write_text(page.html, encoding="utf-8")
    for name, reason in page.missing.items():
        note(f"{SECTIONS[name]}: {reason}")
    return Report(target, subject, target.stat().st_size, page.missing)
