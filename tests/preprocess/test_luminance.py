"""A JPEG file in grey: the luminance that it stores, and nothing that its colours add."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

import visionkit as vk
from visionkit.preprocess import read, to_gray, write
from visionkit.reader.sample import draw_page

RNG = np.random.default_rng(5)
SOFT = cv2.GaussianBlur(
    RNG.integers(40, 216, (61, 83, 3), dtype=np.uint8), (0, 0), 1
)  # none of its colours is at an end
VIVID = cv2.resize(RNG.integers(0, 2, (9, 12, 3), dtype=np.uint8) * 255, (83, 61), interpolation=cv2.INTER_NEAREST)


def jpeg(picture, mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def by_pillow(data):
    picture = Image.open(io.BytesIO(data))
    picture.draft("L", picture.size)  # libjpeg is told to leave the colours out
    return np.asarray(picture)


@pytest.mark.parametrize("picture", [SOFT, VIVID], ids=["soft", "vivid"])
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_it_is_what_pillow_finds_stored(picture, sampling):
    data = jpeg(picture, subsampling=sampling)
    gray = read(data, mode="gray").astype(int)
    assert np.abs(gray - by_pillow(data)).max() <= 1
    assert gray.shape == picture.shape[:2]


def test_it_is_the_grey_of_the_colours_where_none_is_clipped():
    data = jpeg(SOFT)
    np.testing.assert_allclose(read(data, mode="gray").astype(int), to_gray(read(data)), atol=1)


def test_it_is_not_that_of_the_colours_where_they_are_clipped():
    """What would fail if colours were decoded after all."""
    data = jpeg(VIVID)
    assert np.abs(read(data, mode="gray").astype(int) - to_gray(read(data))).max() > 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_the_right_way_up(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(SOFT, exif=exif)
    np.testing.assert_allclose(read(data, mode="gray").astype(int), to_gray(read(data)), atol=1)


@pytest.mark.parametrize(
    ("mode", "options"), [("CMYK", {}), ("RGB", {"keep_rgb": True}), ("L", {}), ("RGB", {"progressive": True})]
)
def test_files_that_store_other_colours_have_their_grey(mode, options):
    data = jpeg(SOFT, mode, **options)
    np.testing.assert_allclose(read(data, mode="gray").astype(int), to_gray(read(data)), atol=2)


def test_a_damaged_file_and_a_large_one_are_refused_in_grey_too():
    data = jpeg(SOFT)
    with pytest.raises(vk.ImageError, match="ends too early"):
        read(data[: len(data) // 2], mode="gray")
    with pytest.raises(vk.ImageError, match="at most 100 pixels"):
        read(data, mode="gray", max_pixels=100)


@pytest.fixture(scope="module")
def reader():
    return vk.reader.load()


def test_a_reader_reads_a_file_by_its_luminance_and_shows_its_colours(reader, tmp_path):
    page = draw_page("HELLO\n2846", seed=2).image
    glaring = np.clip(page * np.array([1.3, 1.1, 0.9]), 0, 255).astype(np.uint8)
    write(tmp_path / "a.jpg", glaring)
    reading, colours = reader.read(tmp_path / "a.jpg"), read(tmp_path / "a.jpg")
    assert reading == reader.read(read(tmp_path / "a.jpg", mode="gray"))
    assert reading.text == "HELLO\n2846"
    (tmp_path / "a.jpg").unlink()  # the file is not opened again
    np.testing.assert_array_equal(reading.image, colours)
    assert reading.draw().shape == colours.shape


def test_of_an_array_a_reader_keeps_a_copy(reader):
    page = draw_page("HELLO", seed=2).image
    reading = reader.read(page)
    before = page.copy()
    page[:] = 0
    np.testing.assert_array_equal(reading.image, before)


def test_a_broken_file_is_named_by_a_reader(reader, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(jpeg(SOFT)[:300])
    with pytest.raises(vk.ImageError, match=r"cut\.jpg"):
        reader.read(tmp_path / "cut.jpg")
