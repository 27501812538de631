"""Text that some tools hide in the lowest bits of pixels, where services that strip metadata leave it.

Stealth PNG info: the lowest bit of alpha, or of red, green and blue in turn, column by column from the left, each from the
top. A signature of 15 letters, the length in bits as 32 bits, and the text in UTF-8, with `comp` in the signature as gzip.
"""

from __future__ import annotations

import zlib
from typing import Any

from seedbank.images.codec import LARGEST_TEXT, Pixels

HEAD = 152
"""Bits of the signature and the length."""
CHANNELS = {
    "alpha": {b"stealth_pnginfo": False, b"stealth_pngcomp": True},
    "rgb": {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True},
}
"""{channel: {signature: compressed}}."""
GZIP = 31
"""zlib's word for a stream with gzip's header."""


def hidden_texts(pixels: Pixels) -> dict[str, tuple[str, bytes]]:
    """{channel: (text, bytes as they are hidden)} for `alpha` and `rgb`; empty where there is no signature.

    A text that is cut short, damaged or larger than 8 MiB counts as none: these bits are in every picture.
    """
    import numpy

    if pixels.mode not in ("RGB", "RGBA", "LA"):
        return {}
    bands = len(pixels.mode)
    array = numpy.frombuffer(pixels.rows, numpy.uint8).reshape(pixels.height, pixels.width, bands)
    found = {}
    for channel, signatures in CHANNELS.items():
        if channel == "alpha" and pixels.mode not in ("RGBA", "LA"):
            continue
        if channel == "rgb" and pixels.mode == "LA":
            continue
        layers = array[:, :, bands - 1 :] if channel == "alpha" else array[:, :, :3]
        text = _text(layers, signatures)
        if text is not None:
            found[channel] = text
    return found


def _text(layers: Any, signatures: dict[bytes, bool]) -> tuple[str, bytes] | None:
    head = _bytes(layers, 0, HEAD)
    compressed = signatures.get(head[:15])
    if compressed is None or len(head) * 8 < HEAD:
        return None
    bits = int.from_bytes(head[15:19], "big")
    if bits > LARGEST_TEXT * 8 or bits > layers.size - HEAD:
        return None
    raw = _bytes(layers, HEAD, bits)
    try:
        data = zlib.decompressobj(GZIP).decompress(raw, LARGEST_TEXT) if compressed else raw
        return data.decode("utf-8"), raw
    except (zlib.error, UnicodeDecodeError):
        return None


def _bytes(layers: Any, start: int, count: int) -> bytes:
    """The lowest bits `start` to `start + count` in the order of columns; only the columns that hold them are touched."""
    import numpy

    height, _, depth = layers.shape
    column = height * depth
    first, last = start // column, -(-(start + count) // column)
    bits = (layers[:, first:last] & 1).transpose(1, 0, 2).reshape(-1)
    offset = start - first * column
    return numpy.packbits(bits[offset : offset + count]).tobytes()
