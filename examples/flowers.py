"""
B. Flowers from TFRecords, by three networks together
=====================================================

Photos become TFRecords in the form of the competition "Petals to the Metal": 331 x 331 pixels, several files, labelled
and not. Small networks of its three families learn from them side by side, and answer together, in a CSV::

    python examples/flowers.py --data flowers

`--data` has the folders train and val, with a folder of photos for every kind, such as the 3,670 of tf_flowers; or
train, val and test with .tfrec files. A TPU is found by itself: the source's own run, on the machine of one, is::

    gcloud compute tpus tpu-vm ssh NAME --command "python examples/flowers.py --data petals --weights imagenet"

**Held to:** the source's parameter counts, every photo in the records, and three networks together at least as good as
the best of them, in the CSV, too. The source's best validation accuracies, of 104 kinds, need ImageNet's weights.
"""

import csv

import drawn_flowers
from figures import Figures, options
from flower_networks import small, whole

import visionkit as vk

run = options(__doc__, data="folders train and val of photos or .tfrec files", weights="imagenet: the source's run")
figures = Figures("B. Flowers from TFRecords", run)
if run.quick:
    run.data = run.out / "drawn"
    drawn_flowers.flowers(run.data / "train", photos=24, seed=0)
    drawn_flowers.flowers(run.data / "val", photos=6, seed=1)
side, epochs = (331, 12) if run.weights else (48, 3) if run.quick else (96, 30)

# %%
# The source's networks, of 104 kinds: all, trained, and other parameters. Of Xception only the head learns.
networks = {  # parameters and best validation accuracy; EfficientNetB7's with the 7 of Keras' normalisation
    "xception": ("21,974,160 / 1,107,560 / 20,866,600", 0.8357),
    "densenet201": ("18,521,768 / 18,292,712 / 229,056", 0.9450),
    "efficientnet_b7": ("64,364,031 / 64,053,304 / 310,727", 0.9504),
}
for name, (held, _) in networks.items():
    found = vk.train.trainable(whole(name, 104))
    counts = f"{found.all_parameters:,} / {found.parameters:,} / {found.all_parameters - found.parameters:,}"
    figures.add(f"{name} of 104 kinds", counts, held, met=counts == held, exact=True)

# %%
# The records are written, unless they are there; those of val once more as the test, with an id and without a kind.
given = any(run.data.glob("train/*.tfrec"))
records = run.data if given else run.out / "records"
for part, labels in {} if given else {"train": "folder", "val": "folder", "test": None}.items():
    photos = run.data / part.replace("test", "val")
    vk.train.write_tfrecords(photos, records / part / "*.tfrec", shards=4, image_size=331, labels=labels)
strategy = vk.train.strategy("auto")
print(strategy.describe())
form = {"image_size": side, "batch_size": 16 * strategy.num_replicas_in_sync, "cache": "memory"}
train = vk.train.from_tfrecords(records / "train", augment="flowers", seed=run.seed, **form)
check = vk.train.from_tfrecords(records / "val", ordered=True, **form)
test = vk.train.from_tfrecords(records / "test", ordered=True, labelled=False, **form)
together = vk.train.from_tfrecords([records / "train", records / "val"], **form)
photos = together.samples if given else len(list(run.data.glob("*/*/*.jpg")))
figures.add("records", together.samples, f"{photos:,} photos", met=together.samples == photos, exact=True, form=",")

# %%
# The rate of learning goes up, stays, and goes down; for networks that know nothing yet, higher and for longer.
peak = 5e-5 * strategy.num_replicas_in_sync
theirs = vk.train.ramp_sustain_decay(peak=peak)
longer = {"ramp_epochs": 0.1 * epochs, "sustain_epochs": 0.4 * epochs, "decay": 0.75}
ours = vk.train.ramp_sustain_decay(start=2e-4, peak=40 * peak, floor=2e-5, **longer)
figures.picture("rates", vk.train.plot_schedule({"the source's": theirs, "here": ours}, epochs))

# %%
# Side by side, and together: the mean of their probabilities.
kinds, models, alone = len(train.classes or range(104)), [], []
for name, (_, paper) in networks.items():
    with strategy.scope():
        model = whole(name, kinds, run.weights) if run.weights else small(name, kinds, side=side)
    rate = theirs if run.weights else ours
    vk.train.fit(model, train, check, epochs=epochs, schedule=rate, directory=run.out / name)
    models.append(model)
    alone.append(vk.train.evaluate(model, check, verbose=0).accuracy)
    figures.add(f"{name}{'' if run.weights else ', small'}", alone[-1], f"{paper} with ImageNet's weights", form=".4f")
ensemble = vk.train.Ensemble(models)
report = vk.train.evaluate(ensemble, check, verbose=0)
best = max(alone)
figures.add("together", report.accuracy, f"{best:.4f} of the best", met=report.accuracy >= best, form=".4f")
figures.picture("answers", report.grid())
print(report)

# %%
# The CSV for the grader; where the records were written here, we are the grader, too.
vk.train.write_submission(run.out / "submission.csv", test.ids, ensemble.predict(test, verbose=0))
with (run.out / "submission.csv").open(newline="") as file:
    answers = {row["id"]: int(row["label"]) for row in csv.DictReader(file)}
right = [train.classes[answers[photo.stem]] == photo.parent.name for photo in run.data.glob("val/*/*.jpg")]
if right:
    share = sum(right) / len(right)
    figures.add("in the CSV", share, "the same", met=share == report.accuracy, exact=True, form=".4f")
figures.close()
