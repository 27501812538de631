"""Prompts as words: what is indexed of a text, and where a piece of it is looked for, the same on every database.

A text becomes a stream of tokens: runs of letters and digits are words; a letter of a script that puts no spaces between
words (Chinese, Japanese, Korean, Thai …) is a token of its own, and so is every other visible character, such as an emoji
or a bracket. Case and the encoding of accents do not count.

>>> stream("A red Circle, 橘色!")
' a red circle , 橘 色 ! '

A phrase is found where its own stream stands inside another, so Chinese is found by substring, and "red circle" only as
two whole words. The index holds the tokens, and two neighbouring unspaced letters as one more, or rare pairs of common
letters would be slow to find.

>>> pairs("A red Circle, 橘色!")
['橘色']
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

MOST_TOKENS = 20_000
"""What comes after so many tokens of a prompt is not searched: PostgreSQL indexes a megabyte per text."""

LONGEST_WORD = 64
"""A longer word counts as several."""

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul letters
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # 々〆〇
    (0x3040, 0x31FF),  # kana, bopomofo
    (0x3400, 0x4DBF),  # Chinese characters
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7AF),  # Hangul syllables
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width kana
    (0x20000, 0x3FFFF),
)
"""Code points (first, last) of scripts without spaces, and of Korean, where particles stick to words."""

_ASCII = re.compile(rf"[0-9a-z]{{1,{LONGEST_WORD}}}|[!-/:-@\[-`{{-~]")


def fold(text: str) -> str:
    """`text` for comparing without regard to case and to how accents are encoded."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def tokens(text: str) -> list[str]:
    """The first `MOST_TOKENS` tokens of a text, in order."""
    folded = fold(text)
    return (_ASCII.findall(folded) if folded.isascii() else _tokens(folded))[:MOST_TOKENS]


def _tokens(folded: str) -> list[str]:
    found: list[str] = []
    word = ""
    for character in folded:
        category = unicodedata.category(character)
        if (category[0] in "LN" or (category[0] == "M" and word)) and not is_unspaced(character):
            if len(word) == LONGEST_WORD:
                found.append(word)
                word = ""
            word += character
            continue
        if word:
            found.append(word)
            word = ""
        if category[0] != "Z" and category != "Cc":
            found.append(character)
    if word:
        found.append(word)
    return found


def is_unspaced(token: str) -> bool:
    """Whether a token, or the first character of one, belongs to a script without spaces."""
    code = ord(token[0])
    return code >= 0x0E00 and any(first <= code <= last for first, last in UNSPACED)


def is_indexed(token: str) -> bool:
    """Whether a token is looked for in the index: all but ASCII punctuation."""
    return not token.isascii() or token.isalnum()


def stream(text: str) -> str:
    """The tokens of `text` with a space before, between and after them; empty for a text without tokens."""
    return joined(tokens(text))


def joined(found: list[str]) -> str:
    """The stream of a list of tokens."""
    return f" {' '.join(found)} " if found else ""


def pairs(text: str) -> list[str]:
    """Neighbouring unspaced letters of `text`, sorted, each pair once."""
    return pairs_of(tokens(text))


def pairs_of(found: list[str]) -> list[str]:
    """The pairs of a list of tokens."""
    return sorted({first + second for first, second in pairwise(found) if is_unspaced(first) and is_unspaced(second)})
