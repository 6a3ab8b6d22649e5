"""Reading: every kind of file and array comes out right, or one error says what is wrong with it."""

import io
import os
import struct
import threading
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps
from skimage.data import astronaut

import visionkit as vk
from visionkit.preprocess import read, to_gray

PICTURE = astronaut()[:60, :90]


def encode(picture, kind, **options):
    file = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(file, kind, **options)
    return file.getvalue()


def pillow_on_white(data):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return np.asarray(white.convert("RGB"))


def decodes(kind):
    return kind != "GIF" or int(cv2.__version__.split(".")[0]) > 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_applied(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(PICTURE, kind, exif=exif)
    np.testing.assert_allclose(read(data), pillow_on_white(data), atol=2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "RGBA", "LA"])
def test_a_file_reads_as_pillow_reads_it(kind, mode):
    picture = Image.fromarray(PICTURE).convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(np.tile(np.arange(90, dtype=np.uint8) * 2, (60, 1))))
    try:
        data = encode(picture, kind)
        expected = pillow_on_white(data)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"Pillow writes no {mode} as {kind}")
    if not decodes(kind) or (kind, mode) in (("TIFF", "LA"), ("JPEG2000", "CMYK")):
        with pytest.raises(vk.ImageError, match="cannot decode"):
            read(data)
        return
    if (kind, mode) in (("BMP", "RGBA"), ("JPEG2000", "LA")):
        pytest.skip("OpenCV leaves the transparency out")
    np.testing.assert_allclose(read(data), expected, atol=3)


def test_sixteen_bits_are_scaled():
    wide = PICTURE[:, :, 0].astype(np.uint16) * 257
    for kind in ("PNG", "TIFF", "PPM"):
        assert np.array_equal(read(encode(wide, kind), mode="gray"), PICTURE[:, :, 0])


def test_a_transparent_gray_is_white():
    data = encode(Image.fromarray(PICTURE).convert("L"), "PNG", transparency=int(to_gray(PICTURE)[0, 0]))
    assert read(data, mode="gray")[0, 0] == 255


def test_of_an_animation_the_first_frame():
    frames = [Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (40, 200)]
    for kind in ("PNG", "GIF") if decodes("GIF") else ("PNG",):
        assert abs(int(read(encode(frames[0], kind, save_all=True, append_images=frames[1:]))[5, 5, 0]) - 40) < 3


@pytest.mark.parametrize("how", ["path", "str", "bytes", "bytearray", "file", "stream"])
def test_every_kind_of_source(tmp_path, how):
    data = encode(PICTURE, "PNG")
    path = tmp_path / "é picture.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        source = {
            "path": path,
            "str": str(path),
            "bytes": data,
            "bytearray": bytearray(data),
            "file": file,
            "stream": io.BytesIO(data),
        }[how]
        assert np.array_equal(read(source), PICTURE)


ALL = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000"]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_off_is_an_error_and_nothing_else_is_printed(kind, share, capfd):
    data = encode(PICTURE, kind)
    with pytest.raises(vk.ImageError, match=r"read: the bytes object \(\d+ bytes\) is"):
        read(data[: int(share * len(data))])
    assert capfd.readouterr() == ("", "")


def test_progressive_jpeg_cut_off_after_a_thumbnail():
    exif = Image.Exif()
    exif[0x010E] = "x" * 500
    data = encode(PICTURE, "JPEG", progressive=True, exif=exif)
    assert read(data).shape == PICTURE.shape
    with pytest.raises(vk.ImageError, match="too early"):
        read(data[:-2])
    assert read(data + b"\0 trailing notes of a phone").shape == PICTURE.shape


def test_a_damaged_png_is_an_error_without_noise(capfd):
    data = bytearray(encode(PICTURE, "PNG"))
    data[len(data) // 2] ^= 255
    with pytest.raises(vk.ImageError, match="checksum"):
        read(bytes(data))
    assert capfd.readouterr() == ("", "")


def test_a_wrong_colour_profile_prints_nothing(capfd):
    data = encode(PICTURE, "PNG")
    profile = b"iCCPx\0\0" + zlib.compress(b"not a profile")
    chunk = struct.pack(">I", len(profile) - 4) + profile + struct.pack(">I", zlib.crc32(profile))
    assert np.array_equal(read(data[:33] + chunk + data[33:]), PICTURE)
    assert capfd.readouterr() == ("", "")


def claims(kind, width=60_000, height=50_000):
    """A small file that says it is a large picture."""
    data = bytearray(encode(PICTURE, kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind == "PNG":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    elif kind == "WEBP":
        bits = struct.unpack_from("<I", data, 21)[0] >> 28 << 28
        data[21:25] = struct.pack("<I", bits | 16_000 << 14 | 16_000)
    elif kind == "TIFF":
        data = bytearray(data)
        at = struct.unpack_from("<I", data, 4)[0] + 2
        for entry in range(at, at + 12 * struct.unpack_from("<H", data, at - 2)[0], 12):
            tag = struct.unpack_from("<H", data, entry)[0]
            if tag in (256, 257):
                data[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, width)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, -height)
        data[30:34] = struct.pack("<I", 1)  # compressed, so that its length says nothing
    elif kind == "PPM":
        return b"P3 60000 # wide\n 50000 255 1 2 3"
    elif kind == "JPEG2000":
        at = data.index(b"\xff\x4f\xff\x51")
        data[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(data)


@pytest.mark.parametrize("kind", ALL)
def test_a_large_picture_is_refused_by_its_header(kind, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(vk.ImageError, match=r"expected at most 100000000 pixels, got \d+ x \d+"):
        read(claims(kind))


def test_the_limit_itself_is_let_through():
    data = encode(PICTURE, "PNG")
    assert read(data, max_pixels=60 * 90).shape == PICTURE.shape
    with pytest.raises(vk.ImageError, match="got 90 x 60"):
        read(data, max_pixels=60 * 90 - 1)


@pytest.mark.parametrize("kind", ALL)
@given(data=st.data())
def test_damage_anywhere_gives_a_picture_or_an_image_error(kind, data):
    broken = bytearray(encode(PICTURE[:20, :20], kind))
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(len(broken) - 1, 400)))] = data.draw(st.integers(0, 255))
    try:
        picture = read(bytes(broken), max_pixels=1_000_000)
    except vk.ImageError:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


def test_files_that_are_no_pictures(tmp_path):
    with pytest.raises(vk.FileError, match="there is no file"):
        read(tmp_path / "missing.png")
    with pytest.raises(vk.FileError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(vk.FileError):
        read("nul\0l.png")
    for data, words in ((b"", "is empty"), (b"hello, this is text", "not a picture in a known format")):
        with pytest.raises(vk.ImageError, match=words):
            read(data)
        (tmp_path / "file.png").write_bytes(data)
        with pytest.raises(vk.ImageError, match=words):
            read(tmp_path / "file.png")
    with pytest.raises(vk.ImageError, match="mode 'rb'"):
        read(io.StringIO("text"))


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no endless file on this system")
def test_an_endless_file_is_refused_at_once():
    with pytest.raises(vk.ImageError, match="known format"):
        read("/dev/zero")


@pytest.mark.parametrize("source", [None, 3, [1, 2], object()])
def test_other_sources_are_refused(source):
    with pytest.raises(vk.ImageError, match="expected a path, bytes, a binary file object or a numpy array"):
        read(source)


def test_arguments_are_checked():
    with pytest.raises(vk.ArgumentError, match="did you mean 'gray'"):
        read(PICTURE, mode="grey")
    with pytest.raises(vk.ArgumentError, match="max_pixels"):
        read(PICTURE, max_pixels=0)


def test_arrays_of_every_kind_are_the_same_picture():
    unit = PICTURE / 255
    frozen = PICTURE.copy()
    frozen.flags.writeable = False
    alpha = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)])
    for same in (
        unit,
        unit.astype(np.float32),
        PICTURE.astype(np.uint16) * 257,
        (PICTURE.astype(np.uint16) * 257).astype(">u2"),
        frozen,
        alpha,
        np.asfortranarray(PICTURE),
        PICTURE[::-1, ::-1][::-1, ::-1],
    ):
        before = same.copy()
        assert np.array_equal(read(same), PICTURE)
        assert np.array_equal(before, same)


def test_the_result_is_a_new_array():
    picture = read(PICTURE)
    picture[:] = 0
    assert PICTURE.any()


def test_gray_and_bool_and_transparency():
    assert np.array_equal(read(np.eye(4, dtype=bool), mode="gray"), np.eye(4, dtype=np.uint8) * 255)
    assert read(np.zeros((4, 5, 1), np.uint8)).shape == (4, 5, 3)
    assert read(np.zeros((4, 5, 4), np.uint8)).min() == 255


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 4), np.nan), "not finite"),
        (np.full((4, 4), np.inf), "not finite"),
        (np.full((4, 4), 200.0), "between 0 and 1, got 200 to 200"),
        (np.zeros((4, 4), np.int64), "expected uint8, uint16, bool or floating-point values"),
        (np.zeros((4, 4), complex), "expected uint8"),
        (np.zeros((4, 4, 2), np.uint8), "of shape"),
        (np.zeros((2, 4, 4, 3), np.uint8), "one picture at a time"),
        (np.zeros((0, 4), np.uint8), "with pixels in it"),
        (np.zeros(4, np.uint8), "of shape"),
    ],
)
def test_other_arrays_are_refused(array, words):
    with pytest.raises(vk.ImageError, match=words):
        read(array)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(4))))
def test_transparency_lies_on_white(pixels):
    alpha = pixels[:, :, 3:] / 255
    np.testing.assert_allclose(read(pixels), pixels[:, :, :3] * alpha + 255 * (1 - alpha), atol=0.51)


def test_the_log_level_of_opencv_comes_back():
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    before = log.getLogLevel()
    data = encode(PICTURE, "PNG")
    threads = [threading.Thread(target=lambda: [read(data) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.getLogLevel() == before
