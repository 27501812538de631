"""Console sessions in pages: the commands and the lines that they print, without what varies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, the lines below it) of a console block, or of all the console blocks of a page."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL) or [text]
    for block in blocks:
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = piece.splitlines()
            yield command, shown


def masked(lines: Iterable[str], varies: Iterable[tuple[str, str]]) -> list[str]:
    """`lines` with words in place of what differs from run to run, given as (pattern, word)."""
    return [_masked(line, varies) for line in lines]


def _masked(line: str, varies: Iterable[tuple[str, str]]) -> str:
    for pattern, word in varies:
        line = re.sub(pattern, word, line)
    return line.rstrip()
