"""JPEG data that are damaged: found, in any thread, and not a word on standard error; oddities of cameras are not."""

import ctypes
import io
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import cv2
import numpy as np
import pytest
from PIL import Image

import visionkit as vk
from visionkit.preprocess._decode import reduced
from visionkit.preprocess._quiet import quiet
from visionkit.preprocess.image import read

pytestmark = pytest.mark.skipif(
    not (os.name == "posix" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")), reason="heard with glibc alone"
)


def photo(seed: int = 0, **options: object) -> bytes:
    """A JPEG file of something like a photo."""
    noise = np.random.default_rng(seed).normal(size=(96, 128, 3)).astype(np.float32)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    stream = io.BytesIO()
    Image.fromarray(smooth.astype(np.uint8)).save(stream, "JPEG", **{"quality": 85, **options})
    return stream.getvalue()


def spoiled(data: bytes, at: float = 0.5, length: int = 120) -> bytes:
    """The same, with some data of its last scan lost: it still ends with its marker."""
    start = data.rindex(b"\xff\xda") + 14
    lost = start + int((len(data) - start - length - 2) * at)
    return data[:lost] + data[lost + length :]


GOOD = photo()
KINDS = {
    "plain": {},
    "progressive": {"progressive": True},
    "fine": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 4},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["rgb", "gray"])
def test_damaged_data_are_an_error_and_nothing_is_printed(kind, mode, capfd):
    data = photo(**KINDS[kind])
    assert read(data, mode=mode).shape[:2] == (96, 128)
    with pytest.raises(vk.ImageError, match=r"is a damaged JPEG file \(Corrupt JPEG data: .+\); copy or download"):
        read(spoiled(data), mode=mode)
    assert reduced(np.frombuffer(spoiled(data), np.uint8), 2, 1) is None
    assert capfd.readouterr() == ("", "")


def test_damage_is_told_of_its_own_file_in_eight_threads(capfd):
    files = [photo(seed) for seed in range(4)]
    pixels = [read(data) for data in files]
    jobs = [(data, expected) for data, expected in zip(files, pixels, strict=True)] + [(spoiled(files[0]), None)]

    def right(job):
        data, expected = job
        try:
            return np.array_equal(read(data), expected)
        except vk.ImageError as error:
            return expected is None and "damaged JPEG" in str(error)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, islice(cycle(jobs), 600)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "odd",
    [
        GOOD[:20] + b"\1\2\3\4\5\6\7\x08" + GOOD[20:],
        GOOD[:-2] + b"\xab\xcd\xff\xd9",
        GOOD[:-2] + bytes(500) + b"\xff\xd9",
        GOOD[:-2] + b"\xff" * 9 + b"\xff\xd9",
        GOOD + b"notes of a phone" * 9,
        GOOD.replace(b"JFIF\0\1\1", b"JFIF\0\7\1", 1),
    ],
    ids=["before a marker", "a word is filled", "padding", "fill bytes", "after the end", "an unknown version"],
)
def test_oddities_of_cameras_are_no_damage(odd, capfd):
    assert odd != GOOD
    np.testing.assert_array_equal(read(odd), read(GOOD))
    assert capfd.readouterr() == ("", "")


def test_stray_bytes_do_not_hide_damage():
    with pytest.raises(vk.ImageError, match="damaged JPEG"):
        read(spoiled(GOOD[:20] + b"\1\2\3\4\5\6\7\x08" + GOOD[20:]))


def test_data_that_are_lost_are_found_wherever_they_were():
    """Of several blocks of pixels, that is; after less, Huffman codes fall into step again, and nothing is missing."""
    for place in range(50):
        with pytest.raises(vk.ImageError, match="damaged JPEG"):
            read(spoiled(GOOD, place / 50, 100 + 5 * place))


def test_a_file_of_many_scans_is_refused():
    data = photo(progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(vk.ImageError, match="of 109 scans, more than 100"):
        read(data[:-2] + scan * 99 + b"\xff\xd9")


def test_what_others_print_meanwhile_is_passed_on(capfd):
    libc = ctypes.CDLL(None)
    with quiet() as heard:
        libc.perror(b"somebody else")
        stream = ctypes.c_void_p.in_dll(libc, "stderr")
        libc.fputs(b"libpng warning: of no use\n", stream)
    assert heard.text == b"libpng warning: of no use\n"
    assert re.fullmatch("somebody else: .+\n", capfd.readouterr().err)
    libc.fputs(b"and after\n", ctypes.c_void_p.in_dll(libc, "stderr"))
    assert capfd.readouterr().err == "and after\n"


def test_whoever_wants_to_be_alone_is():
    inside, order = threading.Event(), []

    def first():
        with quiet() as heard:
            inside.set()
            while not waiting.is_alive():
                pass
            order.append(heard.shared)

    def second():
        with quiet(alone=True) as heard:
            order.append(heard.shared)

    waiting = threading.Thread(target=second)
    begun = threading.Thread(target=first)
    begun.start()
    inside.wait()
    waiting.start()
    for thread in (begun, waiting):
        thread.join(20)
    assert order == [False, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_hears_for_itself():
    code = """
import os, sys, threading
import numpy as np
from visionkit import ImageError
from visionkit.preprocess._quiet import quiet
from visionkit.preprocess.image import read
good, bad = (bytes.fromhex(line) for line in sys.stdin)
with quiet():
    child = os.fork()
if not child:
    assert read(good).any()
    try:
        read(bad)
    except ImageError:
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    given = f"{GOOD.hex()}\n{spoiled(GOOD).hex()}"
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
