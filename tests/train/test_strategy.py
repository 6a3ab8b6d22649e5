"""Training on several devices, and with several workers: the result is that of one device with the same batches."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from visionkit import ArgumentError
from visionkit._launch import launch
from visionkit.train.data.arrays import from_arrays
from visionkit.train.strategies import of, strategy
from visionkit.train.strategies.shares import Sequence, piece, shares

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "strategy_script.py"
JAX = pytest.param("jax", marks=pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="no JAX"))
BACKENDS = ["tensorflow", JAX]


def environment(backend):
    flags = "--xla_force_host_platform_device_count=2"
    variables = {"KERAS_BACKEND": backend, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **variables}


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    """What the script found on one device and on two: backend -> name -> array."""
    folder = tmp_path_factory.mktemp("devices")
    running = {
        backend: subprocess.Popen(
            [sys.executable, SCRIPT, "devices", folder / f"{backend}.npz"],
            env=environment(backend),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for backend in ("tensorflow", "jax")
        if importlib.util.find_spec(backend)
    }
    found = {}
    for backend, process in running.items():
        said, _ = process.communicate(timeout=500)
        assert process.returncode == 0, said
        with np.load(folder / f"{backend}.npz") as file:
            found[backend] = dict(file)
    return found


def trained(found, case):
    """The arrays of a case, in order."""
    return [found[f"{case}/{number}"] for number in range(sum(name.startswith(f"{case}/") for name in found))]


def assert_same(found, expected, tolerance):
    assert len(found) == len(expected) > 5
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.astype(float), other.astype(float), rtol=1e-6, atol=tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_devices_train_as_one_does_with_a_smaller_last_batch(devices, backend):
    one, two = trained(devices[backend], "sgd/one"), trained(devices[backend], "sgd/two")
    assert_same(two, one, 1e-6)
    assert np.abs(one[0] - devices[backend]["start"]).max() > 0.01


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_last_batch_with_fewer_samples_than_replicas_counts_once(devices, backend):
    assert_same(trained(devices[backend], "tiny/two"), trained(devices[backend], "tiny/one"), 1e-6)


@pytest.mark.parametrize(("case", "tolerance"), [("clip", 1e-6), ("averaged", 1e-6), ("adam", 1e-3)])
def test_two_devices_clip_average_and_adapt_as_one_does(devices, case, tolerance):
    # Adam divides by the root of its second moment, so that rounding shows where a gradient is nearly nothing
    assert_same(trained(devices["tensorflow"], f"{case}/two"), trained(devices["tensorflow"], f"{case}/one"), tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_variables_come_back_as_they_were_set(devices, backend):
    np.testing.assert_array_equal(devices[backend]["set"], np.float32([2.7182817, *range(8)]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_runs_are_equal_bit_for_bit_when_that_is_asked_for(devices, backend):
    assert len(devices[backend]["repeats"]) > 5
    assert devices[backend]["repeats"].all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_says_where_it_trains_and_finds_it_by_the_model(devices, backend):
    found = devices[backend]
    assert str(found["describe"]) == "multi-gpu: 2 replicas, one on each device; as asked for"
    assert str(found["of"]) == "multi-gpu: 2 replicas, one on each device; as the model was built for it"
    assert str(found["of_one"]) == "cpu: one device; as the model was built for it"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_metric_from_elsewhere_is_refused(devices, backend):
    text = str(devices[backend]["outside"])
    assert "sparse_categorical_accuracy/total" in text
    assert "with strategy.scope():" in text


@pytest.mark.parametrize(
    "what", ["steps_per_execution", "jit_compile", "gradient_accumulation_steps", "mean over", "scale_loss"]
)
def test_what_cannot_be_exact_on_several_replicas_is_refused(devices, what):
    assert what in str(devices["tensorflow"][what])


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=[*JAX.marks, pytest.mark.deep])])
def test_two_workers_train_as_one_process_does(devices, backend, tmp_path, monkeypatch, capfd):
    for name, value in environment(backend).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XLA_FLAGS")
    status = launch(SCRIPT, ["workers", str(tmp_path / "found.npz")], workers=2, backend=backend)
    said = capfd.readouterr()
    assert status == 0, said.err
    for worker in range(2):
        assert (
            f"[{worker}] multi-worker: worker {worker} of 2, 2 replicas in all; as asked for [True, False]" in said.out
        )
    with np.load(tmp_path / "found.npz") as found:
        assert_same(trained(dict(found), "sgd"), trained(devices[backend], "sgd/one"), 1e-6)


@pytest.mark.deep
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_loses_a_worker_ends_as_one_that_does_not(backend, tmp_path, monkeypatch, capfd):
    for name, value in environment(backend).items():
        monkeypatch.setenv(name, value)
    script = SCRIPT.with_name("workers_script.py")
    for name, workers, arguments in (("whole", 1, []), ("killed", 2, ["1", "13"])):
        (tmp_path / name).mkdir()
        status = launch(script, [str(tmp_path / name), *arguments], workers=workers, backend=backend, restarts=1)
        assert status == 0, capfd.readouterr().err
    assert capfd.readouterr().err.count("worker 1 was ended by SIGKILL, so all were stopped; starting all again") == 1
    with np.load(tmp_path / "whole" / "found.npz") as whole, np.load(tmp_path / "killed" / "found.npz") as killed:
        assert {"loss", "accuracy", "val_loss", "0"} < {*whole}
        for name in whole:
            np.testing.assert_allclose(killed[name], whole[name], rtol=1e-6, atol=1e-6, err_msg=name)


def data(samples, batch_size=4, **options):
    return from_arrays(
        np.arange(samples, dtype="float32")[:, None], np.arange(samples), batch_size=batch_size, **options
    )


@pytest.mark.parametrize("batch_size", [4, 5, 7])
@pytest.mark.parametrize("foreign", [False, True])
def test_the_shares_of_workers_are_the_batch_or_each_the_whole(batch_size, foreign):
    source = data(18, batch_size, shuffle=True, seed=2)
    given = Foreign(source) if foreign else source
    even = [
        list(shares(given, 3, 1, worker=worker, workers=2, splits=lambda size: size % 2 == 0)) for worker in range(2)
    ]
    whole = list(source.batches(3, 1))
    assert len(even[0]) == len(even[1]) == len(whole)
    for (first, size), (second, _), batch in zip(*even, whole, strict=True):
        assert size == len(batch[0])
        for one, other, expected in zip(first, second, batch, strict=True):
            if size % 2:
                np.testing.assert_array_equal(one, expected)
                np.testing.assert_array_equal(other, expected)
            else:
                np.testing.assert_array_equal(np.concatenate([one, other]), expected)


class Foreign:
    """Batches that know no parts."""

    def __init__(self, source):
        self.batches = source.batches


@pytest.mark.parametrize(("size", "parts"), [(16, 2), (5, 2), (7, 3), (3, 3)])
def test_pieces_are_contiguous_and_even(size, parts):
    pieces = [piece((np.arange(size),), place, parts)[0] for place in range(parts)]
    np.testing.assert_array_equal(np.concatenate(pieces), np.arange(size))
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_one_device_is_fed_from_the_middle_of_an_epoch_and_on():
    source = data(10, shuffle=True, seed=5)
    stream = strategy("cpu").feed(source, epoch=1, start=1, weighted=lambda batch: (*batch, np.ones(len(batch[0]))))
    for epoch, index in ((1, 1), (1, 2), (2, 0), (2, 1)):
        x, y, weight = next(stream)
        np.testing.assert_array_equal(x, source.batch(epoch, index)[0])
        np.testing.assert_array_equal(y, source.batch(epoch, index)[1])
        assert len(weight) == len(x)


def test_one_device_is_validated_on_the_same_batches_each_time():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    where = of(model)
    assert (where.num_replicas_in_sync, where.workers, where.is_chief) == (1, 1, True)
    model.compile("sgd", "mse")
    checked, steps = where.validation(data(10, shuffle=True))
    model.optimizer.learning_rate = 0.0
    with where.prepare(model):
        history = model.fit(
            where.feed(data(4)),
            steps_per_epoch=1,
            epochs=3,
            validation_data=checked,
            validation_steps=steps,
            shuffle=False,
            verbose=0,
        ).history
    assert history["val_loss"] == pytest.approx([0.0] * 3)
    assert isinstance(checked, Sequence)
    assert len(checked) == steps == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "multi-cpu"}, "did you mean"),
        ({"kind": "gpu", "devices": ["gpu:7"]}, "expected devices among cpu:0"),
        ({"kind": "gpu", "devices": ["cpu:0"]}, "expected one GPU"),
        ({"kind": "cpu", "devices": []}, "expected one CPU"),
        ({"kind": "multi-gpu", "devices": ["cpu:0", "cpu:0"]}, "expected at least 2 GPUs"),
        ({"kind": "tpu"}, "expected a TPU, found none"),
        ({"kind": "tpu", "devices": ["cpu:0"]}, "expected devices with"),
        ({"kind": "multi-worker"}, "visionkit launch --workers 2"),
    ],
)
def test_what_is_not_there_is_said_at_once(arguments, words, monkeypatch):
    if keras.backend.backend() == "torch" and "multi" in arguments["kind"] and "devices" in arguments:
        words = "expected a backend"
    for name in ("TF_CONFIG", "KERAS_DISTRIBUTION_NUM_PROCESSES", "TPU_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ArgumentError, match=words):
        strategy(**arguments)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it is TensorFlow's variable")
def test_the_environment_is_read_with_care(monkeypatch):
    alone = {"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(alone))
    assert strategy("auto").workers == 1
    monkeypatch.setenv("TF_CONFIG", "two of them")
    with pytest.raises(ArgumentError, match="expected TF_CONFIG to be JSON"):
        strategy("auto")
