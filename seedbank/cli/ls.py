"""`seedbank ls`: find entries, newest first."""

from __future__ import annotations

import click

from seedbank.cli.common import emit, entry_json, json_option, open_bank, table


# Words such as -tag:draft belong to the query, so this command has long options only.
@click.command("ls", context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, type=click.UNPROCESSED)
@click.option("--fav", is_flag=True, help="Favourites only.")
@click.option("--tag", "tags", multiple=True, help="With this tag; may be repeated.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0 for all.")
@click.option("--before", type=int, metavar="ID", help="The next page: entries older than this one.")
@click.option("--ids", is_flag=True, help="Only the ids.")
@json_option
@click.pass_context
def ls_command(
    context: click.Context,
    query: tuple[str, ...],
    fav: bool,
    tags: tuple[str, ...],
    limit: int,
    before: int | None,
    ids: bool,
    as_json: bool,
) -> None:
    """List the entries that match QUERY: words of the prompt, and tag:poster -tag:draft fav:yes rating:4.. model:z-image*
    seed:1000..2000 steps:8 size:128x128 verdict:different id:3..9 bytes:absent trash:yes.
    """
    from seedbank.store import parse_query

    asked = [*query, *(["fav:yes"] if fav else []), *(f'tag:"{tag}"' for tag in tags)]
    with open_bank(context) as bank:
        entries = bank.find(parse_query(asked), limit=limit or None, before=before)
        if ids:
            for entry in entries:
                click.echo(entry.id)
            return
        if as_json:
            for entry in entries:
                emit(entry_json(entry, bank.path))
            return
        rows = [
            [
                str(entry.id),
                "★" if entry.favourite else " ",
                "" if entry.rating is None else str(entry.rating),
                entry.verdict or "",
                "" if entry.seed is None else str(entry.seed),
                f"{entry.picture.width}x{entry.picture.height}" if entry.picture and entry.picture.width else "",
                entry.model.name if entry.model else "",
                " ".join(entry.tags),
                entry.prompt or "",
            ]
            for entry in entries
        ]
        for line in (
            table(rows, ["id", "★", "r", "verdict", "seed", "size", "model", "tags", "prompt"], right=[0, 4]) if rows else ()
        ):
            click.echo(line)
        if limit and len(entries) == limit:
            click.echo(f"more: add --before {entries[-1].id}", err=True)
