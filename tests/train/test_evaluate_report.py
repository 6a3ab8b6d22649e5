"""What a report shows: text, values for JSON, a figure, a sheet of photos, and a web page that is safe and whole."""

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from visionkit import ArgumentError, FileError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.evaluation.evaluate import evaluate

HOSTILE = ['<script>alert("1")</script>', "a & b", "$x^", "' onload='alert(1)", "Löwe", "кошка", "\udcff file"]


def report_of(classes, *, samples=60, pictures=None, seed=0, names=None):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, samples)
    logits = rng.normal(size=(samples, classes))
    logits[np.arange(samples), truth] += 1.5
    x = rng.integers(0, 256, (samples, 12, 10, 3)).astype(np.uint8) if pictures is None else pictures
    names = names or [f"class {number}" for number in range(classes)]
    return evaluate(logits, from_arrays(x, truth, classes=names, batch_size=8, seed=seed), from_logits=True)


class Page(HTMLParser):
    """The elements of a page, opened and closed as they should be."""

    VOID = ("meta", "img", "rect", "line", "path", "br")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def saved(report, path, **options):
    report.save(path, **options)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("classes", [2, 7, 60])
def test_the_page_is_well_formed_and_stands_alone(tmp_path, classes):
    page = Page(text := saved(report_of(classes), tmp_path / "report.html"))
    assert text.startswith("<!doctype html>")
    assert not re.search(r"(?i)https?:|url\(|@import|<link|<script|<iframe|javascript:", text)
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")


def test_the_page_can_be_read_without_eyes(tmp_path):
    page = Page(saved(report_of(5), tmp_path / "report.html"))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False))
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) == 4
    assert all(image["alt"] for image in page.all("img"))
    assert all(drawing["role"] == "img" and drawing["aria-labelledby"] for drawing in page.all("svg"))


def test_names_are_shown_and_never_run(tmp_path):
    report = report_of(len(HOSTILE), samples=100, names=HOSTILE)
    page = Page(saved(report, tmp_path / "report.html"))
    assert not page.all("script")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    shown = "".join(page.texts)
    assert all(name in shown for name in HOSTILE[:-1])
    assert "? file" in shown


def test_the_page_shows_the_pictures_of_the_most_confident_mistakes(tmp_path):
    rng = np.random.default_rng(0)
    pictures = np.kron(rng.integers(0, 256, (60, 2, 2, 3)), np.ones((1, 20, 20, 1))).astype(np.uint8)
    report = report_of(3, pictures=pictures)
    page = Page(saved(report, tmp_path / "report.html", pairs=2, pictures_each=3))
    wanted = [number for pair in report.confused[:2] for number in pair.numbers[:3]]
    images = page.all("img")
    assert len(images) == len(wanted)
    for image, number in zip(images, wanted, strict=True):
        assert image["title"] == f"sample {number}"
        data = np.frombuffer(base64.b64decode(image["src"].partition(",")[2]), np.uint8)
        found = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        expected = cv2.resize(pictures[number], found.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        assert np.abs(found.astype(int) - expected).mean() < 8  # of a JPEG


def test_a_page_of_samples_that_are_no_pictures(tmp_path):
    page = Page(saved(report_of(4, pictures=np.zeros((60, 9))), tmp_path / "report.html"))
    assert not page.all("img")


def test_a_page_without_mistakes(tmp_path):
    text = saved(evaluate(np.eye(3), (np.zeros((3, 4, 4)), [0, 1, 2])), tmp_path / "report.html")
    assert "No class was taken for another." in text


def test_a_page_of_many_classes_and_samples_stays_small(tmp_path):
    report = report_of(300, samples=3000, pictures=np.zeros((3000, 4)))
    text = saved(report, tmp_path / "report.html")
    assert len(text) < 500_000
    assert "the first 500 of 3,000" in text
    image = Page(text).all("img")[0]
    matrix = cv2.imdecode(
        np.frombuffer(base64.b64decode(image["src"].partition(",")[2]), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert ((matrix[..., 3] > 0) == (report.confusion > 0)).all()


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    with pytest.raises(ArgumentError, match=r"\.html"):
        report_of(2).save(tmp_path / "report.pdf")
    with pytest.raises(FileError, match="nowhere"):
        report_of(2).save(tmp_path / "nowhere" / "report.html")
    assert not list(tmp_path.iterdir())


def test_values_for_json():
    report = report_of(6)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["accuracy"] == report.accuracy
    assert found["confusion"] == report.confusion.tolist()
    assert [row["name"] for row in found["by_class"]] == list(report.classes)
    assert len(found["predictions"]) == 60
    assert "predictions" not in report.to_dict(samples=False)


def test_every_sample_has_a_row():
    report = report_of(3)
    rows = report.table(samples=True).rows
    assert len(rows) == 60
    for number, (name, truth, predicted, _, mark) in enumerate(rows):
        assert name == f"sample {number}"
        assert truth == report.classes[report.truth[number]]
        assert predicted == report.classes[report.predicted[number]]
        assert (mark == "wrong") == (number in report.mistakes)
    assert str(report.table(samples=True)).count("wrong") == len(report.mistakes)


@pytest.mark.parametrize("classes", [2, 10, 100, 130])
def test_the_figure_is_drawn(tmp_path, classes):
    names = (HOSTILE[:-1] + [f"a class with the long name {number}" for number in range(130)])[:classes]
    report = report_of(classes, samples=300, names=names)
    figure = report.figure()
    figure.savefig(tmp_path / "figure.png", dpi=40)
    matrix, scores, reliability, confidence = figure.axes
    shares = report.confusion / np.maximum(report.confusion.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(matrix.images[0].get_array(), np.sqrt(shares))
    recall = scores.collections[2].get_offsets()
    np.testing.assert_allclose(recall[:, 0], [row.recall for row in report.by_class])
    heights = [patch.get_height() for patch in confidence.patches]
    assert sum(heights) == 300
    assert f"{report.calibration.error:.4f}" in reliability.get_title()


def colors_of(sheet):
    return [(sheet == color).all(axis=2).any() for color in ((22, 128, 61), (200, 30, 30))]


@pytest.mark.parametrize("size", [(28, 28), (28, 28, 1), (9, 30, 3), (80, 20, 3), (20, 20, 4)])
def test_photos_are_in_the_grid_in_the_order_that_was_asked_for(size):
    rng = np.random.default_rng(1)
    pictures = np.ones((60, *size), np.uint8) * rng.permutation(60).reshape(-1, *[1] * len(size)).astype(np.uint8) * 4
    report = report_of(3, pictures=pictures)
    chosen = [40, 3, 3, 17, 59]
    sheet = report.grid(chosen, columns=3, size=60)
    assert sheet.dtype == np.uint8
    gap = 8
    tile = (sheet.shape[0] - gap) // 2
    for place, number in enumerate(chosen):
        row, column = divmod(place, 3)
        middle = sheet[gap + row * tile + 30, gap + column * 68 + 30]
        assert np.unique(middle).tolist() == [np.ravel(pictures[number])[0]]


def test_right_is_green_and_wrong_is_red():
    report = report_of(4)
    right = np.setdiff1d(np.arange(60), report.mistakes)
    assert colors_of(report.grid(right[:3])) == [True, False]
    assert colors_of(report.grid(report.mistakes[:3])) == [False, True]
    assert colors_of(report.grid()) == [True, True]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255), (-2.5, 3.5)])
def test_pictures_of_any_range_are_shown(low, high):
    ramp = np.linspace(low, high, 60, dtype=np.float32)
    report = report_of(2, pictures=np.ones((60, 8, 8, 3), np.float32) * ramp[:, None, None, None])
    sheet = report.grid([0, 30, 59], columns=3, size=40)
    middles = [int(sheet[8 + 20, 8 + place * 48 + 20, 0]) for place in range(3)]
    assert middles[0] == 0
    assert middles[2] == 255
    assert abs(middles[1] - 255 * 30 / 59) <= 1


@pytest.mark.parametrize(
    ("numbers", "options", "message"),
    [
        ([60], {}, "below 60"),
        ([-1], {}, "below 60"),
        ([], {}, "at least one"),
        ([0.5], {}, "numbers of samples"),
        ([0], {"columns": 0}, "columns"),
        ([0], {"size": 3}, "size"),
    ],
)
def test_a_grid_of_nothing_is_an_error(numbers, options, message):
    with pytest.raises(ArgumentError, match=message):
        report_of(3).grid(numbers, **options)


def test_samples_that_are_no_pictures_have_no_grid():
    with pytest.raises(ArgumentError, match="expected pictures"):
        report_of(3, pictures=np.zeros((60, 9))).grid()
