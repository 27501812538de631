"""PNG files made quick to decode: their pixels are stored, where they were compressed.

Of the time that Pillow takes for a PNG file, three quarters go into its zlib. ISA-L does that part in less than half of it;
what comes out is given to Pillow in the same file, so that rows, palettes and animations stay Pillow's, and so does the
judgement of everything that is not as it should be.

Sources: PNG, ISO/IEC 15948, 5 (chunks) and 7.2 (rows); zlib, RFC 1950; stored blocks, RFC 1951, 3.2.4.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from seedbank.images.png import SIGNATURE

LARGEST = 64 << 20
"""Bytes of rows, 16 million pixels with transparency: for a moment they are in memory three times, so more are left alone."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""{colour type: samples of a pixel}"""
HEADER = struct.Struct(">IIBBBBB")
"""Width, height, bits of a sample, colour type, compression, filter, interlacing."""
BEFORE, AFTER = struct.Struct(">I4s"), 4
"""Before the data of a chunk stand its length and kind, after it the 4 bytes of a checksum."""
UNCHECKED = bytes(AFTER)
"""In the place of the checksum of pixels: Pillow looks at those of other chunks only."""
RAW, FIRST = -15, 2
"""Deflate without what zlib puts around it; the bytes of that before it."""
LAST = struct.Struct(">I")
"""What zlib puts behind it: the Adler-32 of all rows."""
BLOCK = 65_535
"""Bytes of the largest stored block."""


def inflated(data: bytes) -> bytes:
    """The file, for Pillow, with the pixels of its first picture stored; no whole PNG file, or an interlaced one, as it is."""
    if not data.startswith(SIGNATURE):
        return data
    view = memoryview(data)
    length, start, end = None, 0, 0
    pieces = []
    for kind, at, piece in _chunks(view):
        if kind == b"IHDR":
            length = _length(piece)
        if kind == b"IDAT":
            start = start or at
            end = at + BEFORE.size + len(piece) + AFTER
            pieces.append(piece)
        elif pieces:
            break
    if not length or length > LARGEST or (stored := _stored(b"".join(pieces), length)) is None:
        return data
    head = BEFORE.pack(sum(map(len, stored)), b"IDAT")
    return b"".join((view[:start], head, *stored, UNCHECKED, view[end:]))


def _chunks(view: memoryview) -> Iterator[tuple[bytes, int, memoryview]]:
    """(kind, where it begins, data) of each chunk that is whole."""
    at = len(SIGNATURE)
    while at + BEFORE.size <= len(view):
        size, kind = BEFORE.unpack_from(view, at)
        begin = at + BEFORE.size
        if begin + size + AFTER > len(view):
            return
        yield kind, at, view[begin : begin + size]
        at = begin + size + AFTER


def _length(header: memoryview) -> int | None:
    """Bytes of the rows, each with the type of its filter; None for what is not known or interlaced."""
    if len(header) != HEADER.size:
        return None
    width, height, bits, colour, *others = HEADER.unpack(header)
    if any(others) or colour not in CHANNELS:
        return None
    return int(height * (1 + (width * bits * CHANNELS[colour] + 7) // 8))


def _stored(compressed: bytes, length: int) -> list[bytes | memoryview] | None:
    """The zlib stream of the same `length` bytes, stored; None for one that does not end well, or after fewer or more.

    Pillow looks at its header, and at its checksum only where that comes to it together with rows. So a wrong one is left to
    Pillow in the file as it is, as its place is another one here. ISA-L's checksums are not asked for: they leave the upper
    halves of vector registers in use, which makes all older vector instructions that follow take up to three times as long.
    """
    from isal import isal_zlib

    stream = isal_zlib.decompressobj(RAW)
    try:
        rows = memoryview(stream.decompress(memoryview(compressed)[FIRST:], length + 1))
    except isal_zlib.error:  # type: ignore[misc]  # a class, whatever its stub says
        return None
    if not stream.eof or len(rows) != length or stream.unused_data != LAST.pack(zlib.adler32(rows)):
        return None
    pieces: list[bytes | memoryview] = [compressed[:FIRST]]
    for start in range(0, length, BLOCK):
        block = rows[start : start + BLOCK]
        pieces += [struct.pack("<BHH", start + BLOCK >= length, len(block), BLOCK - len(block)), block]
    return [*pieces, stream.unused_data]
