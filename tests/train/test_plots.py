import json
import types

import keras
import matplotlib.image
import numpy as np
import pytest

from visionkit._errors import ArgumentError, FileError
from visionkit.train.plots import plot_history, plot_schedule, smoothed
from visionkit.train.schedules import cosine, ramp_sustain_decay, staircase

HISTORY = {
    "accuracy": [0.5, 0.7, 0.8, 0.9],
    "loss": [1.0, 0.6, 0.4, 0.2],
    "val_accuracy": [0.5, 0.65, 0.7, 0.6],
    "val_loss": [1.1, 0.7, 0.8, 0.9],
    "learning_rate": [1e-3, 1e-3, 1e-4, 1e-4],
}


def lines(axes, *, label=None):
    """The curves of a panel as lists of points."""
    return [line.get_xydata().tolist() for line in axes.lines if label is None or line.get_label() == label]


def titles(figure, place="left"):
    return [axes.get_title(loc=place) for axes in figure.axes]


def test_stairs_hold_through_an_epoch_and_curves_move():
    schedule = ramp_sustain_decay()
    (axes,) = plot_schedule(schedule, 15).axes
    stairs = axes.lines[0]
    assert stairs.get_drawstyle() == "steps-post"
    np.testing.assert_allclose(stairs.get_ydata()[:15], [schedule(epoch) for epoch in range(15)])
    assert axes.get_title() == "learning rate: 1e-05 to 5e-05 to 1.54e-05"
    curve = plot_schedule(cosine(1.0, 10), 10).axes[0].lines[0]
    assert curve.get_drawstyle() == "default"
    np.testing.assert_allclose(curve.get_ydata(), (1 + np.cos(np.pi * curve.get_xdata() / 10)) / 2, atol=1e-12)


def test_small_rates_are_seen():
    wide = staircase({0: 5e-4, 4: 2e-4, 8: 1e-4, 12: 5e-5, 16: 2e-5, 20: 1e-5})
    assert plot_schedule(wide, 25).axes[0].get_yscale() == "log"
    assert plot_schedule(wide, 8).axes[0].get_yscale() == "linear"
    assert plot_schedule(cosine(1.0, 10), 10).axes[0].get_yscale() == "linear"  # down to 0, but not for long


def test_several_schedules_have_their_names():
    figure = plot_schedule({"stairs": staircase({0: 0.1, 2: 0.05}), "mine": lambda epoch: 0.1 / (1 + epoch)}, 6)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["stairs", "mine"]


def test_training_and_validation_share_a_panel():
    figure = plot_history(HISTORY)
    assert titles(figure) == ["loss", "accuracy", "learning rate"]
    assert titles(figure, "right") == ["best 0.7, epoch 2", "best 0.7, epoch 3", ""]
    assert lines(figure.axes[0], label="training") == [[[1, 1.0], [2, 0.6], [3, 0.4], [4, 0.2]]]
    assert lines(figure.axes[1], label="validation") == [[[1, 0.5], [2, 0.65], [3, 0.7], [4, 0.6]]]


def test_smoothing_is_that_of_the_book():
    values, factor, witness = np.random.default_rng(0).normal(size=20), 0.8, []
    for value in values:
        witness.append(witness[-1] * factor + value * (1 - factor) if witness else value)
    np.testing.assert_allclose(smoothed(values, factor), witness)
    figure = plot_history({"loss": values}, smooth=factor)
    raw, shown = figure.axes[0].lines[:2]
    np.testing.assert_allclose(raw.get_ydata(), values)
    np.testing.assert_allclose(shown.get_ydata(), witness)
    assert raw.get_alpha() < 0.5
    assert titles(figure, "right") == [f"best {values.min():.4g}, epoch {values.argmin() + 1}"]


def test_all_forms_of_a_history_give_one_picture(tmp_path):
    path = tmp_path / "history.csv"
    rows = [",".join(map(str, row)) for row in zip(range(1, 5), *HISTORY.values(), strict=True)]
    path.write_text("\n".join([",".join(["epoch", *HISTORY]), *rows]) + "\n")
    keras_history = keras.callbacks.History()
    keras_history.history = HISTORY
    pictures = []
    for number, form in enumerate([HISTORY, keras_history, types.SimpleNamespace(history=HISTORY), path, str(path)]):
        plot_history(form, smooth=0.5).savefig(tmp_path / f"{number}.png")
        pictures.append(matplotlib.image.imread(tmp_path / f"{number}.png"))
    assert all(np.array_equal(pictures[0], picture) for picture in pictures[1:])
    assert len(np.unique(pictures[0].reshape(-1, 4), axis=0)) > 50


def test_what_keras_gives_is_drawn():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((8, 2), "float32")
    figure = plot_history(model.fit(x, x[:, :1], validation_split=0.5, epochs=2, verbose=0))
    assert titles(figure) == ["loss", "mae"]


def test_values_of_some_epochs_stand_at_their_epochs(tmp_path):
    figure = plot_history({"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 1.5]})
    assert lines(figure.axes[0], label="validation") == [[[2, 3.5], [4, 1.5]]]
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,val_loss\n1,4,\n2,3,3.5\n3,2,nan\n4,1,1.5\n")
    assert lines(plot_history(path).axes[0], label="validation") == [[[2, 3.5], [4, 1.5]]]


def test_many_panels_and_a_steep_loss():
    figure = plot_history({f"metric_{number}": [1.0, 2.0] for number in range(4)} | {"loss": [9.0, 0.1]})
    assert len(figure.axes) == 5
    assert figure.axes[0].get_yscale() == "log"
    assert titles(figure, "right")[1:] == [""] * 4  # whether more is better is not known


@pytest.mark.parametrize("wrong", [{}, {"loss": []}, None, 3, {"loss": ["high", "low"]}])
def test_no_history_is_an_error(wrong):
    with pytest.raises(ArgumentError, match="plot_history: expected"):
        plot_history(wrong)


@pytest.mark.parametrize(
    "text", ["", "epoch,loss\n", "epoch,loss\n1,2,3\n", "loss\nlow\n", json.dumps(HISTORY), "\x00"]
)
def test_a_file_without_history_is_an_error(tmp_path, text):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=r"plot_history: .*history\.csv"):
        plot_history(path)


def test_bad_values_are_found_at_once(tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        plot_history(tmp_path / "none.csv")
    with pytest.raises(ArgumentError, match="smooth to be in"):
        plot_history(HISTORY, smooth=1.0)
    with pytest.raises(ArgumentError, match="at least one schedule"):
        plot_schedule({}, 3)
    with pytest.raises(ArgumentError, match="epochs to be an integer"):
        plot_schedule(cosine(1.0, 10), 0)
    with pytest.raises(ArgumentError, match="a Schedule or a function"):
        plot_schedule(0.1, 3)
