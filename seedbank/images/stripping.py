"""Picture files without what they say of themselves, and PNG files with texts added: no pixel is decoded or encoded again.

Sources: PNG (Third Edition), 5.3 and 11.3; ITU T.81, annex B; RFC 9649, section 2; GIF89a, 23 to 26.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from seedbank.errors import BadInput
from seedbank.hashing import pixel_digest
from seedbank.images.codec import read_image
from seedbank.images.hidden import hidden_texts

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PNG_SAYS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"caBX", b"iDOT")
START_OF_SCAN, COMMENT = 0xDA, 0xFE
JPEG_ALONE = {0x01, *range(0xD0, 0xDA)}
JPEG_DRAWS = {0xE0, 0xE2, 0xEE}
"""JFIF, the colour profile and Adobe's word for the colours: the application segments that a picture is shown with."""
EXIF_AND_XMP = 0x08 | 0x04
"""The bits of VP8X that announce these chunks."""
WEBP_DRAWS = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP")


def without_metadata(data: bytes) -> bytes:
    """The file without texts, EXIF, XMP and comments; its pixels are looked at and are the same.

    Raises `BadInput` for a format from which they cannot be taken, for a damaged file, and for a picture that hides a text in
    its pixels.
    """
    try:
        bare = _bare(data)
    except (IndexError, ValueError):
        raise BadInput("The picture is damaged, so its metadata cannot be told from its pixels.") from None
    before, after = read_image(data, animated=True), read_image(bare, animated=True)
    if pixel_digest(before.mode, before.width, before.height, before.rows) != pixel_digest(
        after.mode, after.width, after.height, after.rows
    ):
        raise BadInput("The picture has other pixels without its metadata.", "Leave it out.")
    if hidden_texts(before):
        raise BadInput("The picture hides a text in its pixels, which cannot be taken out.", "Leave it out.")
    return bare


def with_texts(data: bytes, texts: Mapping[str, str]) -> bytes:
    """A PNG file with these texts behind its header: tEXt where Latin-1 suffices, else iTXt, not compressed."""
    if not data.startswith(PNG):
        raise BadInput("Texts are written into PNG files only.", "Choose --metadata none, or keep the file as it is.")
    chunks = list(_png_chunks(data))
    added = [_text_chunk(keyword, text) for keyword, text in texts.items()]
    return PNG + b"".join([chunks[0][1], *added, *(chunk for _, chunk in chunks[1:])])


def _bare(data: bytes) -> bytes:
    if data.startswith(PNG):
        return PNG + b"".join(chunk for kind, chunk in _png_chunks(data) if kind not in PNG_SAYS)
    if data.startswith(JPEG):
        return _bare_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _bare_webp(data)
    if data[:3] == b"GIF":
        return _bare_gif(data)
    raise BadInput("The metadata cannot be taken out of a file of this kind.", "Leave it out.")


# -- PNG -------------------------------------------------------------------------------------------------------------


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, whole chunk) up to IEND; what lies behind it is no part of the picture."""
    at = len(PNG)
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        yield kind, data[at:end]
        if kind == b"IEND":
            return
        at = end
    raise ValueError("cut short")


def _text_chunk(keyword: str, text: str) -> bytes:
    try:
        kind, body = b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


# -- the others ------------------------------------------------------------------------------------------------------


def _bare_jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == START_OF_SCAN:
            return b"".join([*kept, _scans(data, at)])
        end = at + 2 if marker in JPEG_ALONE else at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or (marker not in JPEG_ALONE and end < at + 4):
            raise ValueError("cut short")
        if marker != COMMENT and (not 0xE0 <= marker <= 0xEF or marker in JPEG_DRAWS):
            kept.append(data[at:end])
        at = end


def _scans(data: bytes, at: int) -> bytes:
    """The picture data to the end of the image; what other programs hang behind it goes."""
    end = data.find(b"\xff\xd9", at)
    if end < 0:
        raise ValueError("no end")
    return data[at : end + 2]


def _bare_webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if at + 8 + size > len(data):
            raise ValueError("cut short")
        chunk = data[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~EXIF_AND_XMP]) + chunk[9:]
        if kind in WEBP_DRAWS:
            kept.append(chunk)
        at = end
    body = b"".join(kept)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _bare_gif(data: bytes) -> bytes:
    """Without comments, texts and the extensions of programs; the first picture and its control stay."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    kept = [b"GIF89a", data[6:at]]
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
            keep = True
        elif data[at] == 0x21:
            keep = data[at + 1] == 0xF9  # graphic control
            at += 2
        else:
            raise ValueError("no block")
        while data[at]:
            at += 1 + data[at]
        at += 1
        if keep:
            kept.append(data[start:at])
    return b"".join([*kept, b"\x3b"])
