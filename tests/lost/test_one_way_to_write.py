"""Files are opened for writing in one place, and by one way; the code is read, not imported."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "visionkit"
FILES = sorted(PACKAGE.rglob("*.py"))

WRITERS = {
    "write_bytes", "write_text", "savefig", "imwrite", "imwritemulti", "VideoWriter", "TFRecordWriter",
    "save", "save_weights", "export", "savez", "savez_compressed", "savetxt", "tofile", "memmap", "open_memmap",
    "copyfile", "copy2", "copytree", "mkstemp", "NamedTemporaryFile", "rename", "renames", "replace", "move",
}  # fmt: skip

# what is called by one of these names and is no writing in a final place
ALLOWED = {
    # where files are written, and moved to their place
    ("_files.py", "os.open"),
    ("_files.py", "os.fdopen w+b"),
    ("_files.py", "os.replace"),
    ("_folders.py", "os.replace"),
    # into memory
    ("_hdf5.py", "model.save_weights"),
    ("_hdf5.py", "model.save"),
    # through `replacing`, into a file that it has opened
    ("train/loop/snapshot.py", "np.savez"),
    ("train/loop/folder.py", "figure.savefig"),
    ("train/loop/folder.py", "snapshot.save"),
    # into the folder beside the place, from which `move_in` moves it
    ("models/tools/export.py", "model.export"),
    # the library's own
    ("cli/models.py", "export"),
    # rows that are there only once KEY.done says so, and moved when they are all there and on the disk
    ("train/transfer/cache.py", "self.part.open r+b"),
    ("train/transfer/cache.py", "self.part.open wb"),
    ("train/transfer/cache.py", "os.replace"),
    # HDF5 files in memory
    ("models/tools/compare.py", "h5py.File w"),
    ("models/weights/__init__.py", "h5py.File r+"),
    # to read
    ("preprocess/_source.py", "os.open"),
    # to nowhere
    ("cli/__init__.py", "os.open"),
    ("cli/show.py", "open wb"),
}
OWN = {"write_bytes", "write_text"}  # of _files


def writing_in(path: Path) -> set[tuple[str, str]]:
    """The calls of a file that write, or may: (file, call)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        name = called.rpartition(".")[2]
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if name in ("open", "fdopen", "File", "ZipFile", "FileIO", "GFile"):
            modes = [text for text in texts if set(text) <= set("rwax+bt") and set(text) & set("wax+")]
            found |= {f"{called} {mode}" for mode in modes}
            found |= {called} if called == "os.open" and "os.O_RDONLY" not in ast.unparse(node) else set()
        elif name in WRITERS and not (called in OWN or (name == "replace" and not called.startswith("os."))):
            found.add(called)
    return {(str(path.relative_to(PACKAGE)), call) for call in found}


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_files_are_written_by_one_way(path):
    assert writing_in(path) - ALLOWED == set()


def test_what_is_allowed_is_there():
    found = {one for path in FILES for one in writing_in(path)}
    assert ALLOWED - found == set()
