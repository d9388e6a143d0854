"""The public names, what importing them loads, and which way the arrows point."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

import mnist_edge
from mnist_edge import errors
from mnist_edge.cli import VERBS
from tests.conftest import Run, Workspace

PACKAGE = Path(mnist_edge.__file__).parent

HEAVY = {
    *("numpy", "PIL", "onnxruntime", "tensorflow", "keras", "onnx", "matplotlib", "pyarrow"),
    *("ray", "fastapi", "uvicorn"),
}


def test_public_names_are_pinned() -> None:
    assert sorted(mnist_edge.__all__) == [
        "Classifier",
        "Contract",
        "ContractError",
        "ConversionError",
        "DataError",
        "DownloadError",
        "GateError",
        "ImageTooLarge",
        "Interrupted",
        "Line",
        "LineDigit",
        "MissingContract",
        "MissingExtra",
        "MnistEdgeError",
        "ModelError",
        "OutputError",
        "Prediction",
        "Predictions",
        "ScoringError",
        "ServingError",
        "TrainingError",
        "UnreadableImage",
        "UsageError",
        "__version__",
        "bench",
        "export",
        "train",
    ]


@pytest.mark.parametrize("name", mnist_edge.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(mnist_edge, name)


def test_dir_lists_the_public_names() -> None:
    assert dir(mnist_edge) == sorted(mnist_edge.__all__)


def test_every_error_is_public() -> None:
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert defined <= set(mnist_edge.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mnist_edge' has no attribute 'Clasifier'"):
        _ = mnist_edge.Clasifier


def test_the_classifier_is_loaded_on_first_use() -> None:
    assert "mnist_edge.runtime.classifier" not in modules("import mnist_edge")
    assert "mnist_edge.runtime.classifier" in modules("import mnist_edge; mnist_edge.Classifier")


def modules(code: str, *arguments: str | Path, returncode: int = 0) -> set[str]:
    """The modules that a fresh interpreter has loaded once it has run some code."""
    finished = subprocess.run(
        [
            *(sys.executable, "-c"),
            f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {code}",
            *map(str, arguments),
        ],
        env=os.environ | {"MNIST_EDGE_DATA": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == returncode, finished.stderr
    return set(finished.stdout.splitlines()[-1].split())


def command(*arguments: str | Path, returncode: int = 0) -> set[str]:
    """The modules that a command has loaded by its end."""
    code = "from mnist_edge.cli import main; main()"
    return modules(code, *arguments, returncode=returncode)


def top_level(names: set[str]) -> set[str]:
    """The packages that modules belong to, the standard library's apart."""
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not top_level(modules("import mnist_edge")) & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("train", "--help"),
        ("export", "--help"),
        ("predict", "--help"),
        ("evaluate", "--help"),
        ("bench", "--help"),
        ("info", "--help"),
        ("report", "--help"),
        ("score", "--help"),
        ("serve", "--help"),
        ("page", "--help"),
        ("data", "show", "--help"),
    ],
    ids=" ".join,
)
def test_asking_for_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not top_level(command(*arguments)) & HEAVY


@pytest.mark.parametrize(
    ("arguments", "returncode"),
    [
        (("train", "--data", "minst"), 2),
        (("export", "missing.keras"), 1),
        (("export", str(PACKAGE.parent / "models" / "edge.onnx")), 2),
    ],
    ids=["dataset", "model", "exported file"],
)
def test_a_mistyped_name_is_told_without_waiting_for_tensorflow(
    arguments: tuple[str, ...], returncode: int, tmp_path: Path
) -> None:
    loaded = command(*arguments, "--out", tmp_path, returncode=returncode)
    assert "tensorflow" not in top_level(loaded)


@pytest.mark.parametrize(
    ("arguments", "verbs"),
    [(("--version",), []), (("predict", "--help"), ["predict"]), (("--help",), VERBS)],
    ids=["version", "predict", "help"],
)
def test_only_the_verb_that_is_asked_for_is_loaded(
    arguments: tuple[str, ...], verbs: Sequence[str]
) -> None:
    loaded = command(*arguments)
    assert [verb for verb in VERBS if f"mnist_edge.cli.{verb}" in loaded] == [*verbs]


def test_help_says_of_every_verb_what_it_does(run: Run) -> None:
    commands = run("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    lines = [line.split(maxsplit=1) for line in commands.splitlines()]
    assert [verb for verb, _ in lines] == [*VERBS]


def test_predict_loads_numpy_pillow_and_onnxruntime_only(
    workspace: Workspace, tmp_path: Path
) -> None:
    picture = tmp_path / "digit.png"
    Image.fromarray(255 - workspace.dataset.test.images[0]).resize((280, 280)).save(picture)
    loaded = command("predict", picture, "--model", workspace.runs / "edge.onnx")
    assert top_level(loaded) & {*HEAVY, "ai_edge_litert", "tf2onnx"} == {
        *("numpy", "PIL", "onnxruntime")
    }


def test_the_runtime_brings_its_three_packages_and_no_other_room() -> None:
    loaded = modules("import mnist_edge.runtime.classifier, mnist_edge.runtime.shipped")
    # Whatever these three pull in themselves, and what the environment loads at every start.
    allowed = top_level(modules("import numpy, PIL.Image, onnxruntime"))
    assert top_level(loaded) <= {*allowed, "mnist_edge"}
    rooms = {name.split(".")[1] for name in loaded if name.startswith("mnist_edge.")}
    assert rooms == {"contract", "errors", "extras", "files", "runtime"}


# The rooms of the house, and those that each may know. The root is known by all, for the version.
BASE = {"contract", "errors", "extras", "files"}
MAY_IMPORT = {
    "errors": set(),
    "documents": set(),
    "extras": {"errors"},
    "files": {"errors"},
    "contract": {"errors", "files"},
    "tables": set(),
    "runtime": BASE,
    "data": {*BASE, "runtime"},
    "workspace": {*BASE, "data"},
    "training": {*BASE, "data", "runtime", "workspace"},
    "formats": {*BASE, "data", "runtime", "training", "workspace"},
    "benchmark": {*BASE, "data", "runtime", "formats", "workspace", "tables"},
    "report": {*BASE, "data", "runtime", "training", "formats", "benchmark", "workspace"},
    "fleet": {*BASE, "data", "runtime"},
    "serve": {*BASE, "data", "documents", "formats", "runtime"},
    "cli": {
        *(*BASE, "data", "documents", "runtime", "workspace"),
        *("training", "formats", "benchmark", "report", "fleet", "serve", "tables"),
    },
    "__main__": {"cli"},
    "__init__": {"errors", "contract", "runtime", "training", "formats", "benchmark"},
}

# What each room may use from outside; those not named here use the standard library alone.
THIRD_PARTY = {
    "runtime": {"PIL", "ai_edge_litert", "numpy", "onnxruntime"},
    "data": {"HersheyFonts", "PIL", "numpy", "platformdirs", "pyarrow"},
    "fleet": {"pyarrow", "ray"},
    "training": {"h5py", "keras", "matplotlib", "numpy", "tensorflow"},
    "formats": {
        *("ai_edge_litert", "flatbuffers", "h5py", "keras", "numpy"),
        *("onnx", "onnxruntime", "tensorflow", "tf2onnx"),
    },
    "benchmark": {"PIL", "numpy", "onnxruntime"},
    "serve": {
        *("PIL", "fastapi", "numpy", "prometheus_client", "python_multipart", "starlette"),
        *("platformdirs", "uvicorn"),
    },
    "report": {*("PIL", "ai_edge_litert", "jinja2", "matplotlib", "numpy", "onnx", "onnxruntime")},
    "cli": {"rich", "typer"},
}


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_arrows_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = [name.split(".") for name in imported(path)]
    own = {name[1] for name in names if name[0] == "mnist_edge" and len(name) > 1}
    foreign = {name[0] for name in names} - sys.stdlib_module_names - {"mnist_edge"}
    assert own <= {*MAY_IMPORT[room], room}
    assert foreign <= THIRD_PARTY.get(room, set())


def runtime_imports(path: Path) -> Iterator[str]:
    """What a file imports when it runs, at once or later; not what type checkers alone read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_modules_form_a_circle() -> None:
    names = {
        ".".join(("mnist_edge", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in PACKAGE.rglob("*.py")
    }
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    arrows = {}
    for name, path in names.items():
        used = {*runtime_imports(path)} & names.keys()
        # `from package import module` is an arrow to the module alone.
        packages = {other for other in used if names[other].name == "__init__.py"}
        modules = used - packages
        reached = {module.rpartition(".")[0] for module in modules}
        arrows[name] = (modules | (packages - reached)) - {name}
    assert len(arrows) > 100
    # What points at nothing that is left cannot be in a circle.
    while free := {name for name, targets in arrows.items() if not targets & arrows.keys()}:
        for name in free:
            del arrows[name]
    assert arrows == {}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_parsing_and_printing_in_80_lines(verb: str) -> None:
    path = PACKAGE / "cli" / f"{verb}.py"
    text = path.read_text(encoding="utf-8")
    commands = [
        node.end_lineno - node.lineno + 1
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list and node.end_lineno
    ]
    # Of a verb with verbs of its own each is one.
    assert (max(commands) if len(commands) > 1 else len(text.splitlines())) <= 80


def test_a_family_is_a_folder_an_engine_and_a_row() -> None:
    """Whoever adds one has no other module to touch."""
    ending, family = ".tflite", PACKAGE / "formats" / "tflite"
    engines = PACKAGE / "runtime" / "engines"
    deciding = set()
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(family) or path.is_relative_to(engines):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            # Texts that tell users what there is decide nothing.
            if isinstance(node, ast.Constant) and node.value == ending:
                deciding.add(str(path.relative_to(PACKAGE)))
    assert deciding == set()
    rows = (PACKAGE / "formats" / "table.py").read_text(encoding="utf-8")
    assert rows.count("TFLITE") == 2  # its import and its row
