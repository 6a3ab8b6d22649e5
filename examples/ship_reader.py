"""Turn a trained glyph network into the files that the package ships: NAME.keras and NAME.onnx.

    python examples/ship_reader.py runs/reader/best.keras alphanumeric

Weights are rounded to float16, which halves the packed `.keras` file and moves no probability by more than is printed;
the `.onnx` file is made from the rounded network and held to it in OpenCV's dnn.
"""

import argparse
import sys
import zipfile
from pathlib import Path

import cv2
import handwriting
import keras
import numpy as np

import visionkit.models
from visionkit.reader.glyph import glyph
from visionkit.reader.sample import handwrite

WEIGHTS = Path(visionkit.__file__).parent / "reader" / "weights"
PARITY = 1e-4


def main() -> None:
    """Write both files and print how far they are from the network they come from."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path, help="the .keras file of a trained network")
    parser.add_argument("name", help="of the files to write")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()

    model = keras.saving.load_model(options.trained, compile=False)
    rng = np.random.default_rng(0)
    glyphs = np.stack([glyph(handwrite(character, rng)) for character in handwriting.CHARACTERS * 4])[..., None].astype(
        np.float32
    )
    before = model.predict(glyphs, verbose=0)
    for weight in model.weights:
        weight.assign(keras.ops.convert_to_numpy(weight).astype(np.float16).astype(np.float32))
    rounded = model.predict(glyphs, verbose=0)

    options.out.mkdir(parents=True, exist_ok=True)
    packed, onnx = options.out / f"{options.name}.keras", options.out / f"{options.name}.onnx"
    model.save(packed)
    pack(packed)
    model.export(onnx, format="onnx", verbose=False)
    net = cv2.dnn.readNetFromONNX(str(onnx))
    net.setInput(glyphs)
    apart = float(np.abs(net.forward() - rounded).max())
    print(
        f"rounding moves probabilities by at most {np.abs(rounded - before).max():.1e}; OpenCV differs by {apart:.1e}"
    )
    for path in (packed, onnx):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    if apart > PARITY:
        sys.exit(f"expected OpenCV to agree within {PARITY:g}")


def pack(path: Path) -> None:
    """Compress the parts of a .keras file, which Keras only stores; all of one date: equal weights make equal files."""
    with zipfile.ZipFile(path) as stored:
        parts = {info.filename: stored.read(info) for info in stored.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, data in parts.items():
            packed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
