"""Writing, colour and size."""

import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

import visionkit as vk
from visionkit.preprocess import read, resize, to_gray, write

PICTURE = astronaut()[:60, :90]


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif", ".tiff", ".webp", ".jpg", ".jpeg"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    for picture in (PICTURE, to_gray(PICTURE)):
        write(path, picture)
        mode = "rgb" if picture.ndim == 3 else "gray"
        assert np.abs(read(path, mode=mode).astype(int) - picture).mean() < (4 if "jp" in suffix else 0.01)
    assert os.listdir(tmp_path) == [path.name]


def test_a_crash_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    write(path, PICTURE)
    before = path.read_bytes()

    def crash(*_):
        raise OSError("no space left")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, crash)
            with pytest.raises(vk.FileError, match="no space left"):
                write(path, PICTURE[:10])
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["picture.png"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_modes_and_links_are_kept(tmp_path):
    path, link = tmp_path / "picture.png", tmp_path / "link.png"
    write(path, PICTURE)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, PICTURE[:10])
    assert link.is_symlink()
    assert read(path).shape[0] == 10
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(vk.ArgumentError, match=r"expected the path to end in one of \.png"):
        write(tmp_path / "picture.xyz", PICTURE)
    with pytest.raises(vk.FileError, match="does not exist"):
        write(tmp_path / "missing" / "picture.png", PICTURE)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(vk.FileError, match="it is a folder"):
        write(tmp_path / "folder.png", PICTURE)
    with pytest.raises(vk.ArgumentError, match="expected a path"):
        write(None, PICTURE)
    with pytest.raises(vk.ImageError, match="expected a uint8 image"):
        write(tmp_path / "picture.png", PICTURE / 255)
    with pytest.raises(vk.ImageError, match="cannot make"):
        write(tmp_path / "picture.jpg", np.zeros((1, 70_000), np.uint8))


def test_to_gray_weighs_the_colours_and_copies():
    expected = PICTURE @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(to_gray(PICTURE), expected, atol=1)
    gray = to_gray(PICTURE)
    assert to_gray(gray) is not gray


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_resize_gives_the_size_asked_for(rows, columns, width, height):
    picture = np.zeros((rows, columns, 3), np.uint8)
    assert resize(picture, width=width, height=height).shape == (height, width, 3)
    assert resize(picture, width=width).shape == (max(1, round(rows * width / columns)), width, 3)
    assert max(resize(picture, longest=width).shape[:2]) == width


def test_resize_averages_when_it_shrinks():
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    assert set(np.unique(resize(board, width=8, height=8))) <= {127, 128}
    assert set(np.unique(resize(board, width=8, height=80))) <= {127, 128}  # smaller one way, larger the other


@pytest.mark.parametrize(
    "sizes", [{}, {"longest": 3, "width": 3}, {"width": 0}, {"height": 2.5}, {"longest": True}, {"width": -1}]
)
def test_resize_refuses_other_sizes(sizes):
    with pytest.raises(vk.ArgumentError, match="resize: expected"):
        resize(PICTURE, **sizes)


@pytest.mark.parametrize("function", [to_gray, lambda image: resize(image, width=3)])
@pytest.mark.parametrize(
    "image",
    [None, "a.png", [[1]], np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4)), np.zeros((0, 3), np.uint8), np.uint8(3)],
)
def test_other_images_are_refused(function, image):
    with pytest.raises(vk.ImageError, match=r"expected a uint8 image of shape \(H, W\) or \(H, W, 3\), got"):
        function(image)
