import keras
import numpy as np
import pytest
from keras import layers

from visionkit._errors import ArgumentError, ModelError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.schedules import one_cycle
from visionkit.train.transfer.fine_tune import Phase, fine_tune
from visionkit.train.transfer.plan import transfer_plan

STAGES = [Phase(2, 1e-2), Phase(1, 1e-3, since="c_conv"), Phase(1, 1e-3, since="all")]


def make(flat=False):
    """A new head on a base of three convolutions; inside the model, or the model goes on from its output."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for name in "abc":
        x = layers.Conv2D(4, 3, padding="same", name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    base = keras.Model(inputs, x, name="base")
    x = layers.Flatten()(base.output if flat else base(inputs))
    x = layers.BatchNormalization(name="head_bn")(x)
    return keras.Model(inputs, layers.Dense(2, "softmax", name="head")(x)), base


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 48)
    x = generator.normal(size=(48, 8, 8, 1)) + labels[:, None, None, None]
    return from_arrays(x.astype("float32"), labels, batch_size=16)


class Watch(keras.callbacks.Callback):
    """Which layers moved in each run, and the optimizers."""

    def __init__(self):
        super().__init__()
        self.moved, self.optimizers, self.rates = [], [], []

    def on_train_begin(self, logs=None):
        self.before = self.model.get_weights()
        self.optimizers.append(self.model.optimizer)
        self.rates.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.params["epochs"]:
            weights = zip(self.model.weights, self.before, self.model.get_weights(), strict=True)
            moved = {weight.path.split("/")[-2] for weight, old, new in weights if not np.array_equal(old, new)}
            self.moved.append(moved)


@pytest.mark.parametrize("flat", [False, True])
def test_the_head_comes_first_then_the_last_layers_then_all(data, flat):
    model, base = make(flat)
    watch = Watch()
    runs = fine_tune(model, data, base=base, phases=STAGES, callbacks=[watch], verbose=0)
    assert [len(run.history["loss"]) for run in runs] == [2, 1, 1]
    head, convolutions = {"head", "head_bn"}, {"a_conv", "b_conv", "c_conv"}
    assert watch.moved == [head, head | {"c_conv"}, head | convolutions]  # and no BatchNormalization of the base
    assert len({id(optimizer) for optimizer in watch.optimizers}) == 3
    assert watch.rates == pytest.approx([1e-2, 1e-3, 1e-3])


def test_normalisation_of_the_base_trains_if_asked(data):
    model, _ = make()
    watch = Watch()
    phases = [Phase(1, 1e-2), Phase(1, 1e-3, since="b_bn", batch_norm=True)]
    fine_tune(model, data, base="base", phases=phases, callbacks=[watch], verbose=0)
    assert watch.moved[1] == {"b_bn", "c_conv", "c_bn", "head_bn", "head"}


def test_it_goes_on_where_it_was_interrupted(data, tmp_path):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.get_layer("base").get_layer("c_conv").trainable:
                raise KeyboardInterrupt

    def run(**options):
        model, base = make()
        return model, fine_tune(model, data, base=base, phases=STAGES[:2], verbose=0, **options)

    with pytest.raises(KeyboardInterrupt):
        run(directory=tmp_path, callbacks=[Fails()])
    model, runs = run(directory=tmp_path)
    witness, whole = run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-head", "2-c_conv"]
    for ours, theirs in zip(runs, whole, strict=True):
        np.testing.assert_allclose(ours.history["loss"], theirs.history["loss"], rtol=1e-4)
    for ours, theirs in zip(model.get_weights(), witness.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_a_rate_may_move_and_any_optimizer_does(data):
    model, base = make()
    watch = Watch()
    phases = [Phase(1, one_cycle(0.1, 1, start_division=10))]
    fine_tune(model, data, base=base, phases=phases, optimizer=keras.optimizers.SGD, callbacks=[watch], verbose=0)
    assert isinstance(watch.optimizers[0], keras.optimizers.SGD)
    assert watch.rates == pytest.approx([0.01])


def test_nothing_trains_where_something_is_wrong(data):
    model, base = make()
    before = model.get_weights()

    def tune(error, message, **options):
        with pytest.raises(error, match=message):
            fine_tune(model, data, **({"base": base, "phases": STAGES, "verbose": 0} | options))

    tune(ArgumentError, "did you mean 'c_conv'", phases=[Phase(1, 1e-3), Phase(1, 1e-3, since="c_cnv")])
    tune(ArgumentError, "phases to be a list of Phase", phases=[])
    tune(ArgumentError, "unknown argument 'los'; did you mean 'loss'", los="mse")
    tune(ArgumentError, "unknown argument 'epochs'", epochs=3)
    tune(ArgumentError, "optimizer to be a class", optimizer="adam")
    tune(ModelError, "base to be a part of", base=make()[1])
    tune(ArgumentError, "did you mean 'base'", base="bass")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ArgumentError, match="rate to be a number above 0"):
        Phase(1, 0.0)
    with pytest.raises(ArgumentError, match="epochs to be an integer"):
        Phase(0, 1e-3)


@pytest.mark.parametrize(
    ("samples", "similarity", "words", "phases"),
    [
        (280, "high", "a linear classifier on the last features", 1),
        (28_000, "high", "a few of the last layers", 2),
        (280, "low", "several depths", 1),
        (28_000, 0.2, "many layers or all", 3),
    ],
)
def test_the_plan_is_the_table_of_the_lecture(samples, similarity, words, phases):
    plan = transfer_plan(samples=samples, classes=14, similarity=similarity)
    said = " ".join(str(plan).split())
    assert words in said
    assert plan.reason in said
    assert max(map(len, str(plan).splitlines())) <= 100
    assert len(plan.phases(make()[1])) == phases


def test_the_bounds_of_the_table():
    assert transfer_plan(samples=999, classes=10, similarity=0.5).little
    assert not transfer_plan(samples=1000, classes=10, similarity=0.5).little
    assert transfer_plan(samples=1, classes=1, similarity=0.5).alike
    assert not transfer_plan(samples=1, classes=1, similarity=0.49).alike
    for wrong in ("medium", 2, True, None):
        with pytest.raises(ArgumentError, match="similarity to be 'high', 'low' or a number"):
            transfer_plan(samples=10, classes=2, similarity=wrong)


def test_a_plan_can_be_followed(data):
    model, base = make()
    plan = transfer_plan(samples=2000, classes=2, similarity="high")
    phases = [Phase(1, phase.rate, phase.since) for phase in plan.phases(base)]
    assert [phase.since for phase in phases] == [None, "c_conv"]
    assert len(fine_tune(model, data, base=base, phases=phases, verbose=0)) == 2
