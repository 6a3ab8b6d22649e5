import json
import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionkit._errors import ArgumentError
from visionkit.train._schedule import StepSchedule
from visionkit.train.schedules import apply, cosine, one_cycle, ramp_sustain_decay, staircase, tabulate

STAIRS = {0: 5e-4, 4: 2e-4, 8: 1e-4, 12: 5e-5, 16: 2e-5, 20: 1e-5}
ALL = {
    "ramp_sustain_decay": ramp_sustain_decay(sustain_epochs=2),
    "no ramp": ramp_sustain_decay(ramp_epochs=0),
    "staircase": staircase(STAIRS),
    "one_cycle": one_cycle(0.1, 12),
    "triangle": one_cycle(0.1, 12, warmup=0.23, start_division=5, final_division=14, shape="linear"),
    "cosine": cosine(0.1, 12, warmup_epochs=3, start=0.01, floor=0.001),
    "function": tabulate(lambda epoch: 0.1 * 0.9**epoch, 20),
}
every_schedule = pytest.mark.parametrize("schedule", ALL.values(), ids=ALL)


def weights_after_each_step(schedule, *, steps_per_epoch, epochs, optimizer=None, already=0):
    """What one weight is after each step down a slope of 1, so that a difference is a rate."""
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(inputs))
    optimizer = optimizer or keras.optimizers.SGD(1.0)
    optimizer.build(model.trainable_variables)
    if already:
        optimizer.iterations.assign(already)
    apply(optimizer, schedule, steps_per_epoch=steps_per_epoch, epochs=epochs)
    model.compile(optimizer, lambda y_true, y_pred: keras.ops.mean(y_pred))
    seen, one = [0.0], np.ones((1, 1), "float32")
    for _ in range(epochs * steps_per_epoch):
        model.train_on_batch(one, one)
        seen.append(model.get_weights()[0].item())
    return np.array(seen)


def test_flowers_follow_the_rates_of_their_source():
    for replicas in (1, 8):
        start, peak, floor, ramp, sustain, decay = 1e-5, 5e-5 * replicas, 1e-5, 5, 0, 0.8
        schedule = ramp_sustain_decay(peak=peak)
        for epoch in range(40):
            if epoch < ramp:
                expected = (peak - start) / ramp * epoch + start
            elif epoch < ramp + sustain:
                expected = peak
            else:
                expected = (peak - floor) * decay ** (epoch - ramp - sustain) + floor
            assert schedule(epoch) == pytest.approx(expected, rel=1e-15, abs=0)
    assert schedule(1000) == floor


def test_the_peak_is_sustained():
    schedule = ramp_sustain_decay(peak=1e-3, sustain_epochs=4, decay=0.5)
    assert [schedule(epoch) for epoch in (5, 7, 9)] == [1e-3] * 3
    assert schedule(10) == pytest.approx((1e-3 + 1e-5) / 2)


def test_faces_follow_the_rates_of_their_source():
    for epoch in range(30):
        expected = next((STAIRS[end - 4] for end in (4, 8, 12, 16, 20) if epoch < end), 1e-5)
        assert staircase(STAIRS)(epoch) == expected
    assert staircase(STAIRS)(7.99) == 2e-4


def test_one_cycle_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    steps, part = 50, 0.3
    for ours, theirs in (("cosine", "cos"), ("linear", "linear")):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        witness = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, steps, pct_start=part, anneal_strategy=theirs)
        # there, the last step has the last rate: the cycle takes a step less, and its way up, too
        schedule = one_cycle(0.4, steps - 1, warmup=(part * steps - 1) / (steps - 1), shape=ours)
        for step in range(steps):
            assert schedule(step) == pytest.approx(witness.get_last_lr()[0], rel=1e-9, abs=1e-12)
            optimizer.step()
            if step < steps - 1:
                witness.step()


def test_cosine_is_that_of_keras():
    witness = keras.optimizers.schedules.CosineDecay(
        1e-2, decay_steps=70, alpha=0.1, warmup_target=0.1, warmup_steps=30
    )
    schedule = cosine(0.1, 10, warmup_epochs=3, start=1e-2, floor=1e-2)
    for step in range(110):
        assert schedule(step / 10) == pytest.approx(float(witness(step)), rel=1e-5)


def test_a_function_becomes_one_rate_for_each_epoch():
    schedule = tabulate(lambda epoch: 1 / (1 + epoch), 3)
    assert [schedule(epoch) for epoch in (0, 1, 1.9, 2, 50)] == [1, 1 / 2, 1 / 2, 1 / 3, 1 / 3]
    assert not schedule.continuous


@every_schedule
@given(epoch=st.integers(0, 60), batch=st.integers(0, 999), steps=st.sampled_from([1, 7, 1000]))
def test_the_rate_of_a_step_is_that_of_its_epoch(schedule, epoch, batch, steps):
    batch %= steps
    expected = schedule(epoch + batch / steps if schedule.continuous else epoch)
    rate = float(schedule.of_steps(steps)(epoch * steps + batch))
    assert rate == pytest.approx(expected, rel=2e-6, abs=1e-6 * 0.1)


def test_no_epoch_begins_before_its_first_step():
    steps = 3_000_017  # in single precision, a quotient of steps would round up
    rate = staircase({0: 1.0, 5: 2.0}).of_steps(steps)
    assert (float(rate(5 * steps - 1)), float(rate(5 * steps))) == (1.0, 2.0)


@pytest.mark.parametrize("name", ["ramp_sustain_decay", "triangle"])
def test_keras_trains_by_it_and_goes_on_after_a_break(name):
    schedule, steps = ALL[name], 4
    seen = weights_after_each_step(schedule, steps_per_epoch=steps, epochs=5)
    each = [number / steps if schedule.continuous else number // steps for number in range(5 * steps)]
    np.testing.assert_allclose(-np.diff(seen), [schedule(epoch) for epoch in each], rtol=1e-3, atol=1e-8)
    rest = weights_after_each_step(schedule, steps_per_epoch=steps, epochs=2, already=3 * steps)
    np.testing.assert_allclose(np.diff(rest), np.diff(seen[3 * steps :]), rtol=1e-3, atol=1e-8)


def test_a_function_and_a_schedule_of_keras_are_taken_too():
    seen = weights_after_each_step(lambda epoch: 2.0**-epoch, steps_per_epoch=2, epochs=3)
    np.testing.assert_allclose(-np.diff(seen), [1, 1, 0.5, 0.5, 0.25, 0.25])
    halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    seen = weights_after_each_step(halving, steps_per_epoch=2, epochs=2)
    np.testing.assert_allclose(-np.diff(seen), [1, 0.5, 0.25, 0.125])


def test_epochs_stay_epochs_when_gradients_accumulate():
    optimizer = keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
    seen = weights_after_each_step(staircase({0: 1.0, 1: 0.25}), steps_per_epoch=4, epochs=2, optimizer=optimizer)
    np.testing.assert_allclose(seen, [0, 0, -1, -1, -2, -2, -2.25, -2.25, -2.5])


def test_an_optimizer_that_scales_the_loss_passes_it_on():
    inner = keras.optimizers.SGD(1.0)
    apply(keras.optimizers.LossScaleOptimizer(inner), staircase({0: 0.5}), steps_per_epoch=1, epochs=1)
    assert float(inner.learning_rate) == 0.5


def test_an_optimizer_has_one_schedule():
    own = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5))
    with pytest.raises(ArgumentError, match=r"made with a\s+schedule; give the one or the other, such as SGD\(1e-3\)"):
        apply(own, staircase({0: 1.0}), steps_per_epoch=1, epochs=1)


@every_schedule
def test_a_saved_optimizer_keeps_its_schedule(schedule, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(schedule.of_steps(10)), "mse")
    model.save(tmp_path / "model.keras")
    rate = keras.models.load_model(tmp_path / "model.keras").optimizer._learning_rate
    assert (rate.schedule.get_config(), rate.steps_per_epoch) == (schedule.get_config(), 10)
    assert type(schedule).from_config(json.loads(json.dumps(schedule.get_config()))) == schedule


@every_schedule
def test_a_rate_is_never_negative_and_never_none(schedule):
    rates = [schedule(epoch / 8) for epoch in range(400)]
    assert all(math.isfinite(rate) and rate >= 0 for rate in rates)
    assert len(set(rates)) > 5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ramp_sustain_decay(decay=1.2), "decay to be in"),
        (lambda: ramp_sustain_decay(peak=0), "peak to be a number above 0"),
        (lambda: ramp_sustain_decay(ramp_epochs=-1), "ramp_epochs to be at least 0"),
        (lambda: staircase({4: 1e-3}), "begins with epoch 0, got epochs 4"),
        (lambda: staircase([1e-3]), "a mapping of epochs to rates"),
        (lambda: staircase({0: 1e-3, 2.5: 1e-4}), "each epoch to be an integer"),
        (lambda: staircase({0: 1e-3, 2: float("nan")}), "rate of epoch 2 to be a number"),
        (lambda: one_cycle(0.1, 10, warmup=1.0), "warmup to be a part of the cycle"),
        (lambda: one_cycle(0.1, 10, shape="cos"), "did you mean 'cosine'"),
        (lambda: cosine(0.1, 10, warmup_epochs=10), "fewer warmup_epochs than the 10 epochs"),
        (lambda: tabulate(lambda epoch, rate: rate, 3), "function of the epoch alone"),
        (lambda: tabulate(1e-3, 3), "a Schedule or a function of the epoch, got 0.001"),
        (lambda: tabulate(lambda epoch: -1.0, 3), "rate of epoch 0 to be at least 0"),
        (lambda: staircase(STAIRS)(-1), "epoch to be at least 0"),
        (lambda: staircase(STAIRS).of_steps(0), "steps_per_epoch to be an integer of at least 1"),
        (lambda: StepSchedule(lambda epoch: 1.0, 3), "expected a Schedule, got function"),
        (lambda: apply("sgd", staircase(STAIRS), steps_per_epoch=1, epochs=1), "expected an optimizer of Keras"),
    ],
)
def test_bad_values_are_found_at_once(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        wrong()
