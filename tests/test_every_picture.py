"""Every function that takes pictures, with every kind of picture: right, or one clear error; no array is changed."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

import visionkit as vk
from visionkit import explain, preprocess, reader, train
from visionkit.reader.sample import draw_page

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (32, 32, 3), np.uint8)
GRAY = RGB[:, :, 1].copy()


def written(image, folder):
    path = folder / "picture.png"
    preprocess.write(path, image)
    return np.array(Image.open(path))


# name -> what is called, with a folder of its own; each takes uint8 (H, W) and RGB (H, W, 3), and no other array
FUNCTIONS = {
    "to_gray": lambda image, _: preprocess.to_gray(image),
    "resize": lambda image, _: preprocess.resize(image, width=9, height=40),
    "resize longest": lambda image, _: preprocess.resize(image, longest=20),
    "resize to the same": lambda image, _: preprocess.resize(image, width=32, height=32),
    "gaussian_blur": lambda image, _: preprocess.gaussian_blur(image),
    "canny": lambda image, _: preprocess.canny(image),
    "canny auto": lambda image, _: preprocess.canny(image, "auto"),
    "otsu": lambda image, _: preprocess.otsu(image).binary,
    "blur_score": lambda image, _: preprocess.blur_score(image),
    "blur_score laplacian": lambda image, _: preprocess.blur_score(image, method="laplacian"),
    "blur_score fft": lambda image, _: preprocess.blur_score(image, method="fft", size=3),
    "is_blurry": lambda image, _: preprocess.is_blurry(image),
    "draw_boxes": lambda image, _: preprocess.draw_boxes(image, [[2, 3, 9, 7], [0, 0, 5, 5]], ["a", "b"]),
    "write": written,
    "overlay": lambda image, _: explain.overlay(image, np.eye(4)),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)

# the ways in which the same pixels may lie in memory
LAYOUTS = {
    "in a row": lambda pixels: pixels.copy(),
    "by columns": np.asfortranarray,
    "read-only": lambda pixels: frozen(pixels.copy()),
    "every third": lambda pixels: spread(pixels)[1::3, 2::3],
    "transposed": lambda pixels: np.swapaxes(np.swapaxes(pixels, 0, 1).copy(), 0, 1),
    "upside down": lambda pixels: pixels[::-1, ::-1].copy()[::-1, ::-1],
    "colours backwards": lambda pixels: pixels[..., ::-1].copy()[..., ::-1],
    "of another class": lambda pixels: frozen(pixels.copy().view(Subclass)),
}


class Subclass(np.ndarray):
    pass


def frozen(pixels):
    pixels.flags.writeable = False
    return pixels


def spread(pixels):
    large = np.full((pixels.shape[0] * 3, pixels.shape[1] * 3, *pixels.shape[2:]), 7, pixels.dtype)
    large[1::3, 2::3] = pixels
    return large


def memory(array):
    """All the bytes that an array is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.tobytes()


@every_function
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_pixels_may_lie_anyhow(name, layout, pixels, tmp_path):
    image = LAYOUTS[layout](pixels)
    before = memory(image)
    result = FUNCTIONS[name](image, tmp_path)
    assert np.array_equal(result, FUNCTIONS[name](pixels.copy(), tmp_path))
    assert memory(image) == before
    if isinstance(result, np.ndarray):  # a new array, whatever it was made from
        assert not np.shares_memory(result, image)
        assert result.flags.writeable


UNIT = RGB / 255
# name -> an array that is not uint8 (H, W) or (H, W, 3), and the uint8 picture that `read` makes of it, or what it says
OTHERS = {
    "one channel": (GRAY[:, :, None], GRAY),
    "rgba": (np.dstack([RGB, np.full((32, 32), 255, np.uint8)]), RGB),
    "bool": (GRAY > 99, (GRAY > 99) * np.uint8(255)),
    "float64": (UNIT, RGB),
    "float32": (UNIT.astype(np.float32), RGB),
    "float16": (UNIT.astype(np.float16), RGB),
    "float64, other byte order": (UNIT.astype(">f8"), RGB),
    "uint16": (RGB * np.uint16(257), RGB),
    "uint16, other byte order": ((RGB * np.uint16(257)).astype(">u2"), RGB),
    "uint16 gray, strided": (spread(GRAY * np.uint16(257))[1::3, 2::3], GRAY),
    "float gray, upside down": ((GRAY / 255)[::-1], GRAY[::-1]),
    "float rgba, other way round": (np.dstack([UNIT, np.ones((32, 32))]).swapaxes(0, 1), RGB.swapaxes(0, 1)),
    "float to 255": (RGB.astype(float), "between 0 and 1, got 0 to 255"),
    "below 0": (UNIT - 0.5, "between 0 and 1"),
    "not a number": (np.where(UNIT > 0.5, np.nan, UNIT), "values that are not finite"),
    "infinite": (np.where(UNIT > 0.5, np.inf, UNIT), "values that are not finite"),
    "int64": (RGB.astype(np.int64), "uint8, uint16, bool or floating-point"),
    "int8": (RGB.astype(np.int8), "uint8, uint16, bool or floating-point"),
    "uint32": (RGB.astype(np.uint32), "uint8, uint16, bool or floating-point"),
    "complex": (RGB.astype(complex), "uint8, uint16, bool or floating-point"),
    "objects": (RGB.astype(object), "uint8, uint16, bool or floating-point"),
    "text": (RGB.astype(str), "uint8, uint16, bool or floating-point"),
    "no rows": (np.zeros((0, 5), np.uint8), "with pixels in it"),
    "no columns": (np.zeros((5, 0, 3), np.uint8), "with pixels in it"),
    "no channels": (np.zeros((5, 5, 0), np.uint8), "with pixels in it"),
    "two channels": (RGB[:, :, :2], "of shape"),
    "five channels": (np.zeros((5, 5, 5), np.uint8), "of shape"),
    "one dimension": (GRAY[0], "of shape"),
    "no dimension": (GRAY[0, 0, ...], "of shape"),
    "a batch": (RGB[None], "one picture at a time"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_read_takes_every_array_or_says_why_not(kind):
    array, expected = OTHERS[kind]
    before = memory(array)
    if isinstance(expected, str):
        with pytest.raises(vk.ImageError, match=rf"^read: expected .*{expected}"):
            preprocess.read(array)
    else:
        rgb = expected if expected.ndim == 3 else np.dstack([expected] * 3)
        assert np.array_equal(preprocess.read(array), rgb)
        assert np.array_equal(preprocess.read(array, mode="gray"), preprocess.to_gray(expected))
    assert memory(array) == before


@every_function
@pytest.mark.parametrize("kind", OTHERS)
def test_the_other_functions_take_what_read_gives_and_say_so(name, kind, tmp_path):
    array, expected = OTHERS[kind]
    before = memory(array)
    with pytest.raises(vk.ImageError, match=rf"^{name.split()[0]}: expected a uint8 image of shape \(H, W\) or"):
        FUNCTIONS[name](array, tmp_path)
    assert memory(array) == before
    if not isinstance(expected, str):
        FUNCTIONS[name](preprocess.read(array), tmp_path)


@every_function
def test_what_is_no_array_is_an_error(name, tmp_path):
    for image in (None, "picture.png", 3, [[1, 2], [3, 4]], b"", Image.fromarray(RGB)):
        with pytest.raises(vk.ImageError, match=rf"^{name.split()[0]}: expected a uint8 image"):
            FUNCTIONS[name](image, tmp_path)


THIN = {"1 x 1": (1, 1), "1 x 2": (1, 2), "1 x 5000": (1, 5000), "2 x 2": (2, 2), "3 x 5000": (3, 5000)}


@every_function
@pytest.mark.parametrize("shape", THIN)
@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
def test_thin_and_tiny_pictures(name, shape, channels, tmp_path):
    """Where rows and columns change places, so does the result; rounding in `resize` may differ."""
    image = np.random.default_rng(0).integers(0, 256, THIN[shape] + channels, np.uint8)
    if name == "blur_score fft" and max(THIN[shape]) < 7:
        with pytest.raises(vk.ArgumentError, match="cuts out all of it"):
            FUNCTIONS[name](image, tmp_path)
        return
    one, other = (FUNCTIONS[name](picture, tmp_path) for picture in (image, image.swapaxes(0, 1)))
    if isinstance(one, bool | float):
        assert one == pytest.approx(other, abs=1e-3)
    elif name in ("to_gray", "gaussian_blur", "otsu", "write", "resize longest", "resize to the same"):
        np.testing.assert_allclose(one, other.swapaxes(0, 1).astype(int), atol=1 if name.startswith("resize") else 0)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout != "colours backwards"])
@pytest.mark.parametrize("kind", [np.uint8, bool], ids=["uint8", "bool"])
def test_masks_may_lie_anyhow(layout, kind):
    plain = (GRAY > 200).astype(kind)
    mask = LAYOUTS[layout](plain)
    before = memory(mask)
    assert np.array_equal(preprocess.find_boxes(mask), preprocess.find_boxes(plain))
    assert memory(mask) == before


def stored(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def turned(picture, orientation):
    """The picture as a camera stores it that notes this orientation."""
    back = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    for method in back.get(orientation, []):
        picture = picture.transpose(method)
    return picture, exif


def files(pixels):
    """name -> a file of about these pixels (uint8 RGB), in every form that a camera, a scanner or a browser gives."""
    picture = Image.fromarray(pixels)
    made = {
        "gray.jpg": stored(picture.convert("L"), "JPEG", quality=95),
        "cmyk.jpg": stored(picture.convert("CMYK"), "JPEG", quality=95),
        "progressive.jpg": stored(picture, "JPEG", quality=95, progressive=True),
        "palette.png": stored(picture.quantize(256), "PNG"),
        "palette_transparent.png": stored(picture.quantize(256), "PNG", transparency=0),
        "gray_alpha.png": stored(picture.convert("LA"), "PNG"),
        "rgba.png": stored(picture.convert("RGBA"), "PNG"),
        "sixteen.png": stored(Image.fromarray(pixels[:, :, 1].astype(np.uint16) * 257), "PNG"),
        "cmyk.tif": stored(picture.convert("CMYK"), "TIFF"),
        "picture.bmp": stored(picture, "BMP"),
    }
    for orientation in range(1, 9):
        upside, exif = turned(picture, orientation)
        for kind, suffix, options in (
            ("JPEG", "jpg", {"quality": 95, "subsampling": 0}),
            ("PNG", "png", {}),
            ("WEBP", "webp", {"lossless": True}),
            ("TIFF", "tif", {}),
        ):
            made[f"turned{orientation}.{suffix}"] = stored(upside, kind, exif=exif, **options)
    return made


SMOOTH = preprocess.resize(RNG.integers(0, 256, (5, 5, 3), np.uint8), width=48, height=48)  # what JPEG keeps
FILES = files(SMOOTH)


def by_pillow(data):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return np.asarray(white.convert("RGB"))


@pytest.mark.parametrize("name", FILES)
def test_read_takes_every_file_as_pillow_does(name):
    np.testing.assert_allclose(preprocess.read(FILES[name]).astype(int), by_pillow(FILES[name]), atol=3)
    if name.startswith("turned"):
        np.testing.assert_allclose(preprocess.read(FILES[name]).astype(int), SMOOTH, atol=12)


def test_from_directory_takes_every_file_as_read_does(tmp_path):
    for number, data in enumerate(FILES.values()):
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / f"{number:03}.{list(FILES)[number].rpartition('.')[2]}").write_bytes(data)
    data = train.from_directory(tmp_path, image_size=48, batch_size=len(FILES), shuffle=False)
    ((images, _),) = data
    for name, image in zip(FILES, np.asarray(images), strict=True):
        np.testing.assert_allclose(image, preprocess.read(FILES[name]), atol=1, err_msg=name)


ARRAYS = {
    "uint8": RGB[None],
    "bool": RGB[None] > 99,
    "float64": UNIT[None],
    "float16": UNIT[None].astype(np.float16),
    "uint16, other byte order": (RGB[None] * np.uint16(257)).astype(">u2"),
    "float32, other byte order": UNIT[None].astype(">f4"),
    "int64": RGB[None].astype(np.int64),
    "gray": GRAY[None],
    "strided": RGB[None, ::2, ::-3],
    "read-only": frozen(RGB[None].copy()),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_from_arrays_takes_every_array_as_it_is(kind):
    array = ARRAYS[kind]
    before = memory(array)
    ((images, _),) = train.from_arrays(array, [0])
    assert np.asarray(images).dtype == np.float32
    assert np.array_equal(np.asarray(images).reshape(array.shape), array.astype(np.float32))
    assert memory(array) == before


NOT_NUMBERS = {
    "not a number": np.where(UNIT > 0.5, np.nan, UNIT)[None],
    "infinite": np.where(UNIT > 0.5, np.inf, UNIT)[None],
    "text": RGB[None].astype(str),
    "no pictures": RGB[None][:0],
}


@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_from_arrays_says_why_not(kind):
    with pytest.raises(vk.ArgumentError, match=r"^from_arrays: expected"):
        train.from_arrays(NOT_NUMBERS[kind], np.zeros(len(NOT_NUMBERS[kind]), int))


PAGE = draw_page("2718\n2818", seed=1).image
PAGE_RGB = PAGE if PAGE.ndim == 3 else np.dstack([PAGE] * 3)


@pytest.fixture(scope="module")
def digits():
    return reader.load("digits")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_reader_reads_pixels_that_lie_anyhow(layout, digits):
    image = LAYOUTS[layout](PAGE_RGB)
    before = memory(image)
    assert digits.read(image).lines == ["2718", "2818"]
    assert memory(image) == before


READ = {
    "gray": preprocess.to_gray(PAGE_RGB),
    "one channel": preprocess.to_gray(PAGE_RGB)[:, :, None],
    "rgba": np.dstack([PAGE_RGB, np.full(PAGE_RGB.shape[:2], 255, np.uint8)]),
    "float": PAGE_RGB / 255,
    "uint16": PAGE_RGB * np.uint16(257),
}


@pytest.mark.parametrize("kind", READ)
def test_the_reader_reads_arrays_of_every_kind(kind, digits):
    assert digits.read(READ[kind]).lines == ["2718", "2818"]


PAGES = files(PAGE_RGB)


@pytest.mark.parametrize("name", PAGES)
def test_the_reader_reads_files_of_every_kind(name, digits):
    assert digits.read(PAGES[name]).lines == ["2718", "2818"]


@pytest.mark.parametrize("kind", [kind for kind, (_, expected) in OTHERS.items() if isinstance(expected, str)])
def test_the_reader_says_what_it_cannot_take(kind, digits):
    with pytest.raises(vk.ImageError, match=r"^read: expected"):
        digits.read(OTHERS[kind][0])


@pytest.mark.parametrize("shape", THIN)
def test_the_reader_finds_nothing_on_thin_and_tiny_pictures(shape, digits):
    image = np.random.default_rng(0).integers(0, 256, THIN[shape], np.uint8)
    with pytest.raises(vk.ImageError):
        digits.read(image)
