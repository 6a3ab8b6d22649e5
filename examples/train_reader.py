"""Train the networks that read glyphs, from data you have: the shipped weights are made by this script.

    python examples/train_reader.py --data ../shared/data --fonts /usr/share/fonts
    python examples/train_reader.py --data ../shared/data --classes digits --start runs/reader/best.keras \\
        --epochs 8 --per-epoch 60000 --out runs/digits

`--data` is a folder of `mnist.npz` and `letters.npz` (either may lack); `--archive` names further .npz files and
`--letters` folders of pictures, one folder for each character. MNIST's test part is only ever tested on. Killed at any
moment, the same call goes on, and ends as if nothing had happened.

Fonts need Pillow and `--tensorboard` TensorBoard; the dependency group `train` has both, and what ship_reader.py needs.

Held to: digits >= 99.6 % on the MNIST test set; 36 classes > 95 % on handwriting of a source that was held out.
`photo_to_text.py --digits runs/digits/best.keras --letters runs/reader/best.keras` holds both to the shipped figures.
"""

import argparse
import itertools
import math
from pathlib import Path

import cv2
import deform
import handwriting
import keras
import numpy as np
from handwriting import Handwriting

import visionkit as vk

CLASSES = {
    "alphanumeric": handwriting.CHARACTERS,
    "digits": handwriting.CHARACTERS[:10],
    "letters": handwriting.CHARACTERS[10:],
}
LOOK_ALIKES = ("0O", "1I", "2Z", "5S", "8B", "0D", "0Q", "6G", "UV")
NO_FONTS = ("Ecolier", "femkeklaver", "Symbol", "Emoji", "Math")  # outlines, flourishes, and what holds no letters


def main() -> None:
    """Train, keep the best weights, and print what they are held to."""
    options = arguments()
    characters = CLASSES[options.classes]
    vk.train.deterministic(options.seed)
    cv2.setNumThreads(1)  # the threads belong to the training step

    train, held_out = split(collect(options), options.hold_out, characters)
    test = handwriting.digits(options.data, "test") if (options.data / "mnist.npz").exists() else None
    canvases = [deform.on_canvas(picture) for picture in train.pictures]
    data = Glyphs(train, canvases, characters, options.per_epoch, options.batch_size, seed=options.seed)
    check = Glyphs(train, canvases, characters, 5000, options.batch_size, seed=options.seed + 1)
    model = build(options, len(characters))
    print(f"{len(train.labels)} glyphs of {len(set(train.sources))} sources, {model.count_params():,} parameters")
    vk.train.fit(
        model,
        data,
        check,
        epochs=options.epochs,
        optimizer=keras.optimizers.Adam(options.rate, weight_decay=1e-4),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
        schedule=lambda epoch: rate(options, epoch),
        monitor="val_accuracy",
        restore_best=True,
        callbacks=[keras.callbacks.TensorBoard(options.tensorboard, histogram_freq=1)] if options.tensorboard else [],
        directory=options.out,
    )
    model.save(options.out / "best.keras")
    if test is not None and options.classes != "letters":
        print(f"MNIST test, digits only: {report(model, test, characters, characters[:10]):.2%} (held to 99.6 %)")
    for source in options.hold_out:
        these = pick(held_out, held_out.sources == source)
        own = "".join(c for c in characters if c in set(these.labels))
        print(
            f"{source}: {report(model, these, characters, own):.2%} of {len(own)} classes, "
            f"{report(model, these, characters, characters):.2%} of {len(characters)} (held to > 95 %)"
        )
        print("  " + confusions(model, these, characters))


def arguments() -> argparse.Namespace:
    """What can be said on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of mnist.npz and letters.npz")
    parser.add_argument("--archive", type=Path, nargs="*", default=[], help=".npz files of x, y and source")
    parser.add_argument("--letters", type=Path, nargs="*", default=[], help="folders with a folder for each character")
    parser.add_argument("--fonts", type=Path, nargs="*", default=[], help="folders or files of handwriting fonts")
    parser.add_argument("--hold-out", nargs="*", default=[], metavar="SOURCE", help="sources to test on instead")
    parser.add_argument("--classes", choices=CLASSES, default="alphanumeric")
    parser.add_argument("--model", choices=("glyph_resnet", "zfnet"), default="glyph_resnet")
    parser.add_argument("--start", type=Path, help="a .keras file whose body the training starts from")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--per-epoch", type=int, default=110_000, help="glyphs drawn in each epoch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tensorboard", type=Path, help="folder for the graph, the curves and the histograms")
    parser.add_argument("--out", type=Path, default=Path("runs/reader"), help="folder of the run, and of best.keras")
    return parser.parse_args()


def collect(options: argparse.Namespace) -> Handwriting:
    """All the handwriting that there is to train with."""
    fonts = [font for path in options.fonts for font in ([path] if path.is_file() else sorted(path.rglob("*.[ot]tf")))]
    sets = [handwriting.rendered([font for font in fonts if not any(name in str(font) for name in NO_FONTS)])]
    if (options.data / "mnist.npz").exists():
        sets.append(handwriting.digits(options.data, "train"))
    if (options.data / "letters.npz").exists():
        sets.append(handwriting.letters(options.data))
    sets += [handwriting.archive(path) for path in options.archive] + [
        handwriting.folder(path) for path in options.letters
    ]
    return Handwriting(
        list(itertools.chain.from_iterable(one.pictures for one in sets)),
        np.concatenate([one.labels for one in sets]),
        np.concatenate([one.sources for one in sets]),
    )


def pick(written: Handwriting, mask: np.ndarray) -> Handwriting:
    """The glyphs that a mask marks."""
    return Handwriting(list(itertools.compress(written.pictures, mask)), written.labels[mask], written.sources[mask])


def split(written: Handwriting, sources: list[str], characters: str) -> tuple[Handwriting, Handwriting]:
    """What is trained on, and what is held out: whole sources, since copies and writers leak."""
    missing = set(sources) - set(written.sources)
    if missing:
        raise SystemExit(f"no source {sorted(missing)} in the data; there are {sorted(set(written.sources))}")
    known = np.isin(written.labels, list(characters))
    held = np.isin(written.sources, sources)
    return pick(written, known & ~held), pick(written, known & held)


class Glyphs(keras.utils.PyDataset):
    """Deformed glyphs and one-hot labels, drawn anew in each epoch.

    Every class comes up equally often, and within it each source by its size to the power of 0.7, so that small sets
    have a voice. One in twelve is no glyph and belongs to all classes alike.
    """

    def __init__(
        self,
        written: Handwriting,
        canvases: list[np.ndarray],
        characters: str,
        per_epoch: int,
        batch_size: int,
        *,
        seed: int,
    ) -> None:
        super().__init__(workers=1, max_queue_size=20)
        self.canvases = canvases
        self.labels = np.array([characters.index(label) for label in written.labels])
        self.targets = np.eye(len(characters), dtype=np.float32)
        _, kind, count = np.unique(
            np.char.add(np.char.add(written.labels, " "), written.sources), return_inverse=True, return_counts=True
        )
        weight = count[kind] ** -0.3
        weight /= np.bincount(self.labels, weight, len(characters))[self.labels]
        self.weight = weight / weight.sum()
        self.per_epoch, self.batch_size, self.seed, self.epoch = per_epoch, batch_size, seed, 0
        self.draw()

    def draw(self) -> None:
        """Choose the glyphs of this epoch; -1 is no glyph."""
        rng = np.random.default_rng([self.seed, self.epoch])
        self.order = rng.choice(len(self.labels), self.per_epoch, p=self.weight)
        self.order[rng.random(self.per_epoch) < 1 / 12] = -1

    def on_epoch_end(self) -> None:
        """Choose others."""
        self.epoch += 1
        self.draw()

    def __len__(self) -> int:
        return self.per_epoch // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        pictures = [
            deform.deform(self.canvases[i], rng) if i >= 0 else deform.no_glyph(self.canvases, rng) for i in chosen
        ]
        uniform = np.full(len(self.targets), 1 / len(self.targets), np.float32)
        targets = [self.targets[self.labels[i]] if i >= 0 else uniform for i in chosen]
        return np.stack(pictures)[..., None], np.stack(targets)


def build(options: argparse.Namespace, classes: int) -> keras.Model:
    """The network, with the body of `--start` if there is one."""
    kwargs = {"norm": "batch", "stem": "cifar"} if options.model == "zfnet" else {}
    model = vk.models.create(options.model, input_shape=(32, 32, 1), classes=classes, dropout=0.2, **kwargs)
    if options.start:
        start = {layer.name: layer for layer in keras.saving.load_model(options.start, compile=False).layers}
        for layer in model.layers:
            if layer.name != "head" and layer.weights:
                layer.set_weights(start[layer.name].get_weights())
    return model


def rate(options: argparse.Namespace, epoch: int) -> float:
    """Half a cosine, lowered every epoch; half of it in the first one of a new network."""
    warm = 0.5 if epoch == 0 and not options.start else 1.0
    return warm * options.rate * (1 + math.cos(math.pi * epoch / options.epochs)) / 2


def predict(model: keras.Model, written: Handwriting, characters: str, among: str) -> np.ndarray:
    """The character that the model sees in each glyph, among those named."""
    glyphs = np.stack([vk.reader.glyph(picture) for picture in written.pictures])
    scores = vk.reader.Reader(model, characters).probabilities(glyphs)
    allowed = np.array([c in among for c in characters])
    return np.array(list(characters))[np.where(allowed, scores, -1).argmax(axis=1)]


def report(model: keras.Model, written: Handwriting, characters: str, among: str) -> float:
    """The share of glyphs that are read right, among the characters named."""
    return float((predict(model, written, characters, among) == written.labels).mean())


def confusions(model: keras.Model, written: Handwriting, characters: str) -> str:
    """How often look-alikes are taken for one another, both ways."""
    seen = predict(model, written, characters, characters)
    pairs = [(a, b) for pair in LOOK_ALIKES for a, b in (pair, pair[::-1])]
    counts = [
        (a, b, int(((written.labels == a) & (seen == b)).sum()), int((written.labels == a).sum())) for a, b in pairs
    ]
    return ", ".join(f"{a} as {b} {wrong}/{count}" for a, b, wrong, count in counts if count)


if __name__ == "__main__":
    main()
