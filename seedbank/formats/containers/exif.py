"""The texts of an Exif block: a TIFF directory and the one for pictures below it.

Sources: TIFF 6.0, section 2; Exif 2.32, 4.6; tags in use by tools of this field as their files show them.
"""

from __future__ import annotations

from collections.abc import Iterator

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
LARGEST_MAKER_NOTE = 1024
"""Longer ones are a camera's, in binary."""


def collect(data: bytes, found: Collector) -> None:
    """The texts of a TIFF block. `ComfyUI` counts down from Make for more of them, so every text in ASCII is taken."""
    data = data.removeprefix(HEADER)
    if data[:4] not in (b"II*\0", b"MM\0*"):
        found.remark("The Exif block is left out: it has no TIFF header.")
        return
    order = "little" if data[:2] == b"II" else "big"
    left = len(data)  # values that share their bytes are not read again and again
    for tag, kind, value in _entries(data, order):
        left -= len(value)
        if left < 0:
            found.remark("The Exif block has values that overlap; the rest of it was not read.")
            return
        name = TEXTS.get(tag)
        if (name is None and kind not in (ASCII, UTF8)) or (tag == MAKER_NOTE and len(value) > LARGEST_MAKER_NOTE):
            continue
        if tag == USER_COMMENT:
            text = comment(value, order == "little")
        elif tag in WINDOWS:
            text = wide(value, True)
        else:
            text = comment(value, order == "little") if value[:8] in (b"ASCII\0\0\0", b"UNICODE\0") else narrow(value)
        if text.strip() and text.count("\ufffd") * 2 < len(text):
            found.add(f"exif:{name or f'0x{tag:04X}'}", text, value)


def _entries(data: bytes, order: str) -> Iterator[tuple[int, int, bytes]]:
    """(tag, type, value) of the byte strings of both directories; what points outside of the block is passed over."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little" if order == "little" else "big")

    directories = [number(4, 4)]
    for at in directories:  # grows by one at most
        count = min(number(at, 2), max(0, (len(data) - at - 2) // 12))
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, size = number(entry, 2), number(entry + 2, 2), number(entry + 4, 4)
            if tag == EXIF_DIRECTORY and len(directories) == 1:
                directories.append(number(entry + 8, 4))
            elif kind in (BYTE, ASCII, UNDEFINED, UTF8):
                start = entry + 8 if size <= 4 else number(entry + 8, 4)
                if start + size <= len(data):
                    yield tag, kind, data[start : start + size]
