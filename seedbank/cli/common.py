"""What the commands share: opening the bank, options, and lines of output."""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from seedbank.cli.printing import remark, short

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


replace_option = click.option("--replace", is_flag=True, help="Replace what lies under that name; else it is refused.")
which_argument = click.argument("which", nargs=-1, required=True, metavar="WHICH…", shell_complete=_complete_which)


class Querying(click.Command):
    """A command whose words are a query: `-word` is what must be missing, so an option that click does not know is a word.

    A short option of click's would be found inside such words, `-n` in `-tag:neon` and `-verdict:different`. The short names in
    `SHORT` are therefore names of their long options only where they stand alone, before a `--`.
    """

    SHORT: ClassVar = {"-n": "--limit", "-o": "--output"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings = {"ignore_unknown_options": True, **self.context_settings}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        has = {name for parameter in self.params for name in parameter.opts}
        end = args.index("--") if "--" in args else len(args)
        long = [self.SHORT[word] if self.SHORT.get(word) in has else word for word in args[:end]]
        return super().parse_args(ctx, [*long, *args[end:]])


def only_query(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a query, where `-word` is one: an option that the command does not have is refused, not searched for."""
    known = [name for option in context.command.params for name in option.opts if name.startswith("--")]
    for word in value:
        if word in known:  # it stands behind a --, where click takes no options
            raise click.UsageError(f"{word} stands behind --, where all is the query: write it before.", context)
        if word.startswith("--"):
            import difflib

            name = word.partition("=")[0]
            raise click.NoSuchOption(name, possibilities=difflib.get_close_matches(name, known, cutoff=0.75), ctx=context)
    return value


def open_bank(context: click.Context, *, create: bool = False) -> Library:
    """The bank that the flag, the environment or the configuration names.

    With `create` the *default* bank is made where there is none; a bank that was named must exist.
    """
    from seedbank import config
    from seedbank.api import Library
    from seedbank.errors import NoBank

    place = config.locate(context.find_root().obj)
    try:
        bank = Library.open(place.url)
    except NoBank as error:
        if not place.is_default:
            raise
        if not create:
            raise NoBank(error.message, "The first picture makes one: seedbank generate; or: seedbank init") from None
        bank = Library.open(place.url, create=True)
        remark(f"{bank.place} is a new bank, with its images in {bank.blobs.url}.")
    bank.option = bank.store.database.place.option_anywhere if place.is_named else ""
    bank.store.tell_unknown(cache(remark))  # each once, however often the query is asked
    return bank


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


def headline(entry: Entry, most: int = 60) -> str:
    """An entry in a few words: its id, its seed and the beginning of its prompt."""
    seed = "" if entry.seed is None else f"seed {entry.seed}"
    return "  ".join(part for part in (str(entry.id), seed, short(entry.prompt or "", most)) if part)


def write_file(path: Path, data: bytes) -> None:
    """Writes a whole file or nothing, over one that is there. Raises `BadInput` when there is no such folder or one may not."""
    from seedbank.errors import BadInput
    from seedbank.posix import sync_file

    check_writable(str(path))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(data)
        sync_file(unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_new(files: Mapping[Path, bytes], *, replace: bool) -> None:
    """Writes files as `write_file` does, none of them where another one is in the way. Raises `BadInput`, unless `replace`."""
    from seedbank.errors import BadInput

    for path, data in files.items():
        if not (replace or path.is_dir()) and os.path.lexists(path) and not _holds(path, data):
            raise BadInput(f"{path} exists already.", "Choose another name, or add --replace.")
    for path, data in files.items():
        write_file(path, data)


def _holds(path: Path, data: bytes) -> bool:
    """Whether a file is these bytes already."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


SHEETS = (".png", ".jpg", ".jpeg", ".webp")
"""How the name of a picture that is written may end; those of `seedbank.images.sheets`, which Pillow comes with."""


def write_sheet(path: Path, png: bytes) -> None:
    """Writes a picture as the kind of file that its name ends with. Raises `BadInput` as `write_file` and `check_sheet` do."""
    from seedbank.images import rewritten

    check_sheet(path)
    write_file(path, rewritten(png, path.suffix))


def check_sheet(*names: str | Path | None, pictures: int = 0) -> None:
    """Refuses names that do not end as a picture's, and too many `pictures` on one, before any is made. Raises `BadInput`."""
    from seedbank.errors import BadInput

    for path in (Path(name) for name in names if name is not None):
        if path.suffix.lower() not in SHEETS:
            ends = f"ends with {path.suffix}" if path.suffix else "has no ending"
            raise BadInput(f"The name of the picture {path} {ends}.", f"End it with {', '.join(SHEETS[:-1])} or {SHEETS[-1]}.")
        if pictures:
            from seedbank.images import check_count

            check_count(pictures)


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
        elif path.exists() and not path.is_file():  # a file would take the place of the device, or of the pipe
            reason = "It is no regular file"
        else:
            continue
        raise BadInput(f"{path} cannot be written: {reason}.", "Choose another place.")
