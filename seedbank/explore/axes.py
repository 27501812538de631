"""The axes of a sweep as people write them: a field of the recipe and its values.

    steps=4,8,16            a list; "quoted, like this" in the manner of CSV, or divided by || instead of commas
    guidance=0..6(+2)       a range with a step: 0, 2, 4, 6; the end belongs to it when it is met
    lora.oil=0..1[5]        so many values, evenly spread: 0, 0.25, 0.5, 0.75, 1
    seed=1000..1099         every whole number; -1 draws a fresh seed
    prompt/oil/ink/gouache  the first text is searched for in the prompt, the others take its place, one a cell
    size=512x512,768x512

What A1111's X/Y/Z plot and SwarmUI's grid generator take is taken too: ``1-5``, ``1-5 (+2)``, ``10-5 (-3)``,
``0-1 (+0.25)``, ``1-10 [5]``; ``1, 2, .., 10``, which goes on as the two numbers before it began; ``SKIP:`` before a value
that keeps its place and is not rendered; ``Prompt S/R=oil, ink``, also with a pair of its own for each value (``cat=dog``);
and their names of fields. Ranges never go beyond their end, and numbers are computed as decimals: 0.1 three times is 0.3.

Nothing here knows a pipeline: whether it has such a field is asked when the model is loaded.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Any

from seedbank.errors import BadInput

MOST = 1_000_000
"""Values of one axis."""

WHOLE, REAL, TEXT, SIZE, REPLACE, ANY = "whole", "real", "text", "size", "replace", "any"
"""Kinds of values; ANY is a pipeline's argument, whose type only the pipeline knows."""

FIELDS = {
    "seed": WHOLE,
    "steps": WHOLE,
    "guidance": REAL,
    "cfg": REAL,
    "size": SIZE,
    "prompt": TEXT,
    "negative": TEXT,
    "prompt_2": TEXT,
    "negative_2": TEXT,
    "sampler": TEXT,
    "schedule": TEXT,
    "scheduler": TEXT,
    "strength": REAL,
    "clip_skip": WHOLE,
    "variation_seed": WHOLE,
    "variation_strength": REAL,
    "prompt.replace": REPLACE,
    "negative.replace": REPLACE,
    "texts.replace": REPLACE,
}
"""{field: kind of its values}; ``lora.NAME`` is real, any other name an argument of the pipeline."""

OTHER_NAMES = {
    "seeds": "seed",
    "cfg scale": "cfg",
    "cfgscale": "cfg",
    "guidance_scale": "guidance",
    "num_inference_steps": "steps",
    "negative prompt": "negative",
    "negative_prompt": "negative",
    "negative_prompt_2": "negative_2",
    "prompt s/r": "texts.replace",
    "prompt replace": "texts.replace",
    "[grid gen] prompt replace": "texts.replace",
    "schedule type": "schedule",
    "denoising": "strength",
    "denoising strength": "strength",
    "resolution": "size",
    "var. seed": "variation_seed",
    "variation seed": "variation_seed",
    "var. strength": "variation_strength",
    "variation seed strength": "variation_strength",
    "variation strength": "variation_strength",
}
"""{a name in another tool or in diffusers, in small letters: the field}"""

REFUSED = {
    "clip skip": "clip_skip is how many layers are left out, one less than A1111's number: write clip_skip=1 for its 2.",
    "model": "A sweep has one model: make one sweep for each, with the same seeds.",
    "checkpoint name": "A sweep has one model: make one sweep for each, with the same seeds.",
    "vae": "A sweep has one VAE: make one sweep for each, with the same seeds.",
    "dtype": "A sweep has one dtype: make one sweep for each, with the same seeds.",
    "device": "A sweep runs on one device: make one sweep for each, with the same seeds.",
    "lora": "Name the LoRA: lora.NAME=0..1[5], with the name of its file.",
    "width": "Width and height go together: size=512x512,768x512",
    "height": "Width and height go together: size=512x512,768x512",
}
"""{what looks like a field: what to do instead}"""

_END = r"[+-]?\d{1,30}(?:\.\d{1,30})?"
_NUMBER = rf"(?:{_END}|[+-]?\.\d{{1,30}})"
_RANGE = re.compile(rf"({_NUMBER})\s*(?:\.\.|-)\s*({_END})\s*(?:\(\s*({_NUMBER})\s*\)|\[\s*(\d{{1,9}})\s*\])?", re.ASCII)
_SIZE = re.compile(r"(\d{1,6})(?:\s*[x×*]\s*(\d{1,6}))?", re.ASCII | re.IGNORECASE)
_ELLIPSIS = ("..", "...", "....")
_SKIP = "SKIP:"


@dataclass(frozen=True)
class Axis:
    """One field of the recipe and the values that it takes.

    `values` are numbers, texts, (width, height), or for a replacement (what is searched, what takes its place); `skipped`
    are the places of those that are not rendered; `text` is what was written.
    """

    field: str
    values: Sequence[Any]
    text: str
    skipped: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def title(self) -> str:
        """The name of the axis, for people."""
        return {"texts.replace": "prompt"}.get(self.field, self.field.removesuffix(".replace"))

    def label(self, index: int) -> str:
        """A value in words."""
        return value_text(self.values[index])


def value_text(value: Any) -> str:
    """A value of an axis in words: ``512x768``, ``0.25``, ``(none)`` for an empty text."""
    if isinstance(value, tuple):
        return f"{value[0]}x{value[1]}" if isinstance(value[0], int) else value_text(value[1])
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value) if value != "" else "(none)"


def parse_axis(text: str) -> Axis:
    """The axis that `text` says. Raises `BadInput`, which names what is not understood."""
    field, rest = _field_and_rest(text)
    kind = kind_of(field)
    try:
        if kind == REPLACE:
            searched = _replacements(rest) if rest[:1] != "=" else _replacement_list(rest[1:])
            values, skipped = _taken(searched)
        else:
            values, skipped = _taken(_values(_items(rest[1:]), kind))
    except _Unclear as error:
        raise BadInput(f"The axis {text!r} is not understood: {error}.", error.hint) from None
    if field in ("seed", "variation_seed") and any(value < -1 for value in values):
        raise BadInput(f"The axis {text!r} has a seed below 0.", "Use 0 to 2^64 - 1, or -1 to draw one.")
    if len(skipped) == len(values):
        raise BadInput(f"The axis {text!r} has no value that is rendered.", "Give it values, such as steps=4,8,16.")
    return Axis(field, values, text, frozenset(skipped))


def kind_of(field: str) -> str:
    """The kind of values that a field takes."""
    return REAL if field.startswith("lora.") else FIELDS.get(field, ANY)


class _Unclear(Exception):
    def __init__(self, what: str, hint: str = "See: seedbank sweep --help") -> None:
        super().__init__(what)
        self.hint = hint


_Item = tuple[Any, bool]
"""(value, whether it is skipped)"""


def _field_and_rest(text: str) -> tuple[str, str]:
    """The field, and what follows its name: ``=VALUES``, or for a replacement ``/searched/…``."""
    text = text.strip()
    if match := re.match(r"(prompt|negative)([/|])", text, re.IGNORECASE):
        return f"{match[1].lower()}.replace", text[match.end(1) :]
    name, equals, rest = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise BadInput(f"{text!r} is no axis.", "Write NAME=VALUES, such as steps=4,8,16, or prompt/oil/ink.")
    folded = name.lower()
    if folded in REFUSED:
        raise BadInput(f"{name} cannot be an axis.", REFUSED[folded])
    if folded.startswith("lora."):
        return f"lora.{name[5:]}", f"={rest}"
    field = OTHER_NAMES.get(folded, folded if folded in FIELDS else name)
    return field, f"={rest}"


def _items(text: str) -> list[str]:
    """The items of a list: divided by ``||`` where there is one, else as one line of CSV."""
    if "||" in text:
        items = [item.strip() for item in text.split("||")]
        return items[:-1] if len(items) > 1 and not items[-1] else items
    try:
        rows = list(csv.reader(StringIO(text, newline=""), skipinitialspace=True))
    except csv.Error as error:
        raise _Unclear(f"as a line of CSV it is broken ({error})") from None
    return [item.strip() for row in rows for item in row] or [""]


def _unskipped(item: str) -> tuple[str, bool]:
    return (item.removeprefix(_SKIP).strip(), True) if item.startswith(_SKIP) else (item, False)


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
            raise _Unclear(f"{word!r} is no size", "Use for example 512x768.")
        return int(match[1]), int(match[2] or match[1])
    if not word:
        raise _Unclear("it has an empty value", "Give it values, such as steps=4,8,16.")
    if kind == ANY:
        words = {"true": True, "false": False}
        if word.lower() in words:
            return words[word.lower()]
        decimals = list(_decimals(word))
        return _number(decimals[0], kind) if decimals else word
    found = list(_decimals(word))
    if not found:
        raise _Unclear(f"{word!r} is no number", "Use numbers, or a range such as 0..6(+2) or 0..1[5].")
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
        raise _Unclear(f"{number} is no whole number", "This field takes whole numbers.")
    return float(number)


def _range(match: re.Match[str], kind: str) -> Iterator[Decimal]:
    """The numbers from one end to the other; the end belongs to them when it is met."""
    start, end = Decimal(match[1]), Decimal(match[2])
    if match[4] is not None:
        yield from _spread(start, end, int(match[4]), kind)
        return
    step = Decimal(match[3]) if match[3] is not None else Decimal(1 if end >= start else -1)
    if step == 0:
        raise _Unclear(f"{match[0]!r} has a step of 0")
    if (end - start) * step < 0:
        raise _Unclear(f"{match[0]!r} never gets from {start} to {end} in steps of {step:+f}")
    count = int((end - start) / step) + 1
    _check_count(count)
    for index in range(count):
        yield start + index * step


def _spread(start: Decimal, end: Decimal, count: int, kind: str) -> Iterator[Decimal]:
    """`count` numbers from `start` to `end`; whole ones are cut, as A1111 does."""
    _check_count(count)
    if count == 0:
        raise _Unclear("it asks for no value at all")
    if kind == WHOLE and count > abs(end - start) + 1:
        raise _Unclear(f"there are not {count} whole numbers from {start} to {end}")
    for index in range(count):
        number = start if count == 1 else start + (end - start) * index / (count - 1)
        yield Decimal(int(number)) if kind == WHOLE else number


def _filled(before: Sequence[Decimal], after: Sequence[str]) -> Iterator[Decimal]:
    """What stands between the last number and the next one, in steps of the two numbers before."""
    ends = [number for word in after for number in _decimals(_unskipped(word)[0])]
    if len(before) < 2 or not ends:
        raise _Unclear("two dots need two numbers before them and one after", "Write for example 1, 2, .., 10.")
    step = before[1] - before[0]
    if step == 0 or (ends[0] - before[1]) * step < 0:
        raise _Unclear(f"steps of {step:+f} never get from {before[1]} to {ends[0]}")
    count = int((ends[0] - before[1]) / step)
    _check_count(count)
    for index in range(1, count + 1):
        number = before[1] + index * step
        if number != ends[0]:
            yield number


def _check_count(count: int) -> None:
    if count > MOST:
        raise _Unclear(f"it has {count:,} values", f"An axis has {MOST:,} at most.")


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
    """``/oil/ink/gouache``: the first is searched for and is a value itself; any of ``/`` and ``|`` divides."""
    yield from _replaced(rest[1:].split(rest[0]))


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
        raise _Unclear("there is nothing to put in the place of the text", "Write for example prompt/oil/ink.")
    searched = _searched(_unskipped(words[0])[0])
    for item in words:
        word, skip = _unskipped(item)
        yield (searched, word), skip


def _searched(word: str) -> str:
    if not word:
        raise _Unclear("the text to search for is empty", "Write for example prompt/oil/ink.")
    return word
