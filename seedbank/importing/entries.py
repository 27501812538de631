"""From an examined file to the entry that a bank records of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from seedbank.bank import obstacles_of
from seedbank.errors import BadInput
from seedbank.formats.reading import Foreign
from seedbank.hashing import canonical_value, sha256
from seedbank.importing.convert import Converted, convert
from seedbank.importing.examine import Examined
from seedbank.importing.walk import Found
from seedbank.importing.weights import Weights
from seedbank.recipe import Recipe
from seedbank.records import Blob, NewEntry, Output, Payload

if TYPE_CHECKING:
    from seedbank.images.headers import Looked

OWN = "png:seedbank"
"""Where the PNG files of a bank carry their recipe, as canonical JSON."""
EXIF, PNG, FILE = "exif", "png", "file"
"""Where the time of a picture comes from: its EXIF data, a PNG's tIME; the time of the file, which copying can change."""


@dataclass(frozen=True)
class Made:
    """An entry in the making, and what people want to know of it.

    digest    SHA-256 of the file; of one whose bytes were not read, of its place
    tool      the tool whose format was trusted most, None where none was found
    said      the recipe as that tool says it, with a confidence for every field
    """

    digest: str
    new: NewEntry
    tool: str | None
    said: Foreign
    conflicts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    preview: bytes | None = field(default=None, repr=False)


def make_entry(found: Found, examined: Examined, weights: Weights, *, copy: bool) -> Made:
    """What a bank records of a file. Without `copy` its bytes stay where they are.

    Raises `BadInput` for a text that no record can hold.
    """
    looked, reading = examined.looked, examined.reading
    own, remarks = own_recipe(reading.payloads)
    converted = _converted(examined, weights) if own is None else Converted(own, obstacles=obstacles_of(own))
    remarks = (*reading.remarks, *remarks, *converted.remarks)
    blob = None
    if looked.picture is not None and examined.digest is not None:
        blob = Blob(examined.digest, found.size, looked.media_type, None if copy else found.path)
    times = ((looked.taken, EXIF), (reading.modified, PNG), (_time(found.mtime_ns), FILE))
    taken, told_by = next((time, place) for time, place in times if time is not None)
    details: dict[str, Any] = {
        "file": found.path,
        "tool": reading.tool,
        "confidence": dict(reading.recipe.confidence),
        "conflicts": list(reading.conflicts),
        "remarks": list(remarks),
        "created_from": told_by,
    }
    details |= converted.details
    new = NewEntry(
        recipe=converted.recipe,
        model=converted.model,
        adapters=converted.adapters,
        picture=looked.picture,
        blob=blob,
        output=Output(flags=_flags(looked)),
        origin="imported",
        obstacles=(
            (*converted.obstacles, *animation(looked.frames))
            if converted.recipe
            else ("The file does not say how it was made.",)
        ),
        created=taken,
        details=canonical_value({key: value for key, value in details.items() if value not in (None, [], {})}),
        payloads=reading.payloads,
    )
    return Made(
        examined.digest or place_digest(found), new, reading.tool, reading.recipe, reading.conflicts, remarks, looked.preview
    )


def _flags(looked: Looked) -> dict[str, Any]:
    return {**({"lossy": True} if looked.lossy else {}), **({"frames": looked.frames} if looked.frames > 1 else {})}


def animation(frames: int) -> Iterator[str]:
    """What hinders rendering a file of so many frames again: the recipe is that of all of them."""
    if frames > 1:
        yield f"The file is an animation of {frames} frames; the first one is the picture."


def place_digest(found: Found) -> str:
    """What a file is known by until its bytes are read: where it lies and since when, so no other one is taken for it."""
    place = f"seedbank.place.v1\0{found.path}\0{found.size}\0{found.mtime_ns}\0{found.inode}"
    return sha256(place.encode())


def _time(nanoseconds: int) -> datetime:
    """The time so long after the beginning of 1970; a float would not hold its microseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)


def own_recipe(payloads: Sequence[Payload]) -> tuple[Recipe | None, tuple[str, ...]]:
    """The whole recipe that a bank wrote into its PNG file, and what is wrong with it; None where there is none.

    The SHA-256 of its text is the recipe digest, so a text that was changed is noticed and not taken for it.
    """
    for payload in payloads:
        if payload.place == OWN:
            try:
                recipe = Recipe.from_dict(json.loads(payload.text))
                if recipe.digest == sha256(payload.text.encode()):
                    return recipe, ()
            except (BadInput, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
                pass
            return None, ("The recipe of a bank in it was changed: it is not what its digest says.",)
    return None, ()


def _converted(examined: Examined, weights: Weights) -> Converted:
    if not examined.reading.readings:
        return Converted()
    try:
        return convert(examined.reading.readings[0], weights)
    except BadInput as error:
        return Converted(remarks=(f"What it says of its recipe cannot be recorded: {error.message}",))
