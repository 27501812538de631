"""Digests: canonical JSON, pixels and files. All digests are SHA-256, written as 64 lower-case hexadecimal digits.

The three rules that another program needs in order to check a bank (`docs/format.md` has them in 30 lines of Python):

* file digest: SHA-256 of the bytes of the file; it is the address of the blob;
* image digest: SHA-256 over ``seedbank.pixels.v1`` NUL mode NUL uint32le width, uint32le height, then the raw rows;
* recipe digest: SHA-256 of the recipe's canonical JSON (RFC 8785 after the normalisation of `canonical_value`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from seedbank.errors import BadInput

CHUNK = 1 << 20
LARGEST_JSON_INTEGER = 2**53 - 1
"""Larger integers are not exact in every JSON reader, so they travel as tagged strings."""


def sha256(data: bytes | bytearray | memoryview) -> str:
    """SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def stream_digest(stream: IO[bytes]) -> str:
    """SHA-256 of everything that is left in `stream`, read in pieces."""
    hasher = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        hasher.update(chunk)
    return hasher.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of the bytes of the file at `path`."""
    with path.open("rb") as stream:
        return stream_digest(stream)


def pixel_digest(mode: str, width: int, height: int, rows: bytes | bytearray | memoryview) -> str:
    """The image digest: what a regeneration must meet.

    `rows` are the decoded pixels, row by row from the top, without padding, as Pillow's ``Image.tobytes()`` gives them.
    Nothing of the file goes in: PNG compression, metadata and colour profiles never change it.
    """
    return strips_digest(mode, width, height, [rows])


def strips_digest(mode: str, width: int, height: int, strips: Iterable[bytes | bytearray | memoryview]) -> str:
    """The image digest of rows that come in pieces, so that a large picture need not lie in memory twice."""
    hasher = hashlib.sha256(b"seedbank.pixels.v1\0" + mode.encode("ascii") + b"\0")
    hasher.update(struct.pack("<II", width, height))
    for strip in strips:
        hasher.update(strip)
    return hasher.hexdigest()


def canonical_value(value: Any, where: str = "") -> Any:
    """`value` in the form that canonical JSON is made of; what `json.loads(canonical_json(value))` would give back.

    Keys with `None` are left out, so that a new optional argument changes no old digest. Numbers that JSON cannot carry
    become tagged objects: ``{"$float": "nan"}``, ``{"$int": "18446744073709551616"}``. Integral floats become integers,
    as RFC 8785 writes them alike; beyond the exact range they are tagged too, or a reader would take them for others.
    Raises `BadInput` for NUL, lone surrogates and values that JSON has no word for.
    """
    if not isinstance(value, dict):  # what it is called for most
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return _checked_text(value, where)
        if isinstance(value, int):
            return value if abs(value) <= LARGEST_JSON_INTEGER else {"$int": str(value)}
        if isinstance(value, float):
            if not math.isfinite(value):
                return {"$float": str(value)}
            if not value.is_integer():
                return value
            return int(value) if abs(value) <= LARGEST_JSON_INTEGER else {"$float": repr(value)}
        if isinstance(value, (list, tuple)):
            return [canonical_value(item, f"{where}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, Mapping):
            raise BadInput(f"{where or 'The value'} is a {type(value).__name__}, which a recipe cannot hold.")
    found = {}
    for key, item in value.items():
        if item is None:
            continue
        if not (type(key) is str and key.isascii() and "\0" not in key):
            _checked_key(key, where)
        kind = type(item)
        # What most values are stays as it is; that is asked here, as a call for each of them takes longer than its answer.
        plain = (kind is str and item.isascii() and "\0" not in item) or kind is bool
        plain = plain or (kind is int and -LARGEST_JSON_INTEGER <= item <= LARGEST_JSON_INTEGER)
        found[key] = item if plain else canonical_value(item, f"{where}.{key}".lstrip("."))
    return found


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)
_SMALL = re.compile(r"[0-9]e-[0-9]")


def canonical_json(value: Any) -> bytes:
    """Canonical JSON of `value` (RFC 8785) in UTF-8, after `canonical_value`.

    Python's own encoder writes the same of a canonical value, ten times faster, but for two things: numbers below 0.0001,
    whose exponent has other digits, and the order of keys with characters beyond the first 65,536, which the RFC sorts by
    their UTF-16. A text that may have one of these is written by the library.
    """
    canonical = canonical_value(value)
    text = _ENCODER.encode(canonical)
    if (text.isascii() or max(text) <= "\uffff") and not _SMALL.search(text):
        return text.encode()
    import rfc8785

    return rfc8785.dumps(canonical)


def json_digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return sha256(canonical_json(value))


def plain_value(value: Any) -> Any:
    """The reverse of the tagging in `canonical_value`: tagged numbers become Python numbers again.

    What looks like a tag and holds no number is somebody else's data and stays as it is.
    """
    if isinstance(value, (str, int, float)) or value is None:  # most values; asking for a Mapping takes longer
        return value
    if isinstance(value, Mapping):
        for tag, number in (("$float", float), ("$int", int)):
            if len(value) == 1 and isinstance(text := value.get(tag), str):
                with suppress(ValueError):
                    return number(text)
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    return value


def _checked_key(key: object, where: str) -> None:
    if not isinstance(key, str):
        raise BadInput(f"{where or 'The value'} has the key {key!r}, which is not a text.")
    _checked_text(key, where)


def _checked_text(text: str, where: str) -> str:
    if "\0" in text:
        raise BadInput(f"{where or 'The text'} contains a NUL character.", "Remove it.")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(f"{where or 'The text'} contains half a character (a lone surrogate).", "Remove it.") from None
    return text
