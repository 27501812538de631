"""Files beside a picture in which tools write what they do not write into it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from seedbank.formats.containers import LARGEST_METADATA
from seedbank.formats.containers.text import whole_file
from seedbank.formats.reading import Payload

SUFFIXES = (".txt", ".json", ".swarm.json", ".metadata.json", ".metadata.js", ".dgen")
"""Put in the place of the picture's suffix or behind it (`name.png.txt`): SwarmUI's and its grids', mflux's, dgenerate's."""
SAYING = "DALL·E "
"""How a file is called that has the beginning of its prompt in its name."""
LOG = "log.html"
"""Fooocus' page of a day's pictures, in their folder."""
LARGEST_LOG = 64 * 2**20


def sidecars(path: Path, remarks: list[str]) -> Iterator[Payload]:
    """The texts beside the picture, with the place `sidecar:SUFFIX`; a remark for one that is too large.

    A name that says something is one of them, with the place `name`.
    """
    if unicodedata.normalize("NFC", path.name).startswith(SAYING):
        name = unicodedata.normalize("NFC", path.stem)
        yield Payload("name", name, name.encode("utf-8", "surrogateescape"))
    for suffix in SUFFIXES:
        for place in (path.with_name(path.stem + suffix), path.with_name(path.name + suffix)):
            if place != path and (data := _bytes(place, LARGEST_METADATA, remarks)) is not None:
                text = whole_file(data)
                if text is not None:
                    yield Payload(f"sidecar:{suffix}", text, data)
    if (page := _bytes(path.with_name(LOG), LARGEST_LOG, remarks)) is not None:
        from seedbank.formats.fooocus import log_entry

        entry = log_entry(whole_file(page) or "", path.name)
        if entry is not None:
            yield Payload(f"sidecar:{LOG}", entry, entry.encode())


def _bytes(path: Path, limit: int, remarks: list[str]) -> bytes | None:
    try:
        if not path.is_file():
            return None
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError):
        return None
    if len(data) > limit:
        remarks.append(f"{path.name} beside the picture is left out: it is larger than {limit >> 20} MiB.")
        return None
    return data
