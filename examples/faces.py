"""
C. Faces from folders, and the same on a phone
==============================================

Five people told apart by a MobileNet that learns from folders of photos: curves, a page of every answer, the maps of
every convolution, and a file for phones; beside it the source's DenseNet201, ResNet50 and MobileNet for 14 people::

    python examples/faces.py --data faces --pretrain celebrity_images

`--data` has the folders train and test, with a folder of photos for every person in each. So few photos teach little:
from ``--pretrain``, other people in the same form, the body learns first; ElisonSherton/Face-Applications has 10,240
photos of 24. Where there is a network, ``--weights imagenet`` is what the source began with.

**Held to:** the source's counts of parameters, and 316 MB of DenseNet201 with its optimizer; Howard et al. 2017, table
2; a file for phones that answers alike. The source's accuracy, 0.7656, is of 14 people, with ImageNet weights.
"""

from functools import partial

import drawn
import keras
import numpy as np
import tensorflow as tf
from figures import Figures, options

import visionkit as vk

run = options(__doc__, data="the folder of train and test", pretrain="other people", weights="imagenet, or a file")
figures = Figures("C. Faces from folders", run)
if run.quick:
    run.data, run.pretrain = drawn.faces(run.out / "drawn")
size, first, epochs = (64, 2, 2) if run.quick else (128, 8, 24)  # so quick that it learns nothing


# %%
# The source's networks: a body from the zoo, and a head that is a block.
def with_head(body: keras.Model, classes: int, **head: object) -> keras.Model:
    """A body that ends in a classifier."""
    return keras.Model(body.input, vk.blocks.ClassifierHead(classes, **head, name="head")(body.output), name=body.name)


dense = with_head(vk.models.densenet201(input_shape=(256, 256, 3), include_top=False), 14, hidden=(4096,), dropout=0.5)
resnet = with_head(vk.models.resnet50(include_top=False), 14, hidden=(2048, 1024), dropout=0.5)
mobilenet = with_head(vk.models.mobilenet(include_top=False), 14, dropout=0.6)
held = {dense: "26,247,758 / 26,018,702 / 229,056", mobilenet: "3,243,214 / 3,221,326 / 21,888"}
for model, counts in held.items():
    found = vk.train.trainable(model)
    got = f"{found.all_parameters:,} / {found.parameters:,} / {found.all_parameters - found.parameters:,}"
    figures.add(f"{model.name}, 14 people: all, trained, others", got, counts, met=got == counts, exact=True)
print(vk.models.compare([dense, resnet, mobilenet]))

# %%
# As a file with its optimizer, and where MobileNet spends its time.
dense.compile("adam")
dense.optimizer.build(dense.trainable_variables)
dense.save(run.out / "densenet201.keras")
mb = (run.out / "densenet201.keras").stat().st_size / 1e6
figures.add("densenet201 with its optimizer, MB", mb, "316", met=abs(mb - 316) < 2, exact=True, form=".0f")
got = ", ".join(f"{kind} {one.mult_adds_share:.2%}" for kind, one in vk.models.profile("mobilenet").by_type.items())
held = "convolution 1x1 94.86%, depthwise 3x3 3.06%, convolution 3x3 1.91%, dense 0.18%"
figures.add("mobilenet's multiply-adds", got, held, met=got == held, exact=True)

# %%
# A MobileNet that two cores can train, a quarter as wide, learns from other people first.
photos = partial(vk.train.from_directory, image_size=size, cache="memory", seed=run.seed)
body = vk.models.mobilenet(alpha=0.25, input_shape=(size, size, 3), include_top=False, weights=run.weights)
if run.pretrain:
    others = photos(run.pretrain, augment="faces")
    teacher, rate = with_head(body, len(others.classes), dropout=0.2), vk.train.one_cycle(3e-3, first)
    vk.train.fit(teacher, others, epochs=first, schedule=rate, directory=run.out / "pretrained")

# %%
# Five people: four fifths of their photos to learn from, one fifth to look at after each epoch.
print(vk.train.split_directory(run.data / "train", run.out / "split", fractions={"train": 0.8, "validation": 0.2}))
train = photos(run.out / "split" / "train", batch_size=8, augment="faces")
check, test = (photos(place, shuffle=False) for place in (run.out / "split" / "validation", run.data / "test"))
rates = vk.train.staircase({0: 5e-4, 4: 2e-4, 8: 1e-4, 12: 5e-5, 16: 2e-5, 20: 1e-5})
model = with_head(body, len(train.classes), dropout=0.6)
done = vk.train.fit(model, train, check, epochs=epochs, schedule=rates, directory=run.out / "trained")
figures.picture("curves", vk.train.plot_history(done))

# %%
# Every photo with its answer, as a table, a page and a picture; and what every convolution makes of one of them.
for name, data in {"validation": check, "test": test}.items():
    report = vk.train.evaluate(model, data, verbose=0)
    print(report.table(samples=True))
    report.save(run.out / f"{name}.html")
    figures.picture(name, report.grid())
    figures.add(f"accuracy on {len(report.truth)} {name} photos", report.accuracy, "0.7656 in the source", form=".4f")
convolutions = [row.name for row in vk.models.profile(model).layers if row.type.startswith(("conv", "depth"))]
vk.explain.save_activations(model, test.batch(0, 0)[0][0], run.out / "maps", layers=convolutions, verbose=False)

# %%
# The same network on a phone.
phone = tf.lite.Interpreter(str(vk.models.export(model, run.out / "faces.tflite"))).get_signature_runner()
pixels = np.concatenate([images for images, _ in (*check, *test)])
scores = next(iter(phone(images=pixels).values())), model.predict(pixels, verbose=0)
same = np.mean(scores[0].argmax(axis=1) == scores[1].argmax(axis=1))
figures.add("the phone's answers that are the same", same, "100 %", met=same == 1, exact=True, form=".0%")
figures.close()
