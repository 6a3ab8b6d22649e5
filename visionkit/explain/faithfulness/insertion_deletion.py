"""How fast a class comes and goes with the pixels that a heatmap names first."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit.explain.attribution.background import background
from visionkit.explain.attribution.variants import check_verbose, gathered, rounds, spread
from visionkit.explain.faithfulness.curves import Faithfulness
from visionkit.explain.faithfulness.heatmaps import checked
from visionkit.explain.pictures.upsample import upsample
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View

_RANDOM = 3  # orders of each image


def insertion(
    model: keras.Model,
    images: Any,
    heatmaps: ArrayLike,
    *,
    target: Any = None,
    output: int | str | None = None,
    steps: int = 32,
    substrate: float | str | ArrayLike = "blur",
    seed: int = 0,
    verbose: int = 1,
    batch_size: int = 32,
) -> Faithfulness:
    """Bring the pixels of an image back in the order of its heatmap: a true map makes the class appear early.

    The area under the curve says little by itself: it depends on the network, and on what the pixels come back into.
    So the same is done in random orders, those of the map itself after it was mirrored at random and moved around the
    edges of the picture to a random place. They are as coarse as the map, and so is what the network gets to see.
    Single pixels in random order would be no fair opponent of a map of regions: sprinkled over the picture, they
    disturb a network otherwise than any region does.

    Args:
        model: any ``keras.Model``.
        images: (N, H, W, C) as the model takes them; a list or dict of arrays for several inputs.
        heatmaps: numbers (N, h, w), resized to the images where they differ; the highest places come first, equally
            high ones in random order.
        target: a class, an array of N classes, or a function of the outputs, whose values then take the place of
            probabilities; None for the class that is predicted for the whole image.
        output: which output has the classes, by name or number, of a model with several.
        steps: how many times pixels are brought back, as many each time.
        substrate: what is there before: "blur" for the image without its details, "mean" for its mean colour, a
            number, or an array: a colour (C,), a picture (H, W, C), or one for each.
        seed: of all that is random; an image has the same random orders whatever others come after it.
        verbose: 1 for a bar of progress once the work takes longer than a few seconds, 0 for none.
        batch_size: how many pictures go through the model at once.

    Returns:
        Faithfulness: the areas under the curves of the maps, higher is better, and of the random orders.

    Raises:
        ModelError, ArgumentError: what does not fit.

    Source: Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018 (arXiv
    1806.07421), section 4.1.

    >>> left = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Cropping2D(((0, 0), (0, 2)))])
    >>> left.add(keras.layers.GlobalAveragePooling2D())  # how bright the left half is
    >>> heatmap = np.repeat([[1.0, 1.0, 0.0, 0.0]], 4, axis=0)
    >>> insertion(left, np.ones((1, 4, 4, 1)), [heatmap], steps=4, substrate=0.0).curves
    array([[0. , 0.5, 1. , 1. , 1. ]], dtype=float32)
    """
    options = {"target": target, "output": output, "steps": steps, "seed": seed, "verbose": verbose}
    return _measured("insertion", model, images, heatmaps, substrate, batch_size=batch_size, **options)


def deletion(
    model: keras.Model,
    images: Any,
    heatmaps: ArrayLike,
    *,
    target: Any = None,
    output: int | str | None = None,
    steps: int = 32,
    substrate: float | str | ArrayLike = "mean",
    seed: int = 0,
    verbose: int = 1,
    batch_size: int = 32,
) -> Faithfulness:
    """Take the pixels of an image away in the order of its heatmap: a true map makes the class vanish early.

    Args:
        model, images, heatmaps, target, output, seed, verbose, batch_size: as for ``insertion``.
        steps: how many times pixels are taken away, as many each time.
        substrate: what is there afterwards: "mean" for the mean colour of the image, "blur" for the image without its
            details, a number, or an array, as for ``insertion``.

    Returns:
        Faithfulness: the areas under the curves of the maps, lower is better, and of the random orders, which are
        those of ``insertion``.

    Raises:
        ModelError, ArgumentError: what does not fit.

    Source: Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018 (arXiv
    1806.07421), section 4.1; there, pixels take the mean colour of the data set.

    >>> left = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Cropping2D(((0, 0), (0, 2)))])
    >>> left.add(keras.layers.GlobalAveragePooling2D())  # how bright the left half is
    >>> heatmap = np.repeat([[1.0, 1.0, 0.0, 0.0]], 4, axis=0)
    >>> deletion(left, np.ones((1, 4, 4, 1)), [heatmap], steps=4, substrate=0.0).curves
    array([[1. , 0.5, 0. , 0. , 0. ]], dtype=float32)
    """
    options = {"target": target, "output": output, "steps": steps, "seed": seed, "verbose": verbose}
    return _measured("deletion", model, images, heatmaps, substrate, batch_size=batch_size, **options)


def _measured(
    where: str,
    model: keras.Model,
    images: Any,
    heatmaps: ArrayLike,
    substrate: Any,
    *,
    target: Any,
    output: Any,
    steps: Any,
    seed: Any,
    verbose: Any,
    batch_size: int,
) -> Faithfulness:
    """The curves while pixels are exchanged in the order of the maps, and in random ones."""
    steps = _checks.positive(where, "steps", steps)
    seed = _checks.positive(where, "seed", seed, least=0)
    check_verbose(where, verbose)
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    maps = upsample(checked(where, heatmaps, count=probe.inputs.count), probe.inputs.size)
    picture = probe.inputs.picture
    before, after = picture, np.broadcast_to(background(where, "substrate", substrate, picture), picture.shape)
    if where == "insertion":
        before, after = after, before
    probe.settle()
    orders = np.stack([_orders(one, np.random.default_rng((seed, number))) for number, one in enumerate(maps)])
    counts = np.rint(np.linspace(0, maps[0].size, steps + 1)).astype(np.int32)
    which, many = (array.ravel() for array in np.meshgrid(range(1 + _RANDOM), counts, indexing="ij"))
    found = [
        probe.run(_exchanged, orders, after, fixed=[which[numbers].astype(np.int32), many[numbers]], images=before)
        for numbers, _ in rounds(probe, len(many), batch_size=batch_size, verbose=verbose)
    ]
    curves: Floats = np.concatenate(found, axis=1)[:, : len(many)].reshape(-1, 1 + _RANDOM, len(counts))
    probe.check_finite(curves)
    return Faithfulness(where, curves[:, 0], curves[:, 1:].mean(axis=1), counts / counts[-1])


def _exchanged(view: View, inputs: list[Any], index: Any, *given: Any) -> Any:
    """A program: the probabilities (n, K) of K mixtures of each picture and what it turns into.

    Args:
        view, inputs, index: as of every program.
        given: when the turn of each place comes, in some orders (n, orders, H, W); the pictures that these turn into;
            for each mixture its order (K,), and how many places have had their turn (K,).
    """
    orders, after, which, many = given
    done = ops.take(orders, which, axis=1) < many[:, None, None]
    mixed = ops.where(done[..., None], after[:, None], inputs[view.image][:, None])
    variants, classes = spread(view, inputs, index, mixed)
    return gathered(view.look(variants, classes).probabilities, many.shape[0])


def _orders(heatmap: Floats, rng: np.random.Generator) -> NDArray[np.int32]:
    """When the turn of each place comes: by the map, and by it at random places; (1 + _RANDOM, H, W)."""
    orders = np.empty((1 + _RANDOM, *heatmap.shape), np.int32)
    for number, order in enumerate(orders):
        moved = heatmap
        if number:
            flipped = heatmap[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            moved = np.roll(flipped, rng.integers(heatmap.shape), axis=(0, 1))
        # the last key is the first to sort by
        order.ravel()[np.lexsort((rng.permutation(moved.size), -moved.ravel()))] = np.arange(moved.size)
    return orders
