"""How entries are printed: a table, JSON lines, ids, CSV, a format of one's own, a contact sheet, pictures inline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from seedbank.cli.common import check_sheet, check_writable, entry_json, headline, json_option
from seedbank.cli.printing import columns, counted, data, emit, fit, lines, middle_out, say, width_of, widths_of

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.records import Entry, TeamOpinion

INLINE_ROWS = 8
NARROWEST = 12
"""Columns that names of models and tags get at least; of a wide terminal a sixth each, so that prompts keep the most."""
LEAST_NEEDED = ("size", "model", "tags", "verdict", "r", "seed", "★")
"""Columns that a narrow terminal goes without, the first first; `show` and `--json` have all."""
Team = Mapping[int, Sequence["TeamOpinion"]]


class Output(Struct, frozen=True):
    """What the options of `output_options` said."""

    as_json: bool = False
    ids: bool = False
    csv: bool = False
    template: str | None = None
    sheet: str | None = None
    thumbnails: bool = False
    team: bool = False


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that prints entries, given to it as one argument `output`."""

    def called(*arguments: Any, **options: Any) -> Any:
        names = ("as_json", "ids", "csv", "template", "sheet", "thumbnails", "team")
        output = Output(**{name: options.pop(name) for name in names})
        ways = [name for name in ("as_json", "ids", "csv", "template", "sheet", "thumbnails") if getattr(output, name)]
        if len(ways) > 1:
            raise click.UsageError("Choose one of --json, --ids, --csv, --format, --contact-sheet and --thumbnails.")
        check_sheet(output.sheet)
        check_writable(output.sheet)
        return command(*arguments, **options, output=output)

    called.__doc__ = command.__doc__
    for decorate in (
        click.option("--team", is_flag=True, help="Favourites and ratings of everybody, with who."),
        click.option(
            "--thumbnails", is_flag=True, help="Pictures inline, in terminals that can (kitty, iTerm2, WezTerm, ghostty)."
        ),
        click.option("--contact-sheet", "sheet", metavar="FILE.png", help="Write one picture with all of them."),
        click.option("--format", "template", metavar="TEXT", help="A line each, such as '{id} {seed} {prompt:.40}'."),
        click.option("--csv", is_flag=True, help="A CSV file with the keys of --json."),
        click.option("--ids", is_flag=True, help="Only the ids."),
        json_option,
    ):
        called = decorate(called)
    if hasattr(command, "__click_params__"):
        called.__click_params__ = [*command.__click_params__, *called.__click_params__]  # type: ignore[attr-defined]
    return called


def looked_for(output: Output, limit: int | None) -> int | None:
    """How many entries to look for: of more than a contact sheet has room for only one, which shows that they are too many."""
    if output.sheet is None:
        return limit
    from seedbank.images.sheets import MOST

    return min(limit or MOST + 1, MOST + 1)


def show_entries(bank: Library, parts: Iterable[Sequence[Entry]], output: Output) -> None:
    """Print the entries, which come in parts, as was asked: each part before the next one is read, but on a sheet."""
    if output.sheet is not None:
        return _write_sheet(bank, [entry for part in parts for entry in part], Path(output.sheet))
    show = _printer(bank, output)
    for part in parts:
        show(part, bank.store.curation.team([entry.id for entry in part]) if output.team else {})


def _printer(bank: Library, output: Output) -> Callable[[Sequence[Entry], Team], None]:
    """What prints a part, with what the team says of it."""
    each = _each(bank, output)
    if each is None:
        return _Csv(bank, output) if output.csv else _Table(output)

    def show(entries: Sequence[Entry], team: Team) -> None:
        for entry in entries:
            each(entry, team)

    return show


def _each(bank: Library, output: Output) -> Callable[[Entry, Team], None] | None:
    """What prints one entry, where they are printed one by one."""
    if output.ids:
        return lambda entry, _: data(entry.id)
    if output.as_json:
        return lambda entry, team: emit(_values(bank, entry, output, team))
    if output.template is not None:
        from seedbank.exchange.templates import fields, template

        line = template(output.template)
        return lambda entry, _: data(line(fields(entry, bank.path(entry))))
    if output.thumbnails:
        how = _inline()
        return lambda entry, _: _print_inline(bank, entry, how)
    return None


class _Table:
    """A table, whose first part says which columns there are and how wide."""

    HEADS = ("id", "★", "r", "verdict", "seed", "size", "model", "tags", "prompt")
    RIGHT = (0, 4)

    def __init__(self, output: Output) -> None:
        self.output = output
        self.shown: Sequence[int] = ()
        self.widths: Sequence[int] | None = None

    def __call__(self, entries: Sequence[Entry], team: Team) -> None:
        if not entries:
            return
        rows = _rows(entries, team if self.output.team else None)
        heads: list[list[str]] = []
        if self.widths is None:
            self.shown = _fitting(rows, self.HEADS)
            heads = [[self.HEADS[at] for at in self.shown]]
        cut = heads + [[row[at] for at in self.shown] for row in rows]
        self.widths = self.widths or widths_of(cut)
        say("\n".join(lines(cut, self.widths, right=[self.shown.index(at) for at in self.RIGHT if at in self.shown])))


def _rows(entries: Sequence[Entry], team: Team | None) -> list[list[str]]:
    most = max(NARROWEST, columns() // 6)
    return [
        [
            str(entry.id),
            *_opinions(entry, team),
            entry.verdict or "",
            "" if entry.seed is None else str(entry.seed),
            f"{entry.picture.width}x{entry.picture.height}" if entry.picture and entry.picture.width else "",
            middle_out(entry.model.name.rstrip("/").rpartition("/")[2], most) if entry.model else "",
            fit(" ".join(entry.tags), most).rstrip(),
            entry.prompt or "",
        ]
        for entry in entries
    ]


def _fitting(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> list[int]:
    """The columns that there is room for beside the prompt: first those go in which nothing stands, then the least needed."""
    widths = [max([width_of(head), *(width_of(row[at]) for row in rows)]) for at, head in enumerate(heads)]
    shown = list(range(len(heads)))
    empty = [head for at, head in enumerate(heads) if not any(row[at].strip() for row in rows)]
    for head in (*empty, *LEAST_NEEDED):
        if sum(widths[at] + 2 for at in shown[:-1]) + NARROWEST <= columns():
            break
        shown = [at for at in shown if heads[at] != head or head == heads[-1]]
    return shown


def _opinions(entry: Entry, team: Team | None) -> tuple[str, str]:
    """The columns of favourites and ratings: one's own, or everybody's by name."""
    if team is None:
        return "★" if entry.favourite else " ", "" if entry.rating is None else str(entry.rating)
    said = team.get(entry.id, ())
    return (
        " ".join(one.user for one in said if one.favourite),
        " ".join(f"{one.user}:{one.rating}" for one in said if one.rating is not None),
    )


def _values(bank: Library, entry: Entry, output: Output, team: Team) -> dict[str, Any]:
    values = entry_json(entry, bank.path)
    if output.team:
        values["team"] = [
            {"user": one.user, "favourite": one.favourite, "rating": one.rating, "note": one.note}
            for one in team.get(entry.id, ())
        ]
    return values


# -- CSV -------------------------------------------------------------------------------------------------------------


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes: a prompt could read other cells there, or start programs (OWASP)."""


class _Csv:
    """Rows under the names of their columns, which are there without rows too: programs look for them."""

    def __init__(self, bank: Library, output: Output) -> None:
        self.bank, self.output = bank, output
        self.begun = False

    def __call__(self, entries: Sequence[Entry], team: Team) -> None:
        import csv
        import io

        from seedbank.exchange.templates import KEYS, plain

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self.begun:
            writer.writerow([*KEYS, *(["team"] if self.output.team else [])])
            self.begun = True
        for entry in entries:
            cells = [(value, plain(value)) for value in _values(self.bank, entry, self.output, team).values()]
            writer.writerow(
                [f"'{cell}" if isinstance(value, (str, list)) and cell.startswith(FORMULA) else cell for value, cell in cells]
            )
        data(text.getvalue(), end=False)


# -- pictures ---------------------------------------------------------------------------------------------------------


def _write_sheet(bank: Library, entries: Sequence[Entry], path: Path) -> None:
    absent = sheet_of(bank, entries, path)
    say(f"{path}: {counted(len(entries) - absent, 'picture')}" + (f", {absent:,} not here" if absent else ""))


def sheet_of(bank: Library, entries: Sequence[Entry], path: Path) -> int:
    """Write one picture with all of them, each over its id, seed and prompt; how many are not here."""
    from seedbank import images
    from seedbank.cli.common import progress, write_sheet
    from seedbank.pages.gallery import previews

    images.check_count(len(entries))
    side = 384 if len(entries) <= 60 else 192
    cells = []
    for entry, small in zip(entries, previews(bank, entries, side, progress()), strict=True):
        label = f"{entry.id}{'' if entry.seed is None else f'  seed {entry.seed}'}\n{' '.join((entry.prompt or '').split())}"
        cells.append(images.Cell(None if small is None else bank.decode(small), label))
    write_sheet(path, images.contact_sheet(cells))
    return sum(cell.pixels is None for cell in cells)


def _inline() -> str:
    """How this terminal shows pictures. Raises `BadInput` where it is not known to."""
    from seedbank.cli.inline import protocol
    from seedbank.errors import BadInput

    how = protocol(os.environ)
    if how is None:
        raise BadInput(
            "This terminal is not known to show pictures (kitty, ghostty, iTerm2 and WezTerm are).",
            "Use seedbank open, or --contact-sheet.",
        )
    return how


def _print_inline(bank: Library, entry: Entry, how: str) -> None:
    from seedbank import images
    from seedbank.cli.inline import show
    from seedbank.errors import SeedbankError

    try:
        show(images.thumbnail(bank.pixels(entry), 256, "PNG"), how, INLINE_ROWS)
    except SeedbankError:
        say("(not here)")
    say(headline(entry, 80))
