"""`seedbank collection`: pictures in an order, and saved searches, under a name."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.bulk import chosen, yes_option
from seedbank.cli.common import Querying, json_option, only_query, open_bank, words
from seedbank.cli.completing import complete_collections, complete_query, complete_which
from seedbank.cli.output import Output, output_options, show_entries
from seedbank.cli.printing import counted, data, emit, report, say, table

if TYPE_CHECKING:
    from seedbank.api import Library

name_argument = click.argument("name", shell_complete=complete_collections)
entries_argument = click.argument("which", nargs=-1, required=True, metavar="WHICH…", shell_complete=complete_which)


@click.group("collection")
def collection_command() -> None:
    """Collections: pictures in the order that you give them, and saved searches.

    \b
    seedbank collection create spring 3..9
    seedbank collection save best fav:yes rating:4..
    seedbank ls collection:spring               either of them in a query
    """


@collection_command.command("ls")
@json_option
@click.pass_context
def ls(context: click.Context, as_json: bool) -> None:
    """List all collections and saved searches."""
    with open_bank(context) as bank:
        found = bank.collections()
        covers = {one.uid: bank.store.entries_of_picture(one.cover) for one in found if one.cover}
    if as_json:
        for one in found:
            values = {"uid": one.uid, "collection": one.name, "query": one.query, "pictures": one.pictures}
            emit(values | {"cover": one.cover, "created": one.created, "user": one.user})
        return
    rows = [
        [
            one.name,
            "" if one.query is not None else f"{one.pictures:,}",
            ", ".join(map(str, covers.get(one.uid, [])[:1])),
            one.user,
            one.query or "",
        ]
        for one in found
    ]
    if rows:
        say("\n".join(table(rows, ["collection", "pictures", "cover", "by", "query"], right=[1, 2], names=0)))
    else:
        say("there is no collection yet: seedbank collection create NAME WHICH makes one", err=True)


@collection_command.command("create")
@name_argument
@click.argument("which", nargs=-1, metavar="[WHICH…]", shell_complete=complete_which)
@json_option
@click.pass_context
def create(context: click.Context, name: str, which: tuple[str, ...], as_json: bool) -> None:
    """Make a collection, with the pictures of WHICH in it."""
    with open_bank(context) as bank:
        ids = bank.resolve(words(which)) if which else []
        bank.create_collection(name)
        changed = bank.collect(name, ids) if ids else 0
        report(f"{name}: a collection of {counted(changed, 'picture')}", as_json, collection=name, changed=changed)


@collection_command.command("save", cls=Querying, short_help="Keep a query under a name.")
@name_argument
@click.argument(
    "query",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    callback=only_query,
    metavar="QUERY…",
    shell_complete=complete_query,
)
@click.option("--replace", is_flag=True, help="Change the query of a saved search that exists.")
@click.pass_context
def save(context: click.Context, name: str, query: tuple[str, ...], replace: bool) -> None:
    """Keep QUERY under NAME: a saved search holds whatever it finds at the time."""
    from seedbank.query import Query, Term, format_query

    with open_bank(context) as bank:
        if replace:
            bank.store.curation.change_collection(name, query=bank.query_text(query))
        else:
            bank.create_collection(name, bank.query_text(query))
        say(f"{name}: a saved search; seedbank ls {shlex.quote(format_query(Query(Term('collection', name))))}")


def _check_name(context: click.Context, bank: Library, name: str, which: Sequence[str]) -> None:
    """Raises `NotFound` when no collection has this name, with how it is typed where the entries were named first."""
    from seedbank.errors import NotFound

    try:
        bank.store.curation.collection(name)
    except NotFound as error:
        *others, last = which
        if last.casefold() not in (one.name.casefold() for one in bank.collections()):
            raise
        typed = shlex.join([last, name, *others])
        raise NotFound(error.message, f"The name comes first: {context.command_path} {typed}") from None


@collection_command.command("add")
@name_argument
@entries_argument
@yes_option
@json_option
@click.pass_context
def add(context: click.Context, name: str, which: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Put the pictures of WHICH at the end of a collection."""
    with open_bank(context) as bank:
        _check_name(context, bank, name, which)
        ids = chosen(bank, which, f"add to {name}", yes)
        changed = bank.collect(name, ids)
        report(f"{name}: {changed:,} added", as_json, collection=name, ids=ids, changed=changed)


@collection_command.command("remove")
@name_argument
@entries_argument
@yes_option
@json_option
@click.pass_context
def remove(context: click.Context, name: str, which: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Take the pictures of WHICH out of a collection."""
    with open_bank(context) as bank:
        _check_name(context, bank, name, which)
        ids = chosen(bank, which, f"take out of {name}", yes)
        changed = bank.take_out(name, ids)
        report(f"{name}: {changed:,} taken out", as_json, collection=name, ids=ids, changed=changed)


@collection_command.command("move")
@name_argument
@entries_argument
@click.option("--before", metavar="ID", help="Put them before this entry; without it at the end.")
@json_option
@click.pass_context
def move(context: click.Context, name: str, which: tuple[str, ...], before: str | None, as_json: bool) -> None:
    """Move the pictures of WHICH to another place in a collection."""
    with open_bank(context) as bank:
        _check_name(context, bank, name, which)
        changed = bank.move(name, words(which), before)
        report(f"{name}: {changed:,} moved", as_json, collection=name, changed=changed)


@collection_command.command("cover")
@name_argument
@click.argument("which")
@click.pass_context
def cover(context: click.Context, name: str, which: str) -> None:
    """Choose the picture that stands for a collection."""
    with open_bank(context) as bank:
        number = bank.entry(which).id
        bank.store.curation.change_collection(name, cover=number)
        say(f"{name}: shown by {number}")


@collection_command.command("rename")
@name_argument
@click.argument("new")
@click.pass_context
def rename(context: click.Context, name: str, new: str) -> None:
    """Give a collection another name."""
    with open_bank(context) as bank:
        bank.store.curation.change_collection(name, new_name=new)
        say(f"{name} is now {new}")


@collection_command.command("rm")
@name_argument
@click.pass_context
def rm(context: click.Context, name: str) -> None:
    """Remove a collection or saved search; its pictures stay. `seedbank undo` brings it back."""
    with open_bank(context) as bank:
        bank.store.curation.remove_collection(name)
        say(f"{name}: removed; seedbank undo brings it back")


@collection_command.command("show", short_help="List the entries of a collection.")
@name_argument
@click.option("-n", "--limit", type=click.IntRange(0), default=0, show_default="all", help="At most so many, the first.")
@output_options
@click.pass_context
def show(context: click.Context, name: str, limit: int, output: Output) -> None:
    """List the entries of a collection in its order, or what a saved search finds."""
    with open_bank(context) as bank:
        found = bank.collection(name)
        show_entries(bank, [found[: limit or None]], output)
    if not found and output == Output():
        say("there is nothing in it", err=True)


@collection_command.command("share", short_help="Print a collection for another bank.")
@name_argument
@json_option
@click.pass_context
def share(context: click.Context, name: str, as_json: bool) -> None:
    """Print a collection for another bank, as text or as JSON: pictures go by their digests."""
    with open_bank(context) as bank:
        if as_json:
            emit(bank.collection_json(name))
        else:
            data(bank.collection_text(name))


@collection_command.command("receive", short_help="Make the collection that `share` printed.")
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option("--as", "name", metavar="NAME", help="Another name than the one it came with.")
@json_option
@click.pass_context
def receive(context: click.Context, file: Any, name: str | None, as_json: bool) -> None:
    """Make the collection that `share` printed, from FILE or from what is piped in."""
    from seedbank.errors import BadInput

    try:
        text = file.read()
        shared = json.loads(text) if text.lstrip().startswith("{") else text
    except ValueError:
        raise BadInput(f"{file.name} is not a collection.", "Write one with: seedbank collection share NAME") from None
    with open_bank(context) as bank:
        made, missing = bank.receive_collection(shared, name)
        report(f"{made}: received", as_json, collection=made, missing=missing)
        for digest in missing if not as_json else ():
            say(f"not in this bank: image {digest}", err=True)
