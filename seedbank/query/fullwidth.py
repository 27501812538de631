"""The marks of a Chinese keyboard, where they can only be meant as marks of the language of queries.

    tag：海报        a known key before its colon
    “橘色 星星”      quotation marks where a term begins, behind a key too
    （猫 OR 狗）      parentheses around terms

Inside a word or a text in quotation marks they are what is looked for. `search.js` does the same on pages.
"""

from __future__ import annotations

import re
from functools import cache

MARKS = "：“”（）"
MOST = 40
"""How deep parentheses are looked for."""
BEGINS, ENDS = r"(?<![^\s(（-])", r"(?![^\s)）])"
TEXT = r'"(?:\\.|[^"\\])*"?'


def half_width(text: str) -> str:
    """`text` with those marks as the grammar has them, at the same places."""
    if not any(mark in text for mark in MARKS):
        return text
    for _ in range(MOST):
        before, text = text, _parentheses().sub(lambda found: f"({found[1]})" if found[1] is not None else found[0], text)
        if text == before:
            break
    return _keys_and_quotes().sub(_plain, text)


def _plain(found: re.Match[str]) -> str:
    key, quoted = found["key"], found["quoted"]
    if key is None and quoted is None:
        return found[0]
    return (f"{key}:" if key is not None else "") + (f'"{quoted}"' if quoted is not None else "")


@cache
def _parentheses() -> re.Pattern[str]:
    return re.compile(rf'{TEXT}|{BEGINS}（([^（）"]*)）{ENDS}', re.DOTALL)


@cache
def _keys_and_quotes() -> re.Pattern[str]:
    from seedbank.query.keys import ALIASES, KEYS

    names = "|".join([*KEYS, *ALIASES, "sort", r"env\.[\w.]+"])
    return re.compile(rf'{TEXT}|{BEGINS}(?:(?P<key>{names})[：:])?(?:“(?P<quoted>[^”"\\]*)”)?', re.DOTALL | re.IGNORECASE)
