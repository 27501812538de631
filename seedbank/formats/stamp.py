"""The `seedbank:` line: what a recipe that travels as text carries beside its words.

    seedbank: recipe <digest>, image <digest>, model <digest>, rest <packed JSON>

The digests let another bank check the picture. The `rest` is what the words of the text do not say (scheduler settings,
dtypes, other arguments of the call …), without which the recipe could not be put together again: zlib-compressed canonical
JSON in URL-safe base64, which survives chats and mails. Parts that are not known are left out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seedbank.formats.reading import FormatError
from seedbank.hashing import canonical_json

KEY = "seedbank"
LARGEST_REST = 1 << 20
"""Bytes of JSON that are still unpacked: a small text can hold a very large one."""

_DIGEST = r"(?:\s*{name}\s+([0-9a-fA-F]{{64}}))"
_STAMP = re.compile(
    rf"""(?<![\w])seedbank"?\s*[:：]\s*"?{_DIGEST.format(name="recipe")}"""
    rf"""(?:\s*[,，]{_DIGEST.format(name="image")})?(?:\s*[,，]{_DIGEST.format(name="model")})?"""
    r"""(?:\s*[,，]\s*rest\s+([A-Za-z0-9_\-=]+))?"?""",
)


@dataclass(frozen=True)
class Stamp:
    """The digests that travel with a recipe, and what its words do not say.

    rest   {recipe: its fields without those that the words say, profile: settings to restore, versions: {library: version}}
    """

    recipe: str
    image: str | None = None
    model: str | None = None
    rest: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """The line without its key."""
        parts = [("recipe", self.recipe), ("image", self.image), ("model", self.model)]
        packed = None if self.rest is None else pack(self.rest)
        return ", ".join(f"{name} {value}" for name, value in [*parts, ("rest", packed)] if value is not None)


def pack(value: Mapping[str, Any]) -> str:
    """A JSON value as one word without spaces."""
    return base64.urlsafe_b64encode(zlib.compress(canonical_json(value), 9)).decode("ascii").rstrip("=")


def unpack(word: str) -> dict[str, Any]:
    """The reverse of `pack`. Raises `FormatError`."""
    try:
        packed = base64.urlsafe_b64decode(word.rstrip("=") + "=" * (-len(word.rstrip("=")) % 4))
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, LARGEST_REST)
        value = json.loads(data) if unpacking.eof else None
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise FormatError("The rest of the seedbank line is damaged.", "Copy the whole text again, with its last line.")
    return value


def find_stamp(text: str) -> Stamp | None:
    """The stamp in a text; None where there is none. Raises `FormatError` for a damaged one."""
    if (found := _last(text)) is None:
        return None
    recipe, image, model = (digest and digest.lower() for digest in found.groups()[:3])
    return Stamp(recipe, image, model, None if found[4] is None else unpack(found[4]))


def is_own_line(text: str) -> bool:
    """Whether the stamp stands on a line of its own, as in a block, and not among other fields."""
    found = _last(text)
    return found is not None and not text[: found.start()].rpartition("\n")[2].strip(" >*`-")


def without_stamp(text: str) -> str:
    """The text without its seedbank line, or without that field of a line."""
    if (found := _last(text)) is None:
        return text
    return text[: found.start()].rstrip(" ,，") + text[found.end() :]


def _last(text: str) -> re.Match[str] | None:
    """The last stamp of a text: one before it would be a part of the prompt."""
    last = None
    for last in _STAMP.finditer(text):  # noqa: B007  # the last one is wanted
        pass
    return last
