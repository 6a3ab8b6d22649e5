"""What a picture file says about itself before it is decoded: its format, its size, its orientation, its end.

A few hundred bytes can claim a picture of many gigapixels, and a file that was cut off half-way decodes into a
picture that is half grey. Both are found here, by walking the parts of the file without decoding any of them.
"""

import math
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

HEAD = 32  # bytes that tell the format
DEPTH = 6  # bytes: pixels that take more count as more, since OpenCV holds a picture twice while it decodes
_SCANS = 100  # of a JPEG file: programs write a dozen, and each takes as long as the picture is large


class BrokenFile(Exception):
    """The file is not a picture, or not a whole one; the message completes "read: <source> ..."."""


class Header(NamedTuple):
    """What is known before decoding; ``data`` is what to decode, ``orientation`` still has to be applied to it."""

    format: str
    width: int
    height: int
    orientation: int
    data: bytes
    transparent_gray: int | None = None  # the one grey level that stands for nothing, in a grey PNG
    premultiplied: bool = False  # the colours are multiplied by alpha already
    depth: int = 4  # bytes that a pixel takes while it is decoded, at most or about

    @property
    def pixels(self) -> float:
        """How many there are; deep ones count as more."""
        return self.width * self.height * max(1, self.depth / DEPTH)


def sniff(head: bytes) -> str | None:
    """The format that the first ``HEAD`` bytes of a file belong to, or None."""
    for name, pattern in _MAGIC.items():
        if re.match(pattern, head, re.DOTALL):
            return name
    return None


def inspect(data: bytes) -> Header:
    """Walk a whole file.

    Raises:
        BrokenFile: the format is unknown, the file is damaged, or it ends too early.
    """
    name = sniff(data[:HEAD])
    if name is None:
        raise BrokenFile(f"is not a picture in a known format; expected one of {', '.join(_MAGIC)}")
    try:
        header = _WALKERS[name](data)
    except (struct.error, IndexError, OverflowError):  # the last: an offset of 64 bits
        raise _cut_off(name) from None
    if header.width < 1 or header.height < 1:
        raise BrokenFile(f"is a damaged {name} file: it gives its size as {header.width} x {header.height}")
    return header


def _cut_off(name: str) -> BrokenFile:
    return BrokenFile(f"is a {name} file that ends too early; copy or download it again")


def _jpeg(data: bytes) -> Header:
    width = height = 0
    orientation, at, kept = 1, 2, [data[:2]]
    picture, scans, loose = None, 0, False  # where the scans begin, their number, and whether there are stray bytes
    while True:
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            raise _cut_off("JPEG")
        loose = loose or (picture is None and found.start() > at)
        start, marker, at = found.start(), data[found.start() + 1], found.end()
        if marker == 0xD9:  # end of image
            break
        if marker not in (0x01, 0xD8):  # these two stand alone
            length = _unpack(">H", data, at)[0]
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header
                rows, columns = _unpack(">HH", data, at + 3)
                if columns * rows >= width * height:
                    width, height = columns, rows
            elif marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0":
                orientation = _exif_orientation(data[at + 8 : at + length])
            elif marker == 0xDA:
                picture = start if picture is None else picture
                scans += 1
            at += max(length, 2)
        if picture is None:
            kept.append(data[start:at])
    if scans > _SCANS:
        raise BrokenFile(f"is a JPEG file of {scans} scans, more than {_SCANS}; save it again")
    if loose:  # stray bytes are left out: libjpeg would speak of them, and then no more of damage
        data = b"".join([*kept, data[start if picture is None else picture :]])
    return Header("JPEG", width, height, orientation, data)


def _png(data: bytes) -> Header:
    kept, orientation, transparent, at, kind = [data[:8]], 1, None, 8, b""
    while kind != b"IEND":
        length, kind = _unpack(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise _cut_off("PNG")
        if zlib.crc32(data[at + 4 : end - 4]) != _unpack(">I", data, end - 4)[0]:
            raise BrokenFile(f"is a damaged PNG file: the checksum of its part {kind!r} is wrong; copy it again")
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            # The rest is left out: colour profiles make libpng print warnings, and further frames are not wanted.
            kept.append(data[at:end])
        if kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : end - 4])
        if kind == b"tRNS" and length == 2 and data[25] == 0:
            transparent = _unpack(">H", data, at + 8)[0]
            if data[24] < 8:  # OpenCV widens these to 8 bits
                transparent = transparent * 255 // (2 ** data[24] - 1)
        at = end
    if data[12:16] != b"IHDR":
        raise BrokenFile("is a damaged PNG file: it does not begin with its size")
    width, height, bits, kind = _unpack(">IIBB", data, 16)
    depth = bits * 4 // 8 if kind == 6 else 4
    return Header("PNG", width, height, orientation, b"".join(kept), transparent, depth=depth)


def _webp(data: bytes) -> Header:
    end = 8 + _unpack("<I", data, 4)[0]
    if end > len(data):
        raise _cut_off("WebP")
    sizes, orientation, at = [(0, 0)], 1, 12
    while at + 8 <= end:
        kind, length = _unpack("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            sizes.append((_triple(data, body + 4) + 1, _triple(data, body + 7) + 1))
        elif kind == b"VP8 ":
            columns, rows = _unpack("<HH", data, body + 6)
            sizes.append((columns & 0x3FFF, rows & 0x3FFF))
        elif kind == b"VP8L":
            bits = _unpack("<I", data, body + 1)[0]
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        elif kind == b"EXIF":
            orientation = _exif_orientation(data[body : body + length].removeprefix(b"Exif\0\0"))
        at = body + length + length % 2
    return Header("WebP", *max(sizes, key=lambda size: size[0] * size[1]), orientation, data)


def _tiff(data: bytes) -> Header:
    tags = _tiff_tags(data)
    (width, *_), (height, *_) = tags.get(256, [0]), tags.get(257, [0])
    for offsets, lengths in ((273, 279), (324, 325)):  # strips, tiles
        parts = zip(tags.get(offsets, []), tags.get(lengths, []), strict=False)
        if any(offset + length > len(data) for offset, length in parts):
            raise _cut_off("TIFF")
    extra = tags.get(338, [0])[0]
    if extra in (1, 2) and tags.get(277) == [2]:
        raise BrokenFile("is a grey TIFF file with transparency, which OpenCV cannot decode; save it again as PNG")
    bits, samples = max(tags.get(258) or [1]), max(tags.get(277) or [1])
    # libtiff multiplies 8-bit colours by alpha, and turns the picture upright itself
    premultiplied = extra == 1 or tags.get(258, [8])[0] == 8
    return Header("TIFF", width, height, 1, data, premultiplied=premultiplied, depth=-(-bits * samples // 8))


def _gif(data: bytes) -> Header:
    width, height = _unpack("<HH", data, 6)
    at = 13 + _gif_colors(data[10])
    while data[at] != 0x2C:  # an image
        if data[at] != 0x21:
            raise BrokenFile("is a damaged GIF file, or one without a picture")
        at = _gif_blocks(data, at + 2)
    left, top, columns, rows = _unpack("<HHHH", data, at + 1)
    _gif_blocks(data, at + 11 + _gif_colors(data[at + 9]))
    return Header("GIF", max(width, left + columns), max(height, top + rows), 1, data)


def _gif_colors(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


def _bmp(data: bytes) -> Header:
    start, size = _unpack("<II", data, 10)
    if size == 12:
        width, height, _, bits = _unpack("<HHHH", data, 18)
        packed = 0
    else:
        width, height, _, bits, packed = _unpack("<iiHHI", data, 18)
    height = abs(height)  # negative: the rows run from top to bottom
    if packed in (0, 3) and start + (width * bits + 31) // 32 * 4 * height > len(data):
        raise _cut_off("BMP")
    return Header("BMP", width, height, 1, data)


def _pnm(data: bytes) -> Header:
    found = re.match(rb"P([1-6])%(gap)s(\d{1,9})%(gap)s(\d{1,9})(?:%(gap)s(\d{1,5}))?\s" % {b"gap": _GAP}, data)
    if found is None:
        raise BrokenFile("is a damaged PNM file: its size cannot be read")
    kind, width, height, top = (int(group or 255) for group in found.groups())
    size = {4: (width + 7) // 8, 5: width, 6: 3 * width}.get(kind, 0) * height * (2 if kind > 4 and top > 255 else 1)
    if kind == 4:
        found = re.match(rb"P4%(gap)s\d+%(gap)s\d+\s" % {b"gap": _GAP}, data) or found
    if len(data) - found.end() < size:
        raise _cut_off("PNM")
    return Header("PNM", width, height, 1, data)


def _jpeg2000(data: bytes) -> Header:
    # Every place that may be the size is taken for it: the largest counts, so that none can hide behind a comment.
    sizes = [_unpack(">II24xH", data, found.end() + 4) for found in re.finditer(rb"\xff\x4f\xff\x51", data)]
    if not sizes:
        raise _cut_off("JPEG 2000")
    width, height, channels = max(sizes, key=lambda size: math.prod(map(int, size)))
    return Header("JPEG 2000", width, height, 1, data, depth=4 * channels)  # OpenJPEG takes 32 bits for each


def _exif_orientation(data: bytes) -> int:
    try:
        orientation = _tiff_tags(data).get(0x0112, [1])[0]
    except (struct.error, IndexError, OverflowError, BrokenFile):
        return 1  # damaged notes about a picture do not spoil the picture
    return orientation if 1 <= orientation <= 8 else 1


def _tiff_tags(data: bytes) -> dict[int, list[int]]:
    """The whole-number tags of the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    big = _unpack(order + "H", data, 2)[0] == 43
    word, entry = ("Q", 20) if big else ("I", 12)
    at = _unpack(order + word, data, 8 if big else 4)[0]
    count = _unpack(order + ("Q" if big else "H"), data, at)[0]
    at += 8 if big else 2
    tags = {}
    for start in range(at, at + entry * min(count, 4096), entry):
        tag, kind, number = _unpack(order + "HH" + word, data, start)
        code = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
        if code is None:
            continue
        place = start + entry - struct.calcsize(word)
        if number * struct.calcsize(code) > struct.calcsize(word):
            place = _unpack(order + word, data, place)[0]
        if place + number * struct.calcsize(code) > len(data):
            raise _cut_off("TIFF")
        if number:
            tags[tag] = list(_unpack(f"{order}{number}{code}", data, place))
    return tags


def _unpack(layout: str, data: bytes, at: int) -> tuple[Any, ...]:
    return struct.unpack_from(layout, data, at)


def _triple(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16


_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # not a stuffed byte, a restart, or padding
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_MAGIC = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "PNM": rb"P[1-6][\s#]",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
}
_WALKERS: dict[str, Callable[[bytes], Header]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "TIFF": _tiff,
    "GIF": _gif,
    "BMP": _bmp,
    "PNM": _pnm,
    "JPEG 2000": _jpeg2000,
}
