"""Text chunks of PNG files: tEXt, zTXt, iTXt and eXIf, before and after the picture data.

The time of the last change (tIME) stands beside them. Source: PNG (Third Edition), 5.3 and 11.3. Checksums are not looked at:
a text that is readable is worth reading.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from seedbank.formats.containers import exif, iptc, xmp
from seedbank.formats.containers.collecting import CREDENTIALS, Collector, exactly
from seedbank.formats.containers.text import narrow

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = "XML:com.adobe.xmp"
RAW_PROFILE = "Raw profile type "
"""ImageMagick writes Exif, XMP and IPTC into text chunks of this name, in hexadecimal."""
GREY_ALPHA, RGB_ALPHA = 4, 6


def collect(file: BinaryIO, found: Collector) -> None:
    """Raises `EOFError` where the file ends before its IEND chunk."""
    file.seek(len(SIGNATURE))
    found.lossless = True
    while found.part():
        head = exactly(file, 8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        if kind == b"IHDR" and size == 13:
            header = exactly(file, 13)
            found.width, found.height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
            found.alpha = header[9] in (GREY_ALPHA, RGB_ALPHA)
            file.seek(4, 1)
        elif kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf"):
            data = found.read(file, size, f"The {kind.decode()} chunk")
            file.seek(4, 1)
            if data is not None:
                _take(kind, data, found)
        elif kind == b"tIME" and size == 7:
            year, month, day, hour, minute, second = struct.unpack(">HBBBBB", exactly(file, 7))
            file.seek(4, 1)
            with suppress(ValueError):  # no such day
                found.modified = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        else:
            if kind == b"caBX":
                found.remark(CREDENTIALS)
            file.seek(size + 4, 1)


def _take(kind: bytes, data: bytes, found: Collector) -> None:
    if kind == b"eXIf":
        exif.collect(data, found)
        return
    keyword_bytes, nul, rest = data.partition(b"\0")
    keyword = narrow(keyword_bytes)[:79]
    place = f"png:{keyword}"
    if not nul:
        found.remark(f"A text chunk of the name {keyword!r} is left out: it has no text.")
        return
    if kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]  # language, translated keyword
    else:
        compressed = kind == b"zTXt"
        rest = rest[1:] if compressed else rest
    raw = found.inflate(rest, place) if compressed else rest
    if raw is None:
        return
    if keyword == XMP_KEYWORD:
        xmp.collect(raw, found)
    elif keyword.startswith(RAW_PROFILE) and (profile := _raw_profile(raw)) is not None:
        _take_profile(keyword.removeprefix(RAW_PROFILE).lower(), profile, found)
    else:
        found.add(place, narrow(raw), raw)


def _raw_profile(raw: bytes) -> bytes | None:
    """The bytes of ``\\nname\\n    length\\nhexadecimal…``; None where it is something else."""
    parts = raw.split(maxsplit=2)
    if len(parts) < 3 or not parts[1].isdigit():
        return None
    try:
        return bytes.fromhex(parts[2].decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return None


def _take_profile(name: str, profile: bytes, found: Collector) -> None:
    if profile.startswith(xmp.HEADER):
        xmp.collect(profile.removeprefix(xmp.HEADER), found)
    elif name in ("exif", "app1"):
        exif.collect(profile.removeprefix(exif.HEADER), found)
    elif name == "xmp":
        xmp.collect(profile, found)
    elif name in ("iptc", "8bim"):
        iptc.collect(profile, found)
