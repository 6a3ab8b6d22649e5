"""Downloads that break, stand still or bring something else: nothing half is kept, and the next call works."""

import base64
import hashlib
import http.server
import io
import threading

import h5py
import numpy as np
import pytest

from visionkit import FileError
from visionkit.models.weights import official
from visionkit.models.weights.official import imagenet_file

NAME = "mobilenet_2_5_128_tf.h5"


def hdf5(seed: int = 0) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as inside:
        inside["weights"] = np.random.default_rng(seed).normal(size=50_000)
    return file.getvalue()


WHOLE = hdf5()
HALF = WHOLE[: len(WHOLE) // 2]
MD5 = base64.b64encode(hashlib.md5(WHOLE).digest()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as it is told: (status, headers, body, whether to stand still before the end)."""

    answer: tuple = ()

    def do_GET(self):
        status, headers, body, waits = type(self).answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if waits:
            self.server.stopped.wait(10)

    def log_message(self, *_):
        pass


@pytest.fixture
def cache(tmp_path, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.stopped = threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("VISIONKIT_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(official, "SILENCE", 0.3)
    yield tmp_path / "models"
    server.stopped.set()
    server.shutdown()
    server.server_close()


def fetch():
    return imagenet_file("mobilenet", include_top=True, size=(128, 128), alpha=0.25)


def length(data):
    return {"Content-Length": str(len(data))}


FAULTS = {
    "ends half-way": ((200, length(WHOLE), HALF, False), r"the connection ended after 2\d\d,\d+ of 4\d\d,\d+ bytes"),
    "ends half-way, without a length": ((200, {}, HALF, False), "not an HDF5 file that is whole"),
    "a chunk that never comes": ((200, {"Transfer-Encoding": "chunked"}, b"ff\r\nabc", False), "could not download"),
    "not there": ((404, length(b""), b"", False), "404"),
    "a server in trouble": ((503, length(b""), b"", False), "503"),
    "stands still": ((200, length(WHOLE), HALF, True), "timed out"),
    "another file than it says": ((200, length(WHOLE) | {"Content-MD5": "AAAA"}, WHOLE, False), "MD5 is 000000, but"),
    "as Google says it": (
        (200, length(WHOLE) | {"x-goog-hash": "crc32c=AAAAAA==,md5=AAAA"}, WHOLE, False),
        "MD5 is 000000, but",
    ),
    "a page": ((200, length(b"<html>"), b"<html>", False), "not an HDF5 file"),
    "nothing": ((200, length(b""), b"", False), "not an HDF5 file"),
}


@pytest.mark.parametrize("before", [None, HALF], ids=["", "over half a file"])
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_half_is_kept_and_the_next_call_works(cache, fault, before, capfd):
    if before is not None:  # as Keras leaves it, which writes in the place itself
        cache.mkdir()
        (cache / NAME).write_bytes(before)
    Handler.answer, told = FAULTS[fault]
    with pytest.raises(FileError, match=told) as caught:
        fetch()
    assert str(cache / NAME) in str(caught.value)
    assert "try again" in str(caught.value)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == ({NAME: before} if before else {})
    Handler.answer = (200, length(WHOLE) | {"x-goog-hash": f"md5={MD5}"}, WHOLE, False)
    assert fetch().read_bytes() == WHOLE
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert capfd.readouterr().err == ""


def test_a_file_that_is_whole_is_not_asked_for_again(cache):
    cache.mkdir()
    (cache / NAME).write_bytes(WHOLE)
    Handler.answer = (404, {}, b"", False)
    assert fetch() == cache / NAME


def test_nobody_there_and_no_address(cache, monkeypatch):
    for address in ("http://127.0.0.1:9", "nonsense://a", "no address"):
        monkeypatch.setenv("VISIONKIT_WEIGHTS_URL", address)
        with pytest.raises(FileError, match=r"could not download .*put it at"):
            fetch()
        assert not list(cache.iterdir())
