"""`mnist-edge data`: fetch, path, show, pack."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge import workspace
from mnist_edge.cli.options import Data, Invert, Transpose
from mnist_edge.cli.output import fetching, next_command, progress_bar, result

data = typer.Typer(
    help="Fetch MNIST, say where it is, draw a dataset, pack pictures.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@data.command()
def fetch() -> None:
    """Download MNIST to the user's cache, verified."""
    from mnist_edge.data import mnist

    folder = mnist.directory() if os.environ.get(mnist.VARIABLE) else None
    if folder is None:
        with fetching() as progress:
            folder = mnist.fetch(progress)
    result(str(folder))
    next_command("mnist-edge train")


@data.command()
def path() -> None:
    """Print the folder that MNIST is read from."""
    from mnist_edge.data import mnist
    from mnist_edge.errors import DataError

    folder = mnist.directory()
    if folder is None:
        raise DataError("MNIST is not on this machine.", remedy="mnist-edge data fetch")
    result(str(folder))


@data.command()
def show(
    data: Data = "mnist",
    invert: Invert = None,
    transpose: Transpose = None,
    index: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Draw test picture N alone, enlarged."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", metavar="FILE.png", help="Where to write; ./runs/SOURCE.png by default."
        ),
    ] = None,
) -> None:
    """Draw a dataset's training pictures, or one test picture."""
    from mnist_edge import data as datasets
    from mnist_edge.data.grid import draw_digit, draw_grid
    from mnist_edge.errors import UsageError
    from mnist_edge.files import replacing

    with fetching() as progress:
        dataset = datasets.load(data, invert=invert, transpose=transpose, progress=progress)
    if index is None:
        picture = draw_grid(dataset.train)
    elif index < len(dataset.test.labels):
        picture = draw_digit(dataset.test.images[index], scale=10)
    else:
        raise UsageError(
            f"{dataset.name} has no test picture {index}.",
            remedy=f"give a number from 0 to {len(dataset.test.labels) - 1}.",
        )
    target = file or workspace.RUNS / f"{Path(dataset.name).stem}.png"
    with replacing(target) as temporary:
        picture.save(temporary, "PNG")
    result(str(target))


@data.command()
def pack(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder or pattern of picture files.")
    ],
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder to write to, empty or new.")],
    shards: Annotated[
        str, typer.Option("--format", metavar="NAME", help="tar, as WebDataset has it, or parquet.")
    ] = "tar",
    pictures: Annotated[
        int, typer.Option(metavar="N", min=1, help="In a shard, at most; nor more than 256 MiB.")
    ] = 10_000,
) -> None:
    """Pack many small pictures into a few shards, for score."""
    from mnist_edge.data import pack as packing

    with progress_bar("packing") as bar:
        names = packing.pack(source, out, format=shards, pictures=pictures, progress=bar.update)
    result(f"{out}: {len(names):,} shard{'s' * (len(names) != 1)}")
    next_command(f"mnist-edge score {shlex.quote(out)} --out answers")
