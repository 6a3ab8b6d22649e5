"""Where an HDF5 file holds texts: damage there makes HDF5's own code crash, run for ever, or take gigabytes.

After the HDF5 File Format Specification 3.0: object headers IV.A.1.a, attributes IV.A.2.m, global heaps III.E.
"""

import struct
from typing import TypeAlias

from visionkit._saved.refused import Refused

Data: TypeAlias = "bytes"  # or what is mapped into memory

LARGEST = 1 << 24  # bytes of an attribute
_HEAP = b"GCOL\x01\0\0\0"
_ATTRIBUTE, _CONTINUATION = 0x0C, 0x10
_VARIABLE = 9  # the class of types of variable length
_REFERENCE = struct.Struct("<IQI")  # length, heap, number


def check_heaps(data: Data) -> None:
    """Every heap of texts: its parts have to follow each other up to its end.

    Raises:
        Refused: they do not.
    """
    at = data.find(_HEAP)
    while at >= 0:
        _check_heap(data, at)
        at = data.find(_HEAP, at + len(_HEAP))


def check_attributes(data: Data, at: int) -> None:
    """The texts of an object whose header lies at a place: not longer than texts are.

    Raises:
        Refused: they are, or the header is damaged.
    """
    if data[at : at + 4] == b"OHDR":  # of newer files, with a checksum
        return
    try:
        (size,) = struct.unpack_from("<I", data, at + 8)
        blocks, seen = [(at + 16, size)], {at + 16}
        while blocks:
            at, size = blocks.pop()
            end = min(at + size, len(data))
            while at + 8 <= end:
                kind, length = struct.unpack_from("<HH", data, at)
                body = data[at + 8 : min(at + 8 + length, end)]
                at += 8 + length
                if kind == _CONTINUATION:
                    block = struct.unpack_from("<QQ", body)
                    if block[0] not in seen:
                        seen.add(block[0])
                        blocks.append(block)
                elif kind == _ATTRIBUTE:
                    _check_attribute(body)
    except struct.error as error:
        raise Refused("expected a whole HDF5 file, got one with a damaged header") from error


def _check_attribute(body: bytes) -> None:
    version, _, *sizes = struct.unpack_from("<BBHHH", body)
    at = 9 if version == 3 else 8
    starts = []
    for size in sizes:  # name, type, extent
        starts.append(at)
        at += size if version > 1 else -(-size // 8) * 8
    if body[starts[1]] & 15 != _VARIABLE:
        return
    total = 0
    for place in range(at, len(body) - _REFERENCE.size + 1, _REFERENCE.size):
        total += _REFERENCE.unpack_from(body, place)[0]
    if total > LARGEST:
        raise Refused(f"expected at most {LARGEST} bytes of text in an attribute, got {total}")


def _check_heap(data: Data, at: int) -> None:
    if at + 16 > len(data):
        return  # HDF5 sees that itself
    (size,) = struct.unpack_from("<Q", data, at + 8)
    end, at = at + size, at + 16
    while at + 16 <= end <= len(data):
        number, _, _, length = struct.unpack_from("<HHIQ", data, at)
        if number == 0:  # the rest is free
            at = end if at + length == end else end + 1
        else:
            at += 16 + -(-length // 8) * 8
    if not end - 16 < at <= end:
        raise Refused("expected a whole HDF5 file, got one whose texts are damaged")
