"""ArtBot and other faces of the AI Horde: A1111 text in the UserComment, known by the program's name beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from seedbank.formats import a1111
from seedbank.formats.reading import Payload, Reading
from seedbank.formats.values import find

TOOL = "artbot"
NAMES = re.compile(r"\b(ArtBot|AI Horde|Stable Horde)\b", re.IGNORECASE)


def read(payloads: Sequence[Payload]) -> Reading | None:
    software = find(payloads, "exif:Software", "png:Software")
    text = find(payloads, "exif:UserComment", "png:parameters", "png:Comment")
    if software is None or text is None or not NAMES.search(software.text):
        return None
    reading = a1111.read([text])
    return None if reading is None else replace(reading, tool=TOOL)
