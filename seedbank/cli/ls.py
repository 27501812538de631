"""`seedbank ls`: find entries, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from seedbank.cli.common import Querying, only_query, open_bank
from seedbank.cli.completing import complete_query, complete_tags
from seedbank.cli.output import Output, looked_for, output_options, show_entries
from seedbank.cli.printing import say

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.query import Query
    from seedbank.records import Entry

MOST = 10**12
"""Entries that can be asked for: more than any bank has."""

PART = 2_000
"""Entries that are read at once, and printed before more are: a bank has millions."""


@click.command("ls", cls=Querying)
@click.argument(
    "query", nargs=-1, metavar="[QUERY…]", type=click.UNPROCESSED, callback=only_query, shell_complete=complete_query
)
@click.option("--fav", is_flag=True, help="Your favourites only.")
@click.option("--tag", "tags", multiple=True, help="With this tag; may be repeated.", shell_complete=complete_tags)
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="At most so many, also -n; 0: all.")
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
    """List the entries that match QUERY, newest first; see docs/query.md.

    \b
    seedbank ls lighthouse "at night"       words and a phrase of the prompt
    seedbank ls tag:poster -tag:draft       with one tag, without another
    seedbank ls fav:yes rating:4.. sort:rating-
    seedbank ls 'model:z-image*' seed:1000..2000 steps:8 size:landscape
    seedbank ls verdict:different added:-7d..
    seedbank ls --ids collection:spring     for other programs; also --json
    """
    from seedbank.query import EVERYTHING

    asked = EVERYTHING
    if query or fav or tags:
        from seedbank.query import both, parse

        asked = both(parse(query), parse([*(["fav:yes"] if fav else []), *(f'tag:"{tag}"' for tag in tags)]))
    with open_bank(context) as bank:
        found = _Parts(bank, asked, looked_for(output, min(limit, MOST) or None) or MOST, after)
        show_entries(bank, found, output)
        if not found.number and after is None and output == Output():
            say(_empty(bank) if asked == EVERYTHING else _nothing(asked), err=True)
        if found.after is not None:
            say(f"more: add --after {found.after}", err=True)


class _Parts:
    """What is found, part by part; then how many there were, and behind which entry the next page begins."""

    def __init__(self, bank: Library, asked: Query, limit: int, after: int | None) -> None:
        self.bank, self.asked, self.limit, self.after = bank, asked, limit, after
        self.number = 0

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        while True:
            page = self.bank.find(self.asked, limit=min(PART, self.limit - self.number), after=self.after)
            self.number += len(page)
            self.after = page.after
            yield page
            if page.after is None or self.number >= self.limit:
                return


def _nothing(asked: Query) -> str:
    """That nothing was found, with the remedy for what other programs write."""
    from seedbank.query import terms_of

    said = [term.text.upper() for term in terms_of(asked.where) if term.key == "prompt" and term.text in ("and", "or", "not")]
    return "nothing matches" + (f"; {said[0]} in capitals joins conditions, in small letters it is a word" if said else "")


def _empty(bank: Library) -> str:
    """Why a bank shows nothing."""
    trash = bank.count_about("trash:yes")
    if trash.number:
        return f"all is in the trash ({trash}): seedbank ls trash:yes"
    return "there is no entry yet; see: seedbank --help"
