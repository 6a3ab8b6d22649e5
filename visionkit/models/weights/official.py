"""The official ImageNet weights of Keras Applications: which file, from where, and whether it is the right one."""

import base64
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import h5py  # type: ignore[import-untyped]
import keras

from visionkit._errors import ArgumentError, FileError, ModelError
from visionkit._files import make_folder, replacing, writing

# Where the files are; a mirror with the same folders can stand in by this environment variable.
MIRROR = "VISIONKIT_WEIGHTS_URL"
BUCKET = "https://storage.googleapis.com/tensorflow/keras-applications"
EFFICIENTNET_BUCKET = "https://storage.googleapis.com/keras-applications"

SILENCE = 60  # seconds after which a server that sends nothing is given up
CHUNK = 1 << 20  # bytes read at a time

_T = "_weights_tf_dim_ordering_tf_kernels"


class Official(NamedTuple):
    """The two files of a model: with its classifier, and without.

    path, path_no_top: in the bucket; with places for alpha and size where there are several.
    md5, md5_no_top: of the files; None where Keras itself has none.
    alphas, sizes: for which there are files.
    """

    path: str
    md5: str | None
    path_no_top: str
    md5_no_top: str | None
    alphas: tuple[float, ...] = ()
    sizes: tuple[int, ...] = ()
    bucket: str = BUCKET


def _plain(path: str, md5: str, md5_no_top: str) -> Official:
    return Official(f"{path}{_T}.h5", md5, f"{path}{_T}_notop.h5", md5_no_top)


def _v3(kind: str, md5: str, md5_no_top: str) -> Official:
    path = f"mobilenet_v3/weights_mobilenet_v3_{kind}_224_1.0_float"
    return Official(f"{path}.h5", md5, f"{path}_no_top_v2.h5", md5_no_top, alphas=(1.0,))


def _efficientnet(number: int, md5: str, md5_no_top: str) -> Official:
    path = f"efficientnetb{number}"
    return Official(f"{path}.h5", md5, f"{path}_notop.h5", md5_no_top, bucket=EFFICIENTNET_BUCKET)


OFFICIAL = {
    "vgg16": _plain("vgg16/vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": _plain("vgg19/vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    "resnet50": _plain("resnet/resnet50", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": _plain("resnet/resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": _plain("resnet/resnet152", "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": _plain("resnet/resnet50v2", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": _plain("resnet/resnet101v2", "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": _plain("resnet/resnet152v2", "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    "densenet121": _plain(
        "densenet/densenet121", "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"
    ),
    "densenet169": _plain(
        "densenet/densenet169", "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"
    ),
    "densenet201": _plain(
        "densenet/densenet201", "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"
    ),
    "xception": _plain("xception/xception", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
    "mobilenet": Official(
        "mobilenet/mobilenet_{tenths}_{size}_tf.h5",
        None,
        "mobilenet/mobilenet_{tenths}_{size}_tf_no_top.h5",
        None,
        alphas=(0.25, 0.5, 0.75, 1.0),
        sizes=(128, 160, 192, 224),
    ),
    "mobilenet_v2": Official(
        f"mobilenet_v2/mobilenet_v2{_T}_{{alpha}}_{{size}}.h5",
        None,
        f"mobilenet_v2/mobilenet_v2{_T}_{{alpha}}_{{size}}_no_top.h5",
        None,
        alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        sizes=(96, 128, 160, 192, 224),
    ),
    "mobilenet_v3_large": _v3("large", "59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "mobilenet_v3_small": _v3("small", "8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "efficientnet_b0": _efficientnet(0, "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "efficientnet_b1": _efficientnet(1, "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "efficientnet_b2": _efficientnet(2, "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "efficientnet_b3": _efficientnet(3, "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "efficientnet_b4": _efficientnet(4, "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "efficientnet_b5": _efficientnet(5, "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "efficientnet_b6": _efficientnet(6, "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "efficientnet_b7": _efficientnet(7, "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}


def imagenet_file(
    name: str, *, include_top: bool, size: tuple[int | None, int | None] = (None, None), alpha: float = 1.0
) -> Path:
    """The file of a model's ImageNet weights in Keras' cache, downloaded if it is not there yet.

    What comes is not put there before it is all there and has the MD5 that Keras has for it. For MobileNet and
    MobileNetV2 Keras has none. Of these, as of all, as many bytes must come as the server said, with the MD5 that it
    said, if any; and HDF5 must find the file whole. The connection is trusted for the rest.

    Args:
        name: of the model.
        include_top: whether with its classifier.
        size: height and width of the images, where there are files for several sizes; 224 unless one fits.
        alpha: the width multiplier, where there are files for several.

    Raises:
        ModelError: there are no such weights.
        ArgumentError: none for this alpha.
        FileError: the file cannot be downloaded, or what was downloaded is not it.
    """
    if name not in OFFICIAL:
        raise ModelError(f"{name}: there are no ImageNet weights for it; give weights=None or a path")
    official = OFFICIAL[name]
    if official.alphas and alpha not in official.alphas:
        known = ", ".join(map(str, official.alphas))
        raise ArgumentError(f"{name}: expected alpha to be one of {known} with ImageNet weights, got {alpha}")
    side = size[0] if size[0] == size[1] and size[0] in official.sizes else 224
    path, md5 = (official.path, official.md5) if include_top else (official.path_no_top, official.md5_no_top)
    # 1.0 and 0.75 are written 1_0 and 7_5 in the oldest of the names
    tenths = "1_0" if alpha == 1 else "_".join(f"{alpha:.2f}"[2:])
    path = path.format(tenths=tenths, alpha=float(alpha), size=side)
    return _cached(f"{os.environ.get(MIRROR, official.bucket).rstrip('/')}/{path}", md5)


def _cached(url: str, md5: str | None) -> Path:
    """The file in Keras' cache, the same in which Keras Applications look."""
    place = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / url.rpartition("/")[2]
    if place.is_file() and (_is_whole(place) if md5 is None else _md5(place) == md5):
        return place
    with writing("imagenet weights", place):
        make_folder(place.parent)
        with replacing(place) as file:
            found = _download(url, file, place)
            if not _is_whole(file):  # such as a page that asks to log in
                raise FileError(
                    f"imagenet weights: what came from {url} is not an HDF5 file that is whole; "
                    f"{_what_to_do(url, place)}"
                )
            if md5 is not None and found != md5:
                raise FileError(
                    f"imagenet weights: expected a file with MD5 {md5} at {url}, got one with {found}; "
                    f"{_what_to_do(url, place)}"
                )
    return place


def _download(url: str, file: BinaryIO, place: Path) -> str:
    """Write what is at a URL into a file; its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in _received(url, place, digest):
        digest.update(chunk)
        file.write(chunk)
    file.flush()
    return digest.hexdigest()


def _received(url: str, place: Path, digest: Any) -> Iterator[bytes]:
    """What a server sends, checked against what it says of it; ``digest`` is the MD5 of what has come."""
    try:
        with urllib.request.urlopen(url, timeout=SILENCE) as answer:
            said = answer.headers.get("Content-Length")
            length, come = None if said is None else int(said), 0
            shown = keras.utils.Progbar(length, unit_name="byte")
            while chunk := answer.read(CHUNK):
                yield chunk
                come += len(chunk)
                shown.update(come)
            if length is not None and come != length:
                raise ConnectionError(f"the connection ended after {come:,} of {length:,} bytes")
            promised = _promised(answer.headers)
            if promised is not None and promised != digest.hexdigest():
                raise ConnectionError(f"the server says that its MD5 is {promised}, but {digest.hexdigest()} came")
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the answer, too
        raise FileError(f"imagenet weights: {_what_to_do(url, place)}; the reason: {error}") from error


def _promised(headers: Any) -> str | None:
    """The MD5 that a server tells: in a header of Google's storage, or in the one that HTTP had for it."""
    given = [part.strip() for line in headers.get_all("x-goog-hash", []) for part in line.split(",")]
    texts = [part.removeprefix("md5=") for part in given if part.startswith("md5=")]
    texts += headers.get_all("Content-MD5", [])
    return base64.b64decode(texts[0]).hex() if texts else None


def _what_to_do(url: str, place: Path) -> str:
    return f"could not download {url}; try again with a network, or bring the file by hand and put it at {place}"


def _is_whole(file: Path | BinaryIO) -> bool:
    """Whether HDF5 finds as many bytes as the file is to have."""
    try:
        with h5py.File(file, "r"):
            return True
    except (OSError, RuntimeError, KeyError):
        return False


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
