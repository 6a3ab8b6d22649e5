import csv
import json
import platform
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.train.small import blobs, equal, small_model
from visionkit import ArgumentError, FileError, ModelError, NonFiniteError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.loop.fastest import faster_in_16_bits
from visionkit.train.loop.fit import fit
from visionkit.train.loop.precision import computing_in
from visionkit.train.schedules import cosine, staircase

SPARSE = "sparse_categorical_crossentropy"


def test_the_weights_are_those_of_keras_own_fit():
    x, y = blobs(70)  # the last batch is smaller
    ours, theirs = small_model(), small_model()
    run = fit(ours, from_arrays(x, y, shuffle=False), (x[:40], y[:40]), epochs=3, optimizer="sgd", verbose=0)
    theirs.compile("sgd", SPARSE, metrics=["accuracy"])
    history = theirs.fit(x, y, epochs=3, shuffle=False, validation_data=(x[:40], y[:40]), verbose=0).history
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    assert run.history.keys() == history.keys()
    for name in history:
        np.testing.assert_allclose(run.history[name], history[name], rtol=1e-5)
    assert run.best.epoch == 1 + int(np.argmin(history["val_loss"]))
    assert run.best.monitor == "val_loss"


@pytest.mark.parametrize("weights", [{0: 1.0, 1: 3.0, 2: 0.5}, {0: 2.0, 2: 0.5}, {1: 3.0}])
def test_class_weights_are_those_of_keras(weights):
    x, y = blobs(64)
    ours, theirs = small_model(), small_model()
    fit(ours, from_arrays(x, y, shuffle=False), epochs=2, optimizer="sgd", class_weight=weights, verbose=0)
    theirs.compile("sgd", SPARSE)
    theirs.fit(x, y, epochs=2, shuffle=False, class_weight=weights, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_a_staircase_is_what_keras_scheduler_does():
    x, y = blobs(64)
    ours, theirs = small_model(), small_model()
    steps = staircase({0: 0.1, 1: 0.02, 2: 0.5})
    run = fit(
        ours, from_arrays(x, y, shuffle=False), epochs=3, optimizer=keras.optimizers.SGD(), schedule=steps, verbose=0
    )
    assert run.history["learning_rate"] == [0.1, 0.02, 0.5]
    theirs.compile(keras.optimizers.SGD(), SPARSE)
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: steps(epoch))
    theirs.fit(x, y, epochs=3, shuffle=False, callbacks=[scheduler], verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def test_the_folder_holds_what_it_says(tmp_path):
    x, y = blobs()
    model = small_model()
    run = fit(
        model, (x, y), (x, y), epochs=4, directory=tmp_path / "run", monitor="val_accuracy", tensorboard=True, verbose=0
    )
    names = {path.name for path in run.directory.iterdir()}
    assert {"config.json", "snapshot.npz", "history.csv", "best.weights.h5", "last.weights.h5", "tensorboard"} <= names
    with open(run.directory / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["val_accuracy"]) for row in rows] == run.history["val_accuracy"]
    assert run.best.value == max(run.history["val_accuracy"])
    other = small_model()
    other.load_weights(run.directory / "last.weights.h5")
    assert equal(model, other)
    other.load_weights(run.directory / "best.weights.h5")
    other.compile(loss=SPARSE, metrics=["accuracy"])
    assert other.evaluate(x, y, verbose=0)[1] == pytest.approx(run.best.value)
    assert json.loads((run.directory / "config.json").read_text())["epochs"] == 4


def test_a_finished_run_is_not_trained_again_and_a_longer_one_goes_on(tmp_path):
    x, y = blobs()
    data = from_arrays(x, y)
    whole = small_model(dropout=0.2)
    straight = fit(whole, data, epochs=5, directory=tmp_path / "a", ema=0.9, verbose=0)
    fit(small_model(dropout=0.2), data, epochs=2, directory=tmp_path / "b", ema=0.9, verbose=0)
    again = small_model(dropout=0.2)
    keras.utils.set_random_seed(8)  # it goes on in another state of the world
    later = fit(again, data, epochs=5, directory=tmp_path / "b", ema=0.9, verbose=0)
    assert later == straight._replace(directory=tmp_path / "b")
    assert equal(whole, again)
    once_more = small_model(dropout=0.2)
    assert fit(once_more, data, epochs=5, directory=tmp_path / "b", ema=0.9, verbose=0) == later
    assert equal(whole, once_more)


def test_the_averaged_weights_are_those_of_keras():
    x, y = blobs(64)
    ours, theirs = small_model(), small_model()
    fit(ours, from_arrays(x, y, shuffle=False), epochs=2, optimizer="sgd", ema=0.5, verbose=0)
    theirs.compile(keras.optimizers.SGD(use_ema=True, ema_momentum=0.5), SPARSE)
    theirs.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_early_stopping_ends_a_run_and_a_resume_does_not_go_on(tmp_path):
    x, y = blobs()
    arguments = dict(epochs=50, monitor="loss", mode="max", patience=2, directory=tmp_path, verbose=0)
    run = fit(small_model(), (x, y), **arguments)
    assert len(run.history["loss"]) == 3  # it falls from the first epoch on
    assert fit(small_model(), (x, y), **arguments).history == run.history


def test_the_best_weights_come_back(tmp_path):
    x, y = blobs()
    model = small_model()
    rates = staircase({0: 0.1, 3: 50.0})  # the last epochs spoil everything
    run = fit(model, (x, y), (x, y), epochs=5, optimizer=keras.optimizers.SGD(), schedule=rates, directory=tmp_path,
              restore_best=True, verbose=0)  # fmt: skip
    assert run.best.epoch <= 3
    model.compile(loss=SPARSE)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] == pytest.approx(run.best.value, rel=1e-5)


def test_another_run_in_the_folder_is_an_error_that_says_what_differs(tmp_path):
    x, y = blobs()
    fit(small_model(), from_arrays(x, y), epochs=1, directory=tmp_path, verbose=0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ModelError, match=r"its train\.seed is 0, here it is 1"):
        fit(small_model(), from_arrays(x, y, seed=1), epochs=2, directory=tmp_path, verbose=0)
    with pytest.raises(ModelError, match=r"model\.parameters"):
        fit(small_model(4), from_arrays(x, y), epochs=2, directory=tmp_path, verbose=0)
    with pytest.raises(ModelError, match=r"optimizer\.learning_rate"):
        fit(
            small_model(),
            from_arrays(x, y),
            epochs=2,
            optimizer=keras.optimizers.Adam(0.5),
            directory=tmp_path,
            verbose=0,
        )
    with pytest.raises(FileError, match="holds a run already"):
        fit(small_model(), from_arrays(x, y), epochs=2, directory=tmp_path, resume=False, verbose=0)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("folder", [True, False])
def test_a_loss_that_is_no_number_stops_the_run_and_names_its_samples(tmp_path, folder):
    x, y = blobs(96)
    x[70] = 3e38  # the convolution overflows
    data = from_arrays(x, y, batch_size=16, shuffle=False)
    model, before = small_model(), small_model()
    with pytest.raises(NonFiniteError, match="after step 5 of epoch 1, on sample 64") as caught:
        fit(model, data, epochs=2, directory=tmp_path / "run" if folder else None, verbose=0)
    assert caught.value.step == 5
    assert caught.value.epoch == 1
    assert "sample 70" in caught.value.names
    assert equal(model, before)  # it was saved before the first step last


def test_weights_that_are_no_numbers_are_found_where_the_loss_does_not_show_them():
    class Spoiled(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].bias.assign([np.nan, 0, 0, 0])

    x, y = blobs(96)
    model = small_model()
    data = from_arrays(x, y, shuffle=False)
    with pytest.raises(
        NonFiniteError, match=r"the weight '.*bias' is not finite after step 3 of epoch 2, on sample 64"
    ):
        fit(model, data, epochs=2, callbacks=[Spoiled()], verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    model.layers[0].bias.assign([np.nan, 0, 0, 0])
    with pytest.raises(NonFiniteError, match="before the first step"):
        fit(model, data, epochs=2, verbose=0)


def test_a_monitor_that_is_not_there_is_an_error():
    with pytest.raises(ArgumentError, match="expected monitor to be one of 'accuracy', 'loss', got 'acc'"):
        fit(small_model(), blobs(), epochs=3, monitor="acc", verbose=0)


def test_a_run_does_not_get_shorter(tmp_path):
    fit(small_model(), blobs(), epochs=2, directory=tmp_path, verbose=0)
    with pytest.raises(ArgumentError, match="at least 2"):
        fit(small_model(), blobs(), epochs=1, directory=tmp_path, verbose=0)


def test_a_damaged_snapshot_is_named(tmp_path):
    x, y = blobs()
    fit(small_model(), (x, y), epochs=1, directory=tmp_path, verbose=0)
    snapshot = tmp_path / "snapshot.npz"
    whole = snapshot.read_bytes()
    for damaged in (
        b"",
        whole[: len(whole) // 2],
        whole[:500] + bytes([whole[500] ^ 255]) + whole[501:],
        b"no snapshot",
    ):
        snapshot.write_bytes(damaged)
        with pytest.raises(FileError, match=r"snapshot\.npz' is damaged or no snapshot"):
            fit(small_model(), (x, y), epochs=2, directory=tmp_path, verbose=0)


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    x, y = blobs()
    with pytest.raises(FileError, match="cannot write to the run's folder"):
        fit(small_model(), (x, y), epochs=1, directory=tmp_path / "file" / "run", verbose=0)


def test_a_full_disk_is_one_error_and_the_run_goes_on_later(tmp_path):
    resource = pytest.importorskip("resource")
    import signal

    x, y = blobs()
    data = from_arrays(x, y)
    fit(small_model(), data, epochs=1, directory=tmp_path, verbose=0)
    before = (tmp_path / "snapshot.npz").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(FileError, match="cannot write to the run's folder"):
            fit(small_model(), data, epochs=2, directory=tmp_path, verbose=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "snapshot.npz").read_bytes() == before
    model, straight = small_model(), small_model()
    run = fit(model, data, epochs=2, directory=tmp_path, verbose=0)
    assert run.history == fit(straight, data, epochs=2, verbose=0).history
    assert equal(model, straight)


def test_half_precision_leaves_the_model_as_it_was():
    x, y = blobs()
    model = small_model()
    run = fit(model, (x, y), epochs=3, optimizer=keras.optimizers.Adam(0.05), precision="bfloat16", verbose=0)
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert keras.backend.standardize_dtype(model(x[:2]).dtype) == "float32"


@pytest.mark.parametrize(("device", "normalised"), [("cpu", "float32"), ("gpu", "bfloat16")])
def test_a_cpu_takes_16_bits_for_products_of_matrices_alone(device, normalised):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            *(keras.layers.Conv2D(2, 3), keras.layers.MaxPooling2D(), keras.layers.BatchNormalization()),
            *(keras.layers.ReLU(), keras.layers.Flatten(), keras.layers.Dense(3), keras.layers.Softmax()),
        ]
    )
    half, other = "bfloat16", normalised
    with computing_in(model, "bfloat16", on=device):
        found = [layer.compute_dtype for layer in model.layers]
    assert found == [half, half, other, other, half, half, "float32"]
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_16_bits_are_taken_where_the_processor_has_them():
    processor = Path("/proc/cpuinfo")
    if keras.backend.backend() != "tensorflow" or not processor.is_file() or platform.machine() != "x86_64":
        pytest.skip("the flags of this processor are not known, or not what decides")
    flags = set(processor.read_text(encoding="utf-8").split("flags\t\t: ")[1].splitlines()[0].split())
    if "avx512_bf16" in flags and "amx_bf16" not in flags:
        pytest.skip("it may or may not be faster")
    assert faster_in_16_bits() == ("amx_bf16" in flags)


def test_the_fastest_precision_trains_and_goes_on(tmp_path):
    class Seen(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            types.add(self.model.layers[0].compute_dtype)

    types, straight, model = set(), small_model(), small_model()
    how = {"precision": "auto", "callbacks": [Seen()], "verbose": 0}
    history = fit(straight, blobs(), epochs=2, **how).history
    for epochs in (1, 2):
        run = fit(model, blobs(), epochs=epochs, directory=tmp_path, **how)
    assert run.history == history
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["precision"] == "auto"
    assert types == {"bfloat16" if faster_in_16_bits() else "float32"}


def test_a_schedule_of_cosine_moves_every_step(tmp_path):
    x, y = blobs(96)
    seen = []

    class Rates(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    schedule = cosine(0.1, 2)
    fit(small_model(), (x, y), epochs=2, schedule=schedule, callbacks=[Rates()], verbose=0)
    np.testing.assert_allclose(seen, [schedule(step / 3) for step in range(6)], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(epochs=0), "epochs"),
        (dict(epochs=1, monitor="val_loss"), "validation data"),
        (dict(epochs=1, callbacks=["early stopping"]), "callbacks"),
        (dict(epochs=1, mode="most"), "mode"),
        (dict(epochs=1, restore_best=True), "directory"),
        (dict(epochs=1, optimizer="adamm"), "optimizer"),
        (dict(epochs=1, precision="half"), "precision"),
        (dict(epochs=1, clip=-1.0), "clip"),
        (dict(epochs=1, ema=1.0), "ema"),
        (dict(epochs=1, class_weight="even"), "class_weight"),
        (dict(epochs=1, verbose=7), "verbose"),
        (dict(epochs=1, optimizer=keras.optimizers.Adam(clipnorm=1.0), clip=1.0), "clip"),
        (
            dict(epochs=1, schedule=cosine(0.1, 2), optimizer=keras.optimizers.Adam(
                keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))),
            "schedule",
        ),
    ],
)  # fmt: skip
def test_wrong_arguments(arguments, message):
    model, before = small_model(), small_model()
    with pytest.raises(ArgumentError, match=message):
        fit(model, blobs(), **arguments)
    assert equal(model, before)


def test_labels_outside_the_classes_are_found_before_the_first_step():
    x, y = blobs(96)
    y[80] = 3
    for arguments in ((x, y),), ((x[:32], y[:32]), (x, y)):
        model, before = small_model(), small_model()
        with pytest.raises(ArgumentError, match=r"labels from 0 to 2, as there are 3 classes, got 3 in sample 80"):
            fit(model, *arguments, epochs=1, loss=SPARSE, verbose=0)
        assert equal(model, before)


def test_a_line_an_epoch_where_nobody_looks(capsys):
    fit(small_model(), blobs(), epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert all("accuracy" in line and "loss" in line for line in lines)


def test_bars_leave_a_line_for_each_epoch(capsys):
    fit(small_model(), blobs(), epochs=2, verbose=1)
    out = capsys.readouterr().out
    assert "epoch 1/2" in out
    assert "epoch 2/2" in out


def test_other_forms_of_data():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            x, y = blobs(96)
            return x[32 * index : 32 * index + 32], y[32 * index : 32 * index + 32]

    x, y = blobs(96)
    one, other = small_model(), small_model()
    fit(one, Batches(), epochs=2, optimizer="sgd", verbose=0)
    fit(other, from_arrays(x, y, shuffle=False), epochs=2, optimizer="sgd", verbose=0)
    assert equal(one, other)
    for wrong in (5, [x, y], (batch for batch in [(x, y)])):
        with pytest.raises(ArgumentError, match="expected train to be"):
            fit(one, wrong, epochs=1, verbose=0)


class Drawn(keras.utils.PyDataset):
    """Batches that are others in each epoch, as PyDatasets that shuffle at its end have them."""

    epoch, begun = 0, 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        x, y = blobs(96)
        order = np.random.default_rng(self.epoch).permutation(96)[32 * index : 32 * index + 32]
        return x[order], y[order]

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.epoch += 1


def test_a_pydataset_is_told_of_the_ends_of_epochs(tmp_path):
    x, y = blobs(96)
    one, other, third, data = small_model(), small_model(), small_model(), Drawn()
    run = fit(one, data, epochs=3, optimizer="sgd", directory=tmp_path / "one", verbose=0)
    for epoch in range(3):  # the same by hand
        order = np.random.default_rng(epoch).permutation(96)
        fit(other, from_arrays(x[order], y[order], shuffle=False), epochs=1, optimizer="sgd", verbose=0)
    assert equal(one, other)
    assert data.begun >= 3  # an epoch may be read ahead
    fit(third, Drawn(), epochs=2, optimizer="sgd", directory=tmp_path / "third", verbose=0)
    again = fit(third, Drawn(), epochs=3, optimizer="sgd", directory=tmp_path / "third", verbose=0)
    assert equal(one, third)
    assert again.history == run.history


def test_a_tf_dataset_has_to_have_an_end():
    tf = pytest.importorskip("tensorflow")
    x, y = blobs(96)
    one, other = small_model(), small_model()
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    fit(one, batches, epochs=2, optimizer="sgd", verbose=0)
    fit(other, from_arrays(x, y, shuffle=False), epochs=2, optimizer="sgd", verbose=0)
    assert equal(one, other)
    with pytest.raises(ArgumentError, match="known number of batches"):
        fit(one, batches.repeat(), epochs=1, verbose=0)


def test_the_file_of_a_trained_model_needs_no_schedule_of_ours(tmp_path):
    x, y = blobs()
    model = small_model()
    fit(model, (x, y), epochs=2, schedule=cosine(0.1, 4), ema=0.9, verbose=0)
    model.save(tmp_path / "model.keras")
    assert b"visionkit" not in (tmp_path / "model.keras").read_bytes()
    assert float(model.optimizer.learning_rate) == pytest.approx(cosine(0.1, 4)(2), rel=1e-5)
    assert int(model.optimizer.iterations) == 6
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert equal(model, again)
    assert int(again.optimizer.iterations) == 6
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


def test_the_optimizer_that_is_given_stays_as_it_is():
    optimizer = keras.optimizers.SGD(0.1)
    fit(small_model(), blobs(), epochs=1, optimizer=optimizer, schedule=cosine(0.1, 4), ema=0.5, clip=1.0, verbose=0)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    assert not optimizer.use_ema
    assert optimizer.global_clipnorm is None
    assert not optimizer.built


def test_float16_scales_the_loss():
    x, y = blobs()
    scales = []

    class Scales(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            scales.append(type(self.model.optimizer).__name__)

    run = fit(small_model(), (x, y), epochs=2, precision="float16", callbacks=[Scales()], verbose=0)
    assert set(scales) == {"LossScaleOptimizer"}
    assert np.isfinite(run.history["loss"]).all()


def test_a_plain_function_is_a_schedule_also_of_a_longer_run(tmp_path):
    x, y = blobs()
    rate = lambda epoch: 0.1 / (1 + epoch)  # noqa: E731
    fit(small_model(), (x, y), epochs=1, schedule=rate, directory=tmp_path, verbose=0)
    run = fit(small_model(), (x, y), epochs=3, schedule=rate, directory=tmp_path, verbose=0)
    assert run.history["learning_rate"] == [0.1, 0.05, 0.1 / 3]


def test_samples_of_another_size_are_one_clear_error():
    x, y = blobs()
    for arguments in ((x[:, :6], y),), ((x, y), (x[..., 0], y)):
        with pytest.raises(ModelError, match=r"expected samples \(8, 8, 1\) for the model"):
            fit(small_model(), *arguments, epochs=1, loss=SPARSE, verbose=0)
