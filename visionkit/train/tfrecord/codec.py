"""The bytes of a TFRecord file: masked CRC-32C, records in their frames, and ``tf.train.Example`` messages.

Reading them here, without TensorFlow, is what lets an error name the record, and any record be read by itself.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER, FOOTER = 12, 4  # bytes before and after the data of a record
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits reversed
_BLOCK = 64
_MASK = 0xFFFFFFFF

Words = NDArray[np.uint32]


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of some bytes.

    Source: Castagnoli et al., Optimization of Cyclic Redundancy-Check Codes, 1993; RFC 3720, appendix B.4.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    if len(data) < _BLOCK:
        state, table = _MASK, _short_table()
        for byte in bytes(data):
            state = table[(state ^ byte) & 255] ^ (state >> 8)
        return state ^ _MASK
    # the remainder is linear: one for each block, as if alone, then pairs of neighbours, and pairs of these ...
    padded = np.zeros(-(-len(data) // _BLOCK) * _BLOCK, np.uint8)  # zeros in front change nothing
    start = len(padded) - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    padded[start : start + 4] ^= 255
    found = _position_table()[padded.reshape(-1, _BLOCK) + _POSITIONS]
    remainders: Words = np.bitwise_xor.reduce(found, axis=1)
    step = 0
    while len(remainders) > 1:
        if len(remainders) % 2:
            remainders = np.concatenate([np.zeros(1, np.uint32), remainders])
        remainders = _shift(_shift_table(step), remainders[::2]) ^ remainders[1::2]
        step += 1
    return int(remainders[0]) ^ _MASK


def masked(data: bytes | memoryview) -> int:
    """The checksum as TFRecord files store it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _MASK


def frame(data: bytes) -> bytes:
    """A record as it stands in a file: its length, the length's checksum, the data, the data's checksum."""
    length = struct.pack("<Q", len(data))
    return b"".join([length, struct.pack("<I", masked(length)), data, struct.pack("<I", masked(data))])


def encode(features: Mapping[str, bytes | int]) -> bytes:
    """A ``tf.train.Example`` of single values: bytes, or integers of 64 bits.

    >>> decode(encode({"image": b"...", "class": -3}))
    {'class': [-3], 'image': [b'...']}
    """
    entries = []
    for key in sorted(features):  # in one order, so that equal features are equal bytes
        value = features[key]
        if isinstance(value, bytes):
            feature = _field(1, _field(1, value))
        else:
            feature = _field(3, _field(1, _varint(value & 0xFFFFFFFFFFFFFFFF)))
        entries.append(_field(1, _field(1, key.encode()) + _field(2, feature)))
    return _field(1, b"".join(entries))


def decode(data: bytes | memoryview) -> dict[str, list[Any]]:
    """The features of a ``tf.train.Example``: lists of bytes, of integers or of floats.

    Raises:
        ValueError: the data is no such message.
    """
    features: dict[str, list[Any]] = {}
    for _, example in _fields(memoryview(data), 1):
        for _, entry in _fields(example, 1):
            key, values = "", []
            for number, part in _fields(entry, 1, 2):
                if number == 1:
                    key = str(_message(part), "utf-8")
                else:
                    values = [value for kind, found in _fields(part, 1, 2, 3) for value in _values(kind, found)]
            features[key] = values
    return features


def _values(kind: int, data: memoryview) -> Iterator[Any]:
    """What is in a list of bytes (1), of floats (2) or of integers (3)."""
    for _, part in _fields(data, 1):
        if kind == 1:
            yield bytes(_message(part))
        elif isinstance(part, int):  # an integer, or the bits of a float, that is not packed with others
            yield _signed(part) if kind == 3 else struct.unpack("<f", struct.pack("<I", part & _MASK))[0]
        elif kind == 2:
            yield from np.frombuffer(part, "<f4").tolist()
        else:
            at = 0
            while at < len(part):
                value, at = _read_varint(part, at)
                yield _signed(value)


def _fields(data: Any, *wanted: int) -> Iterator[tuple[int, Any]]:
    """The numbers and contents of the fields of a message."""
    data, at = _message(data), 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        content: Any
        if wire == 0:
            content, at = _read_varint(data, at)
        elif wire in (1, 2, 5):
            length, at = _read_varint(data, at) if wire == 2 else (8 if wire == 1 else 4, at)
            content, at = data[at : at + length], at + length
            if at > len(data):
                raise ValueError("a field ends after its message")
            if wire != 2:
                content = int.from_bytes(content, "little")
        else:
            raise ValueError(f"there is no wire type {wire}")
        if number in wanted:
            yield number, content


def _message(content: Any) -> memoryview:
    if not isinstance(content, memoryview):
        raise ValueError("a number stands where bytes are expected")
    return content


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise ValueError("a number ends after its message")
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7
    raise ValueError("a number is longer than 64 bits")


def _signed(value: int) -> int:
    value &= 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


@cache
def _byte_table() -> Words:
    """The remainder of each byte."""
    table: Words = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = table >> np.uint32(1) ^ (table & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    return table


@cache
def _short_table() -> list[int]:
    found: list[int] = _byte_table().tolist()
    return found


_POSITIONS = np.arange(_BLOCK, dtype=np.intp)[::-1] * 256


@cache
def _position_table() -> Words:
    """At 256 k + b, the remainder of the byte b with k zero bytes behind it."""
    rows = [_byte_table()]
    while len(rows) < _BLOCK:
        rows.append(_byte_table()[rows[-1] & 255] ^ (rows[-1] >> 8))
    return np.concatenate(rows)


@cache
def _shift_table(step: int) -> Words:
    """(4, 256): what each byte of a remainder becomes with 64 * 2**step zero bytes behind it."""
    if step:
        half = _shift_table(step - 1)
        return _shift(half, half)
    table = np.array([np.arange(256) << place for place in (0, 8, 16, 24)]).astype(np.uint32)
    for _ in range(_BLOCK):
        table = _byte_table()[table & 255] ^ (table >> 8)
    return table


def _shift(table: Words, remainders: Words) -> Words:
    low, high = table[0][remainders & 255] ^ table[1][remainders >> 8 & 255], table[3][remainders >> 24]
    found: Words = low ^ table[2][remainders >> 16 & 255] ^ high
    return found
