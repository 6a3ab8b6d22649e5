"""Photo in, text out: preprocessing, segmentation, one call of the network for all glyphs, and the choice of a path."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from visionkit import preprocess
from visionkit._errors import BlurryImageError, ImageError, NothingFoundError, describe
from visionkit.preprocess._source import Loaded, load
from visionkit.reader import decide
from visionkit.reader.glyph import SIZE, glyph
from visionkit.reader.ink import find_ink
from visionkit.reader.network import KerasNetwork, Network
from visionkit.reader.pieces import Segment, cut
from visionkit.reader.reading import Reading, compose, split_words
from visionkit.reader.segment import segment

Source = str | Path | bytes | BinaryIO | NDArray[Any]
Blur = Literal["edge", "fft", "laplacian"] | None

AT_ONCE = 512  # glyphs for the network in one call, where there may be thousands
TILTED = 0.05  # radians; glyphs of lines that run steeper are read both as they stand and turned level


@dataclass(frozen=True)
class Page:
    """A photo, ready for the network: its candidates for characters, and their glyphs at each angle tried."""

    name: str
    photo: NDArray[np.uint8] | Loaded
    scale: float
    lines: list[list[Segment]]
    glyphs: NDArray[np.uint8]  # (angles, N, 32, 32)


class Reader:
    """Reads the characters on photographs of handwriting.

    Args:
        model: a built `keras.Model` that maps pictures (N, H, W, C), 0 to 255 and ink bright, to one probability or
            score for each character.
        characters: the characters in the order of the model's outputs.

    Raises:
        ModelError: the model's input or output does not fit.

    For the networks that ship with the package, `visionkit.reader.load` makes a reader that needs no framework.

    >>> import keras
    >>> from visionkit.models import glyph_resnet
    >>> Reader(glyph_resnet(classes=10), "0123456789").characters
    '0123456789'
    """

    def __init__(self, model: Any, characters: Sequence[str] | str) -> None:
        self._network: Network = KerasNetwork(model, characters)

    @classmethod
    def of(cls, network: Network) -> "Reader":
        """A reader around anything that maps glyphs to probabilities and names its characters."""
        reader = cls.__new__(cls)
        reader._network = network
        return reader

    @property
    def characters(self) -> str:
        """The characters that the network tells apart."""
        return self._network.characters

    def probabilities(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How probable each of `characters` is in single glyphs: the network alone, without a page around it.

        Args:
            glyphs: uint8 (N, 32, 32), each as `reader.glyph` makes it.

        Returns:
            float32 (N, characters).

        Raises:
            ImageError: not such glyphs.

        >>> from visionkit.reader import glyph, load, sample
        >>> seven = sample.handwrite("7", np.random.default_rng(0))
        >>> reader = load("digits")
        >>> reader.characters[reader.probabilities(glyph(seven)[None])[0].argmax()]
        '7'
        """
        if not isinstance(glyphs, np.ndarray) or glyphs.dtype != np.uint8 or glyphs.shape[1:] != (SIZE, SIZE):
            raise ImageError(
                f"probabilities: expected glyphs as a uint8 array (N, {SIZE}, {SIZE}), got {describe(glyphs)}; "
                "np.stack([glyph(ink) for ink in crops]) makes them of crops of ink"
            )
        if not len(glyphs):
            return np.zeros((0, len(self.characters)), np.float32)
        return np.concatenate([self._network(glyphs[at : at + AT_ONCE]) for at in range(0, len(glyphs), AT_ONCE)])

    def read(
        self, source: Source, *, charset: str | None = None, blur: Blur = "edge", blur_threshold: float | None = None
    ) -> Reading:
        """Read one photo.

        Args:
            source: what `preprocess.read` takes: a path, bytes, a binary file, or an array (H, W) or (H, W, 3).
                Of a JPEG file the luminance is read, as `preprocess.read(source, mode="gray")` gives it; its colours
                are decoded when somebody asks for `Reading.image`.
            charset: "digits", "letters", or a string of the characters that may occur; None lets each line decide
                whether it holds digits, letters or both, which settles look-alikes such as 0 and O.
            blur: the method of the blur check, see `preprocess.blur_score`; None skips it.
            blur_threshold: the score that the photo must exceed; the method's own default if None.

        Raises:
            ImageError: the photo cannot be read. Its kinds: BlurryImageError, with `score` and `threshold`, and
                NothingFoundError, where no writing was found.
            ArgumentError: a charset or blur method that is not known.

        >>> from visionkit.reader import load
        >>> from visionkit.reader.sample import draw_page
        >>> load("digits").read(draw_page("2718\\n2818", seed=1).image).lines
        ['2718', '2818']
        """
        return self.read_batch([source], charset=charset, blur=blur, blur_threshold=blur_threshold)[0]

    def read_batch(
        self,
        sources: Iterable[Source],
        *,
        charset: str | None = None,
        blur: Blur = "edge",
        blur_threshold: float | None = None,
    ) -> list[Reading]:
        """Read several photos with one call of the network for the glyphs of all; arguments and errors as in `read`."""
        mask = decide.allowed(charset, self.characters)
        pages = [look(source, blur, blur_threshold) for source in sources]
        if not pages:
            return []
        glyphs = np.concatenate([page.glyphs.reshape(-1, SIZE, SIZE) for page in pages])
        found = self._network(glyphs).astype(np.float64)
        readings, at = [], 0
        for page in pages:
            angles, count = page.glyphs.shape[:2]
            probabilities = found[at : at + angles * count].reshape(angles, count, -1)
            at += angles * count
            lines, chosen = decide.choose(page.lines, probabilities)
            if not lines:
                raise nothing_found(page.name)
            words = split_words(lines)
            settled = decide.settle(chosen, words, self.characters, mask)
            reading = compose(page.photo, lines, words, settled, characters=self.characters, scale=page.scale)
            readings.append(reading)
        return readings


def look(source: Source, blur: Blur, threshold: float | None) -> Page:
    """Everything that happens to a photo before the network sees its glyphs."""
    name = f"'{source}'" if isinstance(source, str | Path) else "the photo"
    photo = preprocess.read(source) if isinstance(source, np.ndarray) else load(source)
    # the colours of a file are not needed before somebody looks at it
    gray = preprocess.to_gray(photo) if isinstance(photo, np.ndarray) else preprocess.read(photo, mode="gray")
    if blur is not None:
        check_blur(gray, name, blur, threshold)
    ink = find_ink(gray)
    layout = segment(ink)
    if not layout.lines:
        raise nothing_found(name)
    angles = [layout.slant, 0.0] if abs(layout.slant) > TILTED else [0.0]
    glyphs = [
        [glyph(cut(ink, layout.labels, part, angle)) for line in layout.lines for part in line] for angle in angles
    ]
    return Page(name, photo, ink.scale, layout.lines, np.array(glyphs, np.uint8))


def check_blur(
    gray: NDArray[np.uint8], name: str, method: Literal["edge", "fft", "laplacian"], threshold: float | None
) -> None:
    """Stop at a photo that is too blurry to be read."""
    score = preprocess.blur_score(gray, method=method)
    threshold = preprocess.BLUR_THRESHOLDS[method] if threshold is None else threshold
    if score <= threshold:
        raise BlurryImageError(
            f"read: {name} is too blurry to be read: its {method} score is {score:.2f} and must exceed {threshold:g}; "
            "hold the camera still and closer, or pass blur=None to try all the same",
            score=score,
            threshold=threshold,
        )


def nothing_found(name: str) -> NothingFoundError:
    """The error for a page without writing."""
    return NothingFoundError(
        f"read: expected writing on {name}, found none; is it in the picture, at least 8 pixels tall, and darker than "
        "the paper (or brighter than the board)?"
    )
