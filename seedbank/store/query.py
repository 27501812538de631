"""What to look for, as a value, and the words that people type for it.

>>> parse_query(["tag:poster", "-draft", "seed:1..9"])
Query(terms=(Term(key='tag', value='poster', negated=False), Term(key='prompt', value='draft', negated=True), \
Term(key='seed', value=Range(low=1, high=9), negated=False)))

All terms must hold. Bare words and "phrases" are looked for in the prompt, without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seedbank.errors import BadInput
from seedbank.records import VERDICTS

MOST_TERMS = 100


@dataclass(frozen=True)
class Range:
    """Whole numbers from `low` to `high`, both included; None means no end."""

    low: int | None
    high: int | None


@dataclass(frozen=True)
class Term:
    """One condition: `key` is a word of `KEYS`, `value` what its reader made of the text."""

    key: str
    value: str | bool | Range | tuple[int, int]
    negated: bool = False


@dataclass(frozen=True)
class Query:
    """Entries for which every term holds; entries in the trash only with `trash:yes`."""

    terms: tuple[Term, ...] = ()


EVERYTHING = Query()


def parse_query(words: str | Sequence[str]) -> Query:
    """The query that a text or the words of a command line stand for. Raises `BadInput` for what makes no sense.

    A word of a command line that contains spaces is one phrase or one value (the shell has taken its quotes away),
    unless it holds several terms by itself.
    """
    tokens = _tokens(words) if isinstance(words, str) else [token for word in words for token in _word_tokens(word)]
    if len(tokens) > MOST_TERMS:
        raise BadInput(f"A query can have {MOST_TERMS} terms; this one has {len(tokens)}.", "Split it.")
    return Query(tuple(_term(*token) for token in tokens))


# -- reading terms -------------------------------------------------------------------------------------------------

_Token = tuple[bool, str | None, str]
"""(negated, key or None, text)"""

_TOKEN = re.compile(r'(?P<minus>-?)(?:(?P<key>[^\W\d][\w.]*):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))(?=\s|$)', re.UNICODE)
_SEVERAL = re.compile(r'"|\s-?[^\W\d][\w.]*:')


def _tokens(text: str) -> list[_Token]:
    if "\0" in text:
        raise BadInput("The query contains a NUL character.", "Remove it.")
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadInput(f"The query cannot be read from here on: {text[at : at + 40]}", "Is a quotation mark missing?")
        quoted, plain = found["quoted"], found["plain"]
        if plain and plain.endswith(":") and plain[:-1].casefold() in KEYS | ALIASES:
            raise BadInput(f"{plain} needs a value.", f"Write {plain}VALUE without a space.")
        tokens.append((bool(found["minus"]), found["key"], plain if quoted is None else quoted))
        at = found.end()
    return tokens


def _word_tokens(word: str) -> list[_Token]:
    if not any(map(str.isspace, word.strip())) or _SEVERAL.search(word) or "\0" in word:
        return _tokens(word)
    found = re.match(r"(-?)(?:([^\W\d][\w.]*):)?(.*)", word.strip(), re.DOTALL)
    assert found is not None
    return [(bool(found[1]), found[2], found[3])]


def _term(negated: bool, key: str | None, text: str) -> Term:
    if key is None:
        return Term("prompt", text, negated)
    name = ALIASES.get(key.casefold(), key.casefold())
    if name not in KEYS:
        from difflib import get_close_matches

        near = get_close_matches(name, [*KEYS, *ALIASES], n=1)
        raise BadInput(
            f"A query has no key {key!r}.",
            f"Did you mean {near[0]}:?" if near else f"Use one of: {', '.join(sorted(KEYS))}.",
        )
    if not text:
        raise BadInput(f"{key}: needs a value.")
    return Term(name, KEYS[name](name, text), negated)


def _text(key: str, text: str) -> str:
    return text


def _yes_no(key: str, text: str) -> bool:
    return _one_of({"yes": True, "no": False}, key, text)


def _bytes(key: str, text: str) -> bool:
    return _one_of({"present": True, "absent": False}, key, text)


def _one_of(choices: dict[str, bool], key: str, text: str) -> bool:
    if (word := text.casefold()) not in choices:
        raise BadInput(f"{key}:{text} is neither {' nor '.join(choices)}.")
    return choices[word]


def _verdict(key: str, text: str) -> str:
    if (word := text.casefold()) not in (*VERDICTS, "none"):
        raise BadInput(f"There is no verdict {text!r}.", f"Use one of: {', '.join(VERDICTS)}, none.")
    return word


def _range(key: str, text: str) -> Range:
    found = re.fullmatch(r"=?(\d{1,20})|(\d{0,20})\.\.(\d{0,20})", text, re.ASCII)
    if found is None or text == "..":
        raise BadInput(f"{key}:{text} is not a range of whole numbers.", f"Write {key}:7, {key}:1..9, {key}:4.. or {key}:..9.")
    if found[1] is not None:
        return Range(int(found[1]), int(found[1]))
    low, high = (int(end) if end else None for end in found.group(2, 3))
    if low is not None and high is not None and low > high:
        raise BadInput(f"{key}:{text} is an empty range.", f"Write {key}:{high}..{low}.")
    return Range(low, high)


def _size(key: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9})[xX×](\d{1,9})", text, re.ASCII)
    if found is None:
        raise BadInput(f"{text!r} is not a size.", "Write WIDTHxHEIGHT, as in size:1024x768.")
    return int(found[1]), int(found[2])


KEYS: dict[str, Callable[[str, str], str | bool | Range | tuple[int, int]]] = {
    "bytes": _bytes,
    "fav": _yes_no,
    "id": _range,
    "model": _text,
    "prompt": _text,
    "rating": _range,
    "seed": _range,
    "size": _size,
    "steps": _range,
    "tag": _text,
    "trash": _yes_no,
    "verdict": _verdict,
}
"""{key: reader of its text}"""

ALIASES = {"favourite": "fav", "tags": "tag"}
