"""
D. Digits in five epochs
========================

The first network of chapter 5 of Chollet's Deep Learning with Python (2018): three convolutions and two dense layers
learn the digits of MNIST::

    python examples/mnist.py --data data

`--data` has mnist.npz: train_x (60000, 28, 28), train_y, test_x and test_y.

**Held to:** the book's 93,322 parameters, and 99.1 % of the test digits after five epochs.
"""

import numpy as np
from figures import Figures, options
from sklearn.datasets import load_digits

import visionkit as vk

run = options(__doc__, data="the folder of mnist.npz")
figures = Figures("D. Digits in five epochs", run)

# %%
# The quick run has the digits of scikit-learn, 8 pixels wide, enlarged.
if run.quick:
    small, labels = load_digits(return_X_y=True)
    digits = [vk.preprocess.resize((15 * one).astype("uint8").reshape(8, 8), width=28) for one in small]
    train, test = (digits[:1500], labels[:1500]), (digits[1500:], labels[1500:])
else:
    with np.load(run.data / "mnist.npz") as file:
        train, test = ((file[f"{part}_x"], file[f"{part}_y"]) for part in ("train", "test"))
train = vk.train.from_arrays(np.stack(train[0])[..., None], train[1], batch_size=64, seed=run.seed)
test = vk.train.from_arrays(np.stack(test[0])[..., None], test[1], shuffle=False)

# %%
# Five epochs, the rate going down along half a cosine.
model = vk.models.small_convnet(variant="mnist")
figures.count("parameters", model.count_params(), 93_322)
rate = vk.train.cosine(2e-3, 5)
how = {"schedule": rate, "precision": "auto", "directory": run.out / "trained"}
done = vk.train.fit(model, train, test, epochs=5, **how)
figures.picture("curves", vk.train.plot_history(done))

# %%
# What it says of the digits that it has not seen; the ones that it gets wrong are the hard ones.
report = vk.train.evaluate(model, test, verbose=0)
print(report)
figures.picture("mistakes", report.grid(report.mistakes[:24]))
figures.add("test accuracy after five epochs", report.accuracy, "99.1 %", met=report.accuracy >= 0.991, form=".2%")
figures.close()
