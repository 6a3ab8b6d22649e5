"""What happens to files: cut off, flipped, overwritten, zeroed, shuffled, and lengths that lie."""

import random
from collections.abc import Callable, Iterator

Random = random.Random


def damaged(data: bytes, number: int, seed: int) -> tuple[str, bytes]:
    """The damage of a number: what was done, in words, and what comes of it.

    The kinds take turns, and each goes through all regions of the file before it comes to one again.
    """
    rng = random.Random(f"{seed} {number}")
    kind = list(KINDS)[number % len(KINDS)]
    regions = list(_regions(len(data)))
    low, high = regions[number // len(KINDS) % len(regions)]
    at = rng.randrange(low, high)
    return f"{kind} at {at} of {len(data)}", KINDS[kind](data, at, rng)


def _regions(size: int) -> Iterator[tuple[int, int]]:
    """From where to where: what a file begins with, closer and closer, how it ends, and ten even parts."""
    for length in (16, 64, 512):
        yield 0, min(size, length)
    for length in (4, 64):
        yield max(0, size - length), size
    for part in range(10):
        yield size * part // 10, max(size * (part + 1) // 10, size * part // 10 + 1)


def _cut(data: bytes, at: int, _rng: Random) -> bytes:
    return data[:at]


def _flip(data: bytes, at: int, rng: Random) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwrite(data: bytes, at: int, rng: Random) -> bytes:
    run = rng.randbytes(rng.choice((1, 2, 4, 16, 64)))
    return (data[:at] + run + data[at + len(run) :])[: len(data)]


def _zero(data: bytes, at: int, rng: Random) -> bytes:
    length = min(_length(data, rng), len(data) - at)
    return data[:at] + bytes(length) + data[at + length :]


def _remove(data: bytes, at: int, rng: Random) -> bytes:
    return data[:at] + data[at + _length(data, rng) :]


def _repeat(data: bytes, at: int, rng: Random) -> bytes:
    end = at + _length(data, rng)
    return data[:end] + data[at:]


def _insert(data: bytes, at: int, rng: Random) -> bytes:
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 100))) + data[at:]


def _swap(data: bytes, at: int, rng: Random) -> bytes:
    length = _length(data, rng)
    other = rng.randrange(len(data))
    first, second = sorted((at, other))
    length = min(length, second - first, len(data) - second)
    return b"".join(
        [
            data[:first],
            data[second : second + length],
            data[first + length : second],
            data[first : first + length],
            data[second + length :],
        ]
    )


def _lie(data: bytes, at: int, rng: Random) -> bytes:
    """The nearest number of four or two bytes that may be a length, in either order, becomes another."""
    width, order = rng.choice((2, 4, 4)), rng.choice(("little", "big"))
    for place in range(at, len(data) - width + 1):
        if 0 < int.from_bytes(data[place : place + width], order) <= len(data):  # type: ignore[arg-type]
            at = place
            break
    value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
    field = (value & (1 << 8 * width) - 1).to_bytes(width, order)  # type: ignore[arg-type]
    return (data[:at] + field + data[at + width :])[: len(data)]


def _length(data: bytes, rng: Random) -> int:
    return rng.choice((1, 4, 16, 64, max(1, len(data) // 20), max(1, len(data) // 4)))


KINDS: dict[str, Callable[[bytes, int, Random], bytes]] = {
    "cut": _cut,
    "flip": _flip,
    "overwrite": _overwrite,
    "zero": _zero,
    "remove": _remove,
    "repeat": _repeat,
    "insert": _insert,
    "swap": _swap,
    "lie": _lie,
}
