"""How entries are printed: a table, JSON lines, ids, CSV, a format of one's own, a contact sheet, pictures inline."""

from __future__ import annotations

import os
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import counted, emit, entry_json, headline, json_option, table

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.records import Entry, TeamOpinion

INLINE_ROWS = 8
Team = Mapping[int, Sequence["TeamOpinion"]]


@dataclass(frozen=True)
class Output:
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


def show_entries(bank: Library, entries: Sequence[Entry], output: Output) -> None:
    """Print the entries as was asked."""
    team: Team = bank.store.curation.team([entry.id for entry in entries]) if output.team else {}
    if output.ids:
        for entry in entries:
            click.echo(entry.id)
    elif output.as_json:
        for entry in entries:
            emit(_values(bank, entry, output, team))
    elif output.csv:
        _print_csv([_values(bank, entry, output, team) for entry in entries])
    elif output.template is not None:
        line = template(output.template)
        for entry in entries:
            click.echo(line(_fields(bank, entry)))
    elif output.sheet is not None:
        _write_sheet(bank, entries, Path(output.sheet))
    elif output.thumbnails:
        _print_inline(bank, entries)
    elif entries:
        click.echo("\n".join(_table(entries, team if output.team else None)))


def _table(entries: Sequence[Entry], team: Team | None) -> list[str]:
    rows = [
        [
            str(entry.id),
            *_opinions(entry, team),
            entry.verdict or "",
            "" if entry.seed is None else str(entry.seed),
            f"{entry.picture.width}x{entry.picture.height}" if entry.picture and entry.picture.width else "",
            entry.model.name if entry.model else "",
            " ".join(entry.tags),
            entry.prompt or "",
        ]
        for entry in entries
    ]
    return table(rows, ["id", "★", "r", "verdict", "seed", "size", "model", "tags", "prompt"], right=[0, 4])


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


# -- CSV and formats --------------------------------------------------------------------------------------------------


def _print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    import csv
    import io

    if not rows:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_plain(value) for value in row.values()])
    click.echo(text.getvalue(), nl=False)


def _fields(bank: Library, entry: Entry) -> dict[str, Any]:
    """What a format can name: the keys of --json, and the rest of the recipe in the words of queries."""
    from seedbank.pipelines import cfg_of

    recipe, picture = entry.recipe, entry.picture
    return entry_json(entry, bank.path) | {
        "size": f"{picture.width}x{picture.height}" if picture and picture.width else None,
        "negative": recipe.negative_prompt if recipe else None,
        "steps": recipe.steps if recipe else None,
        "guidance": recipe.guidance if recipe else None,
        "cfg": cfg_of(recipe.pipeline, recipe.call) if recipe else None,
        "scheduler": recipe.scheduler_class if recipe else None,
        "pipeline": recipe.pipeline if recipe else None,
        "user": entry.user,
        "notes": list(entry.notes),
    }


FIELDS = (
    *("id", "uid", "recipe_digest", "image_digest", "file_digest", "seed", "prompt", "model", "tags", "favourite", "rating"),
    *("verdict", "created", "added", "path", "size", "negative", "steps", "guidance", "cfg", "scheduler", "pipeline"),
    *("user", "notes"),
)


def template(text: str) -> Callable[[Mapping[str, Any]], str]:
    """A function that fills ``{field}`` and ``{field:spec}`` (Python's format specification) of `text`.

    Only whole fields: no attributes, no items. Raises `BadInput` for a field that does not exist or a wrong specification.
    """
    from difflib import get_close_matches

    from seedbank.errors import BadInput

    try:
        pieces = list(string.Formatter().parse(text.replace("\\t", "\t").replace("\\n", "\n")))
    except ValueError as error:
        raise BadInput(f"The format {text!r} cannot be read: {error}.", "A brace itself is written {{ or }}.") from None
    for _, name, spec, conversion in pieces:
        if name is not None and (name not in FIELDS or conversion or "{" in (spec or "")):
            near = get_close_matches(name, FIELDS, n=1)
            hint = f"Did you mean {{{near[0]}}}?" if near and near[0] != name else f"Use: {', '.join(FIELDS)}."
            raise BadInput(
                f"A format has no field {{{name}}}." if name not in FIELDS else f"{{{name}}} is too much of a format.", hint
            )

    def line(values: Mapping[str, Any]) -> str:
        return "".join(
            literal + ("" if name is None else _formatted(name, values[name], spec or "")) for literal, name, spec, _ in pieces
        )

    return line


def _formatted(name: str, value: Any, spec: str) -> str:
    from seedbank.errors import BadInput

    wanted = value if isinstance(value, (int, float, datetime)) and not isinstance(value, bool) else _plain(value)
    try:
        return format(wanted, spec) if value is not None or not spec else format("", spec if spec[-1].isdigit() else "")
    except ValueError as error:
        raise BadInput(
            f"{{{name}:{spec}}} cannot be filled: {error}.", "The specification is that of Python's format()."
        ) from None


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(str(item) if not isinstance(item, dict) else str(item.get("user")) for item in value)
    return " ".join(str(value).split()) if isinstance(value, str) else str(value)


# -- pictures ---------------------------------------------------------------------------------------------------------


def _write_sheet(bank: Library, entries: Sequence[Entry], path: Path) -> None:
    from seedbank import images
    from seedbank.cli.common import write_file
    from seedbank.pages.gallery import preview

    side = 384 if len(entries) <= 60 else 192
    cells = []
    for entry in entries:
        small = preview(bank, entry, side)
        label = f"{entry.id}{'' if entry.seed is None else f'  seed {entry.seed}'}\n{' '.join((entry.prompt or '').split())}"
        cells.append(images.Cell(None if small is None else bank.decode(small), label))
    write_file(path, images.contact_sheet(cells))
    click.echo(f"{path}: {counted(len(cells), 'picture')}")


def _print_inline(bank: Library, entries: Sequence[Entry]) -> None:
    from seedbank import images
    from seedbank.cli.inline import picture, protocol
    from seedbank.errors import BadInput, SeedbankError

    how = protocol(os.environ)
    if how is None:
        raise BadInput(
            "This terminal is not known to show pictures (kitty, ghostty, iTerm2 and WezTerm are).",
            "Use seedbank open, or --contact-sheet.",
        )
    for entry in entries:
        try:
            click.echo(picture(images.thumbnail(bank.pixels(entry), 256, "PNG"), how, INLINE_ROWS))
        except SeedbankError:
            click.echo("(not here)")
        click.echo(headline(entry, 80))
