"""The checks of this project, each in an environment of its own: `nox`, or `nox -s lint types`."""

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "arch", "tests", "lowest", "build"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
LOCKED = ".github/locked.txt"  # every package that development needs, with version and hash; `nox -s lock` makes it
FIGURES = Path("build") / "reliability"  # what sessions leave for `nox -s reliability` to make its page of


def group(name: str) -> list[str]:
    """The requirements of a dependency group; read here because older pips do not know groups."""
    return list(nox.project.dependency_groups(PROJECT, name))


def results(session: nox.Session) -> str:
    """Where pytest counts what passed."""
    return f"--junitxml={FIGURES / f'{session.name}.xml'}"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, with the newest versions of everything."""
    session.install("-e", ".", *group("test"), *group("train"))
    session.run("pytest", "-n", "2", results(session), *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """All tests, with the lowest versions that pyproject.toml allows: this is what its bounds rest on."""
    lowest = [requirement.replace(">=", "==") for requirement in PROJECT["project"]["dependencies"]]
    session.install("-e", ".", *lowest, *group("test"))
    session.run("pytest", "-n", "2", results(session), *session.posargs)


@nox.session(python=PYTHONS[0])
def locked(session: nox.Session) -> None:
    """All tests, with exactly the packages that `nox -s lock` wrote down, each checked against its hash."""
    session.install("--require-hashes", "-r", LOCKED)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run("pytest", "-n", "2", results(session), *session.posargs)


@nox.session(python=PYTHONS[0])
def lock(session: nox.Session) -> None:
    """Write down the newest versions of all that development needs, for every Python and system, with their hashes."""
    session.install("uv")
    groups = [word for name in PROJECT["dependency-groups"] for word in ("--group", name)]
    options = ("--universal", "--python-version", PYTHONS[0], "--generate-hashes", "--no-annotate", "--no-header")
    session.run("uv", "pip", "compile", "--quiet", "--upgrade", *options, *groups, "-o", LOCKED, "pyproject.toml")


@nox.session(python=PYTHONS[0])
@nox.parametrize("backend", ["jax", "torch"])
def backends(session: nox.Session, backend: str) -> None:
    """The tests of blocks, models, training and explanation on another Keras backend."""
    session.install("-e", f".[{backend}]", *group("test"))
    rooms = ("tests/blocks", "tests/models", "tests/train", "tests/explain")
    where = f"--junitxml={FIGURES / f'{backend}.xml'}"
    session.run("pytest", "-n", "2", where, *rooms, *session.posargs, env={"KERAS_BACKEND": backend})


@nox.session(python=PYTHONS[0])
def deep(session: nox.Session) -> None:
    """What takes minutes: all of Keras Applications, also the deepest models; a run that is killed twenty times."""
    session.install("-e", ".", *group("test"))
    session.run("pytest", "-n", "2", "-m", "", "tests/models/test_catalog.py", "tests/models/test_parity.py")
    session.run("pytest", "-n", "2", "-m", "deep", "tests/train", "tests/lost", "tests/fuzz")


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
    """Wheel and source archive, into dist/; built twice to the same bytes; the wheel runs in a fresh environment."""
    session.install("--constraint", LOCKED, *group("build"))
    again = Path(session.create_tmp()).resolve()
    for folder in (Path("dist"), again):
        shutil.rmtree(folder, ignore_errors=True)
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(folder))
    wheel, archive = next(Path("dist").glob("*.whl")).resolve(), next(Path("dist").glob("*.tar.gz")).resolve()
    session.run("twine", "check", "--strict", str(wheel), str(archive))
    for made in (wheel, archive):
        if made.read_bytes() != (again / made.name).read_bytes():
            session.error(f"two builds of {made.name} differ")
    fresh = again / "fresh"
    session.run("python", "-m", "venv", "--clear", str(fresh))
    session.run(str(fresh / "bin" / "pip"), "install", "--quiet", str(wheel), external=True)
    with session.chdir(again):  # away from the sources
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


@nox.session(python=PYTHONS[0])
def fuzz(session: nox.Session) -> None:
    """Damaged files of every kind for twenty minutes: `nox -s fuzz -- --minutes 5 --seed 7`."""
    session.install("-e", ".", *group("test"))
    FIGURES.mkdir(parents=True, exist_ok=True)
    options = session.posargs or ["--minutes", "20"]
    session.run("python", "-m", "tests.fuzz", "--json", str(FIGURES / "fuzz.json"), *options)


@nox.session(python=PYTHONS[0])
def killed(session: nox.Session) -> None:
    """Runs that write, killed at a hundred moments."""
    session.install("-e", ".", *group("test"))
    FIGURES.mkdir(parents=True, exist_ok=True)
    session.run("python", "benchmarks/killed.py", "--json", str(FIGURES / "killed.json"), *session.posargs)


@nox.session(python=PYTHONS[0])
def soak(session: nox.Session) -> None:
    """Everything at once for twenty minutes, while memory is watched."""
    session.install("-e", ".", *group("test"))
    FIGURES.mkdir(parents=True, exist_ok=True)
    session.run("python", "benchmarks/soak.py", "--json", str(FIGURES / "soak.json"), *session.posargs)


@nox.session(python=PYTHONS[0])
def reliability(session: nox.Session) -> None:
    """Make docs/reliability.md: what is quick is measured now, what is long is taken from the sessions that ran.

    These are `tests`, `lowest`, `backends`, `build`, `fuzz`, `killed` and `soak`.
    """
    session.install("-e", ".", *group("test"))
    FIGURES.mkdir(parents=True, exist_ok=True)
    for script in ("fft", "folder"):
        session.run("python", f"benchmarks/{script}.py", "--json", str(FIGURES / f"{script}.json"))
    session.run("python", "benchmarks/reliability.py", str(FIGURES), "docs/reliability.md")
