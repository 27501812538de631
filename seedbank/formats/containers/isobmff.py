"""Exif and XMP items of AVIF and HEIF files, and the same boxes of JPEG XL.

Sources: ISO/IEC 14496-12, 4.2 (boxes) and 8.11 (meta, iinf, iloc); ISO/IEC 23008-12, annex A (Exif and XMP);
ISO/IEC 18181-2 (JPEG XL).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from seedbank.formats.containers import exif, xmp
from seedbank.formats.containers.collecting import Collector, exactly

JXL_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
XMP_TYPE = b"application/rdf+xml"


def kind_of(head: bytes) -> str | None:
    """`avif`, `heif`, `jxl`, or None, by the first bytes of a file."""
    if head.startswith(JXL_SIGNATURE):
        return "jxl"
    if head[4:8] != b"ftyp":
        return None
    brands = {head[at : at + 4] for at in range(8, len(head), 4)}
    return "avif" if brands & AVIF_BRANDS else "heif" if brands & HEIF_BRANDS else None


def collect(file: BinaryIO, found: Collector) -> None:
    """Raises `EOFError` where a box is cut short."""
    file.seek(0, 2)
    end = file.tell()
    for kind, start, size in _boxes(file, 0, end, found):
        file.seek(start)
        if kind == b"meta" and (data := found.read(file, size, "The meta box")) is not None:
            _meta(data, file, found)
        elif kind == b"Exif" and found.kind == "jxl" and (data := found.read(file, size, "The Exif box")) is not None:
            _exif(data, found)
        elif kind == b"xml " and found.kind == "jxl" and (data := found.read(file, size, "The XMP box")) is not None:
            xmp.collect(data, found)
        elif kind == b"brob":
            found.remark("A box is left out: it is compressed with Brotli, which is not read here.")


def _boxes(file: BinaryIO, at: int, end: int, found: Collector) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the content, its size) of the boxes of the file between two places."""
    while at + 8 <= end and found.part():
        file.seek(at)
        head = exactly(file, 8)
        size, start = int.from_bytes(head[:4], "big"), at + 8
        if size == 1:
            size, start = int.from_bytes(exactly(file, 8), "big"), at + 16
        elif size == 0:
            size = end - at
        if size < start - at:
            found.remark("A box has an impossible length; what comes after it was not read.")
            return
        if at + size > end:
            raise EOFError
        yield head[4:], start, size - (start - at)
        at += size


def _inside(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of the boxes in `data` from a place on; it ends at the first that does not fit."""
    while at + 8 <= len(data):
        size, start = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:
            size = len(data) - at
        if size < start - at or at + size > len(data):
            return
        yield data[at + 4 : at + 8], data[start : at + size]
        at += size


def _meta(data: bytes, file: BinaryIO, found: Collector) -> None:
    boxes = dict(_inside(data, 4))
    for kind, content in _inside(boxes.get(b"iprp", b""), 0):
        if kind == b"ipco":
            _size(content, found)
    places = dict(_locations(boxes.get(b"iloc", b"")))
    for number, item in _items(boxes.get(b"iinf", b"")):
        if (place := places.get(number)) is None:
            continue
        method, extents = place
        total = sum(length for _, length in extents)
        if not found.take(f"The {item} item", total):
            continue
        content = b"".join(_piece(file, boxes.get(b"idat", b""), method, *extent) for extent in extents)
        if item == "Exif":
            _exif(content, found)
        else:
            xmp.collect(content, found)


def _size(properties: bytes, found: Collector) -> None:
    """The largest of the sizes that the properties tell: tiles and thumbnails have smaller ones."""
    for kind, content in _inside(properties, 0):
        if kind == b"ispe" and len(content) >= 12:
            width, height = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
            if width * height > (found.width or 0) * (found.height or 0):
                found.width, found.height = width, height
        elif kind == b"auxC" and b"alpha" in content:
            found.alpha = True


def _items(data: bytes) -> Iterator[tuple[int, str]]:
    """(number, `Exif` or `XMP`) of the items that are metadata."""
    for kind, content in _inside(data, 6 if data[:1] == b"\0" else 8):
        if kind != b"infe" or content[:1] not in (b"\2", b"\3"):
            continue
        width = 2 if content[0] == 2 else 4
        number = int.from_bytes(content[4 : 4 + width], "big")
        name, rest = content[6 + width : 10 + width], content[10 + width :]
        if name == b"Exif":
            yield number, "Exif"
        elif name == b"mime" and XMP_TYPE in rest.split(b"\0"):
            yield number, "XMP"


def _locations(data: bytes) -> Iterator[tuple[int, tuple[int, list[tuple[int, int]]]]]:
    """(item, (construction method, [(offset, length), …])). Ends at the first item that is cut short."""
    if len(data) < 8 or data[0] > 2:
        return
    version, sizes = data[0], int.from_bytes(data[4:6], "big")
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    number_size = 2 if version < 2 else 4
    at = 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(number(number_size)):
        item = number(number_size)
        method = number(2) & 15 if version else 0
        number(2)  # which file; 0 is this one
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size)
            offset = number(offset_size)
            extents.append((base + offset, number(length_size)))
            if at > len(data):
                break
        if at > len(data):
            return
        yield item, (method, extents)


def _piece(file: BinaryIO, inside: bytes, method: int, offset: int, length: int) -> bytes:
    """Method 0 counts from the start of the file, 1 from that of the idat box. Raises `EOFError`."""
    if method == 1:
        return inside[offset : offset + length]
    file.seek(offset)
    return exactly(file, length)


def _exif(content: bytes, found: Collector) -> None:
    """The first four bytes say how far the TIFF header is behind them."""
    exif.collect(content[4 + int.from_bytes(content[:4], "big") :], found)
