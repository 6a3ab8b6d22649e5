"""Who may import whom, and what the package never does; the code is read, not imported."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "visionkit"
FILES = sorted(PACKAGE.rglob("*.py"))
PARTS = ("blocks", "explain", "models", "preprocess", "reader", "train")

every_file = pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])

# part -> the other parts that it may import
ARROWS = {
    "_errors": set(),
    "_extras": {"_errors"},
    "_processors": set(),
    "_table": set(),
    "_checks": {"_errors"},
    "_beside": set(),
    "_files": {"_beside", "_errors"},
    "_folders": {"_beside"},
    "_hdf5": set(),
    "_saved": {"_errors", "models", "train"},  # whose layers it makes known to Keras
    "_launch": {"_checks", "_errors"},
    "__init__": {"_errors", *PARTS},
    "preprocess": {"_errors", "_files"},
    "blocks": {"_errors", "_checks"},
    "models": {"_errors", "_checks", "_extras", "_files", "_folders", "_hdf5", "_saved", "_table", "blocks"},
    "train": {
        "_errors",
        "_checks",
        "_beside",
        "_extras",
        "_files",
        "_hdf5",
        "_processors",
        "_saved",
        "_table",
        "__init__",
        "preprocess",
    },  # version
    "explain": {"_errors", "_checks", "_extras", "_files", "preprocess"},
    "reader": {"_errors", "_extras", "_saved", "preprocess"},
    "_demo": {"_files", "preprocess", "reader"},
    "cli": {
        "_errors",
        "_files",
        "_table",
        "__init__",
        "_demo",
        "_launch",
        "_processors",
        "preprocess",
        "explain",
        "models",
        "reader",
        "train",
    },
    "__main__": {"cli"},
}

# part -> what it may import of others when it is imported itself
AT_ONCE = {
    "preprocess": {"numpy", "cv2"},
    "reader": {"numpy", "cv2"},
    "_demo": {"numpy", "cv2"},
    "blocks": {"keras", "numpy"},
    "_saved": {"h5py"},
    "models": {"h5py", "keras", "ml_dtypes", "numpy"},
    "explain": {"cv2", "keras", "numpy"},
    "train": {"cv2", "keras", "numpy"},
}
HEAVY = {"keras", "tensorflow", "torch", "jax"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(tree: ast.AST, *, in_functions: bool = True) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees, and, if wanted, but those that run later."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not in_functions:
            continue
        yield node
        yield from nodes(node, in_functions=in_functions)


def imported(tree: ast.AST, **options: bool) -> Iterator[str]:
    """The dotted names of what is imported: `from visionkit import models` gives visionkit.models."""
    for node in nodes(tree, **options):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            one_below = node.module == "visionkit"
            yield from (f"{node.module}.{alias.name}" for alias in node.names if one_below)
            if not one_below and node.module:
                yield node.module


def own_part(name: str) -> str:
    """visionkit.reader.glyph -> reader; visionkit.__version__ -> __init__."""
    part = [*name.split("."), "__init__"][1]
    exists = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()
    return part if exists else "__init__"


def others(names: Iterator[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"visionkit"}


@every_file
def test_arrows_go_one_way(path):
    part = part_of(path)
    found = {own_part(name) for name in imported(tree_of(path)) if name.split(".")[0] == "visionkit"}
    assert found - {part} <= ARROWS[part]


@every_file
def test_only_named_packages_load_with_a_part(path):
    part = part_of(path)
    found = others(imported(tree_of(path), in_functions=False))
    assert found <= AT_ONCE.get(part, set())


@pytest.mark.parametrize(
    "path", [p for p in FILES if part_of(p) in ("reader", "_demo", "preprocess")], ids=lambda p: p.name
)
def test_reading_imports_no_models_and_no_framework_at_once(path):
    names = set(imported(tree_of(path), in_functions=False))
    assert not {name for name in names if name.split(".")[0] in HEAVY or own_part(name) in ("models", "blocks")}


def test_only_data_and_strategies_of_training_know_tensorflow():
    rooms = {PACKAGE / "train" / room for room in ("data", "tfrecord", "strategies")}
    knowing = {path for path in (PACKAGE / "train").rglob("*.py") if "tensorflow" in others(imported(tree_of(path)))}
    assert knowing
    assert {path.parent for path in knowing} <= rooms


def test_only_engines_of_explanation_know_a_backend():
    heavy = HEAVY - {"keras"}
    knowing = {path for path in (PACKAGE / "explain").rglob("*.py") if heavy & others(imported(tree_of(path)))}
    assert {path.parent for path in knowing} == {PACKAGE / "explain" / "probe" / "engines"}


@every_file
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@every_file
def test_nothing_runs_what_a_file_or_a_user_says(path):
    tree = tree_of(path)
    assert not {"pickle", "marshal", "shelve", "dill", "joblib", "yaml"} & {
        name.split(".")[0] for name in imported(tree)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "__import__"), f"line {node.lineno}: {called}"
            assert not called.startswith(("os.system", "os.popen", "os.spawn", "os.exec")), (
                f"line {node.lineno}: {called}"
            )
            assert called not in ("subprocess.getoutput", "subprocess.getstatusoutput"), f"line {node.lineno}: {called}"
            if called in ("subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_output"):
                assert isinstance(node.args[0], ast.List | ast.Name), f"line {node.lineno}: a text for a shell"
            # archives are read member by member; of PyTorch's files nothing is read
            assert not called.endswith((".extractall", ".extract")), f"line {node.lineno}: {called}"
            assert called != "torch.load", f"line {node.lineno}: {called}"
            assert not called.endswith("enable_unsafe_deserialization"), f"line {node.lineno}: {called}"
            for keyword in node.keywords:
                given = f"{keyword.arg}={ast.unparse(keyword.value)}"
                assert not given.startswith(("shell=", "allow_pickle=True", "safe_mode=False")), (
                    f"line {node.lineno}: {given}"
                )


def test_one_place_loads_models():
    calling = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("load_model")
    }
    assert calling == {"_saved/__init__.py"}
