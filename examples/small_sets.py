"""Sets of small pictures for transfer: one to learn from first, one of things like these, one of quite other things."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_image


class Small(NamedTuple):
    """Pictures uint8 (N, 32, 32, 3) and their classes, from 0 on: a pool to draw samples from, and some to test on."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]


def of_files(folder: Path) -> tuple[Small, Small, Small]:
    """Six classes of CIFAR-10, its four others, and MNIST, from cifar10.npz and mnist.npz."""
    with np.load(folder / "cifar10.npz") as file:
        photos = [file[name] for name in ("train_x", "train_y", "test_x", "test_y")]
    with np.load(folder / "mnist.npz") as file:
        x, y, test_x, test_y = (file[name] for name in ("train_x", "train_y", "test_x", "test_y"))
    return _those(*photos, range(6)), _those(*photos, range(6, 10)), _those(_square(x), y, _square(test_x), test_y)


def installed() -> tuple[Small, Small, Small]:
    """Six of scikit-learn's digits, its four others, and pieces of its two photos, which are told apart."""
    found = load_digits()
    digits = [_square(found.images[:1200] * 255 / 16), found.target[:1200]]
    digits += [_square(found.images[1200:] * 255 / 16), found.target[1200:]]
    pieces = [np.concatenate(part) for part in zip(*map(_pieces, ("china.jpg", "flower.jpg")), strict=True)]
    labels = np.repeat([0, 1], len(pieces[0]) // 2)
    return _those(*digits, range(6)), _those(*digits, range(6, 10)), _those(pieces[0], labels, pieces[1], labels)


def some(x: NDArray[np.uint8], y: NDArray[np.int64], each: int, seed: int) -> tuple[NDArray, NDArray]:
    """So many samples of each class."""
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(y == one))[:each] for one in np.unique(y)])
    return x[chosen], y[chosen]


def _those(x: NDArray, y: NDArray, test_x: NDArray, test_y: NDArray, classes: range | None = None) -> Small:
    """Some of the classes; to test on, 400 of each at most."""
    first, last = (classes[0], classes[-1]) if classes else (0, y.max())
    here, there = (y >= first) & (y <= last), (test_y >= first) & (test_y <= last)
    tested = some(test_x[there], test_y[there].astype(np.int64) - first, 400, 0)
    return Small(x[here], y[here].astype(np.int64) - first, *tested)


def _square(pictures: NDArray) -> NDArray[np.uint8]:
    """Gray pictures in the middle of 32 x 32, three times."""
    side = 28
    large = np.array([cv2.resize(one.astype(np.uint8), (side, side)) for one in pictures])
    return np.pad(large, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, axis=-1)


def _pieces(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pieces of the upper half of a photo to learn from, and of the lower half."""
    photo = load_sample_image(name)
    rng = np.random.default_rng(0)
    places = rng.integers(0, (photo.shape[0] // 2 - 32, photo.shape[1] - 32), (150, 2))
    upper = [photo[row : row + 32, column : column + 32] for row, column in places]
    lower = [photo[::-1][row : row + 32, column : column + 32][::-1] for row, column in places]
    return np.array(upper), np.array(lower)
