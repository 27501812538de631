"""What stands behind a key, as values: ranges, patterns, sizes and words to choose from.

Readers take the text of a term and raise ValueError with the end of a sentence that begins with that text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from seedbank.query import dates
from seedbank.records import VERDICTS


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; None means no end."""

    low: float | None
    high: float | None


Ranges = tuple[Range, ...]
"""At least one of them holds."""


@dataclass(frozen=True)
class Shape:
    """Pictures by size: exact sides, or one of the words of `SHAPES`."""

    width: int | None = None
    height: int | None = None
    word: str | None = None


@dataclass(frozen=True)
class Neighbours:
    """Pictures that look like that of an entry: at most `distance` of 64 bits of the perceptual hash differ."""

    entry: int
    distance: int


ORIGINS = ("generated", "recorded", "added", "imported", "received")
"""How entries come into a bank."""
SHAPES = ("landscape", "portrait", "square")
LARGEST = 2**64 - 1
"""No number in a bank is larger than the largest seed."""
BEST = 5
"""The highest rating."""
MOST_RANGES = 100
LIKE_DISTANCE = 8
MOST_DISTANCE = 16
"""Beyond it, pictures that have nothing to do with each other meet."""

_WHOLE = re.compile(r"=?(\d{1,30})|(\d{0,30})\.\.(\d{0,30})", re.ASCII)
_REAL = re.compile(r"=?(-?\d{1,15}(?:\.\d{1,15})?)|(-?\d{1,15}(?:\.\d{1,15})?|)\.\.(-?\d{1,15}(?:\.\d{1,15})?|)", re.ASCII)


class BeyondAll(ValueError):
    """Can be read, but no entry has such a value. Refused where somebody types it; in a query that was saved when it was not
    yet refused, it finds nothing."""


def whole_numbers(text: str) -> Ranges:
    """``7``, ``=7``, ``1..9``, ``4..``, ``..9`` and several of these, joined by commas."""
    return _ranges(text, _WHOLE, "a range of whole numbers", int)


def seeds(text: str) -> Ranges:
    """`whole_numbers` that a seed can be."""
    found = whole_numbers(text)
    if any(one.low is not None and one.low > LARGEST for one in found):
        raise BeyondAll(f"is out of range; seeds go from 0 to {LARGEST}")
    return found


def real_numbers(text: str) -> Ranges:
    """As `whole_numbers`, with decimal points."""
    return _ranges(text, _REAL, "a range of numbers", float)


def _ranges(text: str, pattern: re.Pattern[str], what: str, number: type[int] | type[float]) -> Ranges:
    pieces = text.split(",")
    if len(pieces) > MOST_RANGES:
        raise ValueError(f"has {len(pieces)} ranges; a term can have {MOST_RANGES}")
    found = []
    for piece in pieces:
        match = pattern.fullmatch(piece)
        if match is None or piece == "..":
            raise ValueError(f"is not {what}; write 7, 1..9, 4.. or ..9")
        if match[1] is not None:
            low = high = number(match[1])
        else:
            low, high = (None if not end else number(end) for end in match.group(2, 3))  # type: ignore[assignment]
        if low is not None and high is not None and low > high:
            raise ValueError(f"is an empty range; write {match[3]}..{match[2]}")
        found.append(Range(low, high))
    return tuple(found)


def rating(text: str) -> Ranges | None:
    """A range of 0 to 5; None for ``none``."""
    if text.casefold() == "none":
        return None
    found = whole_numbers(text)
    if any(one.low is not None and one.low > BEST for one in found):
        raise BeyondAll(f"is out of range; ratings go from 0 to {BEST}")
    return found


def times(text: str) -> dates.Span:
    """See `seedbank.query.dates`; seen from this moment."""
    return dates.span(text, datetime.now().astimezone())


def literal(name: str) -> str:
    """A name as the value that means it alone: a ``*`` stands for any characters, ``[*]`` for itself."""
    return name.replace("*", "[*]")


def name_of(text: str) -> str | None:
    """The name that a value means; None for a pattern, which can mean several."""
    return None if "*" in text.replace("[*]", "") else text.replace("[*]", "*")


def any_text(text: str) -> str:
    """Any text."""
    return text


def prompt(text: str) -> str:
    """Words; ``*`` may stand at both ends."""
    inner = text.removeprefix("*").removesuffix("*")
    if "*" in inner and any(character.isalnum() for character in text):
        raise ValueError("has a * inside; in the prompt it can stand at the beginning and at the end")
    return text


def yes_no(text: str) -> bool:
    """``yes`` or ``no``."""
    return {"yes": True, "no": False}[one_of(text, "yes", "no")]


def presence(text: str) -> bool:
    """``present`` or ``absent``."""
    return one_of(text, "present", "absent") == "present"


def verdict(text: str) -> str:
    """A verdict, or ``none``, or ``any``."""
    return one_of(text, *VERDICTS, "none", "any")


def origin(text: str) -> str:
    """One of `ORIGINS`, or a pattern with ``*``."""
    if "*" not in text and text.casefold() not in ORIGINS:
        raise BeyondAll(f"is none of: {', '.join(ORIGINS)}")
    return text


def one_of(text: str, *words: str) -> str:
    """One of `words`, whatever the case."""
    if (word := text.casefold()) not in words:
        raise ValueError(f"is neither {' nor '.join(words)}" if len(words) < 4 else f"is none of: {', '.join(words)}")
    return word


def shape(text: str) -> Shape:
    """``1024x768``, ``1024x*``, ``*x768``, ``landscape``, ``portrait``, ``square``."""
    if text.casefold() in SHAPES:
        return Shape(word=text.casefold())
    found = re.fullmatch(r"(\d{1,9}|\*)[xX×](\d{1,9}|\*)", text, re.ASCII)
    if found is None:
        raise ValueError("is not a size; write 1024x768, 1024x*, landscape, portrait or square")
    width, height = (None if side == "*" else int(side) for side in found.groups())
    return Shape(width, height)


def neighbours(text: str) -> Neighbours:
    """``17``, or ``17~4`` for another distance than `LIKE_DISTANCE`."""
    found = re.fullmatch(r"(\d{1,18})(?:~(\d{1,2}))?", text, re.ASCII)
    if found is None:
        raise ValueError("is not the id of an entry; write like:17, or like:17~4 for at most 4 bits of difference")
    distance = LIKE_DISTANCE if found[2] is None else int(found[2])
    if distance > MOST_DISTANCE:
        raise ValueError(f"is too far; beyond {MOST_DISTANCE} of 64 bits, pictures that have nothing in common meet")
    return Neighbours(int(found[1]), distance)


def entry_id(text: str) -> int:
    """The id of one entry."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise ValueError("is not the id of an entry")
    return int(text)


def digest(text: str) -> str:
    """4 to 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{4,64}", text, re.ASCII):
        raise ValueError("is not the beginning of a digest; write 4 to 64 of the digits 0-9 a-f")
    return text.lower()
