"""What is infinite, no number, beyond the classes, empty or unreadable is named, before the first step where it can."""

import struct
import warnings
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.train.small import blobs, equal, small_model
from visionkit import preprocess
from visionkit._errors import ArgumentError, ImageError, ModelError, NonFiniteError, VisionkitError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.directory import from_directory
from visionkit.train.ensemble import Ensemble
from visionkit.train.evaluation.evaluate import evaluate
from visionkit.train.loop.fit import fit
from visionkit.train.soup import average_weights
from visionkit.train.tta import predict_tta

OPTIONS = {"image_size": 8, "color": "gray", "batch_size": 4}


def spoiled(array: np.ndarray, samples: list[int], value: float = np.nan) -> np.ndarray:
    array = np.array(array, dtype="float64" if abs(value) < np.inf else "float32")
    for sample in samples:
        array.reshape(len(array), -1)[sample, -1] = value
    return array


def spoiled_model(value: float = np.nan) -> keras.Model:
    model = small_model()
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, spoiled(bias, [1], value).astype("float32")])
    return model


def folder_of(path: Path, *, files: int = 12, classes: int = 3) -> Path:
    for number in range(files):
        place = path / f"c{number % classes}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        preprocess.write(place / f"{number}.png", pixels)
    return path


def undecodable(path: Path) -> Path:
    """A PNG file that is whole, with checksums that are right, around pixels that are no zlib stream."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 12, 12, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"no stream" * 20) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("argument", ["x", "y", "sample_weight"])
def test_arrays_that_are_not_finite_are_named(argument, value):
    arrays = {"x": np.ones((9000, 6, 6, 1)), "y": np.ones((9000, 2)), "sample_weight": np.ones(9000)}
    arrays[argument] = spoiled(arrays[argument], [7, 8000, 8001], value)
    with pytest.raises(ArgumentError, match=rf"{argument} to be finite.*sample 7, sample 8000, sample 8001") as caught:
        from_arrays(**arrays)
    assert str(value) in str(caught.value)


def test_an_array_on_disk_is_looked_at_batch_by_batch(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "float32", (40, 8, 8, 1))
    x[33, 0, 0] = np.inf
    data = from_arrays(x, np.zeros(40, int), batch_size=8, shuffle=False)
    assert len(data.batch(0, 0)[0]) == 8
    with pytest.raises(ArgumentError, match=r"x to be finite.*inf in sample 33"):
        data.batch(0, 4)
    with pytest.raises(ArgumentError, match=r"x to be finite.*inf in sample 33"):
        fit(small_model(), data, epochs=1, verbose=0)


class Spoils(keras.layers.Layer):
    """Makes the second picture of a batch infinite."""

    def call(self, x):
        return x + keras.ops.reshape(keras.ops.one_hot(1, keras.ops.shape(x)[0]) / 0.0, (-1, 1, 1, 1))


def test_samples_that_augmentation_spoils_are_named():
    x, y = blobs(32)
    model, before = small_model(), small_model()
    data = from_arrays(x, y, batch_size=16, augment=Spoils(), shuffle=False)
    with pytest.raises(NonFiniteError, match="the values of these samples are infinite or no number") as caught:
        fit(model, data, epochs=1, verbose=0)
    assert "sample 1" in caught.value.names
    assert equal(model, before)


def test_a_weight_that_training_spoils_is_named():
    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[0].bias.assign([np.nan, 0, 0, 0])

    model = small_model()
    path = model.layers[0].bias.path
    with pytest.raises(NonFiniteError, match=f"the weight '{path}' is not finite after step 3 of epoch 1"):
        fit(model, blobs(), epochs=1, callbacks=[Spoil()], verbose=0)


ANSWERS = {
    "evaluate": lambda model, x, y: evaluate(model, (x, y), verbose=0),
    "predict_tta": lambda model, x, y: predict_tta(model, x, verbose=0),
    "Ensemble": lambda model, x, y: Ensemble([small_model(), model]).predict(x, verbose=0),
    "tune": lambda model, x, y: Ensemble.tune([small_model(), model], (x, y), verbose=0),
    "average_weights": lambda model, x, y: average_weights([small_model(), model]),
    "fit": lambda model, x, y: fit(model, (x, y), epochs=1, verbose=0),
}


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_weight_that_is_not_finite_is_named(answer, value):
    model = spoiled_model(value)
    with pytest.raises((ModelError, NonFiniteError), match=f"weight '{model.layers[-1].bias.path}'"):
        ANSWERS[answer](model, *blobs(32))


def test_a_soup_names_the_file(tmp_path):
    spoiled_model().save(tmp_path / "bad.keras")
    with pytest.raises(ModelError, match=r"bad\.keras'.*bias"):
        average_weights([small_model(), tmp_path / "bad.keras"])


def test_files_without_a_finite_answer_are_named(tmp_path):
    class Overflows(keras.layers.Layer):
        def call(self, x):
            return x * keras.ops.where(keras.ops.mean(x) > 0, np.float32("inf"), np.float32(1))

    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 1)), Overflows(), layers.Flatten(), layers.Dense(3)])
    data = from_directory(folder_of(tmp_path), shuffle=False, **OPTIONS)
    with pytest.raises(
        ModelError, match=rf"finite outputs, got .* for {data.files[0]}, .* and 7 more; are their pixels"
    ):
        evaluate(model, data, verbose=0)


@pytest.mark.parametrize("rate", [np.inf, np.nan, -0.1])
def test_a_learning_rate_that_is_none_is_found_before_the_first_step(rate):
    model, before = small_model(), small_model()
    with pytest.raises(ArgumentError, match="learning rate of the optimizer"):
        fit(model, blobs(), epochs=1, optimizer=keras.optimizers.SGD(rate), verbose=0)
    assert equal(model, before)


LATE = np.arange(96) == 90  # not in the first batch
SIGMOID, SPARSE, CATEGORICAL = {"activation": "sigmoid"}, "sparse_categorical_crossentropy", "categorical_crossentropy"
MISFITS = {
    "five outputs": (5, {}, np.arange(96) % 10, "auto", r"0 to 4.* 5 in sample 5"),
    "one sigmoid": (1, SIGMOID, np.where(LATE, 2, 0), "auto", r"0 to 1.* 2 in sample 90"),
    "one sigmoid, first": (1, SIGMOID, np.arange(96) % 3, "auto", r"0 to 1.* 2 in sample 2"),
    "one sigmoid, a loss": (1, SIGMOID, np.where(LATE, 2, 0), "binary_crossentropy", r"0 to 1.* 2 in sample 90"),
    "probabilities": (1, SIGMOID, np.where(LATE, 1.5, 0.5), keras.losses.BinaryCrossentropy(), r"1\.5 in sample 90"),
    "negative": (3, {}, np.where(LATE, -1, 1), "auto", r"0 to 2.* -1 in sample 90"),
    "a half": (3, {}, np.where(LATE, 1.5, 1.0), "auto", r"0 to 2.* 1\.5 in sample 90"),
    "floats": (3, {}, np.where(LATE, 7.0, 1.0), SPARSE, r"0 to 2.* 7 in sample 90"),
    "a column": (3, {}, np.where(LATE, 7, 1)[:, None], "auto", r"0 to 2.* 7 in sample 90"),
    "too wide": (3, {}, np.eye(4)[np.arange(96) % 4], CATEGORICAL, r"labels \(N, 3\) for 3 outputs.*\(96, 4\)"),
    "not one-hot": (3, {}, np.arange(96) % 3, CATEGORICAL, r"labels \(N, 3\) for 3 outputs.*\(96,\)"),
    "one-hot": (3, {}, np.eye(3)[np.arange(96) % 3], SPARSE, r"labels \(N,\) for 3 outputs.*\(96, 3\)"),
}  # fmt: skip


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("case", MISFITS)
def test_labels_that_do_not_fit_are_found_before_the_first_step(case, validated):
    outputs, options, labels, loss, message = MISFITS[case]
    x, _ = blobs()
    wrong = from_arrays(x, labels, shuffle=False)
    model, before = small_model(outputs, **options), small_model(outputs, **options)
    right = from_arrays(x, np.eye(3)[np.zeros(96, int)] if loss == CATEGORICAL else x[:, 0, 0, 0] < 0)
    given = (right, wrong) if validated else (wrong,)
    with pytest.raises((ArgumentError, ModelError), match=message):
        fit(model, *given, epochs=1, loss=loss, verbose=0)
    assert equal(model, before)


def test_labels_of_probabilities_and_other_losses_are_left_alone():
    x, y = blobs()
    fit(small_model(1, activation="sigmoid"), (x, y / 2), epochs=1, loss="binary_crossentropy", verbose=0)
    fit(small_model(1, activation=None), (x, y * 9 - 4), epochs=1, loss="mse", verbose=0)


def test_files_of_too_many_classes_are_named(tmp_path):
    data = from_directory(folder_of(tmp_path), **OPTIONS)
    with pytest.raises(ArgumentError, match=r"labels from 0 to 1, .* 2 in .*c2/11\.png, 2 in .*c2/2\.png"):
        fit(small_model(2), data, epochs=1, verbose=0)


def test_validation_has_the_classes_of_training(tmp_path):
    train = from_directory(folder_of(tmp_path / "train"), **OPTIONS)
    other = folder_of(tmp_path / "other", classes=2)
    with pytest.raises(ArgumentError, match="expected the classes of train, 'c0', 'c1', 'c2', got 'c0', 'c1'"):
        fit(small_model(), train, from_directory(other, **OPTIONS), epochs=1, verbose=0)
    fit(small_model(), train, from_directory(other, classes=train.classes, **OPTIONS), epochs=1, verbose=0)


def test_one_hot_labels_of_another_width_are_not_evaluated():
    x, y = blobs()
    with pytest.raises(ArgumentError, match=r"one-hot labels \(N, 3\), as the model tells 3 classes, got .*\(96, 4\)"):
        evaluate(small_model(), (x, np.eye(4)[y]), verbose=0)


@pytest.mark.parametrize("place", ["train", "validation"])
def test_a_file_that_breaks_training_is_named_and_training_goes_on_after_its_repair(tmp_path, place):
    folder = folder_of(tmp_path / "photos")
    whole = folder / "c1" / "10.png"
    bad = undecodable(folder / "c1" / "4.png")
    good = from_directory(folder_of(tmp_path / "good"), **OPTIONS)
    data = from_directory(folder, shuffle=False, **OPTIONS)
    given = (data, good) if place == "train" else (good, data)
    model = small_model()
    with pytest.raises(ImageError, match=rf"'{bad}' is a PNG file that OpenCV .* cannot decode"):
        fit(model, *given, epochs=1, verbose=0)
    bad.write_bytes(whole.read_bytes())
    data = from_directory(folder, shuffle=False, **OPTIONS)
    run = fit(model, *((data, good) if place == "train" else (good, data)), epochs=1, verbose=0)
    assert np.isfinite(run.history["loss"]).all()


def test_files_that_are_skipped_are_counted_before_the_first_step(tmp_path):
    folder = folder_of(tmp_path)
    bad = undecodable(folder / "c1" / "4.png"), folder / "c2" / "5.png"
    bad[1].write_bytes(bad[1].read_bytes()[:-20])
    with pytest.raises(ImageError, match=rf"expected pictures, got 1 broken: '{bad[1]}'"):
        from_directory(folder, **OPTIONS)
    with pytest.warns(UserWarning, match=r"left out 2 of 12 files, which are broken") as caught:
        data = from_directory(folder, on_error="skip", **OPTIONS)
    assert caught[0].filename == __file__
    assert [one.file for one in data.skipped] == [str(path) for path in bad]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit(small_model(), data, epochs=1, verbose=0)


EMPTY = {
    "arrays": lambda folder, x, y: from_arrays(x[:0], y[:0]),
    "lists": lambda folder, x, y: from_arrays([], []),
    "no whole batch": lambda folder, x, y: from_arrays(x, y, batch_size=100, drop_remainder=True),
    "training": lambda folder, x, y: fit(small_model(), (x[:0], y[:0]), epochs=1),
    "validation": lambda folder, x, y: fit(small_model(), (x, y), (x[:0], y[:0]), epochs=1),
    "evaluation": lambda folder, x, y: evaluate(small_model(), (x[:0], y[:0]), verbose=0),
    "views": lambda folder, x, y: predict_tta(small_model(), x[:0], verbose=0),
    "a folder": lambda folder, x, y: from_directory(folder, **OPTIONS),
    "no whole batch of files": lambda folder, x, y: from_directory(
        folder_of(folder), image_size=8, batch_size=13, drop_remainder=True
    ),
}


@pytest.mark.parametrize("case", EMPTY)
def test_what_is_empty_is_one_clear_error(case, tmp_path):
    with pytest.raises(VisionkitError, match=r"expected .* got"):
        EMPTY[case](tmp_path, *blobs())
