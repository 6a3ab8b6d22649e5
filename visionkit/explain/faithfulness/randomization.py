"""Whether a method of explanation looks at what the network has learned."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.explain.attribution.variants import check_verbose
from visionkit.explain.faithfulness.heatmaps import checked
from visionkit.explain.faithfulness.plots import MAP, dressed
from visionkit.explain.faithfulness.ranks import spearman
from visionkit.explain.probe.layers import Place
from visionkit.explain.probe.probe import Probe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
Step = tuple[str, list[tuple[Any, NDArray[Any]]]]  # the path of a layer, its weights and what they are


@dataclass(frozen=True, eq=False)
class Randomization:
    """How much of its maps a method keeps while a network loses what it has learned, from its last layer on.

    Attributes:
        layers: paths of the L layers, in the order in which they lost their weights.
        correlations: (L, N), of the map of each image after that with its first map: the absolute value of Spearman's
            rank correlation, in [0, 1], where a map that is the same everywhere counts 0; the mean over the runs.

    >>> print(Randomization(("scores", "conv"), np.array([[0.2, 0.4], [0.1, 0.1]])))
    scores  0.300
    conv    0.100
    """

    layers: tuple[str, ...]
    correlations: Floats

    @property
    def means(self) -> Floats:
        """(L,), over the images."""
        return np.asarray(self.correlations.mean(axis=1))

    def plot(self) -> "Figure":
        """Draw the correlations, a line for each image, and their mean.

        Returns:
            A matplotlib Figure, without pyplot: ``figure.savefig(path)``.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        figure, axes = dressed("randomization", max(6.4, 1.5 + 0.25 * len(self.layers)), 4.8)
        axes.plot(np.pad(self.correlations, ((1, 0), (0, 0)), constant_values=1), color=MAP, lw=0.8, alpha=0.25)
        axes.plot(np.pad(self.means, (1, 0), constant_values=1), color=MAP, lw=1.8, marker="o", ms=3.5)
        names = ["as trained", *self.layers]
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize="small")
        axes.set_title("randomised from the last layer on", loc="left", fontweight="bold")
        axes.set_ylabel("rank correlation, absolute")
        axes.set_ylim(0, 1.02)
        return figure

    def __str__(self) -> str:
        width = max(map(len, self.layers))
        lines = zip(self.layers, self.means, strict=True)
        return "\n".join(f"{layer.ljust(width)}  {mean:.3f}" for layer, mean in lines)


def randomization(
    model: keras.Model,
    images: Any,
    explain: Callable[..., ArrayLike],
    *,
    target: Any = None,
    output: int | str | None = None,
    runs: int = 3,
    seed: int = 0,
    verbose: int = 1,
) -> Randomization:
    """Take from a network what it has learned, layer by layer from the last one on, and see whether the maps change.

    A method whose maps stay the same does not show what the network looks at, however good they look: it finds edges.

    Kernels are drawn anew, from a normal distribution around zero of the same root mean square; biases, what
    normalisations keep, and other vectors are shuffled. So numbers stay of the size that the next layers are used to,
    whatever the initializers were. Meanwhile the network is of no use to other threads; afterwards its weights are
    exactly what they were, also when something fails.

    Args:
        model: any ``keras.Model``, of which all weights are kept in memory once more.
        images: (N, H, W, C) as the model takes them; a list or dict of arrays for several inputs.
        explain: what makes the maps: model, images -> numbers (N, H, W), such as ``gradcam`` or
            ``functools.partial(gradcam, method="layercam")``. Where it takes ``target``, and ``output``, and none is
            set, it gets those of here; ``lambda model, images: gradcam(model, images, method="eigencam")`` gets none.
        target: what is explained all the way; None for the classes that are predicted at the beginning.
        output: which output has the classes, by name or number, of a model with several.
        runs: how many times all is done, each time with other weights, to take the mean: one draw may be much like
            what was learned, or unlike it.
        seed: of the new weights; the same seed gives the same ones on every backend.
        verbose: 1 for a bar of progress, 0 for none.

    Returns:
        Randomization: the layers that hold weights, and the correlations.

    Raises:
        ModelError, ArgumentError: what does not fit.

    Source: Adebayo et al., Sanity Checks for Saliency Maps, 2018 (arXiv 1810.03292), section 3.1.

    >>> def brightness(model, images):  # looks at no network at all
    ...     return images.mean(axis=-1)
    >>> model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2, name="scores")])
    >>> images = np.random.default_rng(0).random((1, 4, 4, 3))
    >>> print(randomization(model, images, brightness, verbose=0))
    scores  1.000
    """
    where = "randomization"
    rng = np.random.default_rng(_checks.positive(where, "seed", seed, least=0))
    runs = _checks.positive(where, "runs", runs)
    check_verbose(where, verbose)
    probe = Probe(where, model, images, target=target, output=output)
    probe.settle()
    maps = _maps(explain, target if callable(target) else probe.index, output, probe.inputs.count)
    steps = _steps(probe)
    if not steps:
        raise ModelError(f"{where}: expected a model with weights, got {model.name!r} without")
    first = maps(model, images)
    kept = np.zeros((len(steps), len(first)))
    bar = keras.utils.Progbar(runs * len(steps), verbose=verbose)
    try:
        for run in range(runs):
            _restore(steps)
            for number, (_, weights) in enumerate(steps):
                for weight, value in weights:
                    weight.assign(_forgotten(value, rng))
                with warnings.catch_warnings():  # of maps without evidence, of which there will be some
                    warnings.simplefilter("ignore", UserWarning)
                    made = maps(model, images)
                kept[number] += [abs(spearman(*pair)) for pair in zip(first, made, strict=True)]
                bar.update(run * len(steps) + number + 1)
    finally:
        _restore(steps)
    return Randomization(tuple(path for path, _ in steps), kept / runs)


def _maps(
    explain: Callable[..., ArrayLike], target: Any, output: Any, count: int
) -> Callable[[keras.Model, Any], NDArray[Any]]:
    """What makes the maps, always of the same classes."""
    if not callable(explain):
        raise ArgumentError(
            f"randomization: expected explain to be a function, such as gradcam, got {describe(explain)}"
        )
    takes = inspect.signature(explain).parameters
    wanted = {"target": target, "output": output}
    free = {name: value for name, value in wanted.items() if name in takes and takes[name].default is None}

    def maps(model: keras.Model, images: Any) -> NDArray[Any]:
        return checked("randomization", explain(model, images, **free), count=count)

    return maps


def _steps(probe: Probe) -> list[Step]:
    """Where there are weights, from the last layer that is called on; what the model itself holds comes first."""
    places = [Place(probe.model.name, probe.model), *(call.tap.place for call in reversed(probe.survey.calls))]
    steps = []
    met: set[int] = set()
    for path, layer in places:
        weights = [weight for weight in _own(layer) if id(weight) not in met]
        met.update(map(id, weights))
        if weights:
            steps.append((path, [(weight, np.array(keras.ops.convert_to_numpy(weight))) for weight in weights]))
    return steps


def _restore(steps: list[Step]) -> None:
    for _, weights in steps:
        for weight, value in weights:
            weight.assign(value)


def _own(layer: Any) -> list[Any]:
    """The weights of a layer that belong to no layer inside it."""
    if not isinstance(layer, keras.Layer):
        return []
    inner = {id(weight) for one in layer._flatten_layers(include_self=False) for weight in one.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def _forgotten(value: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Other numbers of the same size."""
    if value.ndim < 2 or value.dtype.kind in "biu":
        return np.asarray(rng.permutation(value.ravel()).reshape(value.shape))
    size = np.sqrt(np.mean(np.square(value.astype(np.float64))))
    return np.asarray(rng.normal(0, size, value.shape), value.dtype)
