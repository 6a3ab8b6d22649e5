import os
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from visionkit._errors import ArgumentError, FileError, ModelError
from visionkit.train.augment.layer import Augment
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.dataset import Dataset
from visionkit.train.data.directory import from_directory
from visionkit.train.transfer.features import extract_features

SAMPLES = 150


class Counting(Dataset):
    """Pictures that are drawn from their numbers, and counted; at one of them, the power fails."""

    def __init__(self, *, fails_at=None, content=0, kill=False, **options):
        options = {"batch_size": 1, "shuffle": False, "seed": 0, "samples": SAMPLES} | options
        super().__init__("counting", labels=np.arange(options["samples"], dtype=np.int32), **options)
        self.read_ahead = 0
        self.made, self.fails_at, self.content, self.kill = [], fails_at, content, kill

    def _make(self, numbers, epoch):
        if self.fails_at in numbers:
            if self.kill:
                os.kill(os.getpid(), 9)
            raise KeyboardInterrupt
        self.made += numbers.tolist()
        return pictures(numbers) + np.float32(self.content), self.labels[numbers]

    def _content(self):
        return {"content": self.content}


def pictures(numbers):
    return np.stack([np.random.default_rng(int(n)).normal(size=(8, 8, 3)).astype("float32") for n in numbers])


def make_base(seed=0, activation="relu"):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation=activation)(inputs))
    return keras.Model(inputs, layers.Dropout(0.5)(x))


@pytest.fixture(scope="module")
def base():
    return make_base()


@pytest.fixture(scope="module")
def witness(base):
    """The same by Keras' own predict, all at once."""
    return base.predict(pictures(range(SAMPLES)), verbose=0)


def test_row_i_is_sample_i_whatever_the_order(base, witness):
    labels = np.arange(SAMPLES) % 7
    for shuffle in (False, True):
        data = from_arrays(pictures(range(SAMPLES)), labels, batch_size=16, shuffle=shuffle, seed=3)
        features, found = extract_features(base, data, verbose=0)
        np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found, labels)
    assert features.dtype == np.float32


def test_arrays_and_targets_of_any_shape(base, witness):
    x, targets = pictures(range(20)), np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    features, found = extract_features(base, (x, targets), batch_size=6, verbose=0)
    np.testing.assert_allclose(features, witness[:20], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found, targets)
    shuffled = from_arrays(x, targets, batch_size=6)
    np.testing.assert_array_equal(extract_features(base, shuffled, verbose=0)[1], targets)
    assert extract_features(base, x, verbose=0)[1] is None


def test_the_cache_computes_once(base, witness, tmp_path):
    first = Counting(batch_size=20)
    features, labels = extract_features(base, first, cache=tmp_path, verbose=0)
    assert sorted(first.made) == list(range(SAMPLES))
    np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)
    assert isinstance(features, np.memmap)
    assert not features.flags.writeable
    for again in (Counting(batch_size=7), Counting(shuffle=True, seed=4)):  # neither order nor size of batches matter
        kept, found = extract_features(base, again, cache=tmp_path, verbose=0)
        assert not again.made
        np.testing.assert_array_equal(kept, features)
        np.testing.assert_array_equal(found, labels)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy"]


def test_another_model_or_other_data_computes_anew(base, tmp_path):
    extract_features(base, Counting(), cache=tmp_path, verbose=0)

    def made(model, **options):
        data = Counting(**options)
        extract_features(model, data, cache=tmp_path, verbose=0)
        return len(data.made)

    same = make_base()  # with the same weights, but layers of other names
    assert [layer.name for layer in same.layers] != [layer.name for layer in base.layers]
    assert made(same) == 0
    same.compile("sgd", "mse")
    same.layers[1].trainable = False
    assert made(same) == 0
    assert made(make_base(activation="tanh")) == SAMPLES
    assert made(base, content=1) == SAMPLES
    weights = same.get_weights()
    weights[0].flat[0] += 1e-3
    same.set_weights(weights)
    assert made(same) == SAMPLES
    assert made(base) == 0


@pytest.mark.parametrize("damage", ["cut", "bit", "no note", "other shape"])
def test_a_damaged_cache_is_computed_anew(base, witness, tmp_path, damage):
    extract_features(base, Counting(), cache=tmp_path, verbose=0)
    (whole,) = tmp_path.glob("*.npy")
    content = bytearray(whole.read_bytes())
    if damage == "cut":
        whole.write_bytes(content[:-100])
    elif damage == "bit":
        content[len(content) // 2] ^= 1
        whole.write_bytes(content)
    elif damage == "no note":
        whole.with_suffix(".json").write_text("{")
    else:
        np.save(whole, np.zeros((3, 2), "float32"))
    data = Counting()
    features, _ = extract_features(base, data, cache=tmp_path, verbose=0)
    assert len(data.made) == SAMPLES
    np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)


def test_an_interrupted_call_goes_on(base, witness, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        extract_features(base, Counting(fails_at=140), cache=tmp_path, verbose=0)
    data = Counting()
    features, _ = extract_features(base, data, cache=tmp_path, verbose=0)
    assert data.made == list(range(128, SAMPLES))  # two whole blocks of 64 batches were kept
    np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)


def test_an_interrupted_call_goes_on_in_another_order(base, witness, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        extract_features(base, Counting(fails_at=140), cache=tmp_path, verbose=0)
    features, _ = extract_features(base, Counting(shuffle=True, seed=1), cache=tmp_path, verbose=0)
    np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["part", "done"])
def test_what_is_left_of_an_interrupted_call_may_be_damaged(base, witness, tmp_path, name):
    with pytest.raises(KeyboardInterrupt):
        extract_features(base, Counting(fails_at=100), cache=tmp_path, verbose=0)
    (path,) = tmp_path.glob(f"*.{name}")
    path.write_bytes(path.read_bytes()[:10])
    features, _ = extract_features(base, Counting(), cache=tmp_path, verbose=0)
    np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)


def test_a_killed_process_loses_no_whole_block(base, witness, tmp_path):
    code = (
        "import sys; from tests.train.test_transfer_features import Counting, extract_features, make_base\n"
        "extract_features(make_base(), Counting(fails_at=130, kill=True), cache=sys.argv[1], verbose=0)"
    )
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, cwd=root, check=False)
    assert done.returncode == -9
    data = Counting()
    features, _ = extract_features(base, data, cache=tmp_path, verbose=0)
    assert data.made == list(range(128, SAMPLES))
    np.testing.assert_allclose(features, witness, rtol=1e-4, atol=1e-5)


def test_a_picture_that_is_written_again_is_seen(base, tmp_path):
    folder, size = tmp_path / "pictures", (8, 8)
    for number in range(4):
        (folder / f"class{number % 2}").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"class{number % 2}" / f"{number}.bmp"), np.full((8, 8, 3), 50 * number, np.uint8))

    def features():
        data = from_directory(folder, image_size=size, batch_size=3)
        return np.array(extract_features(base, data, cache=tmp_path / "cache", verbose=0)[0])

    before = features()
    path = folder / "class0" / "0.bmp"
    cv2.imwrite(str(path), np.full((8, 8, 3), 250, np.uint8))  # of the same size in bytes
    os.utime(path, ns=(1, 1))
    after = features()
    np.testing.assert_array_equal(before[1:], after[1:])
    assert not np.allclose(before[0], after[0])


def test_a_classifier_on_cached_features_learns(base, tmp_path):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 200)
    x = generator.normal(size=(200, 8, 8, 3)).astype("float32") + labels[:, None, None, None]
    features, found = extract_features(base, (x, labels), cache=tmp_path, verbose=0)
    model = keras.Sequential([keras.Input(features.shape[1:]), layers.Flatten(), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    data = from_arrays(features, found.astype("float32")[:, None])
    assert model.fit(data, epochs=10, verbose=0).history["accuracy"][-1] > 0.95


def test_progress_is_shown(base, capsys):
    extract_features(base, Counting(), verbose=1)
    assert "150/150" in capsys.readouterr().out


def test_bad_input_is_found(base, tmp_path):
    x = pictures(range(4))
    with pytest.raises(ArgumentError, match="without augmentation"):
        extract_features(base, from_arrays(x, np.arange(4), augment=Augment(rotation=10)))
    with pytest.raises(ModelError, match=r"expected samples \(8, 8, 3\) for .*, got \(5, 5, 2\)"):
        extract_features(base, np.zeros((4, 5, 5, 2), "float32"), verbose=0)
    with pytest.raises(ArgumentError, match="expected x to be finite in float32, got inf in sample 2"):
        extract_features(base, np.where(np.arange(4)[:, None, None, None] == 2, np.inf, x), verbose=0)
    with pytest.raises(ModelError, match="finite features, got others for sample 2"):
        extract_features(
            make_base(activation=None), np.where(np.arange(4)[:, None, None, None] == 2, 3e38, x), verbose=0
        )
    two = keras.Model(base.input, [base.outputs[0], base.layers[1].output])
    with pytest.raises(ModelError, match="one output, got 2"):
        extract_features(two, x, verbose=0)
    with pytest.raises(ModelError, match="a built model"):
        extract_features(keras.Sequential([layers.Dense(1)]), x)
    with pytest.raises(ArgumentError, match="expected a Keras model, got 'vgg16'"):
        extract_features("vgg16", x)
    with pytest.raises(ArgumentError, match="batch_size"):
        extract_features(base, Counting(), batch_size=8)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write to"):
        extract_features(base, x, cache=tmp_path / "file", verbose=0)
