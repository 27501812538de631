"""Values out of foreign metadata: JSON of any quality, numbers that are texts, and the `Foreign` made of them.

Nothing here raises: what is not what it should be is None, as a field that is not there.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from seedbank.formats.reading import CERTAIN, Foreign, FormatError, Lora, ModelName, Payload

DEEPEST = 64
"""Levels of JSON within JSON; real files have about ten."""
SMALL = 1 << 17
"""Characters of JSON whose value is remembered for the next file, too."""
LARGEST_SEED = 2**64 - 1
LARGEST_EXACT = 2**53
"""Above it a float is no longer the number that was written."""
LONGEST_NUMBER = 100
"""Characters of a text that is taken for a number."""
MOST_CODES = 3
"""JSON in a string of JSON in a string of JSON."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z|[+-]?inf(inity)?\Z", re.IGNORECASE)
UNFIT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)|\0")
"""What a text of JSON has where one of its values cannot be kept as it is."""
_INTEGER = re.compile(r"[+-]?\d{1,20}(\.0*)?\Z")


def parse_json(text: str) -> Any:
    """The JSON value of `text`; NaN and Infinity are read. Callers must not change it: many readers ask for the same.

    Raises `FormatError` for what is no JSON, or deeper than `DEEPEST`.
    """
    return (_parse_small if len(text) <= SMALL else _parse_large)(text)


def forget_large() -> None:
    """Let go of large values, which can take fifty times the room of their text."""
    _parse_large.cache_clear()


def _parse(text: str) -> Any:
    try:
        value = json.loads(text.strip(" \t\r\n\0\ufeff"), strict=False)
    except (ValueError, RecursionError):
        raise FormatError("The metadata is no valid JSON.") from None
    # Nesting is looked at only where there are brackets enough for it.
    if text.count("{") + text.count("[") > DEEPEST and _depth(value) > DEEPEST:
        raise FormatError(f"The metadata's JSON is nested more than {DEEPEST} levels deep.")
    return fitted(value) if UNFIT.search(text) else value


_parse_small = lru_cache(maxsize=16)(_parse)
_parse_large = lru_cache(maxsize=2)(_parse)


def fitted(value: Any) -> Any:
    """The value with all texts within it as `text_of` gives them."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, Mapping):
        return {fitted(name): fitted(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([fitted(item) for item in value])
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{item.name: fitted(getattr(value, item.name)) for item in fields(value)})
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, (dict, list))
        ]
        depth += 1
    return depth


def json_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that `text` is, or None. A text that begins with a brace is not always JSON: prompts do as well.

    Some programs encode what is JSON already, up to `MOST_CODES` times; others print Python's form of it.
    """
    value: Any = text
    for _ in range(MOST_CODES):
        if not isinstance(value, str):
            break
        start = value.lstrip(" \t\r\n\ufeff")[:8]
        if not (start.startswith("{") or (start.startswith('"') and "{" in start)):
            return None
        try:
            value = parse_json(value)
        except FormatError:
            return _printed(value.strip()) if start.startswith("{'") and len(value) <= SMALL else None
    return value if isinstance(value, dict) else None


@lru_cache(maxsize=4)
def _printed(text: str) -> Mapping[str, Any] | None:
    """The object that Python prints as `text`, which some programs write in the place of JSON; None for what is none."""
    import ast

    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes in a stranger's text
            value = json.loads(json.dumps(ast.literal_eval(text)))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) and _depth(value) <= DEEPEST else None


def text_of(value: Any) -> str | None:
    """A text as it can be kept: halves of surrogate pairs are joined, or become U+FFFD where there is no other half; no NUL."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
        return value.replace("\0", "")
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return text_of("\n".join(value))
    return None


def name_of(value: Any) -> str | None:
    """A text that names something; None for an empty one and for the words that tools write for nothing."""
    text = text_of(value)
    return text if text and text.strip() and text.strip().lower() not in ("none", "null") else None


def number_of(value: Any) -> float | None:
    """A number, also one that is written as a text; None for NaN."""
    if isinstance(value, str):
        value = float(value.strip()) if len(value) <= LONGEST_NUMBER and _NUMBER.match(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def integer_of(value: Any) -> int | None:
    """A whole number, also one that is written as a text or as a float."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        text = value.strip()
        return int(text.partition(".")[0]) if _INTEGER.match(text) else None
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT:
        return int(value)
    return None


def seed_of(value: Any) -> int | None:
    """0 to 2^64 - 1; None for -1, which asks for a seed and is none."""
    seed = integer_of(value)
    return seed if seed is not None and 0 <= seed <= LARGEST_SEED else None


def count_of(value: Any) -> int | None:
    """Steps or pixels: a whole number above zero."""
    count = integer_of(value)
    return count if count is not None and 0 < count < 2**31 else None


def size_of(value: Any) -> tuple[int | None, int | None]:
    """(width, height) of `1024x768`, `(1024, 768)`, `1024 × 768` or a pair of numbers."""
    if isinstance(value, (list, tuple)):
        numbers: Sequence[Any] = value
    else:
        numbers = re.findall(r"\d+", value) if isinstance(value, str) and len(value) < 40 else ()
    if len(numbers) != 2:
        return None, None
    return count_of(numbers[0]), count_of(numbers[1])


def first(values: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of the names that is there and not null."""
    return next((values[name] for name in names if values.get(name) is not None), None)


def model_of(name: Any, hash_: Any = None) -> ModelName | None:
    """A model by what is known of it; None where nothing is."""
    named, hashed = name_of(name), name_of(hash_)
    return ModelName(named, hashed) if named or hashed else None


def loras_of(items: Iterable[Lora | None]) -> tuple[Lora, ...]:
    return tuple(item for item in items if item is not None)


def foreign(
    *,
    extras: Mapping[str, Any] | None = None,
    confidence: float = CERTAIN,
    doubts: Mapping[str, float] | None = None,
    **said: Any,
) -> Foreign:
    """A `Foreign` whose fields have the same confidence, apart from those that `doubts` names.

    Extras that are None go, and so does a guidance without end.
    """
    known = {name: value for name, value in said.items() if value not in (None, ()) and value not in (math.inf, -math.inf)}
    more = {name: value for name, value in (extras or {}).items() if value not in (None, (), [], {}, "")}
    sure = {name: confidence for name in known} | {name: level for name, level in (doubts or {}).items() if name in known}
    return Foreign(**known, extras=more, confidence=sure)


def find(payloads: Sequence[Payload], *places: str) -> Payload | None:
    """The first payload at one of the places; the order of the places counts. `png:*` is any place of that kind."""
    for place in places:
        for payload in payloads:
            if payload.place == place or (place.endswith("*") and payload.place.startswith(place[:-1])):
                return payload
    return None


def objects(payloads: Sequence[Payload]) -> Iterable[tuple[Payload, Mapping[str, Any]]]:
    """The payloads that are JSON objects, with their values."""
    for payload in payloads:
        values = json_object(payload.text)
        if values is not None:
            yield payload, values
