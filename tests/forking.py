"""Commands in processes that are forked from one, so that TensorFlow is loaded once for all.

    python -m tests.forking

A line of JSON on stdin names a command: its words, its folder, its environment, and the folder of
its streams. A line on stdout has the exit code that it came to.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path

from mnist_edge.cli import main, streams

STREAMS = ("stdin", "stdout", "stderr")


def run(
    words: list[str], cwd: Path, stdin: bytes, env: dict[str, str], seconds: float
) -> tuple[int, bytes, bytes]:
    """Run `mnist-edge …`; return its exit code, and what it wrote to stdout and stderr.

    Raises:
        TimeoutError: it does not end within so many seconds.
    """
    server = _server()
    assert server.stdin
    assert server.stdout
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "stdin").write_bytes(stdin)
        job = {"words": words, "cwd": str(cwd), "env": env, "folder": folder}
        server.stdin.write(json.dumps(job).encode() + b"\n")
        server.stdin.flush()
        if not select.select([server.stdout], [], [], seconds)[0]:
            server.kill()
            _server.cache_clear()
            raise TimeoutError(f"mnist-edge {' '.join(words)} takes more than {seconds} seconds")
        code = int(server.stdout.readline())
        _, stdout, stderr = (Path(folder, name).read_bytes() for name in STREAMS)
        return code, stdout, stderr


@cache
def _server() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.forking"]
    server = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        # Coverage is for the commands.
        env={name: value for name, value in os.environ.items() if "COV" not in name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    streams.mute_libraries()
    import keras  # noqa: F401
    import onnxruntime.quantization  # noqa: F401
    import tensorflow  # noqa: F401
    import tf2onnx  # noqa: F401

    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _run_here(**job)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


def _run_here(words: list[str], cwd: str, env: dict[str, str], folder: str) -> None:
    """Be the command, to its end."""
    for number, name in enumerate(STREAMS):
        descriptor = os.open(Path(folder, name), os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["mnist-edge", *words]
    import coverage

    measuring = coverage.process_startup(force=True)
    code: object = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    if measuring:
        measuring.stop()
        measuring.save()
    # TensorFlow's end would wait for threads that were not forked.
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
