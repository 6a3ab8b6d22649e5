"""
G. An architecture of one's own
===============================

A network that is in no paper, invented here in fifteen lines of blocks: modules form blocks, blocks form stages,
stages a model, and the model is a module again, of a larger one and then of another::

    python examples/own_architecture.py

It finds a character among scrawl, which is all drawn here, and says by Grad-CAM where it looked; it is saved, loaded,
taken apart and used again.

**Held to:** 99 % of digits right, Grad-CAM on the character in 95 %, the same scores of the loaded and the inlined
model, and letters that an eye after digits learns better than a new one.
"""

import string

import drawn
import keras
import numpy as np
from figures import Figures, options

import visionkit as vk
from visionkit.blocks import ClassifierHead, ConvBNAct, DenseBlock, DepthwiseSeparable, Residual, SqueezeExcite, Stage

run = options(__doc__)
figures = Figures("G. An architecture of one's own", run)
count, epochs = (960, 4) if run.quick else (3000, 6)
SHORT = {"momentum": 0.9}  # averages of batch normalisation that keep up with a short training


# %%
# Modularity and hierarchy
# ------------------------
# ``look`` is a block: a wide look at what lies around, a narrow one at what is there, added up. A stage repeats it; a
# stem, two stages and a densely connected block are an ``eye``; an eye and a head are a reader.
def look(filters: int, strides: int = 1, **more: object) -> keras.Layer:
    """Both strides alike, so that they can be added."""
    wide = [DepthwiseSeparable(filters, kernel_size=7, strides=strides, **SHORT), SqueezeExcite(0.25)]
    narrow = ConvBNAct(filters, 3, strides=strides, activation=None, **SHORT)
    return Residual(wide, narrow, activation="relu", **more)


def new_eye() -> keras.Model:
    """Maps (8, 8, 96) of a picture, pixels 0 to 255."""
    stem = ConvBNAct(16, 5, strides=2, **SHORT, name="stem")
    near, far = (Stage(look, 2, filters=n, strides=2, name=name) for n, name in ((24, "near"), (48, "far")))
    joined = DenseBlock(2, 24, **SHORT, name="joined")
    start = keras.Input((64, 64, 1)), keras.layers.Rescaling(1 / 255)
    return keras.Sequential([*start, stem, near, far, joined], name="eye")


def reader(eye: keras.Model, characters: str) -> keras.Model:
    """The eye, whoever else has it, under a head of its own."""
    return keras.Sequential([keras.Input((64, 64, 1)), eye, ClassifierHead(len(characters), name="head")])


# %%
# It learns from drawn pictures, and is asked about others.
def learned(model: keras.Model, characters: str, name: str) -> float:
    """Train it, and see how many other characters it reads right."""
    train = drawn.scrawl(characters, count, seed=run.seed)[:2]
    rate = vk.train.one_cycle(4e-3, epochs)
    vk.train.fit(model, train, epochs=epochs, schedule=rate, directory=run.out / name)  # which has the curves
    return vk.train.evaluate(model, drawn.scrawl(characters, 300, seed=run.seed + 1)[:2], verbose=0).accuracy


eye = new_eye()
digits = reader(eye, string.digits)
right = learned(digits, string.digits, "digits")
figures.add("digits right", right, "99 %", met=right >= 0.99, form=".1%")

# %%
# Where did it look? Grad-CAM finds the last maps inside the inner model by itself; a cell of theirs is 8 pixels wide.
pictures, labels, boxes = drawn.scrawl(string.digits, 300, seed=run.seed + 1)
heatmaps = vk.explain.gradcam(digits, pictures)
hits = vk.explain.pointing_game(heatmaps, boxes, tolerance=4)
figures.add("Grad-CAM within half a cell of the character", hits, "95 %", met=hits >= 0.95, form=".1%")
figures.picture("heatmaps", vk.explain.panels(pictures[:4, ..., 0], heatmaps[:4], labels=list(map(str, labels[:4]))))

# %%
# Saved and loaded again; written out in plain Keras layers; what it costs, and its maps stage by stage.
digits.save(run.out / "digits.keras")
scores = digits.predict(pictures, verbose=0)
for way, same in {"loaded": vk.models.load(run.out / "digits.keras"), "inlined": vk.models.inline(digits)}.items():
    apart = float(np.abs(same.predict(pictures, verbose=0) - scores).max())
    figures.add(f"scores of the {way} model differ by", apart, "1e-6", met=apart < 1e-6, exact=True, form=".0e")
print(vk.models.profile(digits), *vk.models.features(digits).info, sep="\n")

# %%
# Reuse
# -----
# The eye that has learned digits goes on to letters under a new head; beside it, a new eye has as much time.
letters = string.ascii_uppercase
reused = learned(reader(eye, letters), letters, "letters")
fresh = learned(reader(new_eye(), letters), letters, "letters-new")
figures.add("letters right, after digits", reused, f"{fresh:.1%} of a new eye", met=reused >= fresh, form=".1%")
figures.close()
