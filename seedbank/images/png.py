"""Pixels as a PNG file (ISO/IEC 15948), written beside a rendering without being in its way.

Pillow's encoder takes 70 ms for a picture of 1024x1024 and holds the GIL for up to 18 ms at a time, in which no other thread
can launch a kernel. Here numpy filters the rows and ISA-L compresses them: both release the GIL, and take a quarter of the
time for files of about the same size. Large pictures are cut into pieces that two threads compress side by side, and pieces
are taken strip by strip, so that they need little memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from seedbank.together import side_by_side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FORMS = {"L": (8, 0, 1), "LA": (8, 4, 2), "RGB": (8, 2, 3), "RGBA": (8, 6, 4), "I;16": (16, 0, 2)}
"""{mode: (bits of a sample, colour type, bytes of a pixel)}"""
SUB, UP, AVERAGE = 1, 2, 3
FILTERS = bytes((SUB, UP, AVERAGE))
"""The types of filters that are tried. Paeth would save another hundredth, and take longer than all the rest."""
LEVEL = 2
"""Of ISA-L's 0 to 3. Pictures of 1024x1024 take 13 ms; its 3 takes longer for hardly a byte less."""
STRIP = 1 << 18
"""Bytes that are filtered at once: few enough for a processor's cache."""
PIECE = 1 << 19
"""Bytes that are compressed apart from the others, without a reference back to them: that costs a thousandth of the file."""
ZLIB_HEADER = b"\x78\x01"
"""Of a stream that refers back by up to 32 KiB (RFC 1950)."""
ADLER = 65521
"""The modulus of Adler-32."""


def write_png(mode: str, width: int, height: int, rows: bytes, texts: Iterable[bytes] = ()) -> bytes:
    """A PNG file of the pixels, `mode` one of `FORMS`, with text chunks before them.

    Raises `ValueError` when the rows do not fit the size.
    """
    import numpy as np

    depth, colour, pixel = FORMS[mode]
    if not rows:
        raise ValueError("a PNG file has at least one pixel")
    samples = np.frombuffer(rows, np.uint8).reshape(height, width * pixel)
    if mode == "I;16":
        samples = samples.reshape(-1, 2)[:, ::-1].reshape(samples.shape)  # the most significant byte first
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pieces = _compressed(samples, pixel)
    return b"".join((SIGNATURE, _chunk(b"IHDR", header), *texts, _chunk(b"IDAT", b"".join(pieces)), _chunk(b"IEND", b"")))


def text(keyword: str, value: str) -> bytes:
    """A text chunk, not compressed: tEXt where Latin-1 suffices, as other tools write it, else iTXt."""
    try:
        return _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return international_text(keyword, value)


def international_text(keyword: str, value: str) -> bytes:
    """An iTXt chunk: UTF-8, not compressed, without a language."""
    return _chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + value.encode("utf-8"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _compressed(rows: Bytes, pixel: int) -> Iterator[bytes]:
    """The filtered rows as one zlib stream (RFC 1950), in pieces."""
    height, length = rows.shape
    step = max(1, PIECE // length)
    pieces = [partial(_piece, rows, start, min(start + step, height), pixel) for start in range(0, height, step)]
    yield ZLIB_HEADER
    adler = 1
    for data, own, size in side_by_side(pieces):
        yield data
        adler = joined_adler(adler, own, size)
    yield struct.pack(">I", adler)


def _piece(rows: Bytes, start: int, end: int, pixel: int) -> tuple[bytes, int, int]:
    """(compressed, Adler-32, size before) of the filtered rows from `start` to `end`.

    It ends the deflate stream (RFC 1951) where the rows end, else at a byte at which the next piece can go on.
    """
    import numpy as np
    from isal import isal_zlib

    stream = isal_zlib.compressobj(LEVEL, wbits=-isal_zlib.MAX_WBITS)
    length = rows.shape[1]
    step = max(1, STRIP // length)
    above = rows[start - 1 : start] if start else np.zeros((1, length), np.uint8)
    compressed, adler = [], 1
    for top in range(start, end, step):
        strip = rows[top : min(top + step, end)]
        filtered = _filtered(strip, np.concatenate((above, strip[:-1])), pixel)
        compressed.append(stream.compress(filtered))
        adler = isal_zlib.adler32(filtered, adler)
        above = strip[-1:]
    compressed.append(stream.flush(isal_zlib.Z_FINISH if end == len(rows) else isal_zlib.Z_SYNC_FLUSH))
    return b"".join(compressed), adler, (end - start) * (length + 1)


def joined_adler(first: int, second: int, size: int) -> int:
    """The Adler-32 of two texts on end from that of each and the size of the second, as zlib's ``adler32_combine``."""
    low, high = first & 0xFFFF, first >> 16
    other_low, other_high = second & 0xFFFF, second >> 16
    return (high + other_high + size * (low - 1)) % ADLER << 16 | (low + other_low - 1) % ADLER


def _filtered(rows: Bytes, above: Bytes, pixel: int) -> Bytes:
    """Rows with the type of their filter before each: the one whose differences have the least sum of absolute values.

    That heuristic is the standard's own (12.7). `above` are the rows above them; shape (rows, 1 + bytes of a row).
    """
    import numpy as np

    left = np.zeros_like(rows)
    left[:, pixel:] = rows[:, :-pixel]
    mean = (left & above) + ((left ^ above) >> 1)  # of two bytes, rounded down, without a carry
    filtered = np.stack((rows - left, rows - above, rows - mean))
    sums = np.abs(filtered.view(np.int8)).view(np.uint8).sum(2, dtype=np.uint32)
    best = sums.argmin(0)
    result = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    result[:, 0] = np.frombuffer(FILTERS, np.uint8)[best]
    result[:, 1:] = filtered[best, np.arange(len(rows))]
    return result
