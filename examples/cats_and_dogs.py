"""
D. Cats and dogs from 2,000 photos
==================================

Chapter 5 of Chollet's Deep Learning with Python (2018): a small network from scratch, then with augmentation and
dropout; what it looks at; and networks that go on from what another has learned from other photos::

    python examples/cats_and_dogs.py --data PetImages --weights vgg16.weights.h5

`--data` has the folders Cat and Dog; karemsaeed21/cat_vs_dog_classification_CNN has 12,499 photos of each. The weights
are what `pretrain.py` makes, or ``imagenet``, where there is a network.

**Held to:** the book's counts of parameters and tensors; 71 % of the test photos from scratch, 82 % with augmentation
and dropout. Its 90, 96 and 97 % on top of VGG16 are those of ImageNet's weights.
"""

from functools import partial

import keras
from drawn_animals import animals
from figures import Figures, options
from keras import layers

import visionkit as vk

run = options(__doc__, data="the folder of Cat and Dog", weights="imagenet, or a file")
figures = Figures("D. Cats and dogs from 2,000 photos", run)
run.data = animals(run.out / "drawn", "Cat Dog", photos=64, seed=0) if run.quick else run.data
each, few, many, batch, wide = (32, 3, 3, 8, 40) if run.quick else (1000, 12, 80, 32, 150)

# %%
# Out of the big folder, 1,000 photos of each for training, 500 to look at after each epoch, and 500 to test with.
parts = {"train": each, "validation": each // 2, "test": each // 2}
print(vk.train.split_directory(run.data, run.out / "split", counts=parts, seed=run.seed))


def photos(side: int, augment: str | None = None) -> list[vk.train.Dataset]:
    """The three parts, ``side`` pixels wide."""
    made = partial(vk.train.from_directory, image_size=side, batch_size=batch, cache="memory", seed=run.seed)
    train, *others = (run.out / "split" / part for part in parts)
    return [made(train, augment=augment), *map(made, others)]


def learn(what: str, model: keras.Model, data: list, epochs: int, *, peak: float = 5e-4, held: float | None = None):
    """Train, draw the curves, and tell how many of the test photos the model knows."""
    rate = vk.train.cosine(peak, epochs, warmup_epochs=epochs / 10)
    how = {"epochs": epochs, "schedule": rate, "precision": "auto", "directory": run.out / what}
    done = vk.train.fit(model, *data[:2], **how)
    figures.picture(f"curves {what}", vk.train.plot_history(done, smooth=0.8))
    right = vk.train.evaluate(model, data[2], verbose=0).accuracy
    figures.add(f"test accuracy {what}", right, f"{held:.0%}" if held else "", met=held and right >= held, form=".1%")


# %%
# The book's network from scratch, and with what keeps it from learning the photos by heart.
learn("from scratch", vk.models.small_convnet(), photos(150), few, held=0.71)
model = vk.models.small_convnet(dropout=0.5)
figures.count("parameters of the network", model.count_params(), 3_453_121)
learn("with augmentation and dropout", model, photos(150, "cats_dogs"), many, held=0.82)

# %%
# What this network sees: every channel of every layer, the pattern that each filter answers to, and where it looks.
images = photos(150)[2].batch(0, 0)[0][:6]
vk.explain.save_activations(model, images[0], run.out / "activations", verbose=False)
for layer in ("conv2", "conv3", "conv4"):
    figures.picture(f"filters {layer}", vk.explain.filter_grid(model, layer, size=wide))
labels = [f"dog: {sure:.0%}" for sure in model.predict(images, verbose=0)[:, 0]]
looks = vk.explain.gradcam(model, images)
figures.picture("gradcam", vk.explain.panels(images.astype("uint8"), looks, labels=labels))


# %%
# VGG16 with a new head, as in the book: how many tensors train before the base is frozen, and after.
def with_head(base: keras.Model) -> keras.Model:
    """A network that goes on from a base, or from its features."""
    head = [layers.Flatten(), layers.Dense(256, "relu"), layers.Dropout(0.5), layers.Dense(1, "sigmoid")]
    return keras.Sequential([base, *head])


base = vk.models.vgg16(input_shape=(150, 150, 3), include_top=False)
model = with_head(base)
figures.count("parameters of VGG16's base", base.count_params(), 14_714_688)
figures.count("parameters with the head", model.count_params(), 16_812_353)
figures.count("tensors that train", len(model.trainable_weights), 30)
vk.train.freeze(base)
figures.count("tensors that train, the base frozen", len(model.trainable_weights), 4)

# %%
# With weights: features that are computed once and kept; the whole network, the base frozen; and its last block, too.
alpha, side = (1.0, 150) if run.weights == "imagenet" else (0.5, 64)
base = vk.models.vgg16(alpha=alpha, input_shape=(side, side, 3), include_top=False, weights=run.weights)
seen = [vk.train.extract_features(base, part, cache=run.out / "features") for part in photos(side)]
learn("of a classifier of features", with_head(keras.Input(base.output_shape[1:])), seen, few)
model = with_head(base)
vk.train.freeze(base)
learn("with the base frozen", model, photos(side, "cats_dogs"), few)
print(vk.train.unfreeze(model, "block5_conv1"))
learn("fine-tuned from block5_conv1 on", model, photos(side, "cats_dogs"), few, peak=1e-4)
figures.close()
