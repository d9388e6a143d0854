"""Run the README's commands one after the other, and write what they print into it.

python tools/record_readme.py [COMMAND …]: train, export, predict, bench, or those named, in
./runs. Training takes minutes, and times are those of a machine that does nothing else.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from markers import between
from render_readme import README

COMMANDS = {
    "train": "train",
    "export": "export --int8",
    "predict": "predict digit.png",
    "bench": "bench",
}

# Lines that say the same of every epoch and of every file.
_BETWEEN = re.compile(
    r"(?:^(?:epoch +(?!1/)\d+/|(?!model)[\w-]+: runs/|measuring: ).*\n)+", re.MULTILINE
)


def main() -> None:
    """Run the commands and rewrite the README in place."""
    names = sys.argv[1:] or list(COMMANDS)
    run("data show --index 0 --file digit.png")
    for name in names:
        shown = f"```\n$ mnist-edge {COMMANDS[name]}\n{run(COMMANDS[name])}\n```"
        text = README.read_text(encoding="utf-8")
        README.write_text(between(text, name, shown), encoding="utf-8")
    Path("digit.png").unlink()


def run(command: str) -> str:
    """Return what a command prints to both streams, without what it says over and over."""
    finished = subprocess.run(
        [sys.executable, "-m", "mnist_edge", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=True,
    )
    lines = _BETWEEN.sub("…\n", finished.stdout)
    last = re.findall(r"^epoch.*$", finished.stdout, re.MULTILINE)[-1:]
    return lines.replace("…\n", f"…\n{last[0]}\n" if last else "…\n", 1).strip()


if __name__ == "__main__":
    main()
