"""The metadata of picture files: bytes to texts at named places, without decoding a pixel.

`scan` looks at the first bytes, not at the suffix, and jumps over the picture data, so a file of any size costs little
more than its headers. It raises nothing for a file that is broken or hostile: what could be read is there, and a remark
says in a sentence what could not. Pillow, which owns the pixels here, is not used: it decodes a PNG before it gives the texts
behind the picture data, mends no encodings, needs a whole picture, and has no common limit; on WebP and JPEG it is slower
besides, on PNG it is faster, as it stops at the picture data (`benchmarks/reading.py`).
"""

from __future__ import annotations

import io
from typing import BinaryIO

from seedbank.formats.containers import exif, gif, isobmff, jpeg, png, tiff, webp
from seedbank.formats.containers.collecting import LARGEST_METADATA, Collector, Container

__all__ = ["LARGEST_METADATA", "Container", "scan", "scan_bytes"]

HEAD = 32
"""Bytes that tell one kind of file from another."""


def scan(file: BinaryIO) -> Container:
    """What the file carries. `kind` is None for what is no picture file that is known here."""
    found = Collector()
    file.seek(0)
    head = file.read(HEAD)
    try:
        if head.startswith(png.SIGNATURE):
            found.kind = "png"
            png.collect(file, found)
        elif head.startswith(jpeg.SIGNATURE):
            found.kind = "jpeg"
            jpeg.collect(file, found)
        elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            found.kind = "webp"
            webp.collect(file, found)
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            found.kind = "gif"
            gif.collect(file, found)
        elif head[:4] in exif.SIGNATURES:
            found.kind = "tiff"
            tiff.collect(file, found)
        elif kind := isobmff.kind_of(head):
            found.kind = kind
            isobmff.collect(file, found)
    except EOFError:
        found.remark("The file ends too early: it is not whole.")
    return found.container()


def scan_bytes(data: bytes) -> Container:
    """`scan` of a file that is in memory."""
    return scan(io.BytesIO(data))
