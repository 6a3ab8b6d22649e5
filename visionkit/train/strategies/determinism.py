"""The same run twice."""

import keras


def deterministic(seed: int) -> None:
    """Seed all that is drawn, and let the backend add up in one order, which costs some speed on a GPU.

    On one device, two runs of the same program are then equal, bit for bit. JAX is so on a CPU by itself; on a GPU it
    wants ``XLA_FLAGS=--xla_gpu_deterministic_ops=true`` in the environment before it is imported. PyTorch wants
    ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` there for a GPU, and says so.

    It holds for the rest of the process.

    >>> import subprocess, sys
    >>> program = "import keras, visionkit as vk; vk.train.deterministic(7); print(keras.random.normal((2,)))"
    >>> one, other = (subprocess.check_output([sys.executable, "-c", program]) for _ in range(2))
    >>> one == other
    True
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        import torch

        torch.use_deterministic_algorithms(True)
