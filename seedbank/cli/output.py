"""How entries are printed: a table, JSON lines, ids, CSV, a format of one's own, a contact sheet, pictures inline."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from seedbank.cli.common import check_sheet, check_writable, entry_json, headline, json_option
from seedbank.cli.printing import columns, counted, data, emit, fit, middle_out, say, table, width_of

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


def show_entries(bank: Library, entries: Sequence[Entry], output: Output) -> None:
    """Print the entries as was asked."""
    team: Team = bank.store.curation.team([entry.id for entry in entries]) if output.team else {}
    if output.ids:
        for entry in entries:
            data(entry.id)
    elif output.as_json:
        for entry in entries:
            emit(_values(bank, entry, output, team))
    elif output.csv:
        _print_csv([_values(bank, entry, output, team) for entry in entries], output)
    elif output.template is not None:
        from seedbank.exchange.templates import fields, template

        line = template(output.template)
        for entry in entries:
            data(line(fields(entry, bank.path(entry))))
    elif output.sheet is not None:
        _write_sheet(bank, entries, Path(output.sheet))
    elif output.thumbnails:
        _print_inline(bank, entries)
    elif entries:
        say("\n".join(_table(entries, team if output.team else None)))


def _table(entries: Sequence[Entry], team: Team | None) -> list[str]:
    most = max(NARROWEST, columns() // 6)
    rows = [
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
    heads = ["id", "★", "r", "verdict", "seed", "size", "model", "tags", "prompt"]
    shown = _fitting(rows, heads)
    cut = [[row[at] for at in shown] for row in rows]
    return table(cut, [heads[at] for at in shown], right=[shown.index(at) for at in (0, 4) if at in shown])


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


def _print_csv(rows: Sequence[Mapping[str, Any]], output: Output) -> None:
    """The rows under the names of their columns, which are there without rows too: programs look for them."""
    import csv
    import io

    from seedbank.exchange.templates import KEYS, plain

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KEYS, *(["team"] if output.team else [])])
    for row in rows:
        cells = [(value, plain(value)) for value in row.values()]
        writer.writerow(
            [f"'{text}" if isinstance(value, (str, list)) and text.startswith(FORMULA) else text for value, text in cells]
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


def _print_inline(bank: Library, entries: Sequence[Entry]) -> None:
    from seedbank import images
    from seedbank.cli.inline import protocol, show
    from seedbank.errors import BadInput, SeedbankError

    how = protocol(os.environ)
    if how is None:
        raise BadInput(
            "This terminal is not known to show pictures (kitty, ghostty, iTerm2 and WezTerm are).",
            "Use seedbank open, or --contact-sheet.",
        )
    for entry in entries:
        try:
            show(images.thumbnail(bank.pixels(entry), 256, "PNG"), how, INLINE_ROWS)
        except SeedbankError:
            say("(not here)")
        say(headline(entry, 80))
