"""HDF5 files: arrays that lie in the file itself and are as large as it says, before anything of them is read.

HDF5's own code ends the interpreter, or never ends, on some damage of texts: where these lie is looked through in
Python first, and of attributes only texts are read.
"""

import io
import math
import mmap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]

from visionkit._errors import VisionkitError
from visionkit._saved import strings
from visionkit._saved.refused import Refused

SPARE, RATIO = 1 << 26, 20  # arrays may be of so many bytes, and of so many for each byte of the file
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF)


@contextmanager
def opened(source: Path | bytes) -> Iterator[Any]:
    """A file, or the bytes of one, when all of it may be read.

    Raises:
        Refused: damage, also what shows while it is read; a link or an array that leads out of the file; something
            that is no array of numbers; more bytes than the file can hold.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if not size:
        raise Refused("expected an HDF5 file, got an empty one")
    try:
        with ExitStack() as stack:
            data = _bytes(source, stack)
            strings.check_heaps(data)
            file = stack.enter_context(h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source))
            strings.check_attributes(data, h5py.h5o.get_info(file.id).addr)
            _check(file, data)
            yield file
    except (Refused, VisionkitError):
        raise
    except Exception as error:  # h5py raises nearly everything for a damaged file
        raise Refused(f"expected a whole HDF5 file, got a damaged one: {error}") from error


def _bytes(source: Path | bytes, stack: ExitStack) -> bytes:
    """All of a file, of which only what is looked at is read."""
    if isinstance(source, bytes):
        return source
    file = stack.enter_context(source.open("rb"))
    return stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))  # type: ignore[return-value]


def _check(file: Any, data: bytes) -> None:
    limit = SPARE + RATIO * len(data)
    total = 0
    for item in items(file):
        strings.check_attributes(data, h5py.h5o.get_info(item.id).addr)
        if isinstance(item, h5py.Dataset):
            total += _bytes_of(item)
        if total > limit:
            raise Refused(f"expected at most {limit} bytes of arrays, got more at {item.name}")


def arrays(file: Any) -> Iterator[Any]:
    """Every array in a file."""
    return (item for item in items(file) if isinstance(item, h5py.Dataset))


def items(group: Any) -> Iterator[Any]:
    """Every group and array below a group, by hard links alone."""
    seen, left = set(), [group]
    while left:
        group = left.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(link, h5py.HardLink):
                raise Refused(f"expected arrays in the file itself, got a link at {place} that leads elsewhere")
            item = group[name]
            if isinstance(item, h5py.Dataset):
                yield item
            elif isinstance(item, h5py.Group):
                at = h5py.h5o.get_info(item.id).addr
                if at not in seen:  # a group may lie in itself
                    seen.add(at)
                    left.append(item)
                    yield item
            else:
                raise Refused(f"expected groups and arrays, got a {type(item).__name__} at {place}")


def texts(holder: Any, name: str) -> list[str] | None:
    """The text or texts of an attribute; None where there is none.

    Raises:
        Refused: it is none of texts.
    """
    if name not in holder.attrs:
        return None
    attribute = h5py.h5a.open(holder.id, name.encode())
    if 0 in attribute.shape:  # which h5py writes as numbers
        return []
    kind = attribute.get_type()
    if not isinstance(kind, h5py.h5t.TypeStringID):
        raise Refused(f"expected texts in the attribute {name} of {holder.name}, got {type(kind).__name__}")
    if math.prod(attribute.shape) * kind.get_size() > strings.LARGEST:
        raise Refused(f"expected at most {strings.LARGEST} bytes in the attribute {name} of {holder.name}")
    value = holder.attrs[name]
    found = value.ravel().tolist() if hasattr(value, "ravel") else [value]
    return [one.decode() if isinstance(one, bytes) else str(one) for one in found]


def model_config(path: Path) -> bytes:
    """The config of a model in a file of older Keras.

    Raises:
        Refused: as ``opened`` says; or there is no config.
    """
    with opened(path) as file:
        found = texts(file, "model_config")
        if not found or len(found) > 1:
            raise Refused("expected a whole model, got no model_config; load_weights loads a file of weights alone")
        for name in ("keras_version", "backend"):  # which Keras reads, too
            for holder in (file, file.get("model_weights", file)):
                texts(holder, name)
        return found[0].encode()


def _bytes_of(array: Any) -> int:
    """How large an array is, when it may be read."""
    if array.is_virtual or array.external:
        raise Refused(f"expected arrays in the file itself, got parts of another file at {array.name}")
    kind = array.dtype.kind
    if kind not in "biuf" and (kind != "V" or array.dtype.names or array.dtype.itemsize > 2):  # V: bfloat16
        raise Refused(f"expected arrays of numbers, got {array.dtype} at {array.name}")
    plan = array.id.get_create_plist()
    for number in range(plan.get_nfilters()):
        if plan.get_filter(number)[0] not in FILTERS:
            raise Refused(f"expected arrays packed by gzip or not at all, got another filter at {array.name}")
    return int(math.prod(array.shape or ()) * array.dtype.itemsize)
