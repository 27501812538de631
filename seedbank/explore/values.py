"""The values of an axis as people write them: lists, ranges, sizes, texts that take another's place.

Ranges never go beyond their end, and numbers are computed as decimals: 0.1 three times is 0.3.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import StringIO
from typing import Any

MOST = 1_000_000
"""Values of one axis."""

WHOLE, REAL, TEXT, SIZE, REPLACE, WORD, ANY = "whole", "real", "text", "size", "replace", "word", "any"
"""Kinds of values; WORD is a text that says something, ANY a pipeline's argument, whose type only the pipeline knows."""

_END = r"[+-]?\d{1,30}(?:\.\d{1,30})?"
_NUMBER = rf"(?:{_END}|[+-]?\.\d{{1,30}})"
_RANGE = re.compile(rf"({_NUMBER})\s*(?:\.\.|-)\s*({_END})\s*(?:\(\s*({_NUMBER})\s*\)|\[\s*(\d{{1,9}})\s*\])?", re.ASCII)
_SIZE = re.compile(r"(\d{1,6})(?:\s*[x×*]\s*(\d{1,6}))?", re.ASCII | re.IGNORECASE)
_ELLIPSIS = ("..", "...", "....")
SKIP = "SKIP:"


class Unclear(Exception):
    """What is written makes no sense; `hint` says what would."""

    def __init__(self, what: str, hint: str = "See: seedbank sweep --help") -> None:
        super().__init__(what)
        self.hint = hint


_Item = tuple[Any, bool]
"""(value, whether it is skipped)"""


def read(text: str, kind: str) -> tuple[tuple[Any, ...], set[int]]:
    """(the values that the text lists, the places of those that are skipped). Raises `Unclear`."""
    if kind != REPLACE:
        return _taken(_values(_items(text), kind))
    return _taken(_replacement_list(text))


def read_replacement(text: str) -> tuple[tuple[Any, ...], set[int]]:
    """As `read`, for ``/searched/new/…``. Raises `Unclear`."""
    return _taken(_replacements(text))


def _items(text: str) -> list[str]:
    """The items of a list: divided by ``||`` where there is one, else as one line of CSV."""
    if "||" in text:
        items = [item.strip() for item in text.split("||")]
        return items[:-1] if len(items) > 1 and not items[-1] else items
    try:
        rows = list(csv.reader(StringIO(text, newline=""), skipinitialspace=True))
    except csv.Error as error:
        raise Unclear(f"as a line of CSV it is broken ({error})") from None
    return [item.strip() for row in rows for item in row] or [""]


def _unskipped(item: str) -> tuple[str, bool]:
    return (item.removeprefix(SKIP).strip(), True) if item.startswith(SKIP) else (item, False)


def _values(items: Sequence[str], kind: str) -> Iterator[_Item]:
    before: list[Decimal] = []
    for place, item in enumerate(items):
        word, skip = _unskipped(item)
        if kind in (WHOLE, REAL, ANY) and word in _ELLIPSIS:
            found = _filled(before, items[place + 1 : place + 2])
        elif kind in (WHOLE, REAL, ANY) and (match := _RANGE.fullmatch(word)):
            found = _range(match, kind)
        else:
            yield _value(word, kind), skip
            before = [*before[-1:], *_decimals(word)]
            continue
        for number in found:
            before = [*before[-1:], number]
            yield _number(number, kind), skip


def _value(word: str, kind: str) -> Any:
    if kind == TEXT:
        return word
    if kind == SIZE:
        if (match := _SIZE.fullmatch(word)) is None:
            raise Unclear(f"{word!r} is no size", "Use for example 512x768.")
        return int(match[1]), int(match[2] or match[1])
    if not word:
        raise Unclear("it has an empty value", "Give it values, such as steps=4,8,16.")
    if kind == WORD:
        return word
    if kind == ANY:
        words = {"true": True, "false": False}
        if word.lower() in words:
            return words[word.lower()]
        decimals = list(_decimals(word))
        return _number(decimals[0], kind) if decimals else word
    found = list(_decimals(word))
    if not found:
        raise Unclear(f"{word!r} is no number", "Use numbers, or a range such as 0..6(+2) or 0..1[5].")
    return _number(found[0], kind)


def _decimals(word: str) -> Iterator[Decimal]:
    """The number that a word is; nothing for another word."""
    if re.fullmatch(rf"{_NUMBER}(?:[eE][+-]?\d{{1,2}})?", word, re.ASCII):
        yield Decimal(word)


def _number(number: Decimal, kind: str) -> int | float:
    if kind == REAL:
        return float(number)
    if number == number.to_integral_value() and (kind == WHOLE or number.as_tuple().exponent == 0):
        return int(number)
    if kind == WHOLE:
        raise Unclear(f"{number} is no whole number", "This field takes whole numbers.")
    return float(number)


def _range(match: re.Match[str], kind: str) -> Iterator[Decimal]:
    """The numbers from one end to the other; the end belongs to them when it is met."""
    start, end = Decimal(match[1]), Decimal(match[2])
    if match[4] is not None:
        yield from _spread(start, end, int(match[4]), kind)
        return
    step = Decimal(match[3]) if match[3] is not None else Decimal(1 if end >= start else -1)
    if step == 0:
        raise Unclear(f"{match[0]!r} has a step of 0")
    if (end - start) * step < 0:
        raise Unclear(f"{match[0]!r} never gets from {start} to {end} in steps of {step:+f}")
    count = int((end - start) / step) + 1
    _check_count(count)
    for index in range(count):
        yield start + index * step


def _spread(start: Decimal, end: Decimal, count: int, kind: str) -> Iterator[Decimal]:
    """`count` numbers from `start` to `end`; whole ones are cut, as A1111 does."""
    _check_count(count)
    if count == 0:
        raise Unclear("it asks for no value at all")
    if kind == WHOLE and count > abs(end - start) + 1:
        raise Unclear(f"there are not {count} whole numbers from {start} to {end}")
    for index in range(count):
        number = start if count == 1 else start + (end - start) * index / (count - 1)
        yield Decimal(int(number)) if kind == WHOLE else number


def _filled(before: Sequence[Decimal], after: Sequence[str]) -> Iterator[Decimal]:
    """What stands between the last number and the next one, in steps of the two numbers before."""
    ends = [number for word in after for number in _decimals(_unskipped(word)[0])]
    if len(before) < 2 or not ends:
        raise Unclear("two dots need two numbers before them and one after", "Write for example 1, 2, .., 10.")
    step = before[1] - before[0]
    if step == 0 or (ends[0] - before[1]) * step < 0:
        raise Unclear(f"steps of {step:+f} never get from {before[1]} to {ends[0]}")
    count = int((ends[0] - before[1]) / step)
    _check_count(count)
    for index in range(1, count + 1):
        number = before[1] + index * step
        if number != ends[0]:
            yield number


def _check_count(count: int) -> None:
    if count > MOST:
        raise Unclear(f"it has {count:,} values", f"An axis has {MOST:,} at most.")


def _taken(items: Iterator[_Item]) -> tuple[tuple[Any, ...], set[int]]:
    values: list[Any] = []
    skipped = set()
    for value, skip in items:
        if skip:
            skipped.add(len(values))
        values.append(value)
        _check_count(len(values))
    return tuple(values), skipped


# -- replacements -----------------------------------------------------------------------------------------------------


def _replacements(rest: str) -> Iterator[_Item]:
    """``/oil/ink/gouache``: the first is searched for and is a value itself; any of ``/`` and ``|`` divides, outside of
    quotes in the manner of CSV."""
    quoted = '"' in rest and not {"\n", "\r"} & set(rest)
    yield from _replaced(next(csv.reader([rest[1:]], delimiter=rest[0])) if quoted else rest[1:].split(rest[0]))


def _replacement_list(text: str) -> Iterator[_Item]:
    items = _items(text)
    if all("=" in _unskipped(item)[0] for item in items):
        for item in items:
            word, skip = _unskipped(item)
            searched, _, new = word.partition("=")
            yield (_searched(searched.strip()), new.strip()), skip
    else:
        yield from _replaced(items)


def _replaced(words: Sequence[str]) -> Iterator[_Item]:
    if len(words) < 2:
        raise Unclear("there is nothing to put in the place of the text", "Write for example prompt/oil/ink.")
    searched = _searched(_unskipped(words[0])[0])
    for item in words:
        word, skip = _unskipped(item)
        yield (searched, word), skip


def _searched(word: str) -> str:
    if not word:
        raise Unclear("the text to search for is empty", "Write for example prompt/oil/ink.")
    return word
