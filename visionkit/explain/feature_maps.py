"""What the layers of a network make of a picture."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from visionkit._checks import flag, positive
from visionkit._errors import ArgumentError, one_of
from visionkit._files import make_folder, writing
from visionkit.explain.pictures.grid import channels, grid
from visionkit.explain.pictures.overlay import COLORMAPS
from visionkit.explain.probe.layers import places
from visionkit.explain.probe.probe import Probe
from visionkit.explain.probe.survey import Call
from visionkit.explain.probe.target import nothing
from visionkit.preprocess.image import Image, write

Floats = NDArray[np.float32]

_CELL = 48  # pixels that the longer side of a channel has at least, so that it can be seen
_AT_ONCE = 64_000_000  # values that are kept of one pass


def activations(
    model: keras.Model, images: Any, layers: Any = None, *, batch_size: int = 32
) -> dict[str, NDArray[np.float32]]:
    """Return what layers of a network make of images.

    Args:
        model: any ``keras.Model``.
        images: (N, H, W, C) as the model takes them; a list or dict of arrays for several inputs.
        layers: a layer, its name or path, or a list of these, at any depth; None for every layer inside whose output
            has height and width.
        batch_size: how many images go through the model at once.

    Returns:
        The outputs, float32 (N, h, w, C) or of whatever shape, in the order of the network. The keys are the names of
        the layers, or their paths ("encoder/conv") where several have the same; the calls of a layer that is used
        more than once are "conv:0", "conv:1".

    Raises:
        ModelError: no model, or one that fails on these images.
        ArgumentError: not such images, or no such layer.

    >>> image = keras.Input((8, 8, 3))
    >>> x = keras.layers.MaxPooling2D(name="pool")(keras.layers.Conv2D(4, 3, name="conv")(image))
    >>> model = keras.Model(image, keras.layers.Flatten()(x))
    >>> {name: made.shape for name, made in activations(model, np.ones((2, 8, 8, 3))).items()}
    {'conv': (2, 6, 6, 4), 'pool': (2, 3, 3, 4)}
    """
    probe = Probe("activations", model, images, layer=layers, target=nothing, batch_size=batch_size)
    wanted = _wanted(probe, layers)
    probe.taps = [call.tap for call in wanted.values()]
    return dict(zip(wanted, probe.maps(), strict=True))


def activation_grid(
    model: keras.Model, image: Any, layer: Any = None, *, columns: int = 16, colormap: str = "viridis"
) -> Image:
    """Draw all channels of a layer's output side by side.

    Args:
        model: any ``keras.Model``.
        image: (H, W, C) or (1, H, W, C) as the model takes it, (H, W) for one of grey pictures; a list or dict of
            arrays (1, ...) for several inputs.
        layer: a layer, its name or path; None for the last one whose output has height and width.
        columns: channels in a row.
        colormap: see ``colorize``.

    Returns:
        uint8 RGB. Each channel goes from its lowest value to its highest; one that has the same value everywhere is
        black with a grey cross. Small channels are magnified in whole steps.

    Raises:
        ModelError: no model, one that fails on this image, or whose values are not finite.
        ArgumentError: not such an image, no such layer, or another argument is not of the kind above.

    Source: Chollet, Deep Learning with Python, 2018, section 5.4.1.

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    >>> activation_grid(model, np.ones((8, 8, 3))).shape
    (52, 202, 3)
    """
    where = "activation_grid"
    _check(where, columns, colormap)
    probe = _probe_of_one(where, model, image, layer)
    if layer is None:
        probe.taps = probe.last_layer()
    if isinstance(layer, list | tuple) or len(probe.taps) > 1:
        names = ", ".join(map(repr, _wanted(probe, layer)))
        raise ArgumentError(f"{where}: expected one layer, got {names}; save_activations makes a picture of each")
    _spatial(where, _wanted(probe, layer))
    maps = probe.maps()[0]
    probe.check_finite(maps)
    return _drawn(maps[0], columns, colormap)


def save_activations(
    model: keras.Model,
    image: Any,
    folder: str | os.PathLike[str],
    *,
    layers: Any = None,
    columns: int = 16,
    colormap: str = "viridis",
    verbose: bool = True,
) -> list[Path]:
    """Write a picture of all channels for each layer of a network into a folder.

    Args:
        model: any ``keras.Model``.
        image: one, as for ``activation_grid``.
        folder: where to; made where it is missing. The files are called "001_conv1.png" and so on, in the order of
            the network; each is either whole or not there.
        layers: as for ``activations``, those with height and width.
        columns, colormap: as for ``activation_grid``.
        verbose: show a bar of the progress.

    Returns:
        The paths of the files.

    Raises:
        FileError: the folder or a file cannot be written.
        ModelError, ArgumentError: as for ``activation_grid``; then nothing is written.

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="a"), keras.layers.Flatten()])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in save_activations(model, np.ones((8, 8, 3)), folder, verbose=False)]
    ['001_a.png']
    """
    where = "save_activations"
    _check(where, columns, colormap)
    flag(where, "verbose", verbose)
    probe = _probe_of_one(where, model, image, layers)
    wanted = _wanted(probe, layers)
    _spatial(where, wanted)
    into = _folder(where, folder)
    digits = max(3, len(str(len(wanted))))
    shown = keras.utils.Progbar(len(wanted), verbose=int(verbose), unit_name="layer")
    written: list[Path] = []
    for part in _parts(wanted):
        probe.taps = [wanted[name].tap for name in part]
        for name, maps in zip(part, probe.maps(), strict=True):
            probe.check_finite(maps)
            safe = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:100]
            written.append(into / f"{len(written) + 1:0{digits}}_{safe}.png")
            write(written[-1], _drawn(maps[0], columns, colormap))
            shown.add(1)
    return written


def _probe_of_one(where: str, model: keras.Model, image: Any, layer: Any) -> Probe:
    """For one image, with or without the axis of a batch."""
    images = image
    if not isinstance(image, list | tuple | dict):
        images = ops.convert_to_numpy(image) if ops.is_tensor(image) else np.asarray(image)
        images = images[..., None] if images.ndim == 2 else images
        images = images[None] if images.ndim == 3 else images
    probe = Probe(where, model, images, layer=layer, target=nothing)
    if probe.inputs.count != 1:
        raise ArgumentError(f"{where}: expected one image, got {probe.inputs.count}; give one after the other")
    return probe


def _wanted(probe: Probe, layers: Any) -> dict[str, Call]:
    """By name, the calls of the layers that are asked for, in the order of the network."""
    calls = probe.survey.calls
    known = places(probe.model)
    names = Counter(place.layer.name for place in known)
    times = Counter(id(call.tap.place.layer) for call in calls)
    taken: dict[str, Call] = {}
    for call in calls:
        place, number = call.tap
        if not (call.spatial and call.first if layers is None else call.tap in probe.taps):
            continue
        name = place.layer.name if names[place.layer.name] == 1 else place.path
        name += f":{number}" if times[id(place.layer)] > 1 else ""
        again = sum(one.tap.place.path == place.path and one.tap.call == number for one in taken.values())
        taken[f"{name} ({again + 1})" if again else name] = call
    if not taken:
        probe.last_layer()  # says what is missing
    return taken


def _spatial(where: str, wanted: dict[str, Call]) -> None:
    for name, call in wanted.items():
        if call.shape is None or len(call.shape) != 4:
            raise ArgumentError(
                f"{where}: expected layers with output (N, H, W, C), got {name!r} with "
                f"{('N', *(call.shape or ())[1:])}; activations returns it as an array"
            )


def _parts(wanted: dict[str, Call]) -> Iterator[list[str]]:
    """Layers whose outputs are made in one pass: as many as fit into memory."""
    part: list[str] = []
    room = _AT_ONCE
    for name, call in wanted.items():
        values = int(np.prod(call.shape or ()))
        if part and values > room:
            yield part
            part, room = [], _AT_ONCE
        part.append(name)
        room -= values
    yield part


def _drawn(maps: Floats, columns: int, colormap: str) -> Image:
    times = -(-_CELL // max(maps.shape[:2]))
    return grid(channels(maps.repeat(times, 0).repeat(times, 1), colormap=colormap), columns=columns)


def _check(where: str, columns: Any, colormap: Any) -> None:
    positive(where, "columns", columns)
    if colormap not in COLORMAPS:
        raise one_of(where, "colormap", colormap, COLORMAPS)


def _folder(where: str, folder: Any) -> Path:
    """The folder, made where it is missing."""
    if not isinstance(folder, str | os.PathLike):
        raise ArgumentError(f"{where}: expected folder to be a path, got {type(folder).__name__}")
    with writing(where, folder, what="make the folder"):
        return make_folder(folder)
