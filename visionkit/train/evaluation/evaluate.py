"""Compare what a model says about data with the truth."""

from collections.abc import Sequence
from typing import Any

from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.train.data.labels import check_classes
from visionkit.train.evaluation.outputs import as_probabilities, bar, dataset_of, labels_of, names_of, probabilities
from visionkit.train.evaluation.report import Report


def evaluate(
    model: Any,
    data: Any,
    *,
    classes: Sequence[str] | None = None,
    batch_size: int | None = None,
    from_logits: bool | None = None,
    verbose: int = 1,
) -> Report:
    """Find out how good a classifier is, class by class and sample by sample.

    Args:
        model: a Keras model with one output, (N, classes) or one unit for two classes; an ``Ensemble``; whatever else
            has ``predict(x)`` for a batch of samples; or its outputs for all samples in the order of the source, such
            as those of ``predict_tta``.
        data: a Dataset, of which epoch 0 is taken, or arrays (x, y). Labels are integers or one-hot. Every sample
            counts once, whatever its weight.
        classes: the names of the classes; None for those of the data, or numbers where it has none.
        batch_size: for arrays; None for 32. A Dataset has its own.
        from_logits: whether the outputs lack a softmax (for one unit a sigmoid). None for looking: outputs outside
            [0, 1], or rows that do not sum to 1, are logits. Of a single unit the last activation decides, where a
            Keras model tells it.
        verbose: 1 for a bar of progress, 2 for one line, 0 for none.

    Returns:
        A Report: scores, confusion, calibration and each prediction; as text, dict, figure, picture or web page.

    Raises:
        ArgumentError: no labels; labels that the model has no class for; or names that do not fit its classes.
        ModelError: several outputs, or outputs that are no finite (N, classes); samples of another size than its input.

    >>> outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    >>> data = np.zeros((4, 8, 8, 1)), np.array([0, 1, 1, 1])
    >>> print(evaluate(outputs, data, classes=["cat", "dog"]))
    accuracy 0.7500 of 4 samples, log loss 0.4004, calibration error 0.3000
    <BLANKLINE>
    class          precision  recall      f1  samples
    cat               0.5000  1.0000  0.6667        1
    dog               1.0000  0.6667  0.8000        3
    -------------------------------------------------
    mean              0.7500  0.8333  0.7333        4
    weighted mean     0.8750  0.7500  0.7667        4
    <BLANKLINE>
    most often confused: dog taken for cat 1 (33.3%)
    """
    where = "evaluate"
    batches = dataset_of(where, data, batch_size)
    names = batches.classes if classes is None else check_classes(where, classes)
    if callable(getattr(model, "predict", None)):
        shown = bar(where, model, batches, verbose=verbose)
        found = probabilities(where, model, batches, from_logits=from_logits, tick=shown)
    elif hasattr(model, "shape"):
        found = as_probabilities(where, model, from_logits=from_logits)
        if len(found) != batches.samples:
            raise ArgumentError(f"{where}: expected outputs for {batches.samples} samples, got {describe(model)}")
    else:
        raise ModelError(
            f"{where}: expected a keras.Model, an Ensemble, or outputs (N, classes), got {describe(model)}"
        )
    if names is None:
        names = tuple(str(number) for number in range(found.shape[1]))
    if len(names) != found.shape[1]:
        raise ArgumentError(
            f"{where}: expected a name for each of the {found.shape[1]} classes that the model tells, got {len(names)}"
        )
    return Report(
        model=str(getattr(model, "name", "")),
        classes=names,
        names=names_of(batches),
        truth=labels_of(where, batches, len(names)),
        probabilities=found,
        data=batches,
    )
