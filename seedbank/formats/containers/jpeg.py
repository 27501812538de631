"""The segments of JPEG files before the picture data: Exif, XMP (also in several segments), IPTC captions, comments.

Sources: ITU T.81, annex B; Exif 2.32, 4.7.2; XMP specification part 3, 1.1.3; C2PA 2.1, A.3.1 (APP11).
"""

from __future__ import annotations

from typing import BinaryIO

from seedbank.formats.containers import exif, iptc, xmp
from seedbank.formats.containers.collecting import CREDENTIALS, Collector, exactly
from seedbank.formats.containers.text import narrow

SIGNATURE = b"\xff\xd8\xff"
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
APP1, APP11, APP13, COMMENT = 0xE1, 0xEB, 0xED, 0xFE
ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length: TEM, the restart markers and the start of the image."""
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PHOTOSHOP = b"Photoshop 3.0\0"
MOST_STRAY = 65536
"""Bytes between two segments that are passed over in search of a marker."""
EXTENDED_HEAD = 40
"""Bytes before the piece of an extended XMP packet: a GUID of 32, the whole length, the piece's offset."""


def collect(file: BinaryIO, found: Collector) -> None:
    """Raises `EOFError` where the file ends before its picture data."""
    file.seek(2)
    found.lossless = False
    blocks: list[bytes] = []
    extended: dict[int, bytes] = {}
    try:
        while found.part() and (marker := _marker(file)) not in (START_OF_SCAN, END_OF_IMAGE):
            if marker in ALONE:
                continue
            size = int.from_bytes(exactly(file, 2), "big") - 2
            if size < 0:
                found.remark("A segment has an impossible length; what comes after it was not read.")
                break
            if marker == APP11:
                size -= len(head := exactly(file, min(size, 64)))
                if b"c2pa" in head:
                    found.remark(CREDENTIALS)
            if marker not in (APP1, APP13, COMMENT) and marker not in FRAMES:
                file.seek(size, 1)
                continue
            data = found.read(file, size, "A segment")
            if data is not None:
                _take(marker, data, found, blocks, extended)
    finally:
        for block in blocks:
            exif.collect(block, found)
        if extended:
            xmp.collect(b"".join(extended[offset] for offset in sorted(extended)), found)


def _marker(file: BinaryIO) -> int:
    """The next marker; fill bytes and a little of what does not belong there are passed over. Raises `EOFError`."""
    before = b""
    for _ in range(MOST_STRAY):
        byte = exactly(file, 1)
        if before == b"\xff" and byte not in (b"\xff", b"\0"):
            return byte[0]
        before = byte
    raise EOFError


def _take(marker: int, data: bytes, found: Collector, blocks: list[bytes], extended: dict[int, bytes]) -> None:
    """Exif in several segments is put together, as one cannot hold more than 64 KiB."""
    if marker in FRAMES:
        found.height, found.width = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
    elif marker == COMMENT:
        found.add("jpeg:comment", narrow(data), data)
    elif data.startswith(exif.HEADER):
        block = data.removeprefix(exif.HEADER)
        if blocks and block[:4] not in (b"II*\0", b"MM\0*"):
            blocks[-1] += block
        else:
            blocks.append(block)
    elif data.startswith(xmp.HEADER):
        xmp.collect(data.removeprefix(xmp.HEADER), found)
    elif data.startswith(xmp.EXTENSION):
        piece = data.removeprefix(xmp.EXTENSION)
        extended[int.from_bytes(piece[36:EXTENDED_HEAD], "big")] = piece[EXTENDED_HEAD:]
    elif marker == APP13 and data.startswith(PHOTOSHOP):
        iptc.collect(data, found)
