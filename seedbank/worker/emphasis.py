"""Prompts with weights, in pieces: `a (red:1.2) cat` is `a `, `red` with 1.2, ` cat`. Pure, by the rules of two tools.

A1111 (`modules/prompt_parser.py`, parse_prompt_attention): `(x)` is 1.1 times, `[x]` is 1/1.1 times, `(x:1.2)` is 1.2 times
what is around it; a bracket that nothing closes acts up to the end; `BREAK` begins a new row of tokens. ComfyUI
(`comfy/sd1_clip.py`, token_weights): `(x)` is 1.1 times what is around it, `(x:1.2)` is 1.2 whatever is around it; a bracket
that nothing closes makes characters of the rest. In both `\\(` is a character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

A1111, COMFYUI = "a1111", "comfyui"

Rows = list[list[tuple[str, float]]]
"""Rows of (text, weight); each row has tokens of its own."""

_STEP = 1.1
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_WEIGHT = re.compile(rf":\s*({_NUMBER})\s*\)")
_TOKEN = re.compile(rf"\\[()\[\]\\]|{_WEIGHT.pattern}|[()\[\]]|[^\\()\[\]:]+|[\\:]")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_SCHEDULE = re.compile(rf"\[[^\[\]]*(?:\||:\s*{_NUMBER}\s*\])")


class Unfollowed(ValueError):
    """The prompt uses something of its tool that is no weight."""


MOST_BRACKETS = 2000
"""Opening brackets of a prompt; each one weighs anew what stands in it, and none has a tenth of it."""


def rows(prompt: str, rules: str) -> Rows:
    """The rows of a prompt, at least one; a row without text is `[("", 1.0)]`.

    Raises `Unfollowed` for scheduled and alternating words, for `AND`, for weights below zero, and for too many brackets.
    """
    if prompt.count("(") + prompt.count("[") > MOST_BRACKETS:
        raise Unfollowed(f"more than {MOST_BRACKETS:,} brackets")
    found = [_joined(row) for row in READERS[rules](prompt)]
    for row in found:
        for text, weight in row:
            if weight < 0:
                raise Unfollowed(f"{text!r} has a weight below zero")
    return found


def plain(prompt: str, rules: str) -> str:
    """The text of a prompt without its weights, as pooled embeddings are made of it."""
    return " ".join(" ".join("".join(text for text, _ in row).split()) for row in rows(prompt, rules))


def _a1111(prompt: str) -> Rows:
    if (scheduled := _SCHEDULE.search(prompt.replace("\\[", "").replace("\\]", ""))) is not None:
        raise Unfollowed(f"{scheduled[0][:40]} changes words while it renders")
    if re.search(r"\bAND\b", prompt):
        raise Unfollowed("AND joins several prompts")
    pieces: list[tuple[str, float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def close(opening: str, factor: float) -> None:
        start = opened[opening].pop()
        pieces[start:] = [(text, weight * factor) for text, weight in pieces[start:]]

    for token in _TOKEN.finditer(prompt):
        text = token[0]
        if text[0] == "\\":
            pieces.append((text[1:], 1.0))  # one before anything else than a bracket is left out
        elif text in opened:
            opened[text].append(len(pieces))
        elif token[1] is not None and opened["("]:
            close("(", float(token[1]))
        elif text == ")" and opened["("]:
            close("(", _STEP)
        elif text == "]" and opened["["]:
            close("[", 1 / _STEP)
        else:
            for at, part in enumerate(_BREAK.split(text)):
                pieces.extend([("", -0.0)] if at else [])  # marks the break; no weight of a text is -0.0
                pieces.append((part, 1.0))
    for opening, factor in (("(", _STEP), ("[", 1 / _STEP)):
        while opened[opening]:
            close(opening, factor)
    return _broken(pieces)


def _broken(pieces: list[tuple[str, float]]) -> Rows:
    found: Rows = [[]]
    for text, weight in pieces:
        if not text and weight == 0:
            found.append([])
        else:
            found[-1].append((text, weight))
    return found


def _comfyui(prompt: str) -> Rows:
    pieces: list[tuple[str, float]] = []
    waiting = [(0, len(prompt), 1.0)]
    while waiting:
        start, end, weight = waiting.pop()
        parts: list[tuple[int, int, float]] = []
        for first, last, group in _groups(prompt, start, end):
            if not group:
                parts.append((first, last, 0.0))
                continue
            colon = prompt.rfind(":", first + 2, last)
            own = _WEIGHT.fullmatch(prompt, colon, last) if colon > 0 else None
            parts.append((first + 1, colon, float(own[1])) if own else (first + 1, last - 1, weight * _STEP))
        if len(parts) == 1 and not parts[0][2]:
            pieces.append((re.sub(r"\\([()])", r"\1", prompt[start:end]), weight))
        else:
            # What is a group goes on the pile with its weight, the text between with that of its surroundings.
            waiting.extend((first, last, own or weight) for first, last, own in reversed(parts))
    return [pieces]


def _groups(prompt: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is in brackets) of the parts on the outermost level, without the empty ones.

    A bracket that closes nothing takes the level below zero, so that the next one that opens is a character; what an open
    bracket begins is a group if it happens to end in a closing one. Both as in ComfyUI.
    """
    level, begin = 0, start
    for mark in re.compile(r"\\[()]|[()]").finditer(prompt, start, end):
        if mark[0] == "(":
            if level == 0 and mark.start() > begin:
                yield begin, mark.start(), False
            begin = mark.start() if level == 0 else begin
            level += 1
        elif mark[0] == ")":
            level -= 1
            if level == 0:
                yield begin, mark.end(), True
                begin = mark.end()
    if begin < end:
        yield begin, end, end - begin > 1 and prompt[begin] == "(" and prompt[end - 1] == ")" and prompt[end - 2] != "\\"


def _joined(row: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Neighbours with one weight as one piece, and no pieces without a letter between others."""
    found: list[tuple[str, float]] = []
    for text, weight in row:
        if found and (found[-1][1] == weight or not text.strip()):
            found[-1] = (found[-1][0] + text, found[-1][1])
        elif text:
            found.append((text, weight))
    return found or [("", 1.0)]


READERS: Mapping[str, Callable[[str], Rows]] = {A1111: _a1111, COMFYUI: _comfyui}
"""{rules: who reads them}"""
