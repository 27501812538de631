"""The texts of an Exif block: a TIFF directory and the one for pictures below it.

Sources: TIFF 6.0, section 2; Exif 2.32, 4.6; tags in use by tools of this field as their files show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from seedbank.formats.containers import iptc, xmp
from seedbank.formats.containers.collecting import Collector
from seedbank.formats.containers.text import comment, narrow, wide

HEADER = b"Exif\0\0"
EXIF_DIRECTORY = 0x8769
USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C
TEXTS = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x0132: "DateTime",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x8298: "Copyright",
    0x9003: "DateTimeOriginal",
    MAKER_NOTE: "MakerNote",
    USER_COMMENT: "UserComment",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
}
WINDOWS = range(0x9C9B, 0x9CA0)
"""Tags that Windows writes, in UTF-16."""
BYTE, ASCII, UNDEFINED, UTF8 = 1, 2, 7, 129
PACKETS = {0x02BC: xmp.collect, 0x83BB: iptc.collect}
"""Tags of TIFF files that hold a packet of another kind."""
SIGNATURES = (b"II*\0", b"MM\0*")
LARGEST_MAKER_NOTE = 1024
"""Longer ones are a camera's, in binary."""


Fetch = Callable[[int, int], bytes]
"""(place, size) to the bytes there, fewer where the block ends."""


def collect(data: bytes, found: Collector) -> None:
    """The texts of a TIFF block."""
    data = data.removeprefix(HEADER)
    if data[:4] not in SIGNATURES:
        found.remark("The Exif block is left out: it has no TIFF header.")
        return
    collect_from(lambda at, size: data[at : at + size], len(data), len(data), found)


def collect_from(fetch: Fetch, end: int, left: int, found: Collector) -> None:
    """The texts of a TIFF block or file of `end` bytes, not more than `left` bytes of them.

    `ComfyUI` counts down from Make for more tags, so every text in ASCII is taken.
    """
    little = fetch(0, 2) == b"II"
    for tag, kind, start, size in _entries(fetch, end, "little" if little else "big"):
        name = TEXTS.get(tag)
        if (name is None and tag not in PACKETS and kind not in (ASCII, UTF8)) or (
            tag == MAKER_NOTE and size > LARGEST_MAKER_NOTE
        ):
            continue
        left -= size  # values that share their bytes are not read again and again
        if left < 0:
            found.remark("The Exif block has values that overlap; the rest of it was not read.")
            return
        value = fetch(start, size)
        if tag in PACKETS:
            PACKETS[tag](value, found)
            continue
        if tag == USER_COMMENT:
            text = comment(value, little)
        elif tag in WINDOWS:
            text = wide(value, True)
        else:
            text = comment(value, little) if value[:8] in (b"ASCII\0\0\0", b"UNICODE\0") else narrow(value)
        if text.strip() and text.count("\ufffd") * 2 < len(text):
            found.add(f"exif:{name or f'0x{tag:04X}'}", text, value)


def _entries(fetch: Fetch, end: int, order: Literal["little", "big"]) -> Iterator[tuple[int, int, int, int]]:
    """(tag, type, place, size) of the byte strings of both directories; what points outside of the block is passed over."""

    def number(data: bytes) -> int:
        return int.from_bytes(data, order)

    directories = [number(fetch(4, 4))]
    for at in directories:  # grows by one at most
        count = min(number(fetch(at, 2)), max(0, (end - at - 2) // 12))
        table = fetch(at + 2, 12 * count)
        for entry in range(0, len(table) - 11, 12):
            tag, kind, size = (
                number(table[entry : entry + 2]),
                number(table[entry + 2 : entry + 4]),
                table[entry + 4 : entry + 8],
            )
            place = number(table[entry + 8 : entry + 12])
            if tag == EXIF_DIRECTORY and len(directories) == 1:
                directories.append(place)
            elif kind in (BYTE, ASCII, UNDEFINED, UTF8):
                start = at + 2 + entry + 8 if number(size) <= 4 else place
                if start + number(size) <= end:
                    yield tag, kind, start, number(size)
