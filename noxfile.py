"""The checks of this project, each in an environment of its own: `nox`, or `nox -s lint types`."""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "arch", "tests", "lowest", "build"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]


def group(name: str) -> list[str]:
    """The requirements of a dependency group; read here because older pips do not know groups."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, with the newest versions of everything."""
    session.install("-e", ".", *group("test"), *group("train"))
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """All tests, with the lowest versions that pyproject.toml allows: this is what its bounds rest on."""
    lowest = [requirement.replace(">=", "==") for requirement in PROJECT["project"]["dependencies"]]
    session.install("-e", ".", *lowest, *group("test"))
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python=PYTHONS[0])
@nox.parametrize("backend", ["jax", "torch"])
def backends(session: nox.Session, backend: str) -> None:
    """The tests of blocks, models, training and explanation on another Keras backend."""
    session.install("-e", f".[{backend}]", *group("test"))
    rooms = ("tests/blocks", "tests/models", "tests/train", "tests/explain")
    session.run("pytest", "-n", "2", *rooms, *session.posargs, env={"KERAS_BACKEND": backend})


@nox.session(python=PYTHONS[0])
def deep(session: nox.Session) -> None:
    """What takes minutes: all of Keras Applications, also the deepest models; a run that is killed twenty times."""
    session.install("-e", ".", *group("test"))
    session.run("pytest", "-n", "2", "-m", "", "tests/models/test_catalog.py", "tests/models/test_parity.py")
    session.run("pytest", "-n", "2", "-m", "deep", "tests/train")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and form."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=PYTHONS[0])
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e", ".", *group("types"))
    session.run("mypy")


@nox.session
def arch(session: nox.Session) -> None:
    """Who imports whom; reads the code without importing it."""
    session.install("pytest")
    session.run("pytest", "--noconftest", "tests/test_architecture.py")


@nox.session
def build(session: nox.Session) -> None:
    """Wheel and source archive; the wheel in a fresh environment runs the demo."""
    session.install(*group("build"))
    folder = Path(session.create_tmp()).resolve()
    for old in (*folder.glob("*.whl"), *folder.glob("*.tar.gz")):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(folder))
    wheel, archive = next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))
    session.run("twine", "check", "--strict", str(wheel), str(archive))
    fresh = folder / "fresh"
    session.run("python", "-m", "venv", "--clear", str(fresh))
    session.run(str(fresh / "bin" / "pip"), "install", "--quiet", str(wheel), external=True)
    with session.chdir(folder):  # away from the sources
        session.run(
            str(fresh / "bin" / "python"), "-c", "import visionkit as vk; vk.reader.load('digits')", external=True
        )
        session.run(str(fresh / "bin" / "visionkit"), "demo", external=True)


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """The figures: models and training against their peers, the table of blur checks, and pages read.

    `--hershey` for pages needs no data but the package.
    """
    session.install("-e", ".", *group("test"))
    session.install("kimm==0.2.5")
    session.run("python", "benchmarks/zoo.py")
    session.run("python", "benchmarks/fuse.py")
    for script in ("input", "augment", "tfrecords", "fit", "faithful"):
        session.run("python", f"benchmarks/{script}.py")
    session.run("python", "benchmarks/blur.py")
    session.run("python", "benchmarks/pages.py", *(session.posargs or ["--hershey"]))


@nox.session(python=PYTHONS[0])
def bench_explain(session: nox.Session) -> None:
    """Heatmaps and filter patterns against their peers, which want an older TensorFlow."""
    session.install("-e", ".", *group("test"), "xplique==2.0.2", "tf-keras-vis==0.8.7")
    session.run("python", "benchmarks/explain.py")
    session.run("python", "benchmarks/filters.py")
