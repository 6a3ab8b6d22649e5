"""Picture files of every kind, as ``preprocess.read`` and ``train.from_directory`` use them."""

import io
import struct
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.fuzz.harness import Target


def drawn() -> NDArray[np.uint8]:
    """A picture with gradients, edges and noise, (48, 56, 3)."""
    rows, columns = np.mgrid[:48, :56]
    picture = np.stack([rows * 5, columns * 4, (rows + columns) * 2], axis=-1)
    picture[10:30, 12:40] = 250 - picture[10:30, 12:40]
    noise = np.random.default_rng(0).integers(0, 30, picture.shape)
    return np.clip(picture + noise - 15, 0, 255).astype(np.uint8)


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A file by Pillow."""
    picture = Image.fromarray(drawn()).convert("P" if mode == "P" else mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(drawn()[:, :, 0]))
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def by_opencv(suffix: str, pixels: NDArray[Any], *parameters: int) -> bytes:
    """A file by OpenCV."""
    return bytes(cv2.imencode(suffix, pixels, list(parameters))[1])


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a camera's notes " * 5
    return exif


def _jpeg_with_thumbnail() -> bytes:
    small = io.BytesIO()
    Image.fromarray(drawn()[::4, ::4]).save(small, "JPEG")
    note = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + small.getvalue()
    whole = encoded("JPEG")
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + whole[2:]


def _run_length_bmp() -> bytes:
    """8 bits, run-length encoded, which Pillow does not write."""
    row = bytes([20, 3, 20, 200, 16, 90])
    body = (row + b"\0\0") * 48 + b"\0\1"
    palette = b"".join(bytes([level, 255 - level, level // 2, 0]) for level in range(256))
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + 1024 + len(body), 0, 0, 1078, 40, 56, 48, 1, 8, 1,
                       len(body), 2835, 2835, 256, 0)  # fmt: skip
    return head + palette + body


def _interlaced_png() -> bytes:
    """Adam7, which neither Pillow nor OpenCV writes: every pass is made here."""
    picture, data = drawn(), b""
    for top, left, down, across in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
    ):  # fmt: skip
        data += b"".join(b"\0" + row.tobytes() for row in picture[top::down, left::across])
    header = struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 8, 2, 0, 0, 1)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def _big_tiff() -> bytes:
    """A TIFF with offsets of 64 bits."""
    picture = drawn()
    tags = [(256, 3, 1, 56), (257, 3, 1, 48), (258, 3, 3, 8 | 8 << 16 | 8 << 32), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 16, 1, 0), (277, 3, 1, 3), (278, 3, 1, 48), (279, 16, 1, picture.nbytes)]  # fmt: skip
    start = 16 + 8 + 20 * len(tags) + 8
    tags[5] = (273, 16, 1, start)
    entries = b"".join(struct.pack("<HHQQ", *tag) for tag in tags)
    return struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(tags)) + entries + bytes(8) + picture.tobytes()


def _png() -> dict[str, bytes]:
    found = {mode: encoded("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")}
    found["clear"] = encoded("PNG", "P", transparency=3)
    found["sixteen"] = by_opencv(".png", drawn().astype(np.uint16) * 257)
    found["interlaced"] = _interlaced_png()
    found["noted"] = encoded("PNG", exif=_exif())
    return found


def _jpeg() -> dict[str, bytes]:
    return {
        "plain": encoded("JPEG"),
        "fine": encoded("JPEG", quality=97, subsampling=0),
        "progressive": encoded("JPEG", progressive=True),
        "gray": encoded("JPEG", "L"),
        "cmyk": encoded("JPEG", "CMYK"),
        "restarts": encoded("JPEG", restart_marker_blocks=2),
        "thumbnail": _jpeg_with_thumbnail(),
        "turned": encoded("JPEG", exif=_exif()),
    }


def _webp() -> dict[str, bytes]:
    frames = [Image.fromarray(np.roll(drawn(), step, 1)) for step in (0, 5, 9)]
    moving = io.BytesIO()
    frames[0].save(moving, "WEBP", save_all=True, append_images=frames[1:])
    return {
        "lossy": encoded("WEBP"),
        "lossless": encoded("WEBP", lossless=True),
        "alpha": encoded("WEBP", "RGBA"),
        "moving": moving.getvalue(),
        "turned": encoded("WEBP", exif=_exif()),
    }


def _tiff() -> dict[str, bytes]:
    found = {name: encoded("TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")}
    found |= {mode: encoded("TIFF", mode) for mode in ("1", "L", "P", "RGBA", "CMYK")}
    found["sixteen"] = by_opencv(".tiff", drawn().astype(np.uint16) * 257)
    found["float"] = by_opencv(".tiff", drawn().astype(np.float32) / 255)
    found["big"] = _big_tiff()
    found["jpeg"] = encoded("TIFF", compression="jpeg")
    found["fax"] = encoded("TIFF", "1", compression="group4")
    return found


def _gif() -> dict[str, bytes]:
    frames = [Image.fromarray(np.roll(drawn(), step, 1)) for step in (0, 5, 9)]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    return {"still": encoded("GIF", "P"), "moving": moving.getvalue(), "interlaced": encoded("GIF", "L", interlace=1)}


def _bmp() -> dict[str, bytes]:
    return {
        **{mode: encoded("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")},
        "four": encoded("BMP", "P", bits=4),
        "runs": _run_length_bmp(),
    }


def _pnm() -> dict[str, bytes]:
    picture = drawn()
    text = f"P3\n# by hand\n56 48\n255\n{' '.join(map(str, picture.reshape(-1)))}\n"
    return {
        "1": encoded("PPM", "1"),
        "L": encoded("PPM", "L"),
        "RGB": encoded("PPM"),
        "sixteen": by_opencv(".ppm", picture.astype(np.uint16) * 257),
        "text": text.encode(),
    }


def _jpeg2000() -> dict[str, bytes]:
    return {
        "lossless": encoded("JPEG2000"),
        "lossy": encoded("JPEG2000", quality_mode="rates", quality_layers=[10]),
        "gray": encoded("JPEG2000", "L"),
        "tiled": encoded("JPEG2000", tile_size=(32, 32)),
        "stream": encoded("JPEG2000", no_jp2=True),
    }


FORMATS = {
    "png": _png,
    "jpg": _jpeg,
    "webp": _webp,
    "tiff": _tiff,
    "gif": _gif,
    "bmp": _bmp,
    "ppm": _pnm,
    "jp2": _jpeg2000,
}


def write(folder: Path, *, suffix: str) -> Sequence[Path]:
    """The files of a format that this OpenCV decodes."""
    from visionkit._errors import ImageError
    from visionkit.preprocess.image import read

    paths = []
    for name, data in FORMATS[suffix]().items():
        path = folder / f"{name}.{suffix}"
        path.write_bytes(data)
        try:
            read(path)
        except ImageError:  # OpenCV 4.10 knows no GIF, and neither knows fax
            path.unlink()
        else:
            paths.append(path)
    return paths


def used(path: Path) -> NDArray[np.uint8]:
    """Read it as a picture is read."""
    from visionkit.preprocess.image import read

    return read(path)


def picture(result: Any, _original: Any) -> bool:
    """A picture, as any is: where a format has no checksums nobody can tell more."""
    return isinstance(result, np.ndarray) and result.dtype == np.uint8 and result.ndim == 3 and result.shape[2] == 3


def same(result: Any, original: Any) -> bool:
    """The same pixels."""
    return np.array_equal(result, original)


def in_folders(folder: Path) -> Sequence[Path]:
    """A folder of pictures for each file, which stands between sound ones."""
    paths = []
    kinds = (("jpg", "progressive"), ("jpg", "turned"), ("png", "P"), ("tiff", "tiff_lzw"), ("webp", "lossy"))
    for suffix, name in kinds:
        place = folder / f"{suffix}-{name}"
        place.mkdir()
        (place / "1.png").write_bytes(encoded("PNG"))
        (place / "2.jpg").write_bytes(encoded("JPEG"))
        paths.append(place / f"3.{suffix}")
        paths[-1].write_bytes(FORMATS[suffix]()[name])
    return paths


def trained_on(path: Path, *, on_error: Any) -> NDArray[np.float32]:
    """Read the folder that it is in as data to train on; what is left out is not in the answer."""
    from visionkit.train.data.directory import from_directory

    data = from_directory(path.parent, image_size=40, labels=None, shuffle=False, on_error=on_error)
    [(images,)] = list(data.batches())
    assert len(images) + len(data.skipped) == 3
    assert [skipped.file for skipped in data.skipped] in ([], [str(path)])
    return images


def images(result: Any, original: Any) -> bool:
    """The sound files are what they were."""
    return result.shape[1:] == original.shape[1:] and np.array_equal(result[:2], original[:2])


def uncut(result: Any, original: Any) -> bool:
    """A file that was cut off is left out, or what it was."""
    return np.array_equal(result, original[: len(result)])


TARGETS = [
    *(
        Target(f"read-{suffix}", partial(write, suffix=suffix), used, same if suffix == "png" else picture, cut=same)
        for suffix in FORMATS
    ),
    *(
        Target(f"directory-{on_error}", in_folders, partial(trained_on, on_error=on_error), images, True, uncut)
        for on_error in ("raise", "skip")
    ),
]
