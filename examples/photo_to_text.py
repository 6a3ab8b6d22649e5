"""
A. From a photo to text
=======================

Digits and letters on photos, first step by step, each step as a picture: gray, blur check, edges, boxes, ink in each
box, glyphs, network. Then as the reader does it, which also knows shadows, ruled paper, boards and touching glyphs::

    python examples/photo_to_text.py --data data

`--data` is a folder of the folder photos, with truth.json in it (``{"a.jpg": ["digits", "0522\\n1859"], ...}``), and
of mnist.npz and letters.npz, as ``train_reader.py`` takes them.

**Held to:** every photo read whole; drawn pages of handwriting, on plain paper 99.5 % of MNIST's test digits, on the
mean of eleven kinds of pages 99.0 % of these, of capitals, and of lines of either; the MNIST test set, 99.66 %; all
within 0.3 points. Shipped networks learned from the capitals' sources, too: ``docs/reader.md`` has these held out.
"""

import json

import drawn
import handwriting
import numpy as np
from figures import Figures, options

import visionkit as vk

run = options(
    __doc__, data="the folder of photos and .npz files", seed=1, digits="a network of your own", letters="another"
)
figures = Figures("A. From a photo to text", run)
if run.quick:
    run.data = run.out / "drawn"
    drawn.pages(run.data / "photos")
truth = json.loads((run.data / "photos" / "truth.json").read_text(encoding="utf-8"))
readers = {"digits": vk.reader.load(run.digits or "digits"), "letters": vk.reader.load(run.letters or "alphanumeric")}

# %%
# Gray, and how sharp the photo is, in three ways. A blurry one is refused.
name, (charset, text) = next(iter(truth.items()))
photo = vk.preprocess.read(run.data / "photos" / name)
gray = vk.preprocess.to_gray(photo)
figures.picture("1-gray", gray)
for method, least in vk.preprocess.BLUR_THRESHOLDS.items():
    print(f"{method}: {vk.preprocess.blur_score(gray, method=method):.1f}, sharp above {least:g}")
try:
    readers[charset].read(vk.preprocess.gaussian_blur(gray, 25))
except vk.BlurryImageError as error:
    print(error)

# %%
# Edges with the three presets of Canny, the outer boxes, and in each box the ink by Otsu's threshold.
smooth = vk.preprocess.gaussian_blur(gray, 5)
figures.picture("2-edges", np.hstack([vk.preprocess.canny(smooth, preset) for preset in ("wide", "mid", "tight")]))
boxes = vk.preprocess.find_boxes(vk.preprocess.canny(smooth), min_width=4, min_height=12)
boxes = vk.preprocess.sort_boxes(boxes, "reading")
figures.picture("3-boxes", vk.preprocess.draw_boxes(photo, boxes))
ink = [vk.preprocess.otsu(gray[y : y + height, x : x + width]).binary for x, y, width, height in boxes]
figures.picture("4-ink", np.hstack([vk.preprocess.resize(one, height=64) for one in ink[:16]]))

# %%
# Glyphs are what the network sees, 32x32; it says how probable each character is.
glyphs = np.stack([vk.reader.glyph(one) for one in ink])
figures.picture("5-glyphs", vk.preprocess.resize(np.hstack(list(glyphs[:16])), height=64))
scores = readers[charset].probabilities(glyphs)
by_hand = "".join(readers[charset].characters[place] for place in scores.argmax(axis=1))
print(by_hand, scores.max(axis=1).round(2))
figures.add(f"{name}, by these steps", vk.reader.accuracy(by_hand, text), form=".1%")

# %%
# All photos, as the reader reads them.
for name, (charset, text) in truth.items():
    reading = readers[charset].read(run.data / "photos" / name, charset=charset)
    figures.picture(f"read-{name.split('.')[0]}", reading.draw())
    right = vk.reader.accuracy(reading.text, text)
    figures.add(f"{name}, by the reader", right, "100 %", met=right == 1, form=".1%")

# %%
# Pages photographed in many ways, of real handwriting where there is some.
real = (run.data / "mnist.npz").exists()
written, right = handwriting.unseen(run.data) if real else None, {}
for kind in vk.reader.sample.KINDS[: 2 if run.quick else None]:
    for column in handwriting.COLUMNS:
        reader, charset = readers.get(column, readers["letters"]), None if column == "mixed" else column
        for number in range(run.seed * 10_000, run.seed * 10_000 + (2 if run.quick else 20)):
            page = handwriting.make_page(column, kind, number, written)
            text = reader.read(page.image, charset=charset, blur=None).text
            right.setdefault((kind, column), []).append(vk.reader.accuracy(text, page.text))
plain, mean = np.mean(right["plain", "digits"]), np.mean(list(right.values()))
figures.add("digits on plain pages", plain, "99.5 %", met=plain >= 0.992, form=".1%")
figures.add(f"pages of {len(right) // 3} kinds", mean, "99.0 %", met=mean >= 0.987, form=".1%")

# %%
# The digits network alone, on the test set of MNIST.
if real:
    test = handwriting.digits(run.data)
    scores = readers["digits"].probabilities(np.stack([vk.reader.glyph(one) for one in test.pictures]))
    share = np.mean(scores.argmax(axis=1) == test.labels.astype(int))
    figures.add(f"MNIST test, {len(scores):,} digits", share, "99.66 %", met=share >= 0.9936, form=".2%")
figures.close()
