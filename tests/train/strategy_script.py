"""What `fit` does around `model.fit`, in a process of its own; what came of it goes to a file.

python strategy_script.py devices FILE     on one device, and on two that are parts of the CPU
python strategy_script.py workers FILE     as one of several workers
"""

import sys

import keras
import numpy as np

from visionkit._errors import ModelError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.strategies import of, strategy
from visionkit.train.strategies.determinism import deterministic

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "clip": lambda: keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.1),
    "averaged": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1, clipnorm=0.1, use_ema=True, ema_momentum=0.5), initial_scale=16.0
    ),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "accumulate": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
}
# name -> optimizer, samples; in batches of 16 that is 5 steps, the last of them with 5 samples or with 1
CASES = {
    "sgd": ("sgd", 69),
    "tiny": ("sgd", 65),
    "clip": ("clip", 69),
    "averaged": ("averaged", 69),
    "adam": ("adam", 69),
}


def built(where, optimizer="sgd", *, network=keras.Sequential, **options):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    with where.scope():
        model = network(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(8, 3, use_bias=False, kernel_regularizer="l2"),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(4),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(**{"optimizer": OPTIMIZERS[optimizer](), "loss": loss, "metrics": ["accuracy"], **options})
    return model


def train(where, model, samples=69):
    """Five steps from the middle of an epoch on, weighted, and validated; all that there is to know afterwards."""
    rng = np.random.default_rng(0)
    x = rng.normal(1, size=(samples, 8, 8, 3)).astype("float32")
    y, weight = rng.integers(0, 4, samples), rng.uniform(0.5, 2, samples)
    data = from_arrays(x, y, sample_weight=weight.astype("float32"), batch_size=16, seed=1)
    checked, steps = where.validation(from_arrays(x[:17], y[:17], batch_size=16, shuffle=False))
    losses = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"])))
    with where.prepare(model):
        history = model.fit(
            where.feed(data, epoch=2, start=2),
            steps_per_epoch=5,
            validation_data=checked,
            validation_steps=steps,
            callbacks=[note],
            shuffle=False,
            verbose=0,
        ).history
    figures = np.array([*losses, *(history[name][0] for name in sorted(history))])
    return [*map(where.get, [*model.variables, *model.optimizer.variables]), figures]


def refused(where, model, samples=69):
    try:
        train(where, model, samples)
    except ModelError as error:
        return str(error)
    return "nothing"


def on_devices():
    """Arrays by "case/way/number", and texts."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
    ways = {"one": strategy("cpu"), "two": strategy("multi-gpu", devices=("cpu:0", "cpu:1"))}
    found = {
        f"{case}/{way}/{number}": value
        for case, (optimizer, samples) in CASES.items()
        if optimizer == "sgd" or keras.backend.backend() == "tensorflow"  # with JAX, that is all Keras' own
        for way, where in ways.items()
        for number, value in enumerate(train(where, built(where, optimizer), samples))
    }
    return {**found, **more(ways["two"])}


def more(where):
    found = {"describe": where.describe()}
    model = built(where)
    found["start"] = where.get(model.variables[0])
    found["of"] = of(model).describe()
    found["of_one"] = of(built(strategy("cpu"))).describe()
    with where.scope():
        metric = keras.metrics.Mean()
    for variable, value in ((metric.total, 2.7182817), (model.variables[1], np.arange(8.0))):
        where.set(variable, np.array(value, "float32"))
    found["set"] = np.array([where.get(metric.total), *where.get(model.variables[1])])
    found["outside"] = refused(where, built(where, metrics=[keras.metrics.SparseCategoricalAccuracy()]))
    if keras.backend.backend() == "tensorflow":
        found["steps_per_execution"] = refused(where, built(where, steps_per_execution=2))
        found["jit_compile"] = refused(where, built(where, jit_compile=True))
        found["gradient_accumulation_steps"] = refused(where, built(where, "accumulate"))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        found["mean over"] = refused(where, built(where, loss=loss))
        found["scale_loss"] = refused(where, built(where, network=OfItsOwn))
    deterministic(5)
    alone = strategy("cpu")
    once, again = (train(alone, built(alone)) for _ in range(2))
    found["repeats"] = [np.array_equal(one, other) for one, other in zip(once, again, strict=True)]
    return found


class OfItsOwn(keras.Sequential):
    """A step as people write it."""

    def train_step(self, data):
        import tensorflow as tf

        x, y, weight = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True), weight)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {"loss": loss}


def as_worker():
    where = strategy("multi-worker")
    found = {f"sgd/{number}": value for number, value in enumerate(train(where, built(where)))}
    said = [where.agree(where.is_chief), where.agree(not where.is_chief)]
    print(where.describe(), said)
    return found if where.is_chief else None


if __name__ == "__main__":
    results = {"devices": on_devices, "workers": as_worker}[sys.argv[1]]()
    if results is not None:
        np.savez(sys.argv[2], allow_pickle=False, **results)
