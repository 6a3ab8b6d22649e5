"""The archive that a .keras file is: only the members that Keras writes, whole, and no larger than they look."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from visionkit._saved.refused import Refused

CONFIG, WEIGHTS, NOTES, ASSETS = "config.json", "model.weights.h5", "metadata.json", "assets"
LARGEST_TEXT = 1 << 24  # bytes; the config of EfficientNet-B7 has a tenth of that
SPARE, RATIO = 1 << 26, 20  # an archive may hold so many bytes, and so many for each of its own
CHUNK = 1 << 20


def members(path: Path) -> dict[str, bytes]:
    """The config and the weights of a model, when all of its archive is whole.

    Raises:
        Refused: a member that does not belong there, damage, or too many bytes.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist(), path.stat().st_size)
            for member in archive.infolist():
                with archive.open(member) as stored:  # the end of what was read is compared with its checksum
                    if member.filename in (CONFIG, WEIGHTS):
                        found[member.filename] = stored.read()
                    while stored.read(CHUNK):
                        pass
    except Refused:
        raise
    except Exception as error:  # zipfile and zlib have many kinds
        raise Refused(f"expected an archive in it, as of zip, got a damaged one: {error}") from error
    return found


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    for member in members:
        name = describe_name(member.filename)
        if member.filename not in (CONFIG, WEIGHTS, NOTES) and not _is_asset(member.filename):
            raise Refused(
                f"expected {CONFIG}, {NOTES}, {WEIGHTS} and {ASSETS}/... in the archive, got {name}{_why(member)}"
            )
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise Refused(f"expected plain files in the archive, got a link or a device: {name}")
        if names.count(member.filename) > 1 and member.filename in (CONFIG, WEIGHTS, NOTES):
            raise Refused(f"expected each name once in the archive, got {name} several times")
        if member.flag_bits & 1:
            raise Refused(f"expected an archive without a password, got one for {name}")
        if member.filename in (CONFIG, NOTES) and member.file_size > LARGEST_TEXT:
            raise Refused(f"expected at most {LARGEST_TEXT} bytes in {name}, got {member.file_size}")
    if len(set(names)) < len(names):
        raise Refused("expected each name once in the archive, got one several times")
    for name in (CONFIG, WEIGHTS):
        if name not in names:
            raise Refused(f"expected {name} in the archive, got none")
    total = sum(member.file_size for member in members)
    if total > SPARE + RATIO * size:
        raise Refused(f"expected an archive of {size} bytes to hold at most {SPARE + RATIO * size}, got {total}")


def _is_asset(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == ASSETS and len(parts) > 1 and not {"", ".", ".."} & set(parts) and not set(name) & set("\\:\0")


def _why(member: zipfile.ZipInfo) -> str:
    name = member.filename
    if name.endswith(".npz"):
        return ", which older Keras unpickles"
    if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts or ":" in name:
        return ", which leads out of the folder that it is unpacked into"
    return ""


def describe_name(name: str) -> str:
    """A name from a file, as far as it is fit to be printed."""
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")
