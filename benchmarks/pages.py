"""How well the reader reads drawn pages of real handwriting: `python benchmarks/pages.py --data FOLDER`.

Every page has four lines of eight glyphs that no training saw: MNIST's test digits, and capitals. A page's accuracy is
1 - edit distance / length of the truth, blanks left out, so inventing characters costs as much as missing them.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from visionkit import preprocess, reader
from visionkit.reader.sample import KINDS, Page

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
import handwriting
from handwriting import COLUMNS, make_page


def main() -> None:
    options = arguments()
    kinds = KINDS if options.kinds == "all" else options.kinds.split(",")
    glyphs = None if options.hershey else handwriting.unseen(options.data, options.sources)
    readers = {"digits": reader.load(options.digits), "letters": reader.load(options.letters)}
    readers["mixed"] = readers["letters"]

    print(f"{options.pages} pages a cell, seed {options.seed}; mean accuracy, and min of one page")
    print(
        f"{'':9}"
        + "".join(f"{column:>15}" for column in COLUMNS)
        + f"{'mean':>8}{'min':>8}{'blurry':>10}{'ms/page':>9}"
    )
    table, worst = {}, []
    for kind in kinds:
        cells, stopped, spent = {}, 0, 0.0
        for column in COLUMNS:
            scores: list[tuple[float, Page, str]] = []
            for number in range(options.pages):
                page = make_page(column, kind, options.seed * 10_000 + number, glyphs)
                stopped += bool(preprocess.is_blurry(page.image))
                start = time.perf_counter()
                charset = None if column == "mixed" else column
                text = readers[column].read(page.image, charset=charset, blur=None).text
                spent += time.perf_counter() - start
                scores.append((reader.accuracy(text, page.text), page, text))
            cells[column] = np.array([score for score, _, _ in scores])
            worst.append((kind, column, *min(scores, key=lambda entry: entry[0])))
        table[kind] = cells
        print(
            row(kind, cells)
            + f"{stopped:>6}/{len(COLUMNS) * options.pages:<3}{1000 * spent / (3 * options.pages):>9.0f}"
        )
    if len(table) > 1:
        print(row("all", {column: np.concatenate([cells[column] for cells in table.values()]) for column in COLUMNS}))
    if options.out:
        for kind, column, score, page, text in worst:
            path = options.out / f"{kind}-{column}.png"
            drawn = readers[column].read(page.image, charset=None if column == "mixed" else column, blur=None).draw()
            path.parent.mkdir(parents=True, exist_ok=True)
            preprocess.write(path, drawn)
            print(f"{path} {score:.2f}\n  truth {flat(page.text)}\n  read  {flat(text)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of mnist.npz and letters.npz")
    parser.add_argument("--kinds", default="all", help=f"all, or some of {','.join(KINDS)}")
    parser.add_argument("--pages", type=int, default=20, help="pages of each kind and column")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digits", default="digits", help="network for the digits column: name or path")
    parser.add_argument("--letters", default="alphanumeric", help="network for letters and mixed: name or path")
    parser.add_argument("--sources", nargs="+", default=handwriting.CLEAN, help="of letters.npz, to take capitals from")
    parser.add_argument("--out", type=Path, help="folder for the worst page of each cell")
    parser.add_argument("--hershey", action="store_true", help="the drawn strokes of the demo instead of real glyphs")
    return parser.parse_args()


def row(name: str, cells: dict[str, np.ndarray]) -> str:
    each = "".join(f"{scores.mean():>8.3f} {scores.min():>6.2f}" for scores in cells.values())
    everything = np.concatenate(list(cells.values()))
    return f"{name:9}{each}{everything.mean():>8.3f}{everything.min():>8.2f}"


def flat(text: str) -> str:
    return text.replace(" ", "").replace("\n", "|")


if __name__ == "__main__":
    main()
