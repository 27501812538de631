"""`seedbank ls`: find entries, newest first."""

from __future__ import annotations

import click

from seedbank.cli.common import Querying, only_query, open_bank
from seedbank.cli.completing import complete_query, complete_tags
from seedbank.cli.output import Output, output_options, show_entries
from seedbank.cli.printing import say

MOST = 10**12
"""Entries that can be asked for at once: more than any bank has."""


@click.command("ls", cls=Querying)
@click.argument("query", nargs=-1, type=click.UNPROCESSED, callback=only_query, shell_complete=complete_query)
@click.option("--fav", is_flag=True, help="Your favourites only.")
@click.option("--tag", "tags", multiple=True, help="With this tag; may be repeated.", shell_complete=complete_tags)
@click.option("--limit", type=click.IntRange(0, MOST), default=50, show_default=True, help="At most so many, also -n; 0: all.")
@click.option("--after", type=int, metavar="ID", help="The next page: what comes behind this entry.")
@output_options
@click.pass_context
def ls_command(
    context: click.Context,
    query: tuple[str, ...],
    fav: bool,
    tags: tuple[str, ...],
    limit: int,
    after: int | None,
    output: Output,
) -> None:
    """List the entries that match QUERY: words of the prompt, and tag:poster -tag:draft fav:yes rating:4.. model:z-image*
    seed:1000..2000 steps:8 size:landscape verdict:different added:-7d.. sort:rating- and more; see docs/query.md.
    """
    from seedbank.query import EVERYTHING

    asked = EVERYTHING
    if query or fav or tags:
        from seedbank.query import both, parse

        asked = both(parse(query), parse([*(["fav:yes"] if fav else []), *(f'tag:"{tag}"' for tag in tags)]))
    with open_bank(context) as bank:
        page = bank.find(asked, limit=limit or None, after=after)
        show_entries(bank, page, output)
        if not page and after is None and output == Output():
            say("there is no entry yet; see: seedbank --help" if asked == EVERYTHING else "nothing matches", err=True)
        if page.after is not None:
            say(f"more: add --after {page.after}", err=True)
