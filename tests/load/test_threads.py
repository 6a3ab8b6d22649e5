"""Many threads read photos with one reader, and get to the last bit what one thread gets."""

import cv2
import numpy as np
import pytest

from tests.load.threads import read, same, together
from visionkit import preprocess
from visionkit.reader import load
from visionkit.reader.sample import KINDS, draw_page

ERRORS = ("BlurryImageError", "FileError", "ImageError", "NothingFoundError")
TEXTS = ("AKM 47\nBE 2935", "2718", "THE QUICK\nBROWN FOX\nJUMPS", "K4")


@pytest.fixture(scope="module")
def reader():
    return load()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pages of several kinds and of several sizes as arrays and files, and sources of which nothing can be read."""
    folder = tmp_path_factory.mktemp("photos")
    pages = [draw_page(TEXTS[n % len(TEXTS)], kind=kind, seed=n).image for n, kind in enumerate(KINDS[::2])]
    for number, suffix in enumerate((".png", ".jpg")):
        preprocess.write(folder / f"page{suffix}", pages[number])
    whole = (folder / "page.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    blurry = cv2.GaussianBlur(pages[0], (0, 0), 12)
    empty = np.full((200, 300, 3), 200, np.uint8)
    files = [folder / "page.png", folder / "page.jpg", folder / "cut.png", folder / "missing.png"]
    return [*pages, *files, whole, b"no picture", blurry, empty, np.full((9, 9), np.nan)]


def test_eight_threads_read_what_one_reads(reader, photos):
    alone = [read(reader, photo) for photo in photos]
    assert {one[0] for one in alone if len(one) == 2} == set(ERRORS)
    jobs = [*range(len(photos)), *reversed(range(len(photos)))] * 2
    found = together(lambda job: read(reader, photos[job]), jobs)
    assert [job for job, one in zip(jobs, found, strict=True) if not same(one, alone[job])] == []


def test_two_readers_do_not_disturb_each_other(photos):
    readers = [load(), load("digits")]
    alone = [[read(reader, photo) for photo in photos[:6]] for reader in readers]
    assert not same(alone[0], alone[1])
    jobs = [(which, place) for place in range(6) for which in (0, 1)] * 2
    found = together(lambda job: read(readers[job[0]], photos[job[1]]), jobs)
    assert all(same(one, alone[which][place]) for (which, place), one in zip(jobs, found, strict=True))


def test_readers_are_made_while_others_read(reader, photos):
    expected = read(reader, photos[0])
    found = together(lambda job: read(load() if job % 2 else reader, photos[0]), range(16))
    assert all(same(one, expected) for one in found)


STEPS = {
    "to_gray": preprocess.to_gray,
    "resize": lambda image: preprocess.resize(image, longest=177),
    "canny": preprocess.canny,
    "gaussian_blur": lambda image: preprocess.gaussian_blur(preprocess.to_gray(image), 5),
    "otsu": lambda image: preprocess.otsu(image).binary,
    "boxes": lambda image: preprocess.sort_boxes(preprocess.find_boxes(preprocess.otsu(image).binary)),
    **{
        f"blur {method}": lambda image, m=method: preprocess.blur_score(image, method=m)
        for method in preprocess.BLUR_THRESHOLDS
    },
}


def test_steps_of_preprocessing_give_the_same_in_eight_threads(photos):
    images = photos[:6]
    jobs = [(name, place) for place in range(len(images)) for name in STEPS]
    alone = [STEPS[name](images[place]) for name, place in jobs]
    found = together(lambda job: STEPS[job[0]](images[job[1]]), jobs)
    assert [job for job, one, other in zip(jobs, alone, found, strict=True) if not same(one, other)] == []
