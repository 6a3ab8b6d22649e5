"""Which devices to train on."""

from collections.abc import Sequence
from typing import Literal, get_args

import keras

from visionkit._errors import ArgumentError, one_of
from visionkit.train.strategies.base import Strategy
from visionkit.train.strategies.engines import ENGINES, Engine

Kind = Literal["auto", "cpu", "gpu", "multi-gpu", "tpu", "multi-worker"]


def strategy(kind: Kind = "auto", *, devices: Sequence[str] | None = None) -> Strategy:
    """Choose where to train.

    With TensorFlow it rests on ``tf.distribute``, with JAX on ``keras.distribution``; with PyTorch there is one
    device. Build and compile the model within its ``scope()``, then give it to ``fit``, which finds the strategy by
    the model. Batch sizes are those of all replicas and workers together, and the result is that of one device with
    that batch size.

    For several workers, start the script with ``visionkit launch``, or on each of several machines with the same
    variables in its environment; a run's folder must then be one that all of them see. Call ``strategy`` before
    anything else of Keras or TensorFlow is used, for the workers must find each other first:

    - TensorFlow: ``TF_CONFIG='{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker",
      "index": 0}}'``, with index 1 on the second.
    - JAX: ``KERAS_DISTRIBUTION_JOB_ADDRESSES=host0:2222``, ``KERAS_DISTRIBUTION_NUM_PROCESSES=2``, and
      ``KERAS_DISTRIBUTION_PROCESS_ID=0``, with 1 on the second.

    Args:
        kind: "cpu"; "gpu": the first one; "multi-gpu": all of them, a replica on each; "tpu": all of its cores;
            "multi-worker": all workers that the environment names; "auto": the workers if it names any, else a TPU,
            all GPUs, or the CPU, whichever is there first.
        devices: with "cpu" or "gpu" the one, with "multi-gpu" the several to take instead, as Keras names them:
            ("gpu:0", "gpu:1"); also logical CPUs.

    Raises:
        ArgumentError: no such kind, or the devices or the workers are not there.

    >>> strategy("cpu").describe()
    'cpu: one device; as asked for'
    """
    if kind not in get_args(Kind):
        raise one_of("strategy", "kind", kind, get_args(Kind))
    engine = ENGINES[keras.backend.backend()]()
    why = "as asked for"
    if kind == "auto":
        kind, why = _automatic(engine)
    if devices is not None and kind not in ("cpu", "gpu", "multi-gpu"):
        raise ArgumentError(f"strategy: expected devices with 'cpu', 'gpu' or 'multi-gpu' only, got kind={kind!r}")
    if kind == "multi-worker":
        if engine.workers() < 2:
            raise ArgumentError(
                f"strategy: expected {engine.variables} to name at least 2 workers, got {engine.workers()}; start the "
                "script with visionkit launch --workers 2, or set them"
            )
        return engine.all_workers(why)
    if kind == "tpu":
        if not engine.tpu():
            raise ArgumentError(
                "strategy: expected a TPU, found none; on a cloud machine set TPU_NAME, else take 'auto'"
            )
        return engine.all_cores(why)
    chosen = _devices(engine, kind, devices)
    if kind == "multi-gpu":
        return engine.several(chosen, why)
    return engine.one(chosen[0], why)


def of(model: keras.Model) -> Strategy:
    """The strategy that a model was built under: of ``strategy``, or of ``tf.distribute`` or ``keras.distribution``.

    Raises:
        ModelError: it is one that ``fit`` cannot work with.

    >>> of(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])).num_replicas_in_sync
    1
    """
    return ENGINES[keras.backend.backend()]().of(model, "as the model was built for it")


def _automatic(engine: Engine) -> tuple[Kind, str]:
    if engine.workers() > 1:
        return "multi-worker", f"as {engine.variables} says"
    if engine.tpu():
        return "tpu", "as there is one"
    gpus = engine.gpus()
    if len(gpus) > 1 and engine.spreads:
        return "multi-gpu", "as there are several GPUs and no TPU"
    if len(gpus) > 1:
        return "gpu", f"as the {keras.backend.backend()} backend of Keras trains on one, of the {len(gpus)} there are"
    return ("gpu", "as there is one GPU and no TPU") if gpus else ("cpu", "as there is neither a TPU nor a GPU")


def _devices(engine: Engine, kind: Kind, devices: Sequence[str] | None) -> list[str]:
    """The devices of a kind, or those that were asked for."""
    several = kind == "multi-gpu"
    if several and not engine.spreads:
        raise ArgumentError(
            f"strategy: expected a backend that trains on several devices, got {keras.backend.backend()}; take 'gpu', "
            "or set KERAS_BACKEND to tensorflow or jax"
        )
    if devices is None:
        found = ["cpu:0"] if kind == "cpu" else engine.gpus()
        devices = found if several else found[:1]
    chosen = [device.lower() for device in devices]
    unknown = sorted(set(chosen) - set(engine.devices()))
    if unknown:
        raise ArgumentError(f"strategy: expected devices among {', '.join(engine.devices())}, got {', '.join(unknown)}")
    if several and len(set(chosen)) < 2:
        raise ArgumentError(f"strategy: expected at least 2 GPUs for 'multi-gpu', got {len(set(chosen))}; take 'auto'")
    if not several and (len(chosen) != 1 or not chosen[0].startswith(kind)):
        given = ", ".join(chosen) or "none"
        raise ArgumentError(f"strategy: expected one {kind.upper()} for kind={kind!r}, got {given}; take 'auto'")
    return chosen
