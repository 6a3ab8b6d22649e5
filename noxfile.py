"""The checks of this project, each in an environment of its own: `nox`, or `nox -s lint types`."""

import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "arch", "tests", "lowest", "build", "installed"]

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
DIST = Path("dist").resolve()
PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
LOCKED = ".github/locked.txt"  # every package that development needs, with version and hash; `nox -s lock` makes it
FIGURES = Path("build") / "reliability"  # what sessions leave for `nox -s reliability` to make its page of

# run with the wheel alone: what is imported lies in this environment, and every part needs no extra
EVERY_PART = """
import sys, visionkit
assert visionkit.__file__.startswith(sys.prefix), visionkit.__file__
print(visionkit.__version__, *(getattr(visionkit, part).__name__ for part in visionkit._PARTS))
"""

# script of benchmarks/ -> whom it is compared with, besides what comes with the package and its tests
BENCH = {
    "zoo": ["kimm==0.2.5", "keras-hub==0.32.0"],
    "fuse": [],
    "explain": ["xplique==2.0.2", "tf-keras-vis==0.8.7"],
    "filters": ["xplique==2.0.2", "tf-keras-vis==0.8.7"],
    "input": [],
    "augment": [],
    "tfrecords": [],
    "fit": [],
    "settings": [],
    "fft": [],
    "speed": [],
}


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
def examples(session: nox.Session) -> None:
    """The systems of examples/ with `--quick`, with the newest versions of everything; or those named after `--`."""
    session.install("-e", ".", *group("test"), *group("train"))
    for script in session.posargs or quick_examples():
        session.run("python", script, "--quick", env=QUIET)


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """The site, into build/docs, with a run of every quick example; `-- --no-gallery` leaves these out.

    Pages and examples that have not changed since the last time are not made again. Where a name or an example has
    gone, delete docs/reference and docs/gallery, which the build makes.
    """
    session.install("-e", ".", *group("docs"), *group("test"), *group("train"))
    options = ["-D", "plot_gallery=0"] if "--no-gallery" in session.posargs else []
    session.run("sphinx-build", "--fail-on-warning", *options, "docs", "build/docs", env=QUIET)


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
    """Style and form; and what workflows must not do."""
    session.install(*group("lint"))
    session.run("zizmor", "--offline", "--no-progress", ".github")
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
    """Wheel and source archive, into dist/: built twice to the same bytes, and nothing in them that should not be."""
    session.install("--constraint", LOCKED, *group("build"))
    again = Path(session.create_tmp()).resolve()
    for folder in (DIST, again):
        shutil.rmtree(folder, ignore_errors=True)
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(folder))
    wheel, archive = built(session)
    session.run("twine", "check", "--strict", str(wheel), str(archive))
    for made in (wheel, archive):
        if made.read_bytes() != (again / made.name).read_bytes():
            session.error(f"two builds of {made.name} differ")
    session.run("pytest", "--noconftest", "tests/test_package.py", env={"VISIONKIT_DIST": str(DIST)})


@nox.session(python=PYTHONS)
def installed(session: nox.Session) -> None:
    """The wheel of `build` in an empty environment: the demo, every part, then scripts with `--quick`.

    `nox -s installed -- examples/flowers.py` names such scripts.
    """
    wheel, _ = built(session)
    scripts = [str(Path(script).resolve()) for script in session.posargs]
    session.install(str(wheel))
    with session.chdir(session.create_tmp()):  # away from the sources
        session.run("visionkit", "demo")
        session.run("python", "-c", EVERY_PART, env=QUIET)
        if scripts:
            session.install(str(wheel), *group("test"), *group("train"))
        for script in scripts:
            session.run("python", script, "--quick", env=QUIET)


@nox.session(python=PYTHONS[0])
def api(session: nox.Session) -> None:
    """What the last release promised to its users: griffe compares public names and arguments with its tag.

    What breaks is listed; it is an error if the version says that nothing does.
    """
    session.install(*group("api"))
    if git(session, "rev-parse", "--is-shallow-repository") == "true":
        session.error("expected a clone with its tags, got a shallow one; git fetch --unshallow --tags")
    before = ("--merged", "HEAD", "--no-contains", "HEAD")  # a tag on HEAD is that of the release under way
    tags = git(session, "tag", "--list", "v*", *before, "--sort", "-version:refname").split()
    if not tags:
        session.log("no release has a tag yet: nothing to compare with")
        return
    [version] = re.findall(r'^__version__ = "(.+)"', Path("visionkit/__init__.py").read_text(encoding="utf-8"), re.M)
    may_break = series(tags[0].removeprefix("v")) != series(version)
    session.run("griffe", "check", "visionkit", "--against", tags[0], success_codes=[0, 1] if may_break else [0])


@nox.session(venv_backend="none")
def release(session: nox.Session) -> None:
    """All that a release must pass; dist/ is then what is published.

    The sessions `build` and `api`, and on each Python `installed` with the quick examples.
    """
    if changed := git(session, "status", "--porcelain"):
        session.error(f"a release is made of what is committed; these are not:\n{changed}")
    session.notify("build")
    session.notify("api")
    for version in PYTHONS:
        session.notify(f"installed-{version}", posargs=quick_examples())


def quick_examples() -> list[str]:
    """The examples that have `--quick`: those that take their options from examples/figures.py."""
    scripts = sorted(Path("examples").glob("*.py"))
    return [str(script) for script in scripts if "\nfrom figures import" in script.read_text(encoding="utf-8")]


def built(session: nox.Session) -> tuple[Path, Path]:
    """The wheel and the source archive in dist/."""
    found = [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]
    if len(found) != 2:
        session.error(f"expected a wheel and an archive in {DIST}, got {found}; nox -s build makes them")
    return found[0], found[1]


def git(session: nox.Session, *words: str) -> str:
    """What git answers."""
    return str(session.run("git", *words, external=True, silent=True)).strip()


def series(version: str) -> str:
    """The versions that may not break each other, as Semantic Versioning has it: 2 of 2.4.1, and 0.3 of 0.3.1."""
    major, minor, *_ = version.split(".")
    return f"0.{minor}" if major == "0" else major


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """Make docs/benchmarks.md: every speed against its peers, or some anew and the rest as it was: `-- zoo fuse`.

    `-- --quick` sees that everything runs, and leaves the page and its figures alone.
    """
    session.install("uv")
    quick = "--quick" in session.posargs
    parts = [word for word in session.posargs if word != "--quick"] or list(BENCH)
    if unknown := set(parts) - set(BENCH):
        session.error(f"no such parts: {', '.join(sorted(unknown))}; there are {', '.join(BENCH)}")
    figures, page = Path("benchmarks", "figures"), Path("docs", "benchmarks.md")
    if quick:
        figures = Path(session.create_tmp()).resolve()
        page = figures / page.name
    for part in parts:
        options = ["--json", str(figures / f"{part}.json"), *(["--quick"] if quick else [])]
        session.run(beside(session, BENCH[part]), f"benchmarks/{part}.py", *options, external=True)
    session.run("python", "benchmarks/table.py", str(figures), str(page))


def beside(session: nox.Session, peers: list[str]) -> str:
    """The Python of an environment that holds this package and its peers, made by uv unless it is there."""
    place = Path(session.virtualenv.location).resolve().parent / "-".join(["peers", *peers]).replace("==", "-")
    python = place / Path(session.bin).name / "python"
    session.run("uv", "venv", "--quiet", "--allow-existing", "--python", str(Path(session.bin) / "python"), str(place))
    session.run("uv", "pip", "install", "--quiet", "--python", str(python), "-e", ".", *group("test"), *peers)
    return str(python)


@nox.session(python=PYTHONS[0])
def accuracy(session: nox.Session) -> None:
    """What is right rather than fast: heatmaps where the truth is known, the table of blur checks, pages read.

    `--hershey` for pages needs no data but the package.
    """
    session.install("-e", ".", *group("test"))
    session.run("python", "benchmarks/faithful.py")
    session.run("python", "benchmarks/blur.py")
    session.run("python", "benchmarks/pages.py", *(session.posargs or ["--hershey"]))


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
    """Make docs/reliability.md: what is quick is measured now, what is long is what sessions measured last.

    These are `tests`, `lowest`, `backends`, `fuzz`, `killed` and `soak`.
    """
    session.install("-e", ".", *group("test"))
    FIGURES.mkdir(parents=True, exist_ok=True)
    for script in ("fft", "folder"):
        session.run("python", f"benchmarks/{script}.py", "--json", str(FIGURES / f"{script}.json"))
    session.run("python", "benchmarks/reliability.py", str(FIGURES), "docs/reliability.md")
