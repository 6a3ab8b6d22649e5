"""What two settings of the shell are worth: training under TensorFlow as it comes, and with each of them, in turn.

python benchmarks/settings.py

TF_ENABLE_ONEDNN_OPTS=1 lets TensorFlow compute with oneDNN, which it does by itself only where the processor has
AVX512_VNNI or what came after it. jemalloc (`apt install libjemalloc2`), loaded before the C library's own, keeps large
tensors' memory instead of giving it back and asking for it again.
"""

import ctypes.util
import os
import subprocess
import sys
from functools import partial

from turns import Bench, parser

AS_IT_COMES = "TensorFlow as it comes"
ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--step", action="store_true", help="print the seconds of a step in this process, no more")
    given = options.parse_args()
    if given.step:
        print(step(5 if given.quick else 20))
        return
    bench = Bench(given, "keras", "tensorflow")
    settings = {AS_IT_COMES: {}, "with oneDNN": ONEDNN}
    if jemalloc := ctypes.util.find_library("jemalloc"):
        settings["with oneDNN and jemalloc"] = ONEDNN | {"LD_PRELOAD": jemalloc}
    else:
        bench.note("jemalloc is left out: not installed.")
    words = [sys.executable, __file__, "--step", *(["--quick"] if given.quick else [])]
    ways = {way: partial(elsewhere, words, setting) for way, setting in settings.items()}
    spent = bench.in_turn(ways, warm=0, clock=lambda way: way())
    for way in list(settings)[1:]:
        bench.speed(f"a step of training, {way}", AS_IT_COMES, spent[way], spent[AS_IT_COMES])
    bench.close()


def elsewhere(words: list[str], setting: dict[str, str]) -> float:
    """What a process with other settings prints."""
    told = {name: value for name, value in os.environ.items() if name not in ("TF_ENABLE_ONEDNN_OPTS", "LD_PRELOAD")}
    return float(subprocess.run(words, env=told | setting, stdout=subprocess.PIPE, check=True).stdout)


def step(number: int) -> float:
    """The seconds of a step of `fit`: 64 pictures through the network of examples/cifar10.py."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    from clock import Clock

    import visionkit as vk

    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (64 * number, 32, 32, 3), np.uint8), rng.integers(0, 10, 64 * number)
    clock = Clock()
    model = vk.models.cifar_convnet()
    vk.train.fit(model, (pictures, labels), epochs=3, batch_size=64, callbacks=[clock], verbose=0)
    return clock.seconds / number


if __name__ == "__main__":
    main()
