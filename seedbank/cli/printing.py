"""The one place where the commands print. What a stranger wrote (a prompt, a file name, a tag) cannot command the terminal.

say    lines for people: always without control characters
data   what other programs read (ids, CSV, recipes): word for word into a pipe or a file; a terminal gets no control characters
emit   JSON: control characters are escaped, which changes nothing in the values
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from seedbank.progress import aside

INVISIBLE = ("Mn", "Me", "Cf")
"""Categories of characters that take no room: combining marks, variation selectors, joiners."""
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the order of what follows them."""
UNPRINTABLE = re.compile(f"[\x7f-\x9f{DIRECTIONS}\ud800-\udfff]")
"""What JSON leaves as it is and a terminal does not."""


def say(text: object = "", *, err: bool = False) -> None:
    """Lines for people, on stdout or on stderr."""
    _write(printable(str(text)), err=err)


def remark(text: str) -> None:
    """Something the user should know, on stderr."""
    say(f"note: {text}", err=True)


def data(text: object, *, end: bool = True) -> None:
    """What other programs read, on stdout; `end` with a line feed."""
    words = str(text)
    _write(printable(words) if sys.stdout.isatty() else words, nl=end, color=True)  # color: click takes nothing out


def emit(values: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout."""
    line = json.dumps(values, ensure_ascii=False, default=_plain)
    _write(UNPRINTABLE.sub(lambda mark: f"\\u{ord(mark[0]):04x}", line))


def report(line: str, as_json: bool, **values: Any) -> None:
    """What a command has done: a line for people, or the `values` as JSON."""
    if as_json:
        emit(values)
    else:
        say(line)


def _write(text: str, **how: Any) -> None:
    try:
        with aside():
            click.echo(text, **how)
    except BrokenPipeError:
        raise  # whoever read has gone away, which is no mistake
    except OSError as error:
        from seedbank.errors import StorageError

        raise StorageError(f"The output cannot be written: {error.strerror}.", "See that there is room for it.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} in JSON output")


def printable(text: str) -> str:
    """Without what a terminal would take for a command, or for another order: strangers write prompts and file names."""
    if text.isprintable():
        return text
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        "\ufffd" if mark in DIRECTIONS or (mark not in "\n\t" and unicodedata.category(mark) in ("Cc", "Cs")) else mark
        for mark in plain
    )


NAME, LAST = 16, 24
"""Columns of a name, and of what stands last in a table, below which neither gives way to the other."""

# -- lines that fit ---------------------------------------------------------------------------------------------------


def columns() -> int:
    """How wide the terminal is; 120 where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


def width_of(text: str) -> int:
    """Columns on a terminal: Chinese, Japanese and emoji take two, combining marks and joiners none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(c) in INVISIBLE else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, most: int) -> str:
    """`text` on one line, cut or padded to exactly `most` columns."""
    text = printable(" ".join(text.split()))
    if width_of(text) > most:
        text = _beginning(text, most - 1) + "…"
    return text + " " * (most - width_of(text))


def _beginning(text: str, most: int) -> str:
    """As much of the beginning as `most` columns hold."""
    text = text[: 2 * most + 100]  # a character of no width may follow each
    while text and width_of(text) > most:
        text = text[:-1]
    return text


def middle_out(text: str, most: int) -> str:
    """`text` on one line of at most `most` columns: names differ at both ends, so the middle goes."""
    text = printable(" ".join(text.split()))
    if width_of(text) <= most:
        return text
    half = (most - 1) // 2
    return _beginning(text, most - 1 - half) + "…" + _beginning(text[::-1], half)[::-1]


def short(value: Any, most: int = 40) -> str:
    """A value on one line of at most `most` columns; a digest by its beginning."""
    if value is None:
        return "none"
    text = printable(" ".join(str(value).split()))
    if len(text) == 64 and all(character in "0123456789abcdef" for character in text):
        return f"{text[:12]}…"
    return fit(text, most).rstrip() if width_of(text) > most else text


def from_to(old: Any, new: Any, most: int = 40) -> str:
    """``8 → 20``: a change on one line, each side at most `most` columns wide and with the place where texts part."""
    from seedbank.lineage import parted

    old, new = parted(old, new, most)
    return f"{short(old, most)} → {short(new, most)}"


def table(
    rows: Sequence[Sequence[str]], heads: Sequence[str], right: Sequence[int] = (), names: int | None = None
) -> list[str]:
    """Lines of a table that fits the terminal; the last column takes what is left, numbers in `right` are right-aligned.

    In the column `names`, long names lose their middle before the last column has less than `LAST` columns.
    """
    if names is not None:
        widths = _natural([heads, *rows])
        over = sum(widths[:-1]) + min(widths[-1], LAST) + 2 * (len(widths) - 1) - columns()
        most = min(widths[names], max(NAME, widths[names] - over))
        rows = [[middle_out(cell, most) if i == names else cell for i, cell in enumerate(row)] for row in rows]
    whole = [list(heads), *rows]
    return lines(whole, widths_of(whole), right)


def _natural(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(width_of, column)) for column in zip(*rows, strict=True)]


def widths_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide the columns of a table of these rows are, of which the last takes what is left of the terminal."""
    widths = _natural(rows)
    room = columns() - sum(widths[:-1]) - 2 * (len(widths) - 1)
    return [*widths[:-1], max(10, min(widths[-1], room))]


def lines(rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[int] = ()) -> list[str]:
    """The rows in columns of these widths; numbers in `right` are right-aligned, and never cut."""
    return [
        "  ".join(
            " " * (widths[i] - width_of(cell)) + cell if i in right else fit(cell, widths[i]) for i, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def counted(number: int, one: str, many: str = "") -> str:
    """``1 picture``, ``1,234 pictures``; `many` where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sized(size: float) -> str:
    """``351 bytes``, ``5.1 KB``, ``1.2 GB``."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def shown_time(when: datetime | None) -> str:
    """A time in the user's zone, to the second."""
    return "unknown" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
