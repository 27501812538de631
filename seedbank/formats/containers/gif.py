"""Comments of GIF files, and XMP. Source: GIF89a specification, 18 to 26; XMP specification part 3, 1.1.2."""

from __future__ import annotations

from typing import BinaryIO

from seedbank.formats.containers import xmp
from seedbank.formats.containers.collecting import Collector, exactly
from seedbank.formats.containers.text import narrow

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
COMMENT, APPLICATION = 0xFE, 0xFF
XMP_NAME = b"XMP DataXMP"
MAGIC_TRAILER = 258
"""Bytes 01 FF FE … 00 00 after an XMP packet, which lead a reader of sub-blocks to the end."""


def collect(file: BinaryIO, found: Collector) -> None:
    """Raises `EOFError` where the file ends before its trailer."""
    file.seek(6)
    found.lossless = True
    screen = exactly(file, 7)
    found.width, found.height = int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:4], "little")
    _skip_colours(file, screen[4])
    while found.part() and (kind := exactly(file, 1)[0]) != TRAILER:
        if kind == IMAGE:
            _skip_colours(file, exactly(file, 9)[8])
            file.seek(1, 1)
            _skip(file, found)
        elif kind == EXTENSION:
            _extension(exactly(file, 1)[0], file, found)
        else:
            found.remark("The file has a block of an unknown kind; what comes after it was not read.")
            return


def _extension(label: int, file: BinaryIO, found: Collector) -> None:
    if label == COMMENT:
        data = _blocks(file, found)
        if data is not None:
            found.add("gif:comment", narrow(data), data)
    elif label == APPLICATION:
        name = exactly(file, exactly(file, 1)[0])
        if name != XMP_NAME:
            _skip(file, found)
            return
        start = file.tell()
        _skip(file, found)
        end = file.tell()
        file.seek(start)
        packet = found.read(file, max(0, end - start - MAGIC_TRAILER), "The XMP packet")
        file.seek(end)
        if packet is not None:
            xmp.collect(packet, found)
    else:
        _skip(file, found)


def _skip_colours(file: BinaryIO, flags: int) -> None:
    """Past a table of colours, where the flags say that one follows."""
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)


def _skip(file: BinaryIO, found: Collector) -> None:
    while found.part() and (size := exactly(file, 1)[0]):
        file.seek(size, 1)


def _blocks(file: BinaryIO, found: Collector) -> bytes | None:
    """The bytes of a sequence of sub-blocks; None where they are too many."""
    pieces: list[bytes] = []
    total = 0
    while found.part() and (size := exactly(file, 1)[0]):
        total += size
        piece = exactly(file, size)
        if total <= found.room:
            pieces.append(piece)
    return b"".join(pieces) if found.take("gif:comment", total) else None
