"""What the commands share: opening the bank, options, and lines of output."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.progress import Progress
    from seedbank.records import Entry

FORMS = ("block", "a1111", "json", "comfyui", "script")
"""The forms of a recipe as text; those of `seedbank.exchange.texts`, which `--help` must not load."""
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def _complete_which(context: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
    from seedbank.cli.completing import complete_which

    return complete_which(context, parameter, incomplete)


which_argument = click.argument("which", nargs=-1, required=True, metavar="WHICH…", shell_complete=_complete_which)


def only_query(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a query, where `-word` is one: an option that the command does not have is refused, not searched for."""
    import difflib

    known = [name for option in context.command.params for name in option.opts if name.startswith("--")]
    for word in value:
        if word.startswith("--"):
            name = word.partition("=")[0]
            raise click.NoSuchOption(name, possibilities=difflib.get_close_matches(name, known, cutoff=0.75), ctx=context)
    return value


def open_bank(context: click.Context, *, create: bool = False) -> Library:
    """The bank that the flag, the environment or the configuration names.

    With `create` the *default* bank is made where there is none; a bank that was named must exist.
    """
    from seedbank import config
    from seedbank.api import Library

    place = config.locate(context.find_root().obj)
    return Library.open(place.url, create=create and place.is_default)


def assignment(text: str, option: str) -> tuple[str, Any]:
    """`NAME=VALUE`; the value is a Python literal (a number, True, a list) or else a text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.", param_hint=option)
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def words(which: Sequence[str]) -> str:
    """Several words of WHICH as one."""
    return " ".join(which)


def progress() -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    from seedbank.progress import QUIET, terminal

    return terminal() if sys.stderr.isatty() else QUIET


def remark(text: str) -> None:
    """Something the user should know, on stderr."""
    click.echo(f"note: {printable(text)}", err=True)


def emit(values: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout."""
    click.echo(json.dumps(values, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} in JSON output")


def entry_json(entry: Entry, path: Callable[[Entry], str | None] = lambda entry: None) -> dict[str, Any]:
    """The keys that every `--json` line about an entry has; keys are only ever added."""
    return {
        "id": entry.id,
        "uid": entry.uid,
        "recipe_digest": entry.recipe_digest,
        "image_digest": entry.picture.digest if entry.picture else None,
        "file_digest": entry.blob.digest if entry.blob else None,
        "seed": None if entry.seed is None else str(entry.seed),
        "prompt": entry.prompt,
        "model": entry.model.name if entry.model else None,
        "tags": list(entry.tags),
        "favourite": entry.favourite,
        "rating": entry.rating,
        "verdict": entry.verdict,
        "created": entry.created,
        "added": entry.added,
        "path": path(entry),
    }


# -- tables -----------------------------------------------------------------------------------------------------------


INVISIBLE = ("Mn", "Me", "Cf")
"""Categories of characters that take no room: combining marks, variation selectors, joiners."""


DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the order of what follows them."""


def printable(text: str) -> str:
    """Without what a terminal would take for a command, or for another order: strangers write prompts and file names."""
    if text.isprintable():
        return text
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        "\ufffd" if mark in DIRECTIONS or (mark not in "\n\t" and unicodedata.category(mark) in ("Cc", "Cs")) else mark
        for mark in plain
    )


def width_of(text: str) -> int:
    """Columns on a terminal: Chinese, Japanese and emoji take two, combining marks and joiners none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(c) in INVISIBLE else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, columns: int) -> str:
    """`text` on one line, cut or padded to exactly `columns` columns."""
    text = printable(" ".join(text.split()))
    if width_of(text) > columns:
        while text and width_of(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width_of(text))


def table(rows: Sequence[Sequence[str]], heads: Sequence[str], right: Sequence[int] = ()) -> list[str]:
    """Lines of a table that fits the terminal; the last column takes what is left, numbers in `right` are right-aligned."""
    widths = [max([width_of(head), *(width_of(row[i]) for row in rows)]) for i, head in enumerate(heads)]
    room = shutil.get_terminal_size((120, 24)).columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    widths[-1] = max(10, min(widths[-1], room))
    return [
        "  ".join(
            " " * (widths[i] - width_of(cell)) + cell if i in right else fit(cell, widths[i]) for i, cell in enumerate(row)
        ).rstrip()
        for row in (list(heads), *rows)
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


def headline(entry: Entry, most: int = 60) -> str:
    """An entry in a few words: its id, its seed and the beginning of its prompt."""
    seed = "" if entry.seed is None else f"seed {entry.seed}"
    return "  ".join(part for part in (str(entry.id), seed, short(entry.prompt or "", most)) if part)


def short(value: Any, most: int = 40) -> str:
    """A value on one line of at most `most` columns; a digest by its beginning."""
    if value is None:
        return "none"
    text = printable(" ".join(str(value).split()))
    if len(text) == 64 and all(character in "0123456789abcdef" for character in text):
        return f"{text[:12]}…"
    return fit(text, most).rstrip() if width_of(text) > most else text


def write_file(path: Path, data: bytes) -> None:
    """Writes a whole file or nothing. Raises `BadInput` when there is no such folder or it may not be written."""
    from seedbank.errors import BadInput

    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def check_writable(*names: str | None) -> None:
    """Refuses, before anything is rendered, files that could not be written afterwards. Raises `BadInput`."""
    from seedbank.errors import BadInput

    for path in (Path(name) for name in names if name is not None):
        if path.is_dir():
            reason = "Is a directory"
        elif not path.parent.is_dir():
            reason = "No such file or directory"
        elif not os.access(path.parent, os.W_OK):
            reason = "Permission denied"
        else:
            continue
        raise BadInput(f"{path} cannot be written: {reason}.", "Choose another place.")


def shown_time(when: datetime | None) -> str:
    """A time in the user's zone, to the second."""
    return "unknown" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
