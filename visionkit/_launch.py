"""Several processes of one script on this machine, each told which of the workers it is. Needs no framework itself."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from visionkit._checks import positive
from visionkit._errors import FileError, one_of

BACKENDS = ("tensorflow", "jax")
PATIENCE = 10.0  # seconds that a worker has to end by itself

_one_at_a_time = threading.Lock()  # lines of several workers are not to be mixed


def launch(
    script: str | os.PathLike[str],
    arguments: Sequence[str] = (),
    *,
    workers: int,
    backend: str | None = None,
    restarts: int = 0,
) -> int:
    """Run a script in several processes on this machine that train one model together.

    Each gets the variables that ``strategy("multi-worker")`` reads: ``TF_CONFIG`` for TensorFlow and
    ``KERAS_DISTRIBUTION_JOB_ADDRESSES``, ``_NUM_PROCESSES`` and ``_PROCESS_ID`` for JAX. What a worker prints is
    passed on with its number before each line. When one fails, the others are stopped. Several GPUs of one machine
    need no workers: ``strategy("multi-gpu")`` uses them in one process.

    Args:
        script: a file of Python.
        arguments: what it is called with.
        workers: how many processes.
        backend: "tensorflow" or "jax"; by default the one that Keras takes by itself.
        restarts: how often to start all of them again after a failure. ``fit`` with a ``directory`` then goes on
            where the job was.

    Returns:
        The exit status: 0, that of the worker that failed first (128 and the signal's number if one ended it), or 130
        after Ctrl-C.

    Raises:
        ArgumentError: a number or the backend is not possible.
        FileError: the script is not there.
    """
    workers = positive("launch", "workers", workers)
    restarts = positive("launch", "restarts", restarts, least=0)
    if backend is not None and backend not in BACKENDS:
        raise one_of("launch", "backend", backend, BACKENDS)
    if not Path(script).is_file():
        raise FileError(f"launch: expected a script of Python, found no file '{script}'")
    command = [sys.executable, os.fspath(script), *arguments]
    for left in range(restarts, -1, -1):
        try:
            ports = _free_ports(workers)
            failed = _run(command, [_environment(worker, ports, backend) for worker in range(workers)])
        except KeyboardInterrupt:
            return 130
        if failed is None:
            return 0
        worker, status = failed
        again = "; starting all again" if left else ""
        print(f"visionkit: worker {worker} {_ended(status)}, so all were stopped{again}", file=sys.stderr, flush=True)
    return status if status > 0 else 128 - status


def _free_ports(workers: int) -> list[int]:
    """One for each worker and one more; all are held until all are known."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers + 1)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


def _environment(worker: int, ports: Sequence[int], backend: str | None) -> dict[str, str]:
    addresses = [f"127.0.0.1:{port}" for port in ports]
    config = {"cluster": {"worker": addresses[:-1]}, "task": {"type": "worker", "index": worker}}
    return {
        **os.environ,
        **({"KERAS_BACKEND": backend} if backend else {}),
        "PYTHONUNBUFFERED": "1",
        "TF_CONFIG": json.dumps(config),
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": addresses[-1],
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(len(ports) - 1),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(worker),
    }


def _run(command: Sequence[str], environments: Sequence[dict[str, str]]) -> tuple[int, int] | None:
    """Run the workers to their end; which one failed first, and its status.

    Raises:
        KeyboardInterrupt: this process was asked to end; the workers are.
    """
    processes: list[subprocess.Popen[bytes]] = []
    readers: list[threading.Thread] = []
    ended: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    told = signal.SIGTERM

    def wait(number: int, process: subprocess.Popen[bytes]) -> None:
        ended.put((number, process.wait()))

    with _told_to_end(ended):
        try:
            for number, environment in enumerate(environments):
                # in a session of its own, so that Ctrl-C comes to it once, from here
                process = subprocess.Popen(
                    command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
                )
                processes.append(process)
                for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
                    readers.append(_started(_pass_on, source, target, number))
                _started(wait, number, process)
            for _ in processes:
                first = ended.get()
                if first is None:
                    told = signal.SIGINT
                    raise KeyboardInterrupt
                if first[1]:
                    return first
            return None
        finally:
            _end(processes, told)
            for reader in readers:
                reader.join(PATIENCE)


def _started(work: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _end(processes: Sequence[subprocess.Popen[bytes]], told: signal.Signals) -> None:
    """Tell all to end, kill what does not in time, and with it all that it has started."""
    for process in processes:
        process.send_signal(told)  # to no other process, should it have ended
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


@contextmanager
def _told_to_end(ended: "queue.SimpleQueue[tuple[int, int] | None]") -> Iterator[None]:
    """Put None into the queue at Ctrl-C, or when this process is asked to end; an exception might come anywhere."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: ended.put(None)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _pass_on(source: IO[bytes], target: IO[str], number: int) -> None:
    with source:
        for line in source:
            with _one_at_a_time:
                print(f"[{number}] {line.decode(errors='replace').rstrip()}", file=target, flush=True)


def _ended(status: int) -> str:
    return f"ended with status {status}" if status > 0 else f"was ended by {signal.Signals(-status).name}"
