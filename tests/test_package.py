"""What is in the wheel and in the source archive."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import visionkit as vk

ROOT = Path(__file__).parents[1]

pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source archive: those that are about to be released, or built from these sources."""
    if "VISIONKIT_DIST" in os.environ:
        folder = Path(os.environ["VISIONKIT_DIST"])
        return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def test_the_wheel_holds_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = wheel.namelist()
    inside = {name for name in names if not name.startswith(f"visionkit-{vk.__version__}.dist-info/")}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "visionkit").rglob("*.py")}
    weights = {name for name in inside if name.startswith("visionkit/reader/weights/")}
    assert inside == sources | weights | {"visionkit/py.typed"}
    assert not {name for name in weights if not name.endswith((".onnx", ".keras"))}
    assert not {name for name in names if "conftest" in name}


def test_the_weights_are_there_and_small(built):
    with zipfile.ZipFile(built[0]) as wheel:
        sizes = {entry.filename: entry.file_size for entry in wheel.infolist() if "/weights/" in entry.filename}
    names = {Path(name).name for name in sizes}
    assert {f"{network}.{kind}" for network in ("alphanumeric", "digits") for kind in ("onnx", "keras")} <= names
    assert sum(sizes.values()) < 5_000_000


def test_the_metadata_say_what_pyproject_says(built):
    with zipfile.ZipFile(built[0]) as wheel:
        folder = f"visionkit-{vk.__version__}.dist-info"
        metadata = wheel.read(f"{folder}/METADATA").decode()
        entry_points = wheel.read(f"{folder}/entry_points.txt").decode()
        assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"\nVersion: {vk.__version__}\n" in metadata
    for requirement in project["dependencies"]:
        assert f"Requires-Dist: {requirement}\n" in metadata
    for extra in project["optional-dependencies"]:
        assert f"Provides-Extra: {extra}\n" in metadata
    assert "visionkit = visionkit.cli:main" in entry_points


def test_the_archive_holds_what_the_tests_and_the_build_need(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "conftest.py", "visionkit/py.typed"} <= names
    assert {name.partition("/")[0] for name in names} >= {"visionkit", "tests", "examples", "benchmarks", "docs"}
    assert {".ci/run", ".github/workflows/tests.yml", "CITATION.cff", "noxfile.py"} <= names
    assert not {name for name in names if name.endswith((".pyc", ".whl", ".gz")) or name.startswith(("dist/", "runs/"))}


def test_no_file_in_the_archive_names_a_home_a_password_or_a_machine(built):
    private = re.compile(
        rb"/(?:home|root|Users)/\w|-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:ghp_|pypi-)[A-Za-z0-9]{20}|//\w+:\w+@"
    )
    with tarfile.open(built[1]) as archive:
        files = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}
    assert not {name: found.group() for name, data in files.items() if (found := private.search(data))}


def test_two_builds_give_the_same_bytes(built, tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=True)
    for made in built:
        assert (tmp_path / made.name).read_bytes() == made.read_bytes()


def test_the_installed_version_is_this_one():
    try:
        installed = importlib.metadata.version("visionkit")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("runs from the sources, not installed")
    assert installed == vk.__version__


def test_changelog_citation_and_tag_know_this_version_and_its_day():
    changelog, citation = ((ROOT / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "CITATION.cff"))
    unreleased, newest = re.findall(r"^## (.+)$", changelog, re.MULTILINE)[:2]
    assert unreleased == "[Unreleased]"
    version, day = re.fullmatch(r"\[(.+)\] - (\d{4}-\d\d-\d\d)", newest).groups()
    assert version == vk.__version__
    assert f"\nversion: {version}\n" in citation
    assert f"\ndate-released: {day}\n" in citation
    tags = git("tag", "--points-at", "HEAD", "--list", "v*").split()
    assert tags in ([], [f"v{version}"])


def git(*words):
    """What git answers about these sources; nothing where they are no clone."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return ""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
