"""The exception family, and the two helpers that make its messages say what was expected and what came."""

import difflib
from collections.abc import Iterable, Sequence


class VisionkitError(Exception):
    """Base of every error that visionkit raises on purpose.

    >>> for source in ("missing.jpg", b"no picture"):
    ...     try:
    ...         vk.preprocess.read(source)
    ...     except vk.VisionkitError as error:
    ...         print(type(error).__name__)
    FileError
    ImageError
    """


class ArgumentError(VisionkitError, ValueError):
    """An argument has a value that the function cannot work with.

    >>> try:
    ...     vk.preprocess.canny(np.zeros((9, 9), np.uint8), preset="midd")
    ... except vk.ArgumentError as error:
    ...     print(error)
    canny: expected preset to be one of 'wide', 'mid', 'tight', 'auto', got 'midd'; did you mean 'mid'?
    """


class ImageError(VisionkitError, ValueError):
    """Not an image that can be used: unreadable, of a wrong shape or type, empty, or too large.

    >>> try:
    ...     vk.preprocess.to_gray(np.zeros((28, 28, 1)))
    ... except vk.ImageError as error:
    ...     print(error)
    to_gray: expected a uint8 image of shape (H, W) or (H, W, 3), got float64 of shape (28, 28, 1);
    visionkit.preprocess.read(image) converts arrays of other kinds
    """


class BlurryImageError(ImageError):
    """The photo is too blurry to be read.

    Attributes:
        score: the blur score that the photo got; higher is sharper.
        threshold: the score that it had to exceed.

    >>> page = vk.reader.sample.draw_page("HELLO", seed=1).image
    >>> try:
    ...     vk.reader.load().read(vk.preprocess.gaussian_blur(page, 51))
    ... except vk.BlurryImageError as error:
    ...     print(error.score <= error.threshold)
    True
    """

    def __init__(self, message: str, *, score: float, threshold: float) -> None:
        super().__init__(message)
        self.score = score
        self.threshold = threshold

    def __reduce__(self) -> tuple[object, ...]:
        return (_blurry, (str(self), self.score, self.threshold))


def _blurry(message: str, score: float, threshold: float) -> BlurryImageError:
    return BlurryImageError(message, score=score, threshold=threshold)


class NothingFoundError(ImageError):
    """The photo is sharp enough, but there is no writing on it.

    >>> try:
    ...     vk.reader.load().read(np.full((200, 300), 255, np.uint8), blur=None)
    ... except vk.NothingFoundError:
    ...     print("an empty page")
    an empty page
    """


class FileError(VisionkitError, OSError):
    """A file cannot be found, opened, or written.

    >>> try:
    ...     vk.preprocess.read("missing.jpg")
    ... except OSError as error:  # which it is, too
    ...     print(error)  # doctest: +ELLIPSIS
    read: there is no file 'missing.jpg'; the current folder is ...
    """


class ModelError(VisionkitError, ValueError):
    """A model does not fit what it is used for.

    >>> import keras
    >>> linear = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> try:
    ...     vk.explain.guided_backprop(linear, np.ones((1, 4, 4, 1)))
    ... except vk.ModelError as error:
    ...     print(error)
    guided_backprop: expected a model with ReLUs, got one without; use saliency
    """


class NonFiniteError(VisionkitError, ArithmeticError):
    """Training came to a loss or a weight that is infinite or not a number.

    Attributes:
        epoch, step: where, counted from 1 on.
        names: what the samples of that step are called.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> try:
    ...     vk.train.fit(model, (np.full((4, 1), 1e30), np.zeros(4)), epochs=1, loss="mse", verbose=0)
    ... except vk.NonFiniteError as error:
    ...     print(error.epoch, error.step)
    1 1
    """

    def __init__(self, message: str, *, epoch: int, step: int, names: Sequence[str]) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.names = tuple(names)

    def __reduce__(self) -> tuple[object, ...]:
        return (_non_finite, (str(self), self.epoch, self.step, self.names))


def _non_finite(message: str, epoch: int, step: int, names: Sequence[str]) -> NonFiniteError:
    return NonFiniteError(message, epoch=epoch, step=step, names=names)


class MissingExtraError(VisionkitError, ImportError):
    """An optional package is needed that is not installed.

    >>> issubclass(vk.MissingExtraError, ImportError)
    True
    """


def describe(value: object) -> str:
    """Say in a few words what a value is: ``float64 of shape (28, 28, 1)``, ``'blue'``, ``None``.

    >>> describe("blue"), describe(None), describe([1, 2])
    ("'blue'", 'None', 'list of length 2')
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{dtype} of shape {tuple(shape)}"
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."
    if isinstance(value, bytes | list | tuple | dict | set):
        return f"{type(value).__name__} of length {len(value)}"
    return type(value).__name__


def one_of(where: str, argument: str, value: object, options: Iterable[str]) -> ArgumentError:
    """The error for a name that is not among the known ones; it offers the nearest of them.

    >>> print(one_of("canny", "preset", "midd", ["wide", "mid", "tight"]))
    canny: expected preset to be one of 'wide', 'mid', 'tight', got 'midd'; did you mean 'mid'?
    """
    names = list(options)
    near = difflib.get_close_matches(str(value), names, n=3)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(map(repr, names))
    if len(names) > 15:  # nobody reads on to what came
        shown = f"{len(names)} names, such as {', '.join(map(repr, near or names[:3]))}"
    return ArgumentError(f"{where}: expected {argument} to be one of {shown}, got {describe(value)}{hint}")
