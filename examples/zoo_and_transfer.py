"""
F. The zoo, and what to train of a network that knows something
===============================================================

The zoo as a table, how weights begin, and transfer: a small network learns six classes of CIFAR-10, and then is to
learn from little data that is alike, 20 photos of each other class, or from much that is not, 150 of each of MNIST's
digits. All that can be done with it is tried, and the library's rule of thumb has to choose well::

    python examples/zoo_and_transfer.py --data data

`--data` is a folder of cifar10.npz and mnist.npz, each with train_x, train_y, test_x and test_y.

**Held to:** 23,989,316 / 23,936,196 / 53,120 parameters of ResNet50 with 196 classes; a signal behind 20 layers that
is as it was where weights begin as He et al. have them, and 2^-10 of it where they do as Glorot and Bengio have them;
what ``transfer_plan`` says is the best that was tried, or among what the best gives with other samples.
"""

import keras
import numpy as np
import small_sets
from figures import Figures, options

import visionkit as vk
from visionkit.blocks import ClassifierHead, ConvBNAct
from visionkit.train import Phase

run = options(__doc__, data="the folder of cifar10.npz and mnist.npz")
figures = Figures("F. The zoo and transfer", run)
seeds, epochs = (1, 8) if run.quick else (3, 6)

# %%
# The zoo: two early ones, and all with official weights. The source's ResNet50 tells 196 cars apart.
names = ["mobilenet", "resnet50"] if run.quick else vk.models.list_models(pretrained=True)
print(vk.models.compare(["lenet5", "alexnet", *names]))
cars = vk.models.profile(vk.models.resnet50(classes=196))
counts, held = f"{cars.parameters:,} / {cars.trainable:,} / {cars.non_trainable:,}", "23,989,316 / 23,936,196 / 53,120"
figures.add("ResNet50 of 196 classes: all, trained, other parameters", counts, held, met=counts == held, exact=True)

# %%
# How weights begin: a signal goes through 20 layers with ReLU.
noise = np.random.default_rng(run.seed).normal(size=(64, 512))
for scheme, left in {"he_normal": 1.0, "xavier_normal": 2.0**-10}.items():
    deep = ClassifierHead(512, pooling=None, hidden=[512] * 19, activation="relu", kernel_initializer=scheme)
    found = float(np.sqrt(np.square(deep(noise)).mean()))
    figures.add(f"signal with {scheme}", found, f"{left:.2g}", met=left / 2 < found < left * 2, exact=True, form=".2g")


# %%
# A small network, and what it learns first.
def new_body(depth: int = 4) -> keras.Model:
    """So many convolutions; their maps are of 32, 16, 8 and 4 pixels."""
    units = [ConvBNAct(24 * 2**n, strides=1 + (n > 0), momentum=0.9, name=f"conv{n + 1}") for n in range(depth)]
    return keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 127.5, -1), *units])


first, alike, unlike = small_sets.installed() if run.quick else small_sets.of_files(run.data)
body, rate = new_body(), vk.train.one_cycle(4e-3, epochs)
model = keras.Sequential([body, ClassifierHead(6)])
moved = vk.train.Augment(shift=0.1, horizontal_flip=not run.quick)
data = vk.train.from_arrays(first.x, first.y, batch_size=64, augment=moved, seed=run.seed)
done = vk.train.fit(model, data, first[2:], epochs=epochs, schedule=rate, directory=run.out / "first")
figures.picture("first", vk.train.plot_history(done))
figures.add("six classes that it learned first", done.history["val_accuracy"][-1], form=".1%")


# %%
# What can be done with it: how many of its convolutions are kept, and the phases, equally long in all.
def ways(epochs: int) -> dict[str, tuple[int, list[Phase]]]:
    """By name."""
    head, alone, every = Phase(epochs, 5e-3), [Phase(3 * epochs, 5e-3)], Phase(epochs, 1e-3, "all", batch_norm=True)
    return {
        "a linear classifier on the last features": (4, alone),
        "a linear classifier on the third": (3, alone),
        "a linear classifier on the second": (2, alone),
        "the head, then the last layer": (4, [head, Phase(2 * epochs, 1e-3, "conv4")]),
        "the head, the last layer, then all": (4, [head, Phase(epochs, 1e-3, "conv4"), every]),
        "all, from nothing": (0, [Phase(3 * epochs, 2e-3, "all", batch_norm=True)]),
    }


few, more = (6, 1) if run.quick else (40, 5)
for target, part, each, epochs, similarity in (("alike", alike, 20, few, "high"), ("unlike", unlike, 150, more, "low")):
    found: dict[str, list[float]] = {way: [] for way in ways(epochs)}
    for seed in range(run.seed, run.seed + seeds):
        x, y = small_sets.some(part.x, part.y, each, seed)
        for way, (kept, phases) in ways(epochs).items():
            base = new_body(kept or 4)
            for layer, learned in zip(base.layers, body.layers[: kept + 1], strict=False):
                layer.set_weights(learned.get_weights())
            model = keras.Sequential([base, ClassifierHead(int(y.max()) + 1)])
            place = run.out / target / f"{way}, seed {seed}"
            vk.train.fine_tune(model, (x, y), base=base, phases=phases, clip=1e-3, directory=place, verbose=0)
            found[way].append(vk.train.evaluate(model, part[2:], verbose=0).accuracy)
    for way, shares in found.items():
        figures.add(f"{target}: {way}", f"{np.mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})")
    print(plan := vk.train.transfer_plan(samples=len(x), classes=int(y.max()) + 1, similarity=similarity))
    best, planned = max(found, key=lambda way: np.mean(found[way])), list(found)[0 if plan.depth == 0 else 4]
    held, share = f"{best}: {min(found[best]):.1%} at least", float(np.mean(found[planned]))
    figures.add(f"{target}, as planned: {planned}", share, held, met=share >= min(found[best]), form=".1%")
figures.close()
