"""What the backends of Keras can train on."""

import json
import os
from typing import Any

import keras

from visionkit._errors import ArgumentError, ModelError
from visionkit.train.strategies.base import Strategy
from visionkit.train.strategies.on_jax import JaxStrategy
from visionkit.train.strategies.on_tensorflow import TensorFlowStrategy


class Engine:
    """A backend that trains on one device, PyTorch.

    Attributes:
        spreads: whether it trains on several.
        variables: those of the environment that name the workers.
    """

    spreads = False
    variables = "TF_CONFIG or KERAS_DISTRIBUTION_NUM_PROCESSES"

    def workers(self) -> int:
        """How many workers the environment names."""
        return max(TensorFlow().workers(), Jax().workers())

    def gpus(self) -> list[str]:
        """The GPUs of this machine, as Keras names them."""
        import torch

        return [f"gpu:{number}" for number in range(torch.cuda.device_count())]

    def devices(self) -> list[str]:
        """All devices of this machine but TPUs."""
        return ["cpu:0", *self.gpus()]

    def tpu(self) -> bool:
        """Whether there is a TPU."""
        return False

    def one(self, device: str, why: str) -> Strategy:
        """A device; Keras is left alone where it takes this one by itself."""
        usual = (self.gpus() or ["cpu:0"])[0]
        return Strategy(device.partition(":")[0], why, None if device == usual else device)

    def several(self, devices: list[str], why: str) -> Strategy:
        """A replica on each of some devices."""
        raise NotImplementedError

    def all_cores(self, why: str) -> Strategy:
        """A replica on each core of the TPU."""
        raise NotImplementedError

    def all_workers(self, why: str) -> Strategy:
        """The replicas of all workers."""
        raise ArgumentError(
            f"strategy: expected a backend that trains with several workers, got {keras.backend.backend()}; set "
            "KERAS_BACKEND to tensorflow or jax, or start the script without workers"
        )

    def of(self, model: keras.Model, why: str) -> Strategy:
        """That under which a model was built."""
        return (
            self.one(self.device_of(model.weights[0].value), why)
            if model.weights
            else self.one(self.devices()[-1], why)
        )

    def device_of(self, value: Any) -> str:
        """Where the value of a variable lies."""
        return f"{'gpu' if value.device.type == 'cuda' else value.device.type}:{value.device.index or 0}"


class TensorFlow(Engine):
    """``tf.distribute``."""

    spreads = True
    variables = "TF_CONFIG"

    def workers(self) -> int:
        """Those of the cluster in TF_CONFIG, whose chief is one of them."""
        text = os.environ.get("TF_CONFIG") or "{}"
        try:
            cluster = json.loads(text).get("cluster", {})
            return sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))
        except (ValueError, AttributeError, TypeError) as error:
            raise ArgumentError(
                f"strategy: expected TF_CONFIG to be JSON that names a cluster, got {text!r}"
            ) from error

    def gpus(self) -> list[str]:
        """Without setting the devices up, which must wait until the workers have found each other."""
        import tensorflow as tf

        return [f"gpu:{number}" for number in range(len(tf.config.list_physical_devices("GPU")))]

    def devices(self) -> list[str]:
        """Logical devices, too."""
        import tensorflow as tf

        return [_short(device.name) for device in tf.config.list_logical_devices()]

    def tpu(self) -> bool:
        """Looked for where it announces itself: the resolver waits minutes for one that is not there."""
        import tensorflow as tf

        named = ("TPU_NAME", "COLAB_TPU_ADDR", "TPU_WORKER_HOSTNAMES")
        return any(map(os.environ.get, named)) or bool(tf.config.list_physical_devices("TPU"))

    def all_cores(self, why: str) -> Strategy:
        """``TPUStrategy``."""
        import tensorflow as tf

        local = tf.config.list_physical_devices("TPU") and not os.environ.get("TPU_NAME")
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local" if local else None)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        made = tf.distribute.TPUStrategy(resolver)
        return TensorFlowStrategy(made, "tpu", why)

    def several(self, devices: list[str], why: str) -> Strategy:
        """``MirroredStrategy``."""
        import tensorflow as tf

        # between CPUs, the default fails for the second strategy of a process
        reduction = None if all(name.startswith("gpu") for name in devices) else tf.distribute.ReductionToOneDevice()
        made = tf.distribute.MirroredStrategy([name.upper() for name in devices], cross_device_ops=reduction)
        return TensorFlowStrategy(made, "multi-gpu", why)

    def all_workers(self, why: str) -> Strategy:
        """``MultiWorkerMirroredStrategy``."""
        import tensorflow as tf

        try:
            made = tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise ArgumentError(
                "strategy: expected to be called before anything else has used TensorFlow, for the workers have to "
                f"find each other first; move it to the beginning of the script ({error})"
            ) from error
        return TensorFlowStrategy(made, "multi-worker", why)

    def of(self, model: keras.Model, why: str) -> Strategy:
        """A strategy made by hand, too."""
        import tensorflow as tf

        found = model.distribute_strategy
        kinds = {
            tf.distribute.MultiWorkerMirroredStrategy: "multi-worker",
            tf.distribute.TPUStrategy: "tpu",
            tf.distribute.MirroredStrategy: "multi-gpu",
            tf.distribute.OneDeviceStrategy: "gpu" if self.gpus() else "cpu",
        }
        for engine, kind in kinds.items():
            if isinstance(found, engine):
                return TensorFlowStrategy(found, kind, why)
        if model._distribute_strategy is not None:
            raise ModelError(
                f"fit: expected a model built under one of {', '.join(engine.__name__ for engine in kinds)}, got "
                f"{type(found).__name__}; take visionkit.train.strategies()"
            )
        return super().of(model, why)

    def device_of(self, value: Any) -> str:
        """Where the value of a variable lies."""
        return _short(value.device)


class Jax(Engine):
    """``keras.distribution``."""

    spreads = True
    variables = "KERAS_DISTRIBUTION_NUM_PROCESSES"

    def workers(self) -> int:
        """As Keras reads it."""
        text = os.environ.get(self.variables) or "1"
        if not text.isdecimal():
            raise ArgumentError(f"strategy: expected {self.variables} to be a number, got {text!r}")
        return int(text)

    def gpus(self) -> list[str]:
        """The devices that JAX prefers, if they are GPUs."""
        return [name for name in keras.distribution.list_devices() if name.startswith("gpu")]

    def devices(self) -> list[str]:
        """Also the CPUs that XLA_FLAGS=--xla_force_host_platform_device_count=2 makes of one."""
        return [*keras.distribution.list_devices("cpu"), *self.gpus()]

    def tpu(self) -> bool:
        """Whether JAX found one."""
        return any(name.startswith("tpu") for name in keras.distribution.list_devices())

    def all_cores(self, why: str) -> Strategy:
        """All devices that JAX prefers."""
        return JaxStrategy(keras.distribution.list_devices(), "tpu", why)

    def several(self, devices: list[str], why: str) -> Strategy:
        """``DataParallel``."""
        return JaxStrategy(devices, "multi-gpu", why)

    def all_workers(self, why: str) -> Strategy:
        """``DataParallel`` over the devices of all processes."""
        import jax

        if not jax.distributed.is_initialized():
            try:
                keras.distribution.initialize()
            except RuntimeError as error:
                raise ArgumentError(
                    "strategy: expected to be called before anything else has used JAX, for the workers have to find "
                    f"each other first; move it to the beginning of the script ({error})"
                ) from error
        return JaxStrategy(keras.distribution.list_devices(), "multi-worker", why)

    def of(self, model: keras.Model, why: str) -> Strategy:
        """A distribution made by hand, too."""
        import jax

        shardings = [weight.value.sharding for weight in model.weights]
        if not all(sharding.is_fully_replicated for sharding in shardings):
            raise ModelError(
                "fit: expected a model with all of its weights on every device, got one whose weights are spread; "
                "take visionkit.train.strategies(), or model.fit of Keras"
            )
        meshes = [sharding.mesh for sharding in shardings if isinstance(sharding, jax.sharding.NamedSharding)]
        if not meshes:
            return super().of(model, why)
        devices = [_name(device) for device in meshes[0].devices.flat]
        platform = devices[0].partition(":")[0]
        several = "multi-worker" if jax.process_count() > 1 else "multi-gpu" if len(devices) > 1 else platform
        return JaxStrategy(devices, "tpu" if platform == "tpu" else several, why)

    def device_of(self, value: Any) -> str:
        """Where the value of a variable lies."""
        return _name(next(iter(value.devices())))


def _short(device: str) -> str:
    """The name that Keras has for a device of TensorFlow.

    >>> _short("/job:localhost/replica:0/task:0/device:GPU:1")
    'gpu:1'
    """
    return ":".join(device.lower().rsplit(":", 2)[1:])


def _name(device: Any) -> str:
    return f"{device.platform}:{device.id}"


ENGINES: dict[str, type[Engine]] = {"tensorflow": TensorFlow, "jax": Jax, "torch": Engine}
