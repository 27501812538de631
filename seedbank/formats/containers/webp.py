"""The EXIF and XMP chunks of WebP files. Source: RFC 9649, section 2."""

from __future__ import annotations

from typing import BinaryIO

from seedbank.formats.containers import exif, xmp
from seedbank.formats.containers.collecting import CREDENTIALS, Collector, exactly

ALPHA = 0x10
"""The bit of VP8X that says that the picture has transparency."""


def collect(file: BinaryIO, found: Collector) -> None:
    """Raises `EOFError` where a chunk is cut short."""
    file.seek(12)
    while found.part():
        head = file.read(8)
        if len(head) < 8:
            if head.strip(b"\0"):
                raise EOFError
            return
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        end = file.tell() + size + size % 2
        if kind == b"VP8X":
            flags = exactly(file, 10)
            found.alpha = bool(flags[0] & ALPHA)
            found.width, found.height = (1 + int.from_bytes(flags[at : at + 3], "little") for at in (4, 7))
        elif kind == b"VP8L":
            found.lossless = True
            if found.width is None:
                bits = int.from_bytes(exactly(file, 5)[1:], "little")
                found.width, found.height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
                found.alpha = bool(bits >> 28 & 1)
        elif kind == b"VP8 ":
            found.lossless = False
            if found.width is None:
                frame = exactly(file, 10)
                found.width, found.height = (int.from_bytes(frame[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        elif kind in (b"EXIF", b"XMP "):
            data = found.read(file, size, f"The {kind.decode().strip()} chunk")
            if data is not None:
                (exif if kind == b"EXIF" else xmp).collect(data, found)
        elif kind == b"C2PA":
            found.remark(CREDENTIALS)
        file.seek(end)
