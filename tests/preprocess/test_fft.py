"""The Fourier score is that of the published formula, whatever the picture, and takes little time and memory."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut, camera, coins, page

import visionkit as vk
from visionkit.preprocess import blur_score, resize, to_gray


def left_over(gray, size):
    """The formula as it is usually written, but for its mean, save that the square ends where the spectrum does."""
    rows, columns = gray.shape
    spectrum = np.fft.fftshift(np.fft.fft2(gray))
    top, left = max(0, rows // 2 - size), max(0, columns // 2 - size)
    spectrum[top : rows // 2 + size, left : columns // 2 + size] = 0
    return np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum)))


def published(gray, size=60):
    """The score by the formula; None where more than a few pixels would be 0, and are what rounding makes of that."""
    heights = left_over(gray, size)
    return None if np.mean(heights < 1e-9) > 1e-4 else np.mean(20 * np.log(np.maximum(heights, 1e-12)))


def ours(gray, size=60):
    return blur_score(gray, method="fft", size=size)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 45), st.integers(0, 2**32 - 1))
def test_noise_of_every_size(rows, columns, size, seed):
    """Even, odd and prime sides, and pictures that are narrower than the square."""
    gray = np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)
    if size >= (max(rows, columns) + 1) // 2:
        with pytest.raises(vk.ArgumentError, match="cuts out all of it"):
            ours(gray, size)
    else:
        assert ours(gray, size) == pytest.approx(published(gray, size), abs=0.001)


@st.composite
def drawn(draw):
    """A few even shapes and patches of noise on an even ground: much of it is all but 0 outside the low frequencies."""
    rows, columns = draw(st.integers(60, 200)), draw(st.integers(60, 200))
    gray = np.full((rows, columns), draw(st.integers(0, 255)), np.uint8)
    for _ in range(draw(st.integers(1, 5))):
        y, x = draw(st.integers(0, rows - 1)), draw(st.integers(0, columns - 1))
        part = gray[y : y + draw(st.integers(1, rows)), x : x + draw(st.integers(1, columns))]
        level, kind = draw(st.integers(0, 255)), draw(st.sampled_from(["box", "circle", "noise", "stripes"]))
        if kind == "box":
            part[:] = level
        elif kind == "circle":
            cv2.circle(gray, (x, y), draw(st.integers(1, 60)), level, -1)
        elif kind == "noise":
            part[:] = np.random.default_rng(level).integers(0, 256, part.shape)
        else:
            part[:, :: draw(st.integers(2, 9))] = level
    return gray


@given(drawn(), st.integers(1, 29))
def test_drawings(gray, size):
    if (score := published(gray, size)) is not None:
        assert ours(gray, size) == pytest.approx(score, abs=0.05)


PATTERNS = {
    "photo": camera(),
    "photo, defocused": cv2.GaussianBlur(camera(), (0, 0), 8),
    "photo of prime sides": resize(to_gray(astronaut()), width=1913, height=1081),
    "photo between black bars": cv2.copyMakeBorder(coins(), 90, 90, 200, 200, cv2.BORDER_CONSTANT),
    "scanned page": page(),
    "clean page": cv2.putText(np.full((600, 800), 230, np.uint8), "HELLO 42", (40, 300), 0, 2, 40, 4),
    "one bar": np.pad(np.full((100, 40), 40, np.uint8), ((500, 481), (300, 500)), constant_values=230),
    "two halves": np.repeat(np.array([[230, 0]], np.uint8), 350, 1).repeat(500, 0),
    "stripes": (np.indices((480, 640)).sum(0) // 7 % 2 * 200 + 20).astype(np.uint8),
    "board": (np.indices((512, 512)).sum(0) // 8 % 2 * 255).astype(np.uint8),
    "ramp": np.tile((np.arange(640) // 3).astype(np.uint8), (480, 1)),
    "specks": (128 + (np.random.default_rng(0).random((480, 640)) < 0.01)).astype(np.uint8),
    "one row": camera()[:1],
    "one column": camera()[:, 60:61],
    "narrower than the square": camera()[:, :90],
    "lower than the square": camera()[100:150],
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name):
    score = published(PATTERNS[name])
    assert score is not None
    assert ours(PATTERNS[name]) == pytest.approx(score, abs=0.01)


def test_where_nothing_is_left_of_the_picture_the_score_has_a_lowest_value():
    """Rounding would decide, and does in the formula."""
    assert ours(np.full((300, 300), 77, np.uint8)) == pytest.approx(20 * np.log(1e-12))


@settings(max_examples=10)
@given(st.integers(1, 400), st.integers(1, 400))
def test_what_the_square_covers_whole_is_an_error_that_says_so(rows, columns):
    gray = np.zeros((rows, columns), np.uint8)
    least = (max(rows, columns) + 1) // 2
    with pytest.raises(vk.ArgumentError, match=f"{columns} x {rows} pixels, got {least}, which cuts out all of it"):
        ours(gray, least)
    if least > 1:
        assert np.isfinite(ours(gray, least - 1))


@pytest.mark.parametrize("shape", [(1080, 1920), (2160, 3840)])
def test_memory_as_numpy_counts_it(shape):
    gray = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    tracemalloc.start()
    try:
        ours(gray)
        assert tracemalloc.get_traced_memory()[1] < 4 * 4 * gray.size
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no system that says what a process holds")
def test_memory_as_the_system_counts_it():
    """With the buffers of OpenCV and of the matrix products, in a process that has computed nothing before."""
    code = """
import re, numpy as np
from visionkit.preprocess import blur_score
def held(kind): return int(re.search(kind + r":\\s*(\\d+) kB", open("/proc/self/status").read())[1]) * 1024
gray = np.random.default_rng(0).integers(0, 256, (1080, 1920), np.uint8)
before = held("VmRSS")
blur_score(gray, method="fft")
print((held("VmHWM") - before) / (4 * gray.size))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 4
