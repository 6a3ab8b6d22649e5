"""`visionkit launch`: what the workers are told, what is seen of them, and that none is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from visionkit import ArgumentError, FileError
from visionkit._launch import launch
from visionkit.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(tmp_path):
    """Write a script whose workers leave their process numbers behind."""

    def written(text):
        path = tmp_path / "script.py"
        head = "import json, os, signal, subprocess, sys, time\nfrom pathlib import Path\n"
        head += f"folder = Path({str(tmp_path)!r})\nworker = int(os.environ['KERAS_DISTRIBUTION_PROCESS_ID'])\n"
        path.write_text(f"{head}(folder / f'{{worker}}.{{os.getpid()}}.pid').touch()\n{text}\n")
        return path

    return written


def waited_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nobody_left(folder, *, least):
    pids = [int(path.name.split(".")[1]) for path in folder.glob("*.pid")]
    assert len(pids) >= least

    def gone(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] == "Z"  # an orphan that init has to reap

    waited_for(lambda: all(map(gone, pids)))


def test_each_worker_is_told_which_it_is(script, capfd):
    path = script(
        "names = 'TF_CONFIG', 'KERAS_DISTRIBUTION_JOB_ADDRESSES', 'KERAS_DISTRIBUTION_NUM_PROCESSES', 'KERAS_BACKEND'\n"
        "print(json.dumps([worker, sys.argv[1:], *map(os.environ.get, names)]))"
    )
    assert launch(path, ["--rate", "0.1"], workers=3, backend="jax") == 0
    lines = sorted(capfd.readouterr().out.splitlines())
    assert [line[:4] for line in lines] == ["[0] ", "[1] ", "[2] "]
    found = [json.loads(line[4:]) for line in lines]
    addresses = json.loads(found[0][2])["cluster"]["worker"]
    for index, (worker, arguments, config, coordinator, count, backend) in enumerate(found):
        assert (worker, arguments, count, backend) == (index, ["--rate", "0.1"], "3", "jax")
        assert json.loads(config) == {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        assert coordinator == found[0][3]
    assert len({*addresses, found[0][3]}) == 4


def test_what_goes_to_stderr_stays_there(script, capfd):
    assert launch(script("print('é', worker, file=sys.stderr)\nsys.stdout.write('no end of line')"), workers=1) == 0
    said = capfd.readouterr()
    assert (said.out, said.err) == ("[0] no end of line\n", "[0] é 0\n")


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("sys.exit(3)", (3, "ended with status 3")),
        ("os.kill(os.getpid(), signal.SIGKILL)", (137, "was ended by SIGKILL")),
    ],
)
def test_when_one_fails_all_are_stopped(script, tmp_path, capfd, end, expected):
    all_there = "while len(list(folder.glob('*.pid'))) < 3:\n    time.sleep(0.01)\n"
    path = script(f"{all_there}if worker == 1:\n    {end}\ntime.sleep(60)")
    status, words = expected
    began = time.monotonic()
    assert launch(path, workers=3) == status
    assert time.monotonic() - began < 20
    assert f"visionkit: worker 1 {words}, so all were stopped" in capfd.readouterr().err
    nobody_left(tmp_path, least=3)


def test_a_job_is_started_again_as_often_as_asked(script, tmp_path, capfd):
    path = script("sys.exit(5 if worker == 1 and len(list(folder.glob('1.*.pid'))) < 3 else 0)")
    assert launch(path, workers=2, restarts=1) == 5
    assert len(list(tmp_path.glob("1.*.pid"))) == 2
    assert launch(path, workers=2, restarts=4) == 0
    assert len(list(tmp_path.glob("1.*.pid"))) == 3
    assert capfd.readouterr().err.count("starting all again") == 1


def running(path, *, patience=10.0):
    """The launcher in a process of its own, once both workers are there and ready."""
    code = (
        f"import sys, visionkit._launch as it; it.PATIENCE = {patience}; sys.exit(it.launch({str(path)!r}, workers=2))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    waited_for(lambda: len(list(path.parent.glob("*.ready"))) == 2)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_comes_to_every_worker_once(script, tmp_path, number):
    path = script(
        "try:\n"
        "    (folder / f'{worker}.ready').touch()\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.2)\n"
        "    print('saved')"
    )
    process = running(path)
    process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert sorted(said.splitlines()) == ["[0] saved", "[1] saved"]
    nobody_left(tmp_path, least=2)


def test_a_worker_that_will_not_end_is_killed_with_what_it_started(script, tmp_path):
    path = script(
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "(folder / f'child.{child.pid}.pid').touch()\n"
        "(folder / f'{worker}.ready').touch()\n"
        "time.sleep(60)"
    )
    process = running(path, patience=0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    nobody_left(tmp_path, least=4)


def test_the_command_passes_on_what_it_is_given(script, capfd):
    path = script("print(sys.argv[1:])\nsys.exit(4 if '--fail' in sys.argv else 0)")
    assert main(["launch", "--workers", "1", str(path), "data", "--workers", "7"]) == 0
    assert capfd.readouterr().out == "[0] ['data', '--workers', '7']\n"
    assert main(["launch", "--workers", "1", str(path), "--fail"]) == 4


def test_the_command_loads_no_framework(script):
    code = (
        "import sys; from visionkit.cli import main; main(sys.argv[1:]); "
        "print({'keras', 'tensorflow', 'jax', 'numpy', 'cv2'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, "launch", "--workers", "1", str(script("pass"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_wrong_use_is_one_clear_error(tmp_path, script):
    with pytest.raises(FileError, match="found no file"):
        launch(tmp_path / "gone.py", workers=2)
    for wrong in ({"workers": 0}, {"workers": 2, "restarts": -1}, {"workers": 2, "backend": "torch"}):
        with pytest.raises(ArgumentError, match="launch: expected"):
            launch(script(""), **wrong)
    assert main(["launch", "--workers", "2", str(tmp_path / "gone.py")]) == 2
