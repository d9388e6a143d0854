"""`export`: a model in, files out that have proved to answer like it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import GateError, Interrupted, MnistEdgeError, UsageError
from mnist_edge.extras import require
from mnist_edge.files import holding, replacing, sha256_of
from mnist_edge.formats.exported import Exported, in_the_way
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.latest import latest
from mnist_edge.formats.table import FORMATS, faster, named, of_path
from mnist_edge.workspace import (
    RUNS,
    copy_origins,
    load_dataset,
    remember_dataset,
    remember_original,
)

if TYPE_CHECKING:
    import keras

    from mnist_edge.contract import Contract
    from mnist_edge.data import Dataset, Progress
    from mnist_edge.formats.family import Format
    from mnist_edge.formats.source import Exportable

# Makes something of a header, given its text and the model's name.
Packer = Callable[[str, str], bytes]

# Training pictures that integer files are calibrated on.
CALIBRATION_COUNT = 1000


def export(
    model: str | Path | keras.Model | None = None,
    *,
    int8: bool = False,
    formats: Iterable[str] | None = None,
    fast: bool = False,
    out: str | Path = RUNS,
    data: str | None = None,
    invert: bool | None = None,
    transpose: bool | None = None,
    calibration: int = CALIBRATION_COUNT,
    allow_inaccurate: bool = False,
    force: bool = False,
    arduino: bool = False,
    wasm: bool = False,
    feeding: FeedingOptions | None = None,
    note: Callable[[str], None] = lambda _text: None,
    on_file: Callable[[Exported], None] = lambda _file: None,
    progress: Progress | None = None,
) -> list[Exported]:
    """Convert a model, and publish each file that answers like it.

    Args:
        model: a `.keras` file that was trained here; or somebody else's `.keras`, `.h5`, `.onnx` or
            `.tflite` file, the folder of a SavedModel, or a Keras model in memory, which are run on
            training pictures to see how they want to be fed. By default the newest in `./runs`.
        int8: add the integer formats to `onnx` and `tflite`.
        formats: names of the table of formats, or `all`, in place of these.
        fast: make integer files that are faster, and that fewer runtimes take.
        out: the folder to write to.
        data: the dataset to calibrate and judge on, as `train` takes it; that of the training by
            default. Somebody else's model is judged on MNIST, or on the synthetic digits where that
            is not at hand.
        invert: how that is to be read, as in `mnist_edge.data.load`; so is `transpose`.
        transpose: likewise.
        calibration: how many training pictures to calibrate integer files on.
        allow_inaccurate: make files of a model too that reads less than `exported.ACCURATE`.
        force: replace files that no export made.
        arduino: pack the C header as a library for Arduino, too.
        wasm: compile it to WebAssembly, too, for a page.
        feeding: what is known of how somebody else's model is fed, and need not be measured.
        note: called with what there is to say.
        on_file: called with each format that was made, or failed.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Returns:
        The files that were published.

    Raises:
        UsageError: there is no such format, or nothing to be made.
        ModelError: the model cannot be loaded, or it is not clear how it wants to be fed.
        MissingExtra: a package of the extra `export` is not installed.
        GateError: a file does not answer like the model, which then is not published; or the model
            reads too little. The other formats have been made all the same.
        ConversionError: likewise, where a converter failed.
        OutputError: a file cannot be written, one that no export made is in the way, or another
            process has the folder.
    """
    rows = _rows(formats, int8=int8)
    for option, asked_for in (("--arduino", arduino), ("--wasm", wasm)):
        if asked_for and FORMATS["c"] not in rows:
            raise UsageError(
                f"{option} is made of the C header, which is not.", remedy="add it: --formats c"
            )
    require("tensorflow", "tf2onnx", "onnx", "ml_dtypes", "ai_edge_litert", extra="export")
    from mnist_edge.formats.identify import contract_of

    folder = Path(out)
    with holding(folder, "export"):
        if model is None:
            model, _ = latest("keras")
        origin = Path(model) if isinstance(model, str | Path) else model
        contract = contract_of(origin) if isinstance(origin, Path) else None
        if contract is None:
            data = data or _at_hand(note)
        elif isinstance(origin, Path):
            _check_trained(origin, feeding)
        dataset = load_dataset(
            data,
            contract,
            origin.parent if isinstance(origin, Path) else folder,
            invert=invert,
            transpose=transpose,
            progress=progress,
        )
        exportable = _opened(origin, contract, dataset, feeding, note)
        name = exportable.contract.name
        if fast:
            names = {row.name for row in rows}
            wanted = {name: each for name, each in exportable.conversions.items() if name in names}
            exportable = replace(exportable, conversions=exportable.conversions | faster(wanted))
        # Somebody who asks for all wants all that there can be.
        asked = formats is not None and "all" not in formats
        skipped = [
            row.name
            for row in rows
            if row.name not in exportable.conversions and (asked or row.conversion)
        ]
        if skipped and (asked or len(skipped) == len(rows)):
            raise UsageError(
                f"{', '.join(skipped)} cannot be made of this model.",
                remedy=f"its formats are {', '.join(exportable.conversions)}.",
            )
        if skipped:
            note(f"{', '.join(skipped)}: not made of this model")
        header = FORMATS["c"].path(folder, name)
        packers = _packers(header, arduino=arduino, wasm=wasm, force=force)
        from mnist_edge.formats.exporter import Exporter

        done: list[Exported] = []
        try:
            exporter = Exporter(
                exportable, dataset, calibration=calibration, allow_inaccurate=allow_inaccurate
            )
            note(
                f"exporting {name}: {exporter.accuracy:.2%} on the "
                f"{len(dataset.test.labels):,} test pictures of {dataset.name}"
            )
            for exported in exporter.export(rows, folder, force=force, named=asked):
                packed = _packed(header, name, packers) if exported.path == header else ()
                for item in exported, *(() if exported.failure else packed):
                    done.append(item)
                    on_file(item)
        except KeyboardInterrupt as error:
            finished = ", ".join(item.format for item in done if not item.failure) or "none"
            raise Interrupted(
                f"the export was interrupted; finished formats: {finished}.",
                remedy="run the same command again.",
            ) from error
        if contract and isinstance(origin, Path):
            copy_origins(name, origin.parent, folder)
        elif isinstance(origin, Path):
            remember_original(folder, name, origin)
        if data is not None:
            remember_dataset(folder, name, dataset, invert=invert, transpose=transpose)
        _raise([item.failure for item in done if item.failure], note)
        return done


def _check_trained(path: Path, feeding: FeedingOptions | None) -> None:
    """Refuse what is no trained model, or to be fed otherwise than its contract says."""
    if of_path(path) is not FORMATS["keras"]:
        raise UsageError(
            f"{path} is an exported file, not a trained model.",
            remedy="name the file that it was exported from.",
        )
    if feeding:
        raise UsageError(
            f"{path} carries a contract, which says how it is fed.",
            remedy="leave out what says so otherwise, such as --input-range and --ink.",
        )


def _opened(
    origin: Path | keras.Model,
    contract: Contract | None,
    dataset: Dataset,
    feeding: FeedingOptions | None,
    note: Callable[[str], None],
) -> Exportable:
    """Open a model by its contract, or as somebody else's where it has none."""
    # This loads TensorFlow, for which nobody is to wait who mistyped something.
    from mnist_edge.formats import source
    from mnist_edge.formats.identify import name_of

    if contract and isinstance(origin, Path):
        return source.open_trained(origin, contract)
    name = name_of(origin) if isinstance(origin, Path) else origin.name
    exportable = source.open_foreign(origin, name, dataset, feeding or FeedingOptions())
    note(exportable.feeding)
    return exportable


def _raise(failures: list[MnistEdgeError], note: Callable[[str], None]) -> None:
    """Raise the first failure, a gate's before a converter's, and tell the others."""
    failures.sort(key=lambda failure: not isinstance(failure, GateError))
    for failure in failures[1:]:
        note(f"error: {failure}")
    if failures:
        raise failures[0]


def _packers(header: Path, *, arduino: bool, wasm: bool, force: bool) -> dict[Path, Packer]:
    """Return what is to be made of a header beside it: an Arduino library, a module for a page.

    Raises:
        OutputError: a file that no export made is in the way.
    """
    from mnist_edge.formats.c import arduino as library
    from mnist_edge.formats.c import wasm as module

    packers: dict[Path, Packer] = {}
    for asked, suffix, make, made_here in (
        (arduino, ".zip", library.library, library.made_here),
        (wasm, ".wasm", module.wasm, module.made_here),
    ):
        path = header.with_suffix(suffix)
        if asked and path.exists() and not (force or made_here(path)):
            raise in_the_way(path)
        if asked:
            packers[path] = make
    return packers


def _packed(header: Path, name: str, packers: dict[Path, Packer]) -> Iterator[Exported]:
    """Write what is made of a header."""
    for path, make in packers.items():
        made = Exported(path.suffix[1:], path)
        try:
            content = make(header.read_text(encoding="utf-8"), name)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        except MnistEdgeError as failure:
            yield replace(made, failure=failure)
        else:
            yield replace(made, bytes=len(content), sha256=sha256_of(path))


def _rows(formats: Iterable[str] | None, *, int8: bool) -> list[Format]:
    if formats is not None:
        return named(formats)
    wanted = {"default", "int8"} if int8 else {"default"}
    made = (row for row in FORMATS.values() if row.conversion)
    return [row for row in made if row.conversion and row.conversion.selected in wanted]


def _at_hand(note: Callable[[str], None]) -> str:
    """Return the dataset that somebody else's model is judged on where nobody names one."""
    from mnist_edge.data import mnist

    if mnist.directory() is not None:
        return "mnist"
    note(
        "MNIST is not at hand: the model is judged on the synthetic digits, which it has never "
        "seen. mnist-edge data fetch brings MNIST."
    )
    return "synthetic"
