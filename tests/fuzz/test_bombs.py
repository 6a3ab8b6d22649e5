"""Small files that claim to be huge: refused by their header, or decoded within the bounds of the fuzz suite."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fuzz.harness import Process
from tests.fuzz.targets import pictures

SIDE = 10_000  # with 100 million pixels, which are allowed


def png(bits: int, kind: int, channels: int, *, side: int = SIDE) -> bytes:
    """A black PNG, a thousandth as long as its pixels."""
    packed, row = zlib.compressobj(9), bytes(1 + side * bits * channels // 8)
    body = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0)), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def jpeg(*, progressive: bool, scans: int = 1) -> bytes:
    """A few bytes that claim to be large."""
    data = bytearray(pictures.encoded("JPEG", progressive=progressive))
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", SIDE, SIDE)
    last = bytes(data[data.rindex(b"\xff\xda") : -2])
    return bytes(data[:-2]) + last * (scans - 1) + b"\xff\xd9"


def tiff(bits: int, channels: int, *, tile: int = 0) -> bytes:
    """Strips, or tiles, that are all the same few bytes."""
    strip = zlib.compress(bytes(100 * SIDE * bits // 8 * channels), 9)
    end = 8 + 2 + 12 * 11 + 4
    table = struct.pack("<100I", *[end + 800] * 100) + struct.pack("<100I", *[len(strip)] * 100)
    parts = (
        [(273, 4, 100, end), (278, 4, 1, 100), (279, 4, 100, end + 400), (339, 3, 1, 3 if bits > 16 else 1)]
        if not tile
        else [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, end + 800), (325, 4, 1, len(strip))]
    )
    side = 10 if tile else SIDE
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, bits), (259, 3, 1, 8), (262, 3, 1, 2)]
    tags = sorted([*tags, (277, 3, 1, channels), (284, 3, 1, 1), *parts])
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return head + bytes(end - len(head)) + table + strip


def jpeg2000() -> bytes:
    """One tile, without data to speak of."""
    data = bytearray(pictures.encoded("JPEG2000", no_jp2=True))
    at = data.index(b"\xff\x4f\xff\x51")
    data[at + 8 : at + 16] = data[at + 24 : at + 32] = struct.pack(">II", SIDE, SIDE)
    return bytes(data)


BOMBS = {
    "one bit": lambda: png(1, 0, 1),
    "colours": lambda: png(8, 2, 3),
    "with alpha": lambda: png(8, 6, 4),
    "sixteen bits": lambda: png(16, 6, 4, side=8_600),
    "too deep": lambda: png(16, 6, 4, side=8_800),
    "baseline": lambda: jpeg(progressive=False),
    "progressive": lambda: jpeg(progressive=True),
    "many scans": lambda: jpeg(progressive=True, scans=1000),
    "strips": lambda: tiff(8, 3),
    "floats": lambda: tiff(32, 3),
    "a large tile": lambda: tiff(8, 3, tile=16_384),
    "text": lambda: b"P3 10000 10000 255 1 2 3",
    "one colour": lambda: bytes(cv2.imencode(".webp", np.zeros((SIDE, SIDE), np.uint8), [64, 101])[1]),
    "a tile without data": jpeg2000,
}
REFUSED = {"too deep", "many scans", "floats", "a tile without data", "text", "baseline", "progressive"}
QUICK = {"one bit", "a large tile", *REFUSED}


@pytest.fixture(scope="module")
def process():
    with Process() as one:
        yield one


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is watched as Linux tells it")
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.deep) for name in BOMBS]
)
def test_a_small_file_does_little_harm(name, process, tmp_path):
    (tmp_path / "bomb").write_bytes(BOMBS[name]())
    assert (tmp_path / "bomb").stat().st_size < 1_000_000
    answer = process.use("tests.fuzz.targets.pictures", pictures.TARGETS[0], tmp_path / "bomb")
    assert not answer.problem
    if name in REFUSED:
        assert answer.outcome == "ImageError"
