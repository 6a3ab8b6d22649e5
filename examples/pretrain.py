"""
D. A base from other photos
===========================

Where there is no network to bring the weights of ImageNet, the base of `cats_and_dogs.py` learns from other photos:
VGG16 at half its width, which with batch normalisation after each convolution can learn from random weights. That is
folded into the convolutions in the end, and what is left is the network of the paper::

    python examples/pretrain.py --data cifar10

`--data` has the folders train and test, and in each a folder of photos for every class: those of CIFAR-10, 32 pixels
wide, are in cyizhuo/CIFAR-10-dataset. Two of its ten classes are cats and dogs, as 118 of ImageNet's thousand are dogs.

**Held to:** the plain network gives the same features as the one that has learned.
"""

import keras
import numpy as np
from drawn_animals import animals
from figures import Figures, options

import visionkit as vk

run = options(__doc__, data="the folder of train and test")
figures = Figures("D. A base from other photos", run)
if run.quick:
    run.data = run.out / "drawn"
    for part, seed in (("train", 1), ("test", 2)):
        animals(run.data / part, "Bear Cat Dog Rabbit", photos=32, seed=seed)
epochs = 2 if run.quick else 8

# %%
# The photos, shifted a little and mirrored, and a network that ends in the mean of its last maps.
augment = vk.train.Augment(shift=0.125, horizontal_flip=True)
train = vk.train.from_directory(
    run.data / "train", image_size=32, batch_size=128, cache="memory", augment=augment, seed=run.seed
)
test = vk.train.from_directory(run.data / "test", image_size=32, shuffle=False)
classes = len(train.classes)
model = vk.models.vgg16(alpha=0.5, norm="batch", input_shape=(32, 32, 3), classes=classes, pooling="avg", units=())

# %%
# A rate that goes up and down once, and as high as batch normalisation allows.
rate = vk.train.one_cycle(2e-3, epochs)
how = {"schedule": rate, "precision": "auto", "directory": run.out / "trained"}
done = vk.train.fit(model, train, test, epochs=epochs, **how)
figures.picture("curves", vk.train.plot_history(done))
report = vk.train.evaluate(model, test, verbose=0)
print(report)
figures.picture("answers", report.grid())
figures.add(f"accuracy on {len(report.truth):,} test photos", report.accuracy, form=".1%")

# %%
# The base is what comes before the head, without batch normalisation.
learned = keras.Model(model.input, model.get_layer("block5_pool").output)
plain = vk.models.fuse(learned)
plain.save_weights(run.out / "vgg16.weights.h5")
base = vk.models.vgg16(alpha=0.5, input_shape=(32, 32, 3), include_top=False, weights=run.out / "vgg16.weights.h5")
images, _ = test.batch(0, 0)
had, has = (one.predict(images, verbose=0) for one in (learned, base))
apart = np.abs(had - has).max() / np.abs(had).max()
figures.add("largest difference of a feature", apart, "0.001 of the largest", met=apart < 1e-3, exact=True, form=".1e")
figures.add("parameters of the base", base.count_params(), form=",")
figures.close()
