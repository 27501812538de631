"""`seedbank open` and `seedbank copy`: look at pictures, take a recipe along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seedbank.cli.clipboard import can_show
from seedbank.cli.common import FORMS, Querying, check_writable, only_query, open_bank, progress, words, write_file
from seedbank.cli.completing import complete_query, complete_which
from seedbank.cli.printing import data, say

if TYPE_CHECKING:
    from seedbank.api import Library


@click.command("open", cls=Querying)
@click.argument(
    "query", nargs=-1, type=click.UNPROCESSED, callback=only_query, metavar="[WHICH…]", shell_complete=complete_query
)
@click.option("--output", metavar="FILE.html", help="Write the page there, also -o; by default into the user's cache folder.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=1000, show_default=True, help="At most so many, the newest; also -n."
)
@click.option("--viewer", is_flag=True, help="Open the pictures in your image viewer instead.")
@click.option("--print", "only_print", is_flag=True, help="Print the path and open nothing.")
@click.pass_context
def open_command(
    context: click.Context, query: tuple[str, ...], output: str | None, limit: int, viewer: bool, only_print: bool
) -> None:
    """Write and open one HTML page of the entries of WHICH (by default the newest): pictures, verdicts, recipes.

    The page needs nothing else and works from a disk. Arrows choose, Enter opens, F marks favourites: the page then shows the
    `seedbank fav` command to paste back.
    """
    check_writable(None if viewer else output)
    with open_bank(context) as bank:
        entries = bank.store.entries(_chosen(bank, query, limit))
        if viewer:
            paths = [bank.local_copy(entry) for entry in entries]
        else:
            if not entries:
                say("nothing matches: the page is empty", err=True)
            page = bank.page(entries, words(query), progress())
            paths = [_page_path() if output is None else Path(output)]
            write_file(paths[0], page.encode())
    for path in paths:
        data(path)
        if not only_print and can_show():
            click.launch(str(path))
    if not only_print and not can_show():
        say("There is no desktop here: open the file in a browser. With --print nothing is opened.", err=True)


def _chosen(bank: Library, query: tuple[str, ...], limit: int) -> list[int]:
    """Ids as they were named, what a query finds in its order; the newest when there is no query."""
    from seedbank.cli.bulk import NAMED

    text = words(query).strip()
    if NAMED.fullmatch(text):
        return bank.resolve(text)[:limit]
    return [entry.id for entry in bank.find(list(query), limit=limit)]


def _page_path() -> Path:
    from seedbank.engine.source import cache_folder, made

    return made(cache_folder() / "open") / "page.html"


@click.command("copy")
@click.argument("which", shell_complete=complete_which)
@click.option("--as", "form", type=click.Choice(FORMS), default="block", show_default=True, help="See `seedbank recipe`.")
@click.option("--lang", type=click.Choice(["en", "zh"]), help="The language of the block; by default yours.")
@click.option("--print", "only_print", is_flag=True, help="Print the recipe and leave the clipboard alone.")
@click.pass_context
def copy_command(context: click.Context, which: str, form: str, lang: str | None, only_print: bool) -> None:
    """Copy the recipe of WHICH to the clipboard as a text that `seedbank import -` reads; see `seedbank recipe`.

    The text is printed too; it reaches the clipboard through the terminal (OSC 52) or the desktop's own tool.
    """
    from seedbank.cli.recipe import tell_of_graph

    with open_bank(context) as bank:
        entry = bank.entry(which)
        text = bank.recipe_text(entry, form, lang)
        tell_of_graph(bank, entry, form)
    data(text)
    if not only_print:
        from seedbank.cli.clipboard import copy

        say(copy(text), err=True)
