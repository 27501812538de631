"""Bytes of metadata to text: encodings as files have them, not as the standards say.

Sources: PNG 3rd edition 11.3.3; Exif 2.32, table 9 (character codes of UserComment); real files of many tools.
"""

from __future__ import annotations

CODES = {b"ASCII\0\0\0": "utf-8", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", b"\0" * 8: ""}
"""The eight bytes with which a UserComment begins, and the encoding that they promise."""


def narrow(data: bytes) -> str:
    """Text of one byte a character by its standard, which many tools fill with UTF-8: UTF-8 where it is valid, else Latin-1."""
    data = data.rstrip(b"\0")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def wide(data: bytes, little: bool) -> str:
    """UTF-16 of an order that nothing says: the order that gives the more characters of ASCII, which every layout has.

    `little` decides where both give as many. Half characters become U+FFFD.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").rstrip("\0")
    data = data[: len(data) // 2 * 2]
    as_little, as_big = data[1::2].count(0), data[::2].count(0)  # the high byte of ASCII is zero
    little = as_little > as_big if as_little != as_big else little
    return data.decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0")


def comment(data: bytes, little: bool) -> str:
    """The text of an Exif UserComment, whichever of its encodings was used, with or without the code before it."""
    encoding = CODES.get(data[:8])
    body = data[8:] if encoding is not None else data
    if encoding == "iso2022_jp":
        return _either(body, "iso2022_jp", "shift_jis")
    if encoding == "utf-16" and not _is_utf8(body):
        return wide(body, little)
    if encoding in (None, "") and _looks_wide(body):
        return wide(body, little)
    return narrow(body)


def _is_utf8(body: bytes) -> bool:
    """Some tools write UTF-8 behind the code for UTF-16; UTF-16 of any layout has zero bytes between its letters."""
    body = body.rstrip(b"\0")
    if b"\0" in body or not body:
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _looks_wide(body: bytes) -> bool:
    sample = body[:512].rstrip(b"\0")
    return sample[:2] in (b"\xff\xfe", b"\xfe\xff") or sample.count(0) * 4 > len(sample)


def _either(body: bytes, *encodings: str) -> str:
    for encoding in encodings:
        try:
            return body.decode(encoding).rstrip("\0")
        except UnicodeDecodeError:
            continue
    return narrow(body)


def whole_file(data: bytes) -> str | None:
    """The text of a file that is text, None for one that is not."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:4096]:
        return None
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        printable = sum(byte >= 32 or byte in b"\t\r\n\x0c" for byte in data[:4096])
        return data.decode("latin-1") if printable >= 0.95 * len(data[:4096]) else None
