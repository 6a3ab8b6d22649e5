"""Batches from folders of pictures."""

import os

import cv2
import keras
import numpy as np
import pytest
from PIL import Image

from tests.train.photos import cats_and_dogs, save, scene
from visionkit._errors import ArgumentError, FileError, ImageError
from visionkit.preprocess import read, resize
from visionkit.train.augment.layer import Augment
from visionkit.train.data import picture
from visionkit.train.data.directory import from_directory


def first(folder, **options):
    """The first image of a folder without labels."""
    return from_directory(folder, labels=None, shuffle=False, **options)[0][0][0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_a_file_is_what_preprocess_reads(tmp_path, kind, orientation):
    path = save(tmp_path / f"a.{kind}", scene(40, 60), orientation=orientation)
    np.testing.assert_array_equal(first(tmp_path, image_size=None), read(path))


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "I;16", "1"])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_every_kind_of_pixels_is_what_preprocess_reads(tmp_path, mode, color):
    pixels = scene(40, 60)
    if mode == "I;16":
        path = save(tmp_path / "a.png", pixels[..., 0].astype(np.uint16) * 257)
    elif mode == "RGBA":
        path = save(tmp_path / "a.png", np.dstack([pixels, pixels[..., 1]]))
    else:
        path = save(tmp_path / ("a.jpg" if mode in ("L", "CMYK") else "a.png"), pixels, mode=mode)
    made = first(tmp_path, image_size=None, color=color)
    np.testing.assert_array_equal(made[..., 0] if color == "gray" else made, read(path, mode=color))


def test_a_picture_that_is_not_reduced_is_read_and_resized(tmp_path):
    path = save(tmp_path / "a.jpg", scene(50, 70))
    np.testing.assert_array_equal(first(tmp_path, image_size=(40, 90)), resize(read(path), height=40, width=90))


def loaded_at(monkeypatch, folder, **options):
    """The flags that the JPEG files are decoded with."""
    flags, decode = [], cv2.imdecode
    monkeypatch.setattr(picture.cv2, "imdecode", lambda data, flag: (flags.append(flag), decode(data, flag))[1])
    made = first(folder, **options)
    return made, flags[0] & ~cv2.IMREAD_IGNORE_ORIENTATION


@pytest.mark.parametrize(
    ("size", "reduction"),
    [
        (61, cv2.IMREAD_COLOR),  # the short side at a half would be enlarged again
        (60, cv2.IMREAD_REDUCED_COLOR_2),
        (30, cv2.IMREAD_REDUCED_COLOR_4),
        (15, cv2.IMREAD_REDUCED_COLOR_8),
        (3, cv2.IMREAD_REDUCED_COLOR_8),
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_is_decoded_smaller_only_where_enough_is_left(tmp_path, monkeypatch, size, reduction, orientation):
    path = save(tmp_path / "a.jpg", scene(120, 160), orientation=orientation)
    expected = resize(read(path), height=size, width=size)
    made, flag = loaded_at(monkeypatch, tmp_path, image_size=size)
    assert flag == reduction
    assert np.abs(made - expected).mean() < 1.5


@pytest.mark.parametrize(
    ("augment", "reduction"),
    [
        (Augment(rotation=20), cv2.IMREAD_REDUCED_COLOR_4),
        (Augment(crop=0.5), cv2.IMREAD_REDUCED_COLOR_2),
        (Augment(crop=(30, 30)), cv2.IMREAD_COLOR),
    ],
)
def test_a_crop_needs_what_it_enlarges(tmp_path, monkeypatch, augment, reduction):
    save(tmp_path / "a.jpg", scene(120, 160))
    assert loaded_at(monkeypatch, tmp_path, image_size=30, augment=augment)[1] == reduction


def test_resize_and_augmentation_are_one_warp_of_the_file(tmp_path):
    path = save(tmp_path / "a.jpg", scene(200, 260))
    augment = Augment(rotation=40, shift=0.2, shear=20, zoom=0.2, horizontal_flip=True)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for size in ((150, 120), (100, 100), (50, 60)):  # not reduced, at a half, at a quarter
        data = from_directory(tmp_path, image_size=size, labels=None, augment=augment, seed=3)
        for epoch in range(3):
            (matrix,) = augment.matrices([0], epoch=epoch, sizes=[(200, 260)], size=size, seed=3)
            expected = cv2.warpAffine(read(path), matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
            assert np.abs(data.batch(epoch, 0)[0][0] - expected).mean() < 1


@pytest.mark.parametrize("augment", [None, Augment()])
def test_a_large_picture_is_averaged_not_sampled(tmp_path, augment):
    y, x = np.mgrid[0:320, 0:480]
    save(tmp_path / "a.png", ((x + y) % 2 * 255).astype(np.uint8))  # a chessboard of single pixels: grey from afar
    made = first(tmp_path, image_size=40, augment=augment)
    assert np.abs(made - 127.5).max() <= 1


@pytest.mark.parametrize("augment", [None, Augment()])
def test_proportions_are_kept_by_cutting_or_by_padding(tmp_path, augment):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 200  # the middle square
    save(tmp_path / "a.png", pixels)
    assert first(tmp_path, image_size=40, aspect="crop", augment=augment).min() == 200
    padded = first(tmp_path, image_size=40, aspect="pad", augment=augment)[..., 0]
    rows, columns = np.flatnonzero(padded.max(axis=1) > 100), np.flatnonzero(padded.max(axis=0) > 100)
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (10, 29, 10, 29)
    stretched = first(tmp_path, image_size=40, augment=augment)[..., 0]
    assert stretched.min(axis=1).max() == 0
    assert (stretched.max(axis=0) > 100).sum() == 20


def test_a_batch_is_the_same_again(tmp_path):
    folder = cats_and_dogs(tmp_path)
    options = {"image_size": 24, "batch_size": 4, "augment": "cats_dogs", "seed": 2}
    one, other = (from_directory(folder, **options) for _ in range(2))
    forwards = list(one.batches(1))
    for index in (2, 0, 1):
        x, y = other.batch(1, index)
        np.testing.assert_array_equal(x, forwards[index][0])
        np.testing.assert_array_equal(y, forwards[index][1])
    assert not np.array_equal(one.batch(0, 0)[0], forwards[0][0])
    pieces = [one.batch(1, 0, part=(place, 3))[0] for place in range(3)]
    np.testing.assert_array_equal(np.concatenate(pieces), forwards[0][0])


def test_labels_from_folders(tmp_path):
    cats_and_dogs(tmp_path, each=3)
    save(tmp_path / "cat" / "more" / "x.PNG", scene(30, 30))
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    save(tmp_path / "cat" / ".thumbnail.jpg", scene(30, 30))
    data = from_directory(tmp_path, image_size=24, batch_size=3, shuffle=False)
    assert data.classes == ("cat", "dog")
    names = ["cat/0.jpg", "cat/1.jpg", "cat/2.jpg", "cat/more/x.PNG", "dog/0.jpg", "dog/1.jpg", "dog/2.jpg"]
    assert [os.path.relpath(file, tmp_path) for file in data.files] == names
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert data.names(0, 1) == data.files[3:6]
    assert data[1][1].tolist() == [0, 1, 1]
    assert from_directory(tmp_path, image_size=24, classes=["dog", "owl", "cat"]).labels.tolist() == [2] * 4 + [0] * 3


@pytest.mark.parametrize("header", ["", "file,label\n", "\ufeffid,breed\n"])
def test_labels_from_a_csv(tmp_path, header):
    cats_and_dogs(tmp_path / "all", each=2)
    table = tmp_path / "labels.csv"
    table.write_text(f'{header}dog/1.jpg,poodle\n\ncat/0.jpg,"siamese, old"\ndog/0.jpg,poodle\n', encoding="utf-8")
    data = from_directory(tmp_path / "all", image_size=24, labels=table, shuffle=False)
    assert data.classes == ("poodle", "siamese, old")
    assert data.labels.tolist() == [0, 1, 0]
    assert [os.path.relpath(file, tmp_path / "all") for file in data.files] == ["dog/1.jpg", "cat/0.jpg", "dog/0.jpg"]


def test_labels_from_a_function(tmp_path):
    cats_and_dogs(tmp_path, each=2)
    data = from_directory(tmp_path, image_size=24, labels=lambda path: f"number {path.stem}", shuffle=False)
    assert data.classes == ("number 0", "number 1")
    assert data.labels.tolist() == [0, 1, 0, 1]


def cut(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def test_broken_files_are_named_before_training(tmp_path):
    cats_and_dogs(tmp_path)
    cut(tmp_path / "cat" / "1.jpg")
    (tmp_path / "dog" / "3.jpg").write_text("not a picture at all, but a text of some length")
    (tmp_path / "dog" / "4.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="3 broken") as caught:
        from_directory(tmp_path, image_size=24)
    for text in ("1.jpg' is a JPEG file that ends too early", "3.jpg' is not a picture", "4.jpg' is empty"):
        assert text in str(caught.value)
    with pytest.warns(UserWarning, match="left out 3 of 10 files"):
        data = from_directory(tmp_path, image_size=24, batch_size=3, on_error="skip")
    assert [os.path.relpath(one.file, tmp_path) for one in data.skipped] == ["cat/1.jpg", "dog/3.jpg", "dog/4.jpg"]
    assert sum(len(x) for x, _ in data.batches()) == data.samples == 7
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert not {one.file for one in data.skipped} & {*data.files}


def undecodable(path):
    """A JPEG file whose parts are all there, but which says that its values have 12 bits."""
    save(path, scene(40, 60))
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    path.write_bytes(data)
    return path


def test_a_whole_file_that_cannot_be_decoded(tmp_path):
    cats_and_dogs(tmp_path, each=2)
    path = undecodable(tmp_path / "cat" / "bad.jpg")
    data = from_directory(tmp_path, image_size=24)
    with pytest.raises(ImageError, match=r"bad\.jpg' is a JPEG file that OpenCV .* cannot decode"):
        _ = data[0]
    with pytest.warns(UserWarning, match="left out 1 of 5 files"):
        data = from_directory(tmp_path, image_size=24, on_error="skip")
    assert [one.file for one in data.skipped] == [str(path)]
    assert len(data[0][0]) == 4


def test_a_file_that_is_gone_is_named(tmp_path):
    cats_and_dogs(tmp_path, each=2)
    data = from_directory(tmp_path, image_size=24)
    (tmp_path / "dog" / "1.jpg").unlink()
    with pytest.raises(FileError, match=r"1\.jpg"):
        _ = data[0]


def flat(folder):
    return save(folder / "a.jpg", scene(30, 40)).parent


def with_csv(folder, text):
    flat(folder)
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


def folders(folder, *names):
    for name in names:
        save(folder / name / "a.jpg", scene(30, 40))
    return folder


BAD = {
    "no folder": (lambda f: from_directory(f / "none", image_size=8), FileError, "there is no folder"),
    "an empty folder": (lambda f: from_directory(f, image_size=8), ArgumentError, "got none"),
    "an empty class": (
        lambda f: (folders(f, "cat", "dog"), (f / "owl").mkdir(), from_directory(f, image_size=8)),
        ArgumentError,
        "none in 'owl'",
    ),
    "pictures beside the classes": (
        lambda f: (flat(f), from_directory(folders(f, "cat"), image_size=8)),
        ArgumentError,
        "got 'a.jpg' beside",
    ),
    "two classes with one name": (
        lambda f: from_directory(folders(f, "Cat", "cat"), image_size=8),
        ArgumentError,
        "'Cat' and 'cat'",
    ),
    "an unknown class": (
        lambda f: from_directory(folders(f, "cat", "cow"), image_size=8, classes=["cat", "dog"]),
        ArgumentError,
        "got 'cow' for 'cow/a.jpg'",
    ),
    "a function without an answer": (
        lambda f: from_directory(flat(f), image_size=8, labels=lambda path: None),
        ArgumentError,
        "class of 'a.jpg', got None",
    ),
    "classes without labels": (
        lambda f: from_directory(flat(f), image_size=8, labels=None, classes=["a"]),
        ArgumentError,
        "no classes",
    ),
    "no CSV": (lambda f: from_directory(flat(f), image_size=8, labels="foldr"), FileError, "cannot read the labels"),
    "a CSV of nothing": (
        lambda f: from_directory(f, image_size=8, labels=with_csv(f, "file,label\n")),
        ArgumentError,
        "got none",
    ),
    "a CSV of three columns": (
        lambda f: from_directory(f, image_size=8, labels=with_csv(f, "a.jpg,b,c\n")),
        ArgumentError,
        "in line 1",
    ),
    "a file that is not there": (
        lambda f: from_directory(f, image_size=8, labels=with_csv(f, "a.jpg,x\nb.jpg,y\n")),
        FileError,
        "no file 'b.jpg' .* line 2",
    ),
    "a file twice": (
        lambda f: from_directory(f, image_size=8, labels=with_csv(f, "a.jpg,x\na.jpg,y\n")),
        ArgumentError,
        "each file once",
    ),
    "a file elsewhere": (
        lambda f: from_directory(f, image_size=8, labels=with_csv(f, "../a.jpg,x\n")),
        ArgumentError,
        "below",
    ),
    "several sizes": (
        lambda f: (
            save(f / "b.jpg", scene(31, 40)),
            from_directory(flat(f), image_size=None, labels=None),
        ),
        ArgumentError,
        "40 x 30 in .*a.jpg' and 40 x 31 in .*b.jpg",
    ),
    "a picture too large": (
        lambda f: from_directory(flat(f), image_size=8, labels=None, max_pixels=1000),
        ImageError,
        "40 x 30 pixels, more than 1000",
    ),
    "a crop too large": (
        lambda f: from_directory(flat(f), image_size=8, labels=None, augment=Augment(crop=(32, 32))),
        ArgumentError,
        "at least 32 x 32, .* got 40 x 30 in .*a.jpg",
    ),
    "an unknown aspect": (
        lambda f: from_directory(flat(f), image_size=8, aspect="croped"),
        ArgumentError,
        "did you mean 'crop'",
    ),
    "an unknown preset": (
        lambda f: from_directory(flat(f), image_size=8, augment="cats"),
        ArgumentError,
        "'cats_dogs'",
    ),
    "nothing but broken files": (
        lambda f: (cut(flat(f) / "a.jpg"), from_directory(f, image_size=8, labels=None, on_error="skip")),
        ImageError,
        "1 broken",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folders_are_one_clear_error(case, tmp_path):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call(tmp_path)


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path):
    cats_and_dogs(tmp_path, each=2)
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    assert from_directory(tmp_path, image_size=8).samples == 4


def test_a_fingerprint_follows_files_and_settings(tmp_path):
    cats_and_dogs(tmp_path / "a")
    cats_and_dogs(tmp_path / "b")
    here, there = (from_directory(tmp_path / name, image_size=24).fingerprint() for name in "ab")
    assert here == there  # it is the data that counts, not where it is
    assert from_directory(tmp_path / "a", image_size=25).fingerprint() != here
    assert from_directory(tmp_path / "a", image_size=24, augment="faces").fingerprint() != here
    (tmp_path / "b" / "cat" / "0.jpg").unlink()
    assert from_directory(tmp_path / "b", image_size=24).fingerprint() != here


def test_keras_trains_evaluates_and_predicts(tmp_path):
    data = from_directory(cats_and_dogs(tmp_path), image_size=24, batch_size=4, augment="cats_dogs", scale=True)
    plain = from_directory(tmp_path, image_size=24, batch_size=4, shuffle=False, scale=True)
    model = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(data, validation_data=plain, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"] + history["val_loss"]).all()
    x = np.concatenate([resize(read(file), height=24, width=24)[None] for file in plain.files]) / 255
    np.testing.assert_allclose(model.predict(plain, verbose=0), model.predict(x, verbose=0), atol=0.02)
    np.testing.assert_allclose(model.evaluate(plain, verbose=0), history["val_loss"][-1], rtol=1e-5)


def test_pillow_agrees_on_what_is_upright(tmp_path):
    from PIL import ImageOps

    path = save(tmp_path / "a.jpg", scene(120, 160), orientation=7)
    upright = np.asarray(
        ImageOps.exif_transpose(Image.open(path)).convert("RGB").resize((30, 40), Image.Resampling.BOX)
    )
    assert np.abs(first(tmp_path, image_size=(40, 30)) - upright).mean() < 1.5
