"""Whether a header compiles, and answers like the file it was made from, to the last bit."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.errors import ConversionError, GateError
from mnist_edge.formats.c.emit import identifier

# The warnings under which a header is clean.
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")

_MAIN = """
#include <stdio.h>
#define {upper}_IMPLEMENTATION
#include "{name}.h"

int main(void)
{{
    static uint8_t field[{upper}_FIELD_BYTES], scores[{upper}_CLASSES];
    static uint8_t scratch[{upper}_SCRATCH_BYTES];

    while (fread(field, sizeof field, 1, stdin) == 1) {{
        {name}_predict(field, scores, scratch);
        if (fwrite(scores, sizeof scores, 1, stdout) != 1) {{
            return 1;
        }}
    }}
    return 0;
}}
"""


def check(header: str, tflite: bytes, name: str, images: NDArray[np.uint8]) -> None:
    """Compare a header's scores with those of TFLite's reference kernels.

    Args:
        header: its text.
        tflite: the file it was made from.
        name: of the model.
        images: uint8 (N, 28, 28).

    Raises:
        ConversionError: there is no C compiler here.
        GateError: the compiler finds fault with it, or a score differs.
    """
    differences = np.any(scores(header, name, images) != reference(tflite, images), axis=1)
    if differences.any():
        raise GateError(
            f"c is not published: its scores differ for {differences.sum()} of {len(images)} "
            "pictures from those of TFLite's reference kernels.",
            remedy="leave it out with --formats, and report it.",
        )


def scores(header: str, name: str, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compile a header with the host's compiler and let it answer.

    Args:
        header: its text.
        name: of the model.
        images: uint8 (N, 28, 28).

    Returns:
        uint8 (N, 10), probabilities in 1/256.

    Raises:
        ConversionError: there is no C compiler here.
        GateError: the compiler finds fault with it, or the program does not run.
    """
    cc = compiler("cc")
    prefix = identifier(name)
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "main.c"), Path(folder, "main")
        Path(folder, f"{prefix}.h").write_text(header, encoding="utf-8")
        source.write_text(_MAIN.format(name=prefix, upper=prefix.upper()), encoding="utf-8")
        run([cc, "-std=c99", "-O2", *WARNINGS, str(source), "-o", str(program)])
        answers = run([str(program)], images.tobytes())
    return np.frombuffer(answers, np.uint8).reshape(len(images), len(LABELS))


def compiler(program: str, made: str = "c") -> str:
    """Return the path of a compiler or linker, which is to help to make something.

    Raises:
        ConversionError: there is none of that name.
    """
    path = shutil.which(program)
    if path is None:
        raise ConversionError(
            f"{made} is not published: there is no program called {program} here.",
            remedy=f"install it (apt-get install gcc clang lld), or leave {made} out.",
        )
    return path


def run(command: list[str], stdin: bytes = b"", made: str = "c") -> bytes:
    """Run a program, which is to help to make something, and return what it prints.

    Raises:
        GateError: it failed; the cause is the first error that it names.
    """
    finished = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if finished.returncode:
        lines = finished.stderr.decode(errors="replace").splitlines()
        (said, *_) = [line.strip() for line in lines if "error" in line] or [*lines, ""]
        raise GateError(
            f"{made} is not published: {Path(command[0]).name} ended with {finished.returncode}: "
            f"{said}",
            remedy="leave it out, and report it.",
        )
    return finished.stdout


def reference(tflite: bytes, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what TFLite's reference kernels answer.

    Args:
        tflite: the file.
        images: uint8 (N, 28, 28).

    Returns:
        uint8 (N, 10), probabilities in 1/256.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = np.empty((len(images), len(LABELS)), np.uint8)
    for image, answer in zip(images, answers, strict=True):
        interpreter.set_tensor(source["index"], image.reshape(1, SIZE, SIZE, 1))
        interpreter.invoke()
        answer[:] = interpreter.get_tensor(result["index"]).ravel()
    return answers
