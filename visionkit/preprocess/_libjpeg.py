"""What libjpeg says about a JPEG file while it decodes: whether that is damage, or an oddity of a camera."""

import re

_DAMAGE = re.compile(  # jerror.h
    rb"Corrupt JPEG data: (?:premature end|bad Huffman|bad arithmetic|found marker|"
    rb"(\d+) extraneous bytes before marker 0x(..))|Premature end of JPEG|Inconsistent progression"
)
_PADDING = 3  # bytes of any kind between the last of the data and a marker: cameras write words of four bytes


def damage(said: bytes, data: bytes) -> str | None:
    """What libjpeg printed that tells of damage; None where there is nothing but oddities.

    Bytes that are left over before a marker are the sign of most damage: Huffman codes fall into step again soon, and
    what was lost is missing at the end. Cameras leave bytes, too: a few, or many that are all the same. What changes
    values alone no decoder sees, as JPEG has no checksums.

    Args:
        said: the lines that it printed; of each file only the first that there would be.
        data: the file.

    >>> damage(b"Corrupt JPEG data: premature end of data segment\\n", b"")
    'Corrupt JPEG data: premature end of data segment'
    >>> damage(b"Corrupt JPEG data: 28 extraneous bytes before marker 0xd9\\n", bytes(28) + b"\\xff\\xd9")
    """
    for line in said.splitlines():
        found = _DAMAGE.match(line)
        if found and not (found[1] and _padded(data, int(found[1]), int(found[2], 16))):
            return line.decode(errors="replace")
    return None


def _padded(data: bytes, count: int, marker: int) -> bool:
    """Whether there is such a marker behind as many bytes of one value."""
    if count <= _PADDING:
        return True
    return re.search(rb"(?s)(.)\1{%d}\xff+%s" % (count - 1, re.escape(bytes([marker]))), data) is not None
