"""What runs elsewhere is what runs here: workflows, sessions, versions of Python and the lock say the same."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NOXFILE = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))

if not WORKFLOWS:
    pytest.skip("the workflows are not in the source archive", allow_module_level=True)

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def loaded(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    workflow["on"] = workflow.pop(True)  # YAML 1.1 takes the word for a truth
    return workflow


def assigned(name):
    """What noxfile.py sets a name to."""
    assignments = [node for node in NOXFILE.body if isinstance(node, ast.Assign)]
    [value] = [node.value for node in assignments if ast.unparse(node.targets[0]) == name]
    return ast.literal_eval(value)


def sessions():
    """name -> the versions of Python that it is run with, or those that it is parametrised with."""
    found, versions = {}, assigned("PYTHONS")
    for node in NOXFILE.body:
        for decorator in getattr(node, "decorator_list", ()):
            text = ast.unparse(decorator)
            if text.startswith("nox.session"):
                found[node.name] = [f"{node.name}-{version}" for version in versions] if "=PYTHONS)" in text else []
            if text.startswith("nox.parametrize"):
                name, values = map(ast.literal_eval, decorator.args)
                found[node.name] = [f"{node.name}({name}={value!r})" for value in values]
    return found


def started(workflow):
    """The sessions that the jobs of a workflow run, with those that `release` starts in its turn."""
    for job in workflow["jobs"].values():
        for session in named(job):
            yield session
            yield from released() if session == "release" else ()


def named(job):
    """The sessions that the steps of a job name."""
    matrix = job.get("strategy", {}).get("matrix", {}).get("session", [])
    for step in job["steps"]:
        for words in re.findall(r"nox (?:--\S+ )*-s (.+)", step.get("run", "")):
            yield from " ".join(matrix).split() if "SESSION" in words else words.split()


def released():
    """The sessions that `release` starts."""
    [release] = [node for node in NOXFILE.body if getattr(node, "name", "") == "release"]
    for session in re.findall(r"session\.notify\(f?'(\w+)", ast.unparse(release)):
        yield from sessions()[session] or [session]


@every_workflow
def test_what_jobs_run_are_sessions(path):
    known = {name for session, variants in sessions().items() for name in (session, *variants)}
    found = set(started(loaded(path)))
    assert found
    assert found <= known


def test_every_session_that_a_plain_nox_runs_is_run_on_a_change():
    usual = assigned("nox.options.sessions")
    expected = {name for session in usual for name in (sessions()[session] or [session])}
    assert expected <= set(started(loaded(ROOT / ".github" / "workflows" / "tests.yml")))


def test_a_release_is_built_tried_on_every_python_and_compared_with_the_last_one():
    assert set(released()) == {"build", "api", *sessions()["installed"]}
    assert "release" in started(loaded(ROOT / ".github" / "workflows" / "publish.yml"))


@every_workflow
def test_a_release_is_made_of_a_clone_that_has_the_tags(path):
    for job in loaded(path)["jobs"].values():
        [checkout] = [step["with"] for step in job["steps"] if "actions/checkout" in step.get("uses", "")] or [{}]
        assert "release" not in named(job) or checkout["fetch-depth"] == 0


def test_contributing_tells_of_every_session():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \|[^|]+\|$", text.partition("| session |")[2].partition("\n\n")[0], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(sessions())


def test_every_python_that_is_promised_is_tested():
    classifiers = PROJECT["project"]["classifiers"]
    promised = [line.rpartition(" ")[2] for line in classifiers if re.search(r":: 3\.\d+$", line)]
    assert promised == assigned("PYTHONS")
    assert PROJECT["project"]["requires-python"] == f">={assigned('PYTHONS')[0]}"


@every_workflow
def test_no_workflow_may_do_or_knows_more_than_it_needs(path):
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    workflow = loaded(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job.get("permissions", {}) in ({}, {"id-token": "write"}), name
        assert ("permissions" in job) == (name == "publish")
        assert job["timeout-minutes"]


@every_workflow
def test_actions_are_pinned_and_no_text_of_others_is_run(path):
    for job in loaded(path)["jobs"].values():
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", f"a@{'0' * 40}")), step
            assert "${{" not in step.get("run", ""), step  # by way of env, where a shell does not read it


def test_the_lock_holds_every_requirement_with_its_hash():
    entries = re.split(r"\n(?=\S)", (ROOT / ".github" / "locked.txt").read_text(encoding="utf-8").strip())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    locked = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)==([\w.]+)", entry).groups()
        locked.setdefault(name, []).append(version)
    groups = PROJECT["dependency-groups"]
    for requirement in [*PROJECT["project"]["dependencies"], *(one for group in groups.values() for one in group)]:
        name, least = re.match(r"([\w.-]+)>=([\d.]+)", requirement).groups()
        for version in locked[name]:
            assert numbers(version) >= numbers(least), requirement


def numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]
